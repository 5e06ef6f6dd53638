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

from hpctrain.data import workers as module
from hpctrain.data.export import Dataset, export
from hpctrain.data.sources import pieces
from hpctrain.data.sources import read as sources
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
    with pytest.raises(HpctrainError, match="is no selection"):
        export(data, tmp_path, tmp_path / "out", cutoff=3.0)
    assert started == []


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
