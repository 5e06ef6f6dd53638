"""Labelled structures to split extxyz, read back with ASE's own reader."""

from __future__ import annotations

import errno
import fcntl
import json
import random
import sqlite3
from functools import partial
from pathlib import Path
from typing import Any

import ase.db
import ase.io
import numpy as np
import pytest
from ase import Atoms
from ase.build import bulk
from ase.calculators.emt import EMT
from ase.calculators.singlepoint import SinglePointCalculator
from hypothesis import given, settings
from hypothesis import strategies as st

from hpctrain.data import split_files as module
from hpctrain.data.export import Dataset, elements_note, export
from hpctrain.data.sources.ase_sqlite import has_locks, lock_notes
from hpctrain.data.sources.names import without_passwords
from hpctrain.data.sources.read import read_source
from hpctrain.data.structures.extxyz import Batch, Structure, format_structures
from hpctrain.data.structures.labels import find_fault, find_not_finite, is_isolated
from hpctrain.errors import HpctrainError
from hpctrain.files import resource
from hpctrain.project import Project
from hpctrain.settings import DataConfig

DEMO = resource("demo/al_pbe.db")
COMPLETED = 179


def labelled(number: int = 0, *, element: str = "Al", **labels: Any) -> Atoms:
    """Two atoms with labels that no other number gives; a label of None is left out."""
    draw = np.random.default_rng(number)
    atoms = Atoms(
        [element, element],
        positions=draw.uniform(0, 4, (2, 3)),
        cell=np.diag([4.0, 4.1, 4.2]) + draw.uniform(0, 0.3, (3, 3)),
        pbc=True,
    )
    values = {
        "energy": -7.0 + draw.uniform(),
        "forces": draw.normal(size=(2, 3)),
        "stress": draw.normal(size=6),
        **labels,
    }
    atoms.calc = SinglePointCalculator(
        atoms, **{name: value for name, value in values.items() if value is not None}
    )
    return atoms


def database(path: Path, structures: list[Atoms], **keys: Any) -> Path:
    with ase.db.connect(path) as db:
        for atoms in structures:
            db.write(atoms, status="completed", **{**keys, **atoms.info})
    return path


def exported(folder: Path, source: Path | str | list[str] = DEMO, **options: Any) -> Dataset:
    of_data = {key: options.pop(key) for key in DataConfig.model_fields if key in options}
    data = DataConfig(source=str(source) if isinstance(source, Path) else source, **of_data)
    return export(data, folder.parent, folder, **{"cutoff": 6.0, **options})


def refused(folder: Path, *arguments: Any, **options: Any) -> HpctrainError:
    """The error, after which nothing is there that was not there before."""
    before = sorted(folder.parent.rglob("*"))
    with pytest.raises(HpctrainError) as caught:
        exported(folder, *arguments, **options)
    assert sorted(folder.parent.rglob("*")) == before
    return caught.value


def read_back(result: Dataset) -> list[Atoms]:
    return [
        atoms
        for file in (result.train, result.test)
        for atoms in ase.io.read(file.path, ":", format="extxyz")
    ]


def emt_copper(count: int, *lonely: str) -> list[Atoms]:
    """Rattled copper with EMT's labels, and isolated atoms before it; group and kind of each."""
    found = []
    for number, element in enumerate(lonely):
        atoms = Atoms(element, cell=[15] * 3, pbc=False)
        labels = {"energy": -0.1 * number, "forces": [[0, 0, 0]]}
        atoms.calc = SinglePointCalculator(atoms, **labels)
        atoms.info.update(config_type="free", group="free")
        found.append(atoms)
    for number in range(count):
        atoms = bulk("Cu", cubic=True)
        atoms.rattle(0.05, seed=number)
        atoms.calc = EMT()
        labels = {"energy": atoms.get_potential_energy(), "forces": atoms.get_forces()}
        atoms.calc = SinglePointCalculator(atoms, **labels)
        atoms.info.update(config_type=f"kind {number % 2}", group=f"group {number % 3}")
        found.append(atoms)
    return found


# --- the demo's database ---


@pytest.fixture(scope="module")
def demo(tmp_path_factory: pytest.TempPathFactory) -> Dataset:
    return exported(tmp_path_factory.mktemp("data") / "out")


