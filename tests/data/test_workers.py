"""Large sources, whose pieces several processes take apart: the same comes out as of one."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import ase.db
import ase.io
import numpy as np
import pytest
from ase.calculators.singlepoint import SinglePointCalculator
from intake import TWICE, exported, frame, frames, put, refused

from hpctrain.data import parts
from hpctrain.data import workers as module
from hpctrain.data.export import Dataset, export
from hpctrain.data.sources import pieces
from hpctrain.data.sources import read as sources
from hpctrain.data.structures.extxyz import Structure
from hpctrain.data.structures.labels import NO_STRESS
from hpctrain.errors import HpctrainError
from hpctrain.process import Worker
from hpctrain.settings import DataConfig


@pytest.fixture
def started(monkeypatch: pytest.MonkeyPatch) -> list[Worker]:
    """Let every source count as large, and every second row begin a piece; list the workers."""
    found = []

    class Listed(Worker):
        def __init__(self, argv: list[str]) -> None:
            super().__init__(argv)
            found.append(self)

    monkeypatch.setattr(module, "Worker", Listed)
    monkeypatch.setattr(module, "count_cores", lambda: 2)
    monkeypatch.setattr(sources, "LARGE", 0)
    monkeypatch.setattr(pieces, "MOST_ROWS", 2)
    return found


def database(folder: Path) -> Path:
    """Write some rows as a database; one of them has a left-handed cell, one no forces."""
    put(folder, frames(9), "frames.xyz")
    path = folder / "data.db"
    with ase.db.connect(path) as db:
        for number, atoms in enumerate(ase.io.iread(folder / "frames.xyz", format="extxyz")):
            labels: dict[str, Any] = dict(atoms.calc.results)
            if number == 4:
                atoms.cell *= -1
            if number == 7:
                del labels["forces"]
            atoms.calc = SinglePointCalculator(atoms, **labels)
            db.write(atoms, config_type=f"kind {number % 3}", nan=np.nan)
    return path


ODD = frames(5) + frame(5, species=("cu", "Ag")) + frame(6, first="nan 0 0") + frame(7)
SOURCES: dict[str, Callable[[Path], Path]] = {
    "extxyz": lambda folder: put(folder, frames(9)),
    "odd frames": lambda folder: put(folder, ODD),
    "values that are named": lambda folder: put(folder, frames(7) + frame(7, first="**** 0 0") * 3),
    "database": database,
}


def outcome(result: Dataset) -> tuple[Any, ...]:
    """Return all that an export says and writes, and remove it."""
    texts = [file.path.read_bytes() for file in (result.train, result.test)]
    for file in (result.train, result.test):
        file.path.unlink()
    return result.facts(), result.rows(), texts


@pytest.mark.slow
@pytest.mark.parametrize("make", SOURCES.values(), ids=SOURCES)
def test_the_same_comes_out(
    tmp_path: Path,
    started: list[Worker],
    monkeypatch: pytest.MonkeyPatch,
    make: Callable[[Path], Path],
) -> None:
    path = make(tmp_path)
    shared = outcome(exported(path, skip_bad=True))
    assert len(started) == 2
    monkeypatch.setattr(module, "count_cores", lambda: 1)
    assert outcome(exported(path, skip_bad=True)) == shared
    assert len(started) == 2


@pytest.mark.slow
@pytest.mark.parametrize(
    ("text", "said"),
    [
        (frames(7) + frame(7, species=("Cu", "Qq")), "structure 8, line 32: Qq is not an element"),
        (frames(7) + "2\n" + frames(9, species=("Qq", "Cu")), "structure 8, line 32: it has"),
        (frames(2) + frame(2, species=("Qq", "Cu")) + frames(2) + "2\nx\n", "line 11: Qq is no"),
        (frames(5) + "x\n", "structure 6: line 21 is 'x', not its number of atoms"),
        (frames(5, **TWICE), "5 of 5 rows have several sets of labels"),
    ],
    ids=["an element", "a line too few", "one before the other", "no frame", "two sets"],
)
def test_the_first_error_is_raised(
    tmp_path: Path, started: list[Worker], text: str, said: str
) -> None:
    assert said in refused(put(tmp_path, text)).message
    assert len(started) == 2
    assert all(one.ended for one in started)


def test_of_very_many_values_that_are_no_numbers_the_first_are_named(
    tmp_path: Path, started: list[Worker]
) -> None:
    text = "".join(frame(n, first="**** 0 0") for n in range(12))
    message = refused(put(tmp_path, text)).message
    assert "a force is not a number: '****' in line 39 of data.xyz: 1 (row 10)" in message
    assert "a force is not a number: 2 (row 11, 12)" in message
    assert started


def test_ids_of_several_sources(tmp_path: Path, started: list[Worker]) -> None:
    put(tmp_path, frames(5), "a.xyz")
    put(tmp_path, frames(9)[len(frames(5)) :], "b.xyz")
    result = exported(tmp_path / "a.xyz", source=["a.xyz", "b.xyz"])
    assert sorted([*result.train.ids, *result.test.ids]) == [
        *(f"a.xyz#{n}" for n in range(1, 6)), *(f"b.xyz#{n}" for n in range(1, 5)),
    ]  # fmt: skip
    assert len(started) == 2


@pytest.mark.parametrize("key", [None, "side"])
def test_given_sides(tmp_path: Path, started: list[Worker], key: str | None) -> None:
    head = {} if key is None else {"head": "energy=-7.5 side=train"}
    put(tmp_path, frames(5, **head), "a.xyz")
    put(tmp_path, frames(2, head="energy=-7.5 side=test", species=("Cu", "Ag")), "b.xyz")
    given = {"source": "a.xyz", "test_source": "b.xyz"}
    if key is not None:
        given = {"source": ["a.xyz", "b.xyz"], "side_key": key}
    result = exported(tmp_path / "a.xyz", split="given", **given)
    assert list(result.train.ids) == [f"a.xyz#{n}" for n in range(1, 6)]
    assert list(result.test.ids) == ["b.xyz#1", "b.xyz#2"]
    assert len(started) == 2


def test_killed_workers_are_done_without(
    tmp_path: Path, started: list[Worker], monkeypatch: pytest.MonkeyPatch
) -> None:
    path = put(tmp_path, frames(9))
    whole = outcome(exported(path))
    send = Worker.send

    def send_and_kill(self: Worker, value: object) -> None:
        send(self, value)
        self._child.kill()
        self._child.wait()

    monkeypatch.setattr(Worker, "send", send_and_kill)
    assert outcome(exported(path)) == whole


def test_workers_that_cannot_be_started_are_done_without(
    tmp_path: Path, started: list[Worker], monkeypatch: pytest.MonkeyPatch
) -> None:
    path = put(tmp_path, frames(9))
    whole = outcome(exported(path))
    monkeypatch.setattr(sys, "executable", str(tmp_path / "nothing"))
    assert outcome(exported(path)) == whole
    assert len(started) == 2


def test_an_interrupt_ends_the_workers(tmp_path: Path, started: list[Worker]) -> None:
    path = put(tmp_path, frames(9))

    def progress(done: int, _: int | None) -> None:
        if done > 2:
            raise KeyboardInterrupt

    data = DataConfig(source=path.name, select="", test_fraction=0.5)
    with pytest.raises(KeyboardInterrupt):
        export(data, tmp_path, tmp_path / "out", cutoff=3.0, progress=progress)
    assert [one.ended for one in started] == [True, True]
    assert not (tmp_path / "out").exists()


def test_small_sources_and_scans_need_none(
    tmp_path: Path, started: list[Worker], monkeypatch: pytest.MonkeyPatch
) -> None:
    data = DataConfig(source=put(tmp_path, frames(9)).name, select="", test_fraction=0.5)
    seen: list[str] = []
    export(
        data, tmp_path, tmp_path / "out", cutoff=3.0, scan=lambda one, _: seen.append(one.row_id)
    )
    assert seen == [str(number) for number in range(1, 10)]
    monkeypatch.setattr(sources, "LARGE", 10_000)
    export(data, tmp_path, tmp_path / "out", cutoff=3.0)
    assert started == []


def test_a_wrong_selection_starts_none(tmp_path: Path, started: list[Worker]) -> None:
    path = put(tmp_path, frames(9))
    data = DataConfig(source=path.name, select="a==", test_fraction=0.5)
    with pytest.raises(HpctrainError, match="is not a valid selection"):
        export(data, tmp_path, tmp_path / "out", cutoff=3.0)
    assert started == []


# --- structures at once ---


def some_structures() -> list[Structure]:
    """Structures of every kind: good ones, such as are mended, and such as cannot be used."""
    draw = np.random.default_rng(2)
    found = []
    for number in range(24):
        atoms = 1 + number % 4
        numbers = draw.choice([1, 6, 13, 92], atoms)
        forces = draw.normal(size=(atoms, 3))
        stress = draw.normal(size=6) if number % 3 else None
        one = Structure(
            str(number), "x y", numbers, draw.normal(size=(atoms, 3)), np.eye(3) * 9,
            (True, True, number % 5 > 0), float(draw.normal()), forces, stress, "kind", number,
        )  # fmt: skip
        one.positions[0, 0], forces[0, 2] = -0.0, 1e-300
        found.append(one)
    found[3].forces[0, 1] = np.nan  # type: ignore[index]
    found[5].energy = None
    found[7].stress[2] = np.inf  # type: ignore[index]
    found[9].numbers[0] = 119
    found[10].cell[2] = 0.0
    found[11].cell *= -1
    found[13].energy = float("inf")
    found[14].cell[0, 0] = np.nan
    found[17].forces = np.ones((9, 3))
    found[18].pbc, found[18].cell = (False, False, False), np.zeros((3, 3))
    found[19].fault = "its reader says so"
    found[20].forces = None  # an isolated atom
    found[21].stress = None
    return found


@pytest.mark.parametrize("mixed_pbc", [True, False])
def test_structures_at_once_are_what_each_is(
    monkeypatch: pytest.MonkeyPatch, mixed_pbc: bool
) -> None:
    rules = parts.Rules(4.0, mixed_pbc, None)
    whole = parts.make_part(some_structures(), rules)
    each = [parts.make_part([one], rules) for one in some_structures()]
    monkeypatch.setattr(parts, "are_whole", lambda structures: False)
    slow = [parts.make_part([one], rules) for one in some_structures()]
    assert each == slow
    assert whole.text == b"".join(one.text for one in each)
    for column in ("ids", "lengths", "atoms", "compositions", "generations"):
        values = [getattr(one.rows, column)[0] for one in each]
        assert getattr(whole.rows, column) == values
    assert whole.rows.digests == b"".join(one.rows.digests for one in each)
    assert whole.rows.geometries == b"".join(one.rows.geometries for one in each)
    for column in ("bad", "isolated", "remarks"):
        values = {n: getattr(one.rows, column)[0] for n, one in enumerate(each)
                  if getattr(one.rows, column)}  # fmt: skip
        assert getattr(whole.rows, column) == values
    assert whole.rows.bad.keys() == {3, 5, 9, 10, 13, 14, 17, 19} | (
        set() if mixed_pbc else {0, 15, 20}
    )


def test_the_text_and_the_digests_are_what_they_were() -> None:
    one = Structure(
        "7", "a.db", np.array([1, 13]), np.array([[-0.0, 0.1, 1e22], [1 / 3, -2.5e-7, 5e-324]]),
        np.diag([4.0, 5.0, 6.5]), (True, False, True), -0.0, np.array([[1.0, 2, 3], [-1, -2, -3]]),
        np.arange(6.0), "two words", 3,
    )  # fmt: skip
    part = parts.make_part([one], parts.Rules(4.0, True, None))
    assert part.text.decode() == (
        '2\nLattice="4.0 0.0 0.0 0.0 5.0 0.0 0.0 0.0 6.5" '
        "Properties=species:S:1:pos:R:3:forces:R:3 energy=0.0 "
        'stress="0.0 5.0 4.0 5.0 1.0 3.0 4.0 3.0 2.0" pbc="T F T" '
        'config_type="_JSON \\"two words\\"" generation=3 db_id=7 source=a.db\n'
        "H -0.0 0.1 1e+22 1.0 2.0 3.0\nAl 0.3333333333333333 -2.5e-7 5e-324 -1.0 -2.0 -3.0\n"
    )
    assert part.rows.digests.hex() == (
        "3f1b14079a2c20d7c915537afe1e9b25324e638522324f2a5eedbfde5dfa31d5"
    )
    assert part.rows.geometries.hex() == "b460a510113bb090"


# --- cores ---


@pytest.mark.parametrize(
    ("quotas", "cores"),
    [
        ({}, 6), ({"a/b": "max 100000"}, 6), ({"a/b": "250000 100000"}, 2),
        ({"a": "300000 100000", "a/b": "max 100000"}, 3), ({"a": "50000 100000"}, 1),
        ({"a": "900000 100000"}, 6), ({"a": "what"}, 6),
    ],
)  # fmt: skip
def test_cores_are_those_of_the_process_and_its_control_group(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, quotas: dict[str, str], cores: int
) -> None:
    monkeypatch.setattr(module.os, "sched_getaffinity", lambda _: set(range(6)))
    groups = tmp_path / "groups"
    (groups / "a/b").mkdir(parents=True)
    for folder, quota in quotas.items():
        (groups / folder / "cpu.max").write_text(f"{quota}\n")
    monkeypatch.setattr(module, "CGROUPS", groups)
    monkeypatch.setattr(module, "CGROUP", put(tmp_path, "0::/a/b\n", "cgroup"))
    assert module.count_cores() == cores
    monkeypatch.setattr(module, "CGROUP", tmp_path / "nothing")
    assert module.count_cores() == 6


def test_a_worker_ends_with_its_user() -> None:
    child = subprocess.run(
        [sys.executable, "-m", module.__name__], stdin=subprocess.DEVNULL, timeout=60, check=False
    )
    assert child.returncode == 0


@pytest.mark.parametrize("trained_on", [False, True])
def test_a_stress_that_cannot_be_used_is_a_fault_where_stresses_are_trained_on(
    trained_on: bool,
) -> None:
    def one(stress: float | None, *notes: tuple[str, float]) -> Structure:
        voigt = None if stress is None else np.full(6, stress)
        return Structure(
            "1", "a.db", np.array([13, 13]), np.array([[0.0, 0, 0], [0, 0, 2.5]]), np.eye(3) * 4,
            (True, True, True), -1.0, np.zeros((2, 3)), voigt, None, None, notes=notes,
        )  # fmt: skip

    some = [one(0.1), one(float("nan")), one(None), one(None, (NO_STRESS + "it is odd", 0.0))]
    part = parts.make_part(some, parts.Rules(4.0, True, None, stress=trained_on))
    lost = "the stress cannot be used: "
    assert part.rows.bad == (
        {1: lost + "it is not a finite number", 3: lost + "it is odd"} if trained_on else {}
    )
