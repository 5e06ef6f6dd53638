"""Structures that are alike: listed where both sides have them, left out on request."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import ase.build
import ase.db
import numpy as np
import pytest
from ase import Atoms
from ase.calculators.emt import EMT
from ase.calculators.singlepoint import SinglePointCalculator
from hypothesis import given, settings
from hypothesis import strategies as st

from hpctrain.cli.main import main as command
from hpctrain.data.duplicates.search import NUMBERS, leakage_notes
from hpctrain.data.export import Dataset, export
from hpctrain.data.structures.extxyz import Batch, Structure, format_structures, parse_structure
from hpctrain.settings import DataConfig


def crystal(seed: int, **labels: Any) -> Atoms:
    draw = np.random.default_rng(seed)
    atoms = ase.build.bulk("Al", cubic=True)
    atoms.positions += draw.normal(0, 0.2, (4, 3))
    return with_labels(atoms, **{"energy": -14.0 - seed, **labels})


def with_labels(atoms: Atoms, energy: float) -> Atoms:
    """With forces that are the same, however the structure is written."""
    atoms.calc = EMT()
    atoms.calc = SinglePointCalculator(atoms, energy=energy, forces=atoms.get_forces())
    return atoms


def turned(atoms: Atoms, energy: float) -> Atoms:
    """The same, repeated, shifted and with its atoms in another order."""
    other = atoms.repeat((2, 1, 1))
    other.translate((0.3, 1.0, 0.2))
    other.rotate(35, (1, 2, 3), rotate_cell=True)
    return with_labels(other[::-1], 2 * energy)


def moved(atoms: Atoms, energy: float) -> Atoms:
    other = atoms.copy()
    other.positions += np.random.default_rng(9).uniform(-0.002, 0.002, (len(atoms), 3))
    return with_labels(other, energy)


def written(folder: Path, rows: list[tuple[Atoms, dict[str, Any]]]) -> Path:
    with ase.db.connect(folder / "a.db") as db:
        for atoms, keys in rows:
            db.write(atoms, **keys)
    return folder / "a.db"


# Row 1 is there again: as 31 to the last digit, as 32 written otherwise, as 33 nearly, and as 34
# with another energy.
def source(folder: Path) -> Path:
    rows: list[tuple[Atoms, dict[str, Any]]] = [(crystal(seed), {}) for seed in range(30)]
    first = rows[0][0]
    rows += [(with_labels(first.copy(), -14.0), {}), (turned(first, -14.0), {}),
             (moved(first, -14.0), {})]  # fmt: skip
    return written(folder, rows)


def exported(path: Path, name: str = "out", look_for: Any = "near", **options: Any) -> Dataset:
    data = DataConfig(source=path.name, **{"select": "", "test_fraction": 0.4, **options})
    return export(data, path.parent, path.parent / name, cutoff=5.0, look_for=look_for)


def sides_of(result: Dataset) -> dict[str, str]:
    return {**dict.fromkeys(result.train.ids, "train"), **dict.fromkeys(result.test.ids, "test")}


def test_leaks_are_told_with_ids(tmp_path: Path) -> None:
    path = source(tmp_path)
    kinds = set()
    for seed in range(8):
        result = exported(path, f"out{seed}", seed=seed)
        side, told = sides_of(result), result.leakage
        assert told is not None
        alike = {"1", "31", "32", "33"}
        expected = {row_id for row_id in alike if side[row_id] == "test"}
        expected = set() if expected == alike else expected
        listed = {i for one in told["first"] for i in one["test"]}
        assert listed == expected
        assert told["test_structures"] == len(expected)
        for one in told["first"]:
            assert {side[i] for i in one["train"]} == {"train"}
            assert {side[i] for i in one["test"]} == {"test"}
            kinds.add(one["kind"])
    assert kinds == {"same", "near"}  # identical ones are the same too


def test_identical_ones_are_found_without_asking(tmp_path: Path) -> None:
    path = written(tmp_path, [(crystal(seed // 2), {}) for seed in range(20)])
    result = exported(path, look_for="identical", seed=1)
    told, side = result.leakage, sides_of(result)
    assert told is not None
    apart = [n for n in range(1, 20, 2) if side[str(n)] != side[str(n + 1)]]
    # Twins draw the same lot, and only the pair at the border can be parted.
    assert (told["groups"], len(apart) <= 1) == (
        {"identical": len(apart), "same": 0, "near": 0}, True)  # fmt: skip


@pytest.mark.parametrize(
    ("degree", "gone"),
    [("identical", {"31"}), ("same", {"31", "32"}), ("near", {"31", "32", "33"})],
)
def test_of_what_is_alike_the_first_stays(tmp_path: Path, degree: str, gone: set[str]) -> None:
    result = exported(source(tmp_path), dedupe=degree)
    assert {"1", *map(str, range(2, 31))} | ({"31", "32", "33"} - gone) == set(sides_of(result))
    [skipped] = result.skipped
    assert set(skipped.ids) == gone
    assert f"data.dedupe: {degree}" in skipped.reason
    if degree == "near":
        assert result.leakage is not None
        assert result.leakage["test_structures"] == 0


def test_the_lowest_generation_stays(tmp_path: Path) -> None:
    rows = [(crystal(seed), {"generation": 2}) for seed in range(5)]
    rows.append((crystal(0), {"generation": 1}))
    result = exported(written(tmp_path, rows), dedupe="identical")
    assert [one.ids for one in result.skipped] == [("1",)]


def test_two_energies_of_one_structure_are_told_and_stay(tmp_path: Path) -> None:
    rows: list[tuple[Atoms, dict[str, Any]]] = [(crystal(seed), {}) for seed in range(6)]
    rows.append((crystal(0, energy=-13.0), {}))
    result = exported(written(tmp_path, rows), dedupe="same")
    assert result.skipped == ()
    assert result.leakage is not None
    assert result.leakage["conflicts"] == {
        "groups": 1, "first": [["1", "7"]], "energy_ev_per_atom": 0.25, "force_ev_per_a": 0.0,
    }  # fmt: skip
    notes = " ".join(leakage_notes(result.leakage))
    assert "different energies, by up to 0.25 eV per atom (rows 1 = 7)" in notes


@pytest.mark.parametrize("degree", ["identical", "same"])
def test_two_sets_of_forces_of_one_structure(tmp_path: Path, degree: str) -> None:
    rows: list[tuple[Atoms, dict[str, Any]]] = [(crystal(seed), {}) for seed in range(6)]
    again = crystal(0) if degree == "identical" else turned(crystal(0), -14.0)
    energy = crystal(0).get_potential_energy() * len(again) / 4
    again.calc = SinglePointCalculator(again, energy=energy, forces=2 * again.get_forces())
    rows.append((again, {}))
    result = exported(written(tmp_path, rows), look_for=degree, dedupe=degree)
    assert result.skipped == ()
    assert result.leakage is not None
    assert result.leakage["conflicts"]["first"] == [["1", "7"]]
    assert "different forces, by up to" in " ".join(leakage_notes(result.leakage))


def test_rows_that_are_bad_or_of_other_generations_are_not_compared(tmp_path: Path) -> None:
    rows: list[tuple[Atoms, dict[str, Any]]] = []
    for seed in range(6):
        rows += [(Atoms("Al"), {}), (crystal(seed), {"generation": 1}),
                 (crystal(seed), {"generation": 2})]  # fmt: skip
    path = written(tmp_path, rows)
    data = DataConfig(source="a.db", select="", test_fraction=0.4, generations=[2], dedupe="near")
    result = export(data, tmp_path, tmp_path / "out", cutoff=5.0, skip_bad=True, look_for="near")
    assert path.exists()
    assert sorted(sides_of(result), key=int) == ["3", "6", "9", "12", "15", "18"]
    assert result.leakage is not None
    assert result.leakage["groups"] == {"identical": 0, "same": 0, "near": 0}


numbers = st.floats(-1e6, 1e6)


@pytest.mark.slow
@settings(deadline=None, max_examples=50)
@given(st.data(), st.integers(1, 5))
def test_what_was_written_is_read_again(data: st.DataObject, atoms: int) -> None:
    def table(*shape: int) -> Any:
        size = int(np.prod(shape))
        return np.array(data.draw(st.lists(numbers, min_size=size, max_size=size))).reshape(shape)

    one = Structure(
        "7", "a.db", np.array(data.draw(st.lists(st.integers(1, 118), min_size=atoms,
                                                 max_size=atoms)), dtype=np.int64),
        table(atoms, 3), table(3, 3), data.draw(st.tuples(*[st.booleans()] * 3)),
        data.draw(numbers), table(atoms, 3), data.draw(st.none() | st.just(table(6))),
        data.draw(st.none() | st.text(max_size=9)), data.draw(st.none() | st.integers(0, 9)),
    )  # fmt: skip
    [text] = format_structures(Batch.of([one]))
    again = parse_structure(text, "7", NUMBERS)
    for name in ("numbers", "positions", "cell", "forces"):
        assert (getattr(again, name) == getattr(one, name)).all()
    assert (again.energy, again.pbc) == (one.energy, one.pbc)


# --- the commands ---


@pytest.fixture
def run(twins: Path, capsys: pytest.CaptureFixture[str]) -> Callable[..., tuple[int, Any]]:
    def called(*words: str) -> tuple[int, Any]:
        code = command([*words, "--project", str(twins / "hpctrain.yaml")])
        return code, capsys.readouterr()

    return called


@pytest.fixture
def twins(tmp_path: Path) -> Path:
    """A project in which structure and turned copy, one after the other, are of two groups."""
    rows = []
    for seed in range(8):
        rows.append((crystal(seed), {"config_type": "a"}))
        rows.append((turned(crystal(seed), -14.0 - seed), {"config_type": "b"}))
    written(tmp_path, rows)
    (tmp_path / "hpctrain.yaml").write_text(
        "project: twins\ndata: {source: a.db, select: '', split: grouped, group_by: config_type}\n"
        "training: {reference_energies: {Al: -0.3}, evaluator: pyace, cutoff: 5.0, "
        "b_basis_size: 10}\n"
    )
    return tmp_path


def test_check_tells_of_a_leak_and_dedupe_mends_it(run: Any) -> None:
    code, said = run("check", "--site", "local", "--json")
    assert code == 0
    [finding] = [one for one in json.loads(said.out)["findings"] if one["name"] == "leakage"]
    assert (finding["severity"], finding["count"]) == ("warn", 8)
    assert "8 the same written differently" in finding["seen"]
    assert "--dedupe" in finding["todo"]
    code, said = run("check", "--site", "local", "--json", "--dedupe", "same",
                     "--set", "data.split=random", "--set", "data.group_by=null")  # fmt: skip
    assert code == 0
    content = json.loads(said.out)
    assert "leakage" not in [one["name"] for one in content["findings"]]
    assert content["dataset"]["skipped"][0]["ids"] == [str(n) for n in range(2, 17, 2)]


def test_export_says_what_is_on_both_sides(run: Any, twins: Path) -> None:
    with ase.db.connect(twins / "a.db") as db:
        db.write(crystal(0), config_type="b")  # the first structure of group a again
    code, said = run("export", str(twins / "one"))
    assert code == 0
    assert "1 of the test structures is in the training set too (1 identical): row " in said.err
    code, said = run("export", str(twins / "two"), "--dedupe", "identical")
    assert code == 0
    assert "left out 1: identical to an earlier row (data.dedupe: identical) (row 17)" in said.out
    assert said.err == ""


def test_a_degree_that_there_is_not(run: Any, twins: Path) -> None:
    code, said = run("export", str(twins / "two"), "--dedupe", "alike")
    assert code == 2
    assert "'identical', 'same', 'near'" in said.err