def test_files_counts_and_hashes(demo: Dataset) -> None:
    import hashlib

    assert (demo.train.structures, demo.test.structures) == (161, 18)
    assert demo.train.atoms + demo.test.atoms == 628
    for file in (demo.train, demo.test):
        assert hashlib.sha256(file.path.read_bytes()).hexdigest() == file.sha256
        frames = ase.io.read(file.path, ":")
        assert [str(atoms.info["db_id"]) for atoms in frames] == list(file.ids)
        assert sum(map(len, frames)) == file.atoms
    assert [path.name for path in sorted(demo.train.path.parent.iterdir())] == [
        "test.extxyz", "train.extxyz",
    ]  # fmt: skip


def test_nothing_is_lost_or_twice(demo: Dataset) -> None:
    rows = {str(row.id) for row in ase.db.connect(DEMO).select("status=completed")}
    assert len(rows) == COMPLETED
    assert not set(demo.train.ids) & set(demo.test.ids)
    assert set(demo.train.ids) | set(demo.test.ids) == rows
    assert len(demo.train.ids) + len(demo.test.ids) == COMPLETED


def test_read_back_with_ase_everything_is_equal(demo: Dataset) -> None:
    db = ase.db.connect(DEMO)
    stresses = 0
    for atoms in read_back(demo):
        row = db.get(id=int(atoms.info["db_id"]))
        assert atoms.get_potential_energy() == row.energy
        assert np.array_equal(atoms.get_forces(), row.forces)
        assert ("stress" in atoms.calc.results) == ("stress" in row)
        if "stress" in row:
            stresses += 1
            assert np.array_equal(atoms.get_stress(), row.stress)
        assert np.array_equal(atoms.positions, row.positions)
        assert np.array_equal(np.asarray(atoms.cell), np.asarray(row.cell))
        assert np.array_equal(atoms.pbc, row.pbc)
        assert np.array_equal(atoms.numbers, row.numbers)
        assert atoms.info["config_type"] == row.config_type
        assert atoms.info["generation"] == row.generation
    assert 0 < stresses < COMPLETED  # both kinds were there


def test_what_it_tells_of_the_data(demo: Dataset) -> None:
    assert demo.elements == ("Al",)
    assert demo.generations == {"0": 59, "1": 72, "2": 48}
    assert demo.config_types["isolated_atom"] == 1
    assert sum(demo.config_types.values()) == COMPLETED
    [energy] = demo.isolated_atoms["Al"]
    assert energy == pytest.approx(-0.2994, abs=1e-4)
    assert demo.skipped == ()
    assert json.loads(json.dumps(demo.facts()))["train"]["structures"] == 161


def test_the_same_again_is_left_and_something_else_is_not_overwritten(
    tmp_path: Path, demo: Dataset
) -> None:
    folder = tmp_path / "out"
    first = exported(folder)
    assert exported(folder).facts() == first.facts() == demo.facts()
    texts = {path: path.read_bytes() for path in folder.iterdir()}
    error = refused(folder, seed=1)
    assert "train.extxyz exists and holds other structures" in error.message
    assert {path: path.read_bytes() for path in folder.iterdir()} == texts


# --- which rows ---


@pytest.mark.parametrize(
    "settings",
    [
        {},
        {"split": "stable", "test_fraction": 0.5},
        {"split": "grouped", "group_by": "group"},
        {"stratify": "config_type"},
        {"stratify": "composition"},
    ],
)
def test_isolated_atoms_are_references_and_never_tested_on(
    tmp_path: Path, settings: dict[str, Any]
) -> None:
    source = tmp_path / "small.xyz"
    ase.io.write(str(source), emt_copper(16, "Cu", "Cu", "Cu"), format="extxyz")
    for seed in range(12):
        options = {"test_fraction": 0.2, **settings, "seed": seed, "select": ""}
        result = exported(tmp_path / f"out{seed}", source, **options)
        tested = ase.io.read(result.test.path, ":", format="extxyz")
        assert tested and all(len(atoms) == 4 for atoms in tested)
        alone = [a for a in ase.io.read(result.train.path, ":", format="extxyz") if len(a) == 1]
        assert len(alone) == 3


def test_isolated_atoms_alone_are_nothing_to_train_on(tmp_path: Path) -> None:
    source = tmp_path / "free.xyz"
    ase.io.write(str(source), emt_copper(0, "Cu", "Ag"), format="extxyz")
    error = refused(tmp_path / "out", source, select="")
    assert "the 2 selected structures are isolated atoms" in str(error)


