"""Units and signs where no two rows are nearly equal, and energies of two references."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from ase import Atoms
from ase.build import bulk, molecule
from made_structures import copper, labelled, lonely

from hpctrain.data.check.facts import summary
from hpctrain.data.check.references import find_jump
from hpctrain.data.check.report import Findings, find_all
from hpctrain.data.check.sample import Sample, make_model
from hpctrain.data.check.scan import Preflight
from hpctrain.data.structures.extxyz import Structure

Rows = list[Structure]


def molecules(count: int = 150, seed: int = 0) -> Rows:
    """Frames of one molecule that are far from each other, each turned otherwise."""
    draw = np.random.default_rng(seed)
    rows = []
    for number in range(count):
        atoms = molecule("CH3CH2OH")
        atoms.positions += draw.normal(0, 0.08, atoms.positions.shape)
        atoms.rotate(draw.uniform(0, 360), draw.normal(size=3))
        rows.append(labelled(atoms, number + 1))
    return rows


def alloys(count: int = 120, seed: int = 0, sizes: tuple[int, ...] = (1, 2)) -> Rows:
    """Crystals of copper and gold in cells of their own, of many compositions."""
    draw = np.random.default_rng(seed)
    rows = []
    for number in range(count):
        atoms = bulk("Cu", cubic=True, a=draw.uniform(3.6, 4.2))
        atoms = atoms.repeat((1, 1, sizes[number % len(sizes)]))
        atoms.numbers[draw.random(len(atoms)) < 0.5] = 79
        atoms.set_cell(atoms.cell @ (np.eye(3) + draw.normal(0, 0.02, (3, 3))), scale_atoms=True)
        atoms.positions += draw.normal(0, 0.12, atoms.positions.shape)
        rows.append(labelled(atoms, number + 1))
    return rows


MADE: dict[str, Callable[[], Rows]] = {"molecules": molecules, "alloys": alloys}


@pytest.fixture(scope="module")
def made() -> dict[str, Rows]:
    return {name: make() for name, make in MADE.items()}


def looked(rows: Rows) -> Findings:
    preflight = Preflight(6.0)
    for row in rows:
        preflight.add(row, None)
    return find_all(preflight, references="auto")


def names(result: Findings) -> set[str]:
    return {one.name for one in result.findings} & {"units", "mixed_references"}


def times(rows: Rows, energy: float, force: float) -> Rows:
    return [
        replace(row, energy=energy * (row.energy or 0), forces=force * np.asarray(row.forces))
        for row in rows
    ]


@pytest.mark.slow
@pytest.mark.parametrize("name", MADE)
def test_nothing_is_wrong_with_good_data(made: dict[str, Rows], name: str) -> None:
    result = looked(made[name])
    assert not names(result)
    assert result.data["energies_follow_forces"] is None  # no pairs
    assert result.data["units"]["judged_by"] == "fit"
    assert "judged by a linear fit" in summary(result.data)


HARTREE, BOHR = 27.211386, 0.529177


@pytest.mark.slow
@pytest.mark.parametrize("name", MADE)
@pytest.mark.parametrize(
    ("energy", "force", "words"),
    [
        (1, -1, "gradients instead of forces (the sign)"),
        (1, BOHR / HARTREE, "forces in Hartree/Bohr"),
        (1, HARTREE / BOHR, "forces in "),
        (1, 27.2, "forces in "),
        (1, 1 / 27.2, "energies in "),
        (1, -BOHR / HARTREE, "as gradients (the sign)"),
        (1 / HARTREE, 1, "energies in Hartree, forces in eV/Å"),
        (27.2, 1, "forces in "),
        (23.06, 1, "energies in kcal/mol, forces in eV/Å"),
    ],
)
def test_wrong_units(
    made: dict[str, Rows], name: str, energy: float, force: float, words: str
) -> None:
    result = looked(times(made[name], energy, force))
    (finding,) = [one for one in result.findings if one.name == "units"]
    assert words in finding.seen
    assert "linear fit" in finding.seen


@pytest.mark.parametrize(
    "rows",
    [
        molecules(8),  # too few
        [replace(row, forces=np.zeros((len(row.numbers), 3))) for row in alloys(40, sizes=(1,))],
    ],
)
def test_units_that_cannot_be_judged_are_told(rows: Rows) -> None:
    result = looked(rows)
    assert "units" not in names(result)
    assert result.data["units"]["judged_by"] is None
    assert "units       could not be judged: " in summary(result.data)


def test_energies_without_sense_are_not_judged(made: dict[str, Rows]) -> None:
    draw = np.random.default_rng(5)
    rows = [replace(row, energy=float(draw.normal())) for row in made["molecules"]]
    result = looked(rows)
    assert "mixed_references" not in names(result)
    assert result.data["units"]["judged_by"] is None or "units" in names(result)


def test_one_energy_far_off_hides_nothing(made: dict[str, Rows]) -> None:
    rows = times(made["molecules"], 1, -1)
    rows[3] = replace(rows[3], energy=-4000.0)
    assert "units" in names(looked(rows))


def test_pairs_are_judged_before_a_fit() -> None:
    result = looked([lonely(), *copper()])
    assert result.data["units"]["judged_by"] == "pairs"


def shifted(rows: Rows, chosen: Any, **by: float) -> Rows:
    numbers = {Atoms(name).numbers[0]: value for name, value in by.items()}
    return [
        replace(row, energy=(row.energy or 0) + sum(numbers[z] for z in row.numbers.tolist()))
        if take else row
        for row, take in zip(rows, chosen, strict=True)
    ]  # fmt: skip


@pytest.mark.parametrize("share", [0.45, 0.15, 0.85])
@pytest.mark.parametrize("by", [{"Cu": 1.5, "Au": 2.5}, {"Cu": -3800.0, "Au": -18000.0}])
def test_a_shift_by_element(made: dict[str, Rows], share: float, by: dict[str, float]) -> None:
    rows = made["alloys"]
    chosen = np.random.default_rng(2).random(len(rows)) < share
    assert chosen.sum() != len(rows) / 2
    result = looked(shifted(rows, chosen, **by))
    (finding,) = [one for one in result.findings if one.name == "mixed_references"]
    smaller = chosen if chosen.sum() < len(rows) / 2 else ~chosen
    # A few rows far from all others may be nearer to the wrong part.
    assert abs(finding.count - smaller.sum()) <= 0.03 * len(rows)
    wanted = [rows[n].row_id for n in np.flatnonzero(smaller)]
    assert len(set(finding.ids) - set(wanted)) <= 0.03 * len(rows)
    assert finding.severity == "warn"
    assert "by element: Cu " in finding.seen
    assert finding.without.startswith("id!=")


def test_shifts_that_cancel_in_some_compositions(made: dict[str, Rows]) -> None:
    rows = made["alloys"]
    chosen = np.random.default_rng(7).random(len(rows)) < 0.4
    result = looked(shifted(rows, chosen, Cu=3.0, Au=-5.0))
    (finding,) = [one for one in result.findings if one.name == "mixed_references"]
    assert abs(finding.count - chosen.sum()) < 0.2 * len(rows)


def test_total_beside_atomisation_energies(made: dict[str, Rows]) -> None:
    rows = made["molecules"]
    half = shifted(rows, [n >= len(rows) // 2 for n in range(len(rows))],
                   C=-1030.0, H=-13.6, O=-2043.0)  # fmt: skip
    result = looked(half)
    (finding,) = [one for one in result.findings if one.name == "mixed_references"]
    assert finding.count == len(rows) // 2
    # Of one composition, what each element adds cannot be told.
    assert "by element" not in finding.seen


def test_one_crystal_with_two_references() -> None:
    rows = copper(60)
    found = looked(shifted(rows, [n % 2 for n in range(60)], Cu=3.5))
    assert "mixed_references" in names(found)


def test_kinds_that_differ_are_no_jump() -> None:
    """Dimers lie far above solids, and the structures tell why."""
    draw = np.random.default_rng(3)
    rows = copper(40, size=1)
    for number in range(40):
        atoms = Atoms("Cu2", [[0, 0, 0], [0, 0, draw.uniform(1.9, 3.5)]], cell=[12] * 3, pbc=True)
        rows.append(labelled(atoms, 100 + number))
    assert "mixed_references" not in names(looked(rows))


def test_of_few_rows_only_an_impossible_jump_is_found() -> None:
    rows = copper(12)
    for size, found in ((0.0, False), (3.0, False), (900.0, True)):
        model = make_model(shifted(rows, [n % 2 for n in range(12)], Cu=size))
        assert model is not None
        assert (find_jump(model) is not None) == found


@pytest.mark.slow
@pytest.mark.parametrize("count", [12, 20, 24, 40, 80])
def test_parts_of_good_data_are_good(made: dict[str, Rows], count: int) -> None:
    """Few rows can be fitted in any units, and in two parts: then nothing is said."""
    draw = np.random.default_rng(count)
    for rows in (*made.values(), copper(30, size=1) + copper(60, size=2)):
        for _ in range(3):
            some = [rows[n] for n in draw.choice(len(rows), count, replace=False)]
            assert not names(looked(some))


def test_forces_that_vanish_by_symmetry_are_not_judged() -> None:
    rows = []
    for number in range(30):
        atoms = bulk("Cu", a=3.4 + number / 40)
        row = labelled(atoms, number + 1)
        rows.append(replace(row, forces=np.full((1, 3), 1e-7)))
    assert looked(rows).data["units"]["judged_by"] is None


def test_the_slopes_are_the_derivatives_of_the_features() -> None:
    """By moving one atom of a small alloy."""
    (row,) = alloys(1, seed=4)
    other = replace(row, row_id="2", positions=row.positions + 0.01)
    step = 1e-5
    sums = []
    for sign in (1, -1):
        positions = row.positions.copy()
        positions[1, 2] += sign * step
        model = make_model([replace(row, positions=positions), other])
        assert model is not None
        sums.append(model.features[0] * len(row.numbers))
    model = make_model([row, other])
    assert model is not None
    atoms = 2 * len(row.numbers)
    slope = model.slopes.reshape(3, atoms, -1)[2, 1]
    # Functions begin at the shortest distance, which moves with the atom only where it is its own.
    np.testing.assert_allclose(-(sums[0] - sums[1]) / (2 * step), slope, atol=0.05, rtol=0.05)


def test_a_sample_is_of_all_rows_alike() -> None:
    rows = copper(1, size=1)
    sample = Sample()
    for number in range(5000):
        sample.add(replace(rows[0], row_id=str(number)))
    numbers = np.array([int(row.row_id) for row in sample.structures])
    assert len(set(numbers.tolist())) == len(numbers) == 200
    assert not sample.whole
    assert abs(numbers.mean() - 2500) < 4 * 5000 / np.sqrt(12 * 200)
    assert 60 < (numbers % 2).sum() < 140