def test_independent_compositions(tmp_path: Path) -> None:
    """What the energies of free atoms can be fitted from; isolated atoms are compositions too."""
    pair = [labelled(number) for number in range(4)]
    for atoms in pair:
        atoms.set_chemical_symbols(["Cu", "Au"])
    for number, (structures, independent) in enumerate(
        [
            (pair, 1),
            ([*pair, *(labelled(n) for n in range(4))], 2),
            ([*pair, *emt_copper(0, "Cu", "Au")], 2),
        ]
    ):
        source = tmp_path / f"{number}.xyz"
        ase.io.write(str(source), structures, format="extxyz")
        result = exported(tmp_path / f"out{number}", source, select="", test_fraction=0.25)
        assert result.independent_compositions == independent
        assert result.facts()["independent_compositions"] == independent


def test_an_element_only_as_an_isolated_atom_is_left_out(tmp_path: Path) -> None:
    source = tmp_path / "copper_and_silver.xyz"
    ase.io.write(str(source), emt_copper(6, "Cu", "Ag", "Ag"), format="extxyz")
    result = exported(tmp_path / "out", source, select="")
    assert (result.elements, result.elements_left_out) == (("Cu",), ("Ag",))
    assert set(result.isolated_atoms) == {"Cu"}
    (skipped,) = result.skipped
    assert skipped.ids == ("2", "3")
    assert "isolated atom of Ag, which occurs in no other structure" in skipped.reason
    assert sum(file.structures for file in (result.train, result.test)) == 7
    assert result.facts()["elements_left_out"] == ["Ag"]
    assert elements_note(result.elements_left_out)[0].startswith("Ag left out of the potential's")


@pytest.mark.parametrize(
    ("options", "count"),
    [
        ({}, 179),
        ({"generations": "latest"}, 48),
        ({"generations": [0]}, 59),
        ({"generations": [2, 0]}, 107),
        ({"up_to_generation": 0}, 59),
        ({"up_to_generation": 1}, 131),
        ({"up_to_generation": 1, "generations": [1, 2]}, 72),
        ({"select": "status=completed,config_type=slab"}, 10),
        ({"select": "generation>0,status=completed,natoms=4"}, None),
        ({"select": "", "skip_bad": True}, 179),
    ],
)
def test_selection_and_generations(
    tmp_path: Path, options: dict[str, Any], count: int | None
) -> None:
    if count is None:
        count = ase.db.connect(DEMO).count("generation>0,status=completed,natoms=4")
        assert 0 < count < COMPLETED
    result = exported(tmp_path / "out", **options)
    assert result.train.structures + result.test.structures == count
    wanted = options.get("generations")
    if isinstance(wanted, list) and "up_to_generation" not in options:
        assert set(result.generations) == set(map(str, wanted))


def test_rows_up_to_a_generation_leave_out_those_without_one(tmp_path: Path) -> None:
    structures = [labelled(n) for n in range(4)]
    for atoms in structures[:2]:
        atoms.info["generation"] = 3
    source = database(tmp_path / "x.db", structures)
    result = exported(tmp_path / "out", source, up_to_generation=5, test_fraction=0.5)
    assert result.generations == {"3": 2}


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"generations": [0, 7, 5]}, "asks for 5, 7, but the selected rows have: 0, 1, 2"),
        ({"select": "config_type=unheard_of"}, "matches data.select 'config_type=unheard_of'"),
        ({"select": "status=completed", "generations": []}, "and data.generations []"),
        ({"up_to_generation": -1}, "no structure in"),
        ({"select": "energy=low"}, "'energy=low'"),
        ({"select": "a=b=c"}, "'a=b=c'"),
    ],
)
def test_selections_that_give_nothing(tmp_path: Path, options: dict[str, Any], words: str) -> None:
    assert words in refused(tmp_path / "out", **options).message


def test_generations_of_rows_that_have_none(tmp_path: Path) -> None:
    source = database(tmp_path / "x.db", [labelled(n) for n in range(4)])
    out = tmp_path / "out"
    assert "no selected row has a generation" in refused(out, source, generations="latest").message
    assert "the selected rows have: none" in refused(out, source, generations=[1]).message
    assert exported(out, source, test_fraction=0.25).generations == {"none": 4}


@pytest.mark.parametrize("value", [1.5, "first", True, float("nan"), float("inf")])
def test_a_generation_that_is_no_whole_number(tmp_path: Path, value: Any) -> None:
    ase.io.write(tmp_path / "x.xyz", [labelled(1), labelled(2)], format="extxyz")
    text = (tmp_path / "x.xyz").read_text().replace("pbc=", f"generation={value} pbc=")
    (tmp_path / "x.xyz").write_text(text)
    error = refused(tmp_path / "out", tmp_path / "x.xyz", select="")
    assert "x.xyz, structure 1: generation is" in error.message


# --- other sources ---


@pytest.mark.parametrize("name", ["copy.json", "copy.db", "copy@2.db"])
def test_other_databases_give_the_same(tmp_path: Path, name: str) -> None:
    select = "status=completed,generation=0"
    with ase.db.connect(tmp_path / name) as copy:
        for row in ase.db.connect(DEMO).select(select):
            copy.write(row, **row.key_value_pairs)
    direct = exported(tmp_path / "direct", DEMO, select=select)
    result = exported(tmp_path / "out", name)
    assert result.fingerprint == direct.fingerprint
    assert result.generations == {"0": 59}


@pytest.mark.parametrize("name", ["copy.xyz", "copy.extxyz", "copy@2x.xyz"])
def test_an_export_exported_again_gives_the_same(tmp_path: Path, demo: Dataset, name: str) -> None:
    text = demo.test.path.read_bytes() + demo.train.path.read_bytes()
    (tmp_path / name).write_bytes(text)
    result = exported(tmp_path / "out", name, select="")
    assert result.fingerprint == demo.fingerprint
    assert result.generations == demo.generations
    assert result.config_types == demo.config_types
    assert result.isolated_atoms == demo.isolated_atoms


def test_several_sources(tmp_path: Path, demo: Dataset) -> None:
    for file in (demo.train, demo.test):
        (tmp_path / file.path.name).write_bytes(file.path.read_bytes())
    result = exported(tmp_path / "out", ["test.extxyz", "train.extxyz"], select="")
    assert result.fingerprint == demo.fingerprint
    ids = {atoms.info["db_id"] for atoms in read_back(result)}
    assert ids == set(result.train.ids) | set(result.test.ids)
    assert {"test.extxyz#1", "train.extxyz#161"} <= ids
    assert len(ids) == COMPLETED


@pytest.mark.parametrize(
    ("select", "count"),
    [
        ("", 179),
        ("generation=0", 59),
        ("generation>=1,config_type=slab", 10),
        ("config_type!=slab", 169),
        ("natoms<2", None),
        ("Al>7", None),
        ("generation", 179),
        ("nothing", 0),
        ("Cu", 0),
    ],
)
def test_selecting_from_extxyz_as_from_a_database(
    demo: Dataset, select: str, count: int | None
) -> None:
    if count is None:
        count = ase.db.connect(DEMO).count(f"status=completed,{select}")
        assert 0 < count < COMPLETED
    found = [
        structure
        for file in (demo.train, demo.test)
        for structure in read_source(str(file.path), Path(), select)
    ]
    assert len(found) == count


# --- rows that cannot be used ---


def bad_rows() -> dict[str, Atoms]:
    """By the reason that must be told."""
    forces = np.ones((2, 3))
    forces[1, 2] = np.inf
    rows = {
        "no energy": labelled(1, energy=None),
        "no forces": labelled(2, forces=None),
        "a force is not a finite number": labelled(3, forces=forces),
        "an impossible element (atomic number 0)": labelled(5, element="X"),
        "periodic, but the cell has no volume": labelled(6),
        "a position or the cell is not a finite number": labelled(7),
        "no atoms": Atoms(cell=np.eye(3), pbc=True),
    }
    rows["periodic, but the cell has no volume"].cell[2] = 0.0
    rows["a position or the cell is not a finite number"].positions[0, 0] = np.inf
    for atoms in rows.values():
        # The calculator must be of the structure as it is now, or the database drops its labels.
        if atoms.calc is not None:
            atoms.calc.atoms = atoms.copy()
    # sqlite keeps no NaN: it becomes NULL, "no energy", and is tested with JSON below.
    return rows


@pytest.mark.parametrize("name", ["bad.db", "bad.json"])
def test_rows_that_cannot_be_used_are_told_and_never_exported(tmp_path: Path, name: str) -> None:
    bad = bad_rows()
    good = [labelled(n) for n in range(100, 120)]
    if name.endswith("json"):
        bad["the energy is not a finite number"] = labelled(8, energy=float("nan"))
    source = database(tmp_path / name, [*good[:10], *bad.values(), *good[10:]])
    ids = {reason: str(number) for number, reason in enumerate(bad, start=11)}
    message = refused(tmp_path / "out", source).message
    for reason, row_id in ids.items():
        assert f"  {reason}: 1 (row {row_id})" in message.splitlines()
    assert len(message.splitlines()) == 1 + len(bad)

    result = exported(tmp_path / "out", source, skip_bad=True)
    assert (result.train.structures, result.test.structures) == (18, 2)
    assert {one.reason: one.ids for one in result.skipped} == {
        reason: (row_id,) for reason, row_id in ids.items()
    }
    assert not {*result.train.ids, *result.test.ids} & set(ids.values())
    assert result.facts()["skipped"][0] == {"reason": "no energy", "count": 1, "ids": ["11"]}


def test_bad_rows_of_other_generations_do_not_count(tmp_path: Path) -> None:
    structures = [labelled(n) for n in range(4)] + [labelled(4, energy=None)]
    for number, atoms in enumerate(structures):
        atoms.info["generation"] = number // 4
    source = database(tmp_path / "x.db", structures)
    assert exported(tmp_path / "out", source, generations=[0], test_fraction=0.25).skipped == ()


def test_only_bad_rows(tmp_path: Path) -> None:
    source = database(tmp_path / "x.db", [labelled(1, energy=None), labelled(2, energy=None)])
    message = refused(tmp_path / "out", source, skip_bad=True).message
    assert message == (
        "no selected row can be used:\n  no energy: 2 (row 1, 2)\n"
        "  their keys, and rows that have them: forces (2), stress (2), status (2)"
    )


def test_the_demos_failed_rows(tmp_path: Path) -> None:
    message = refused(tmp_path / "out", select="").message
    failed = [str(row.id) for row in ase.db.connect(DEMO).select("status=failed")]
    assert f"no energy: 6 (row {', '.join(failed)})" in message


def structure(**changes: Any) -> Structure:
    values: dict[str, Any] = {
        "row_id": "1",
        "source": "x.db",
        "numbers": np.array([13]),
        "positions": np.zeros((1, 3)),
        "cell": np.diag([20.0, 20.0, 20.0]),
        "pbc": (True, True, True),
        "energy": -1.0,
        "forces": np.zeros((1, 3)),
        "stress": None,
        "config_type": None,
        "generation": None,
    }
    return Structure(**{**values, **changes})


def test_what_is_a_fault() -> None:
    assert find_fault(structure()) is None
    assert find_fault(structure(numbers=np.array([118]))) is None
    assert find_fault(structure(numbers=np.array([119]))) == (
        "an impossible element (atomic number 119)"
    )
    assert find_fault(structure(numbers=np.array([-1]))) == (
        "an impossible element (atomic number -1)"
    )
    assert find_fault(structure(forces=np.zeros((2, 3)))) == "forces do not match the atoms"
    assert find_not_finite(structure(energy=float("-inf"))) == "the energy is not a finite number"
    flat = np.diag([20.0, 20.0, 0.0])
    assert find_fault(structure(cell=flat, pbc=(False, False, False))) is None
    slab = structure(pbc=(True, True, False))
    assert find_fault(slab) is None
    assert find_fault(slab, mixed_pbc=False, who="the evaluator tensorpot") == (
        "periodic in some directions only, which the evaluator tensorpot cannot take"
    )
    assert find_fault(structure(pbc=(False, False, False)), mixed_pbc=False) is None


@pytest.mark.parametrize(
    ("changes", "isolated"),
    [
        ({}, True),
        ({"cell": np.diag([20.0, 20.0, 6.1])}, True),
        ({"cell": np.diag([20.0, 20.0, 5.9])}, False),
        ({"cell": np.diag([20.0, 20.0, 5.9]), "pbc": (True, True, False)}, True),
        ({"cell": np.zeros((3, 3)), "pbc": (False, False, False)}, True),
        # Every vector is long, and yet the images along their difference are near.
        ({"cell": np.array([[20.0, 0, 0], [20.0, 5.0, 0], [0, 0, 20.0]])}, False),
        ({"cell": np.array([[20.0, 0, 0], [41.0, 5.0, 0], [0, 0, 20.0]])}, False),
        ({"numbers": np.array([13, 13]), "positions": np.zeros((2, 3))}, False),
    ],
)
def test_what_is_an_isolated_atom(changes: dict[str, Any], isolated: bool) -> None:
    assert is_isolated(structure(**changes), 6.0) is isolated


def test_slabs_are_refused_where_the_evaluator_cannot_take_them(tmp_path: Path) -> None:
    source = database(tmp_path / "x.db", [labelled(n) for n in range(3)])
    slab = labelled(9)
    slab.pbc = (True, True, False)
    slab.calc.atoms = slab.copy()
    database(source, [slab])
    assert "(row 4)" in refused(tmp_path / "out", source, mixed_pbc=False).message


# --- the fingerprint ---


def test_the_fingerprint_is_blind_to_order_and_row_numbers(tmp_path: Path) -> None:
    structures = [labelled(n) for n in range(30)]
    first = exported(tmp_path / "1", database(tmp_path / "1.db", structures))
    random.Random(3).shuffle(structures)
    source = database(tmp_path / "2.db", [labelled(99), *structures])
    ase.db.connect(source).delete([1])
    second = exported(tmp_path / "2", source)
    assert set(second.train.ids) != set(first.train.ids)
    assert (second.fingerprint, second.rows_fingerprint) == (
        first.fingerprint, first.rows_fingerprint,
    )  # fmt: skip
    energies = [
        {atoms.get_potential_energy() for atoms in ase.io.read(one.test.path, ":")}
        for one in (first, second)
    ]
    assert energies[0] == energies[1]


def test_the_fingerprint_sees_the_split(tmp_path: Path) -> None:
    source = database(tmp_path / "x.db", [labelled(n) for n in range(30)])
    one, other = (exported(tmp_path / str(s), source, seed=s) for s in (1, 2))
    assert one.fingerprint != other.fingerprint
    assert one.rows_fingerprint == other.rows_fingerprint


def changed(what: str) -> Atoms:
    atoms = labelled(0)
    if what in ("energy", "forces", "stress"):
        value = atoms.calc.results[what]
        if what == "energy":
            atoms.calc.results[what] = float(np.nextafter(value, 0))
        else:
            value.ravel()[-1] = np.nextafter(value.ravel()[-1], 0)
        return atoms
    if what == "no stress":
        del atoms.calc.results["stress"]
    elif what == "position":
        atoms.positions[1, 2] = np.nextafter(atoms.positions[1, 2], 0)
    elif what == "cell":
        atoms.cell[2, 2] = np.nextafter(atoms.cell[2, 2], 0)
    elif what == "pbc":
        atoms.pbc = (True, True, False)
    elif what == "element":
        atoms.numbers[1] = 29
    atoms.calc.atoms = atoms.copy()
    return atoms


@pytest.mark.parametrize(
    "what", ["energy", "forces", "stress", "no stress", "position", "cell", "pbc", "element"]
)
def test_the_fingerprint_changes_with_the_last_bit_of_anything(tmp_path: Path, what: str) -> None:
    rest = [labelled(n) for n in range(1, 4)]
    before = exported(
        tmp_path / "1", database(tmp_path / "1.db", [labelled(0), *rest]), test_fraction=0.25
    )
    after = exported(
        tmp_path / "2", database(tmp_path / "2.db", [changed(what), *rest]), test_fraction=0.25
    )
    assert after.rows_fingerprint != before.rows_fingerprint
    assert after.fingerprint != before.fingerprint


# --- text that must survive ---


def as_text(**changes: Any) -> str:
    batch = Batch.of([structure(**changes)])
    return format_structures(batch)[0].decode()


def survives(config_type: str) -> Atoms:
    text = as_text(config_type=config_type, row_id="a#7", source=config_type)
    from io import StringIO

    [atoms] = ase.io.read(StringIO(text), ":", format="extxyz")
    assert atoms.info["config_type"] == config_type
    assert type(atoms.info["config_type"]) is str
    assert atoms.info["source"] == config_type
    assert atoms.info["db_id"] == "a#7"
    assert atoms.get_potential_energy() == -1.0
    return atoms


def test_odd_config_types_survive() -> None:
    for config_type in (
        "", " ", "plain", "two words", "it's", 'a "quoted" one', "a\nb", "end\n", "a\r\nb", "\t",
        "Å κ 铝", "007", "12", "-3", "1.5", "1e5", "T", "F", "true", "False", "nan", "inf",
        "a=b", "[1, 2]", "{1 2}", "_JSON 3", "_JSON", "back\\slash", "\\", '\\"', "#", ",",
        "a\u2028b", "a\x85b", "None", "1 2 3 4 5 6 7 8 9",
    ):  # fmt: skip
        survives(config_type)


@settings(max_examples=150)
@given(st.text(st.characters(exclude_categories=["Cs"]), max_size=12))
def test_any_config_type_survives(config_type: str) -> None:
    survives(config_type)


def test_odd_config_types_survive_from_database_to_file_and_back(tmp_path: Path) -> None:
    kinds = ['q"1', "two\nlines", "Å", "T rue", "it's"]
    structures = [labelled(n) for n in range(len(kinds))]
    for atoms, kind in zip(structures, kinds, strict=True):
        atoms.info["config_type"] = kind
    result = exported(tmp_path / "out", database(tmp_path / "x.db", structures), test_fraction=0.2)
    assert sorted(atoms.info["config_type"] for atoms in read_back(result)) == sorted(kinds)
    text = result.train.path.read_bytes() + result.test.path.read_bytes()
    (tmp_path / "again.xyz").write_bytes(text)
    again = exported(tmp_path / "again", "again.xyz", select="", test_fraction=0.2)
    assert again.config_types == result.config_types == dict.fromkeys(kinds, 1)


def test_a_database_id_stays_a_number() -> None:
    from io import StringIO

    text = as_text(row_id="12")
    assert ase.io.read(StringIO(text), format="extxyz").info["db_id"] == 12


numbers = st.floats(allow_nan=False, allow_infinity=False)


@settings(max_examples=100, deadline=None)
@given(
    numbers, st.lists(numbers, min_size=3, max_size=3), st.lists(numbers, min_size=6, max_size=6)
)
def test_every_digit_survives(energy: float, force: list[float], stress: list[float]) -> None:
    from io import StringIO

    text = as_text(energy=energy, forces=np.array([force]), stress=np.array(stress))
    atoms = ase.io.read(StringIO(text), format="extxyz")
    assert atoms.get_potential_energy() == energy
    assert atoms.get_forces().tolist() == [force]
    assert atoms.get_stress().tolist() == stress


# --- bad files ---


def test_a_missing_file(tmp_path: Path) -> None:
    error = refused(tmp_path / "out", "no.db")
    assert error.message == f"data.source: there is no file {tmp_path / 'no.db'}"
    assert not (tmp_path / "no.db").exists()  # ASE would make one


@pytest.mark.parametrize(
    ("name", "content", "words"),
    [
        ("text.db", b"this is not a database, it only has the name of one" * 50,
         "is not an SQLite database: it does not begin as one"),
        ("text.json", b"{not json", "cannot be read"),
        ("notes.txt", b"hello", "cannot be read"),
        ("nosuffix", b"hello", "cannot be read"),
        ("text.xyz", b"not a number\nhello\n", "line 1 is 'not a number', not its number of atoms"),
        ("latin.xyz", b"1\nname=\xe9\nAl 0 0\n", "line 3: it has 3 columns, and should have 4"),
    ],
)  # fmt: skip
def test_a_file_that_is_something_else(
    tmp_path: Path, name: str, content: bytes, words: str
) -> None:
    (tmp_path / name).write_bytes(content)
    error = refused(tmp_path / "out", name, select="")
    assert name in error.message
    assert words in error.message
    assert (tmp_path / name).read_bytes() == content


def test_a_truncated_database(tmp_path: Path) -> None:
    whole = DEMO.read_bytes()
    (tmp_path / "torn.db").write_bytes(whole[: len(whole) * 2 // 3])
    message = refused(tmp_path / "out", "torn.db").message
    assert (
        message == f"torn.db is cut off: it has {len(whole) * 2 // 3} bytes, and says {len(whole)}"
    )


def test_the_database_is_only_read(tmp_path: Path) -> None:
    source = tmp_path / "data" / "x.db"
    source.parent.mkdir()
    source.write_bytes(DEMO.read_bytes())
    before = source.stat().st_mtime_ns
    exported(tmp_path / "out", source)
    assert source.read_bytes() == DEMO.read_bytes()
    assert source.stat().st_mtime_ns == before
    assert [path.name for path in source.parent.iterdir()] == ["x.db"]


@pytest.mark.parametrize(
    ("lost", "words"),
    [
        ("line", "begins in line 17 with 2 atoms, and the file ends in line 19"),
        ("lines", "begins in line 17 with 2 atoms, and the file ends in line 18"),
        ("columns", "structure 5, line 20: it has 6 columns, and should have 7"),
    ],
)
def test_a_torn_extxyz(tmp_path: Path, lost: str, words: str) -> None:
    ase.io.write(tmp_path / "x.xyz", [labelled(n) for n in range(5)], format="extxyz")
    text = (tmp_path / "x.xyz").read_text().rstrip("\n")
    lines = text.splitlines()
    torn = {
        "line": "\n".join(lines[:-1]),
        "lines": "\n".join(lines[:-2]),
        "columns": text.rsplit(maxsplit=1)[0],
    }[lost]
    (tmp_path / "x.xyz").write_text(torn)
    error = refused(tmp_path / "out", "x.xyz", select="", test_fraction=0.5)
    assert "x.xyz, structure 5" in error.message
    assert words in error.message


def test_no_source(tmp_path: Path) -> None:
    assert refused(tmp_path / "out", []).message == "data.source names no file"


@pytest.mark.parametrize(
    ("url", "printed"),
    [
        ("postgresql://me:secret@host:5432/db", "postgresql://me:***@host:5432/db"),
        ("postgresql://me:se:cr/et@x@host/db", "postgresql://me:***@host/db"),
        ("mysql://:secret@host/db", "mysql://:***@host/db"),
        ("postgresql://host/db?user=me&password=x", "postgresql://host/db?user=me&password=***"),
        ("postgresql://me@host:5432/db", "postgresql://me@host:5432/db"),
        ("data/labelled.db", "data/labelled.db"),
        ("odd:name@home.db", "odd:name@home.db"),
    ],
)  # fmt: skip
def test_a_password_is_not_shown(url: str, printed: str) -> None:
    assert without_passwords(url) == printed
    assert without_passwords(["a.db", url]) == ["a.db", printed]


@pytest.mark.parametrize(
    "url", ["postgresql://me:se/cr@et@host/db", "mysql://host/db?password=se/cr@et"]
)
def test_a_password_is_not_in_an_error(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, url: str
) -> None:
    def connect(name: str) -> None:
        raise OSError(f"cannot connect to {name}: se/cr@et is refused")

    monkeypatch.setattr(ase.db, "connect", connect)
    error = refused(tmp_path / "out", url)
    assert "cannot connect" in error.message
    assert "se/cr" not in f"{error.message} {error.hint}"
    assert "cr@et" not in f"{error.message} {error.hint}"


# --- nothing half-written ---


@pytest.mark.parametrize("there", [False, True])
@pytest.mark.parametrize("place", [1, 2])
def test_an_error_while_writing_leaves_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, there: bool, place: int
) -> None:
    calls = []

    def full_disk(descriptor: int) -> None:
        calls.append(descriptor)
        if len(calls) == place:
            raise OSError(28, "No space left on device")

    folder = tmp_path / "out"
    if there:
        folder.mkdir()
    monkeypatch.setattr(module.os, "fsync", full_disk)
    with pytest.raises(OSError, match="No space left"):
        exported(folder)
    assert len(calls) == place
    assert list(tmp_path.rglob("*")) == ([folder] if there else [])


def test_an_interrupt_while_reading_leaves_nothing(tmp_path: Path) -> None:
    def interrupt(rows: int, total: int | None) -> None:
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        exported(tmp_path / "out", progress=interrupt)
    assert list(tmp_path.iterdir()) == []


def test_progress_counts_every_row(tmp_path: Path) -> None:
    seen: list[tuple[int, int | None]] = []
    exported(tmp_path / "out", progress=lambda *told: seen.append(told))
    assert seen == sorted(seen)
    assert seen[-1] == (COMPLETED, COMPLETED)


def test_a_folder_that_cannot_be(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    error = refused(tmp_path / "file" / "out", DEMO)
    assert f"{tmp_path / 'file' / 'out'} cannot be made" in error.message


def test_sqlite_keeps_no_nan(tmp_path: Path) -> None:
    """What the database itself makes of a NaN, so that the reasons above are understood."""
    source = database(tmp_path / "x.db", [labelled(1, energy=float("nan"))])
    with sqlite3.connect(source) as db:
        assert db.execute("select energy from systems").fetchone() == (None,)
    db.close()
    assert "no energy: 1 (row 1)" in refused(tmp_path / "out", source).message


def test_a_file_system_without_locks(
    project: Project, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """SQLite cannot lock there; a database that is locked by somebody stands for it."""

    def refused(*_: object) -> None:
        raise OSError(errno.ENOLCK, "No locks available")

    has_locks.cache_clear()
    path = project.folder / "al_pbe.db"
    data = DataConfig.model_validate({"source": "al_pbe.db", "select": "id>1,id<14"})
    locked = sqlite3.connect(path, isolation_level=None)
    locked.execute("begin exclusive")
    try:
        with monkeypatch.context() as broken:
            broken.setattr(fcntl, "lockf", refused)
            assert export(data, project.folder, tmp_path / "x", cutoff=6.0).train.structures
            (note,) = lock_notes(["al_pbe.db"], project.folder)
        assert "al_pbe.db is read without locks" in note
        has_locks.cache_clear()
        monkeypatch.setattr(sqlite3, "connect", partial(sqlite3.connect, timeout=0.01))
        with pytest.raises(HpctrainError, match="is locked: a program is writing to it") as caught:
            export(data, project.folder, tmp_path / "y", cutoff=6.0)
        assert "wait" in str(caught.value.hint)
    finally:
        locked.close()
        has_locks.cache_clear()
    assert lock_notes(["al_pbe.db"], project.folder) == []
