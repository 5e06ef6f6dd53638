"""Crystals in the data: also in large cells, without a stress, and which of them is lowest."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import ase.io
import numpy as np
import pytest
from ase import Atoms
from ase.build import bulk
from ase.calculators.emt import EMT
from ase.calculators.singlepoint import SinglePointCalculator

from hpctrain.job.checks.data import FreeAtoms, Structures
from hpctrain.job.checks.phases import phases
from hpctrain.job.checks.primitive import is_isotropic, primitive
from hpctrain.job.checks.result import Skipped
from hpctrain.job.checks.subject import Clock, Potential, Subject


def skewed(atoms: Atoms) -> Atoms:
    cell = np.array(atoms.cell)
    cell[1] += 4 * cell[0]
    atoms.set_cell(cell)
    return atoms


def without_one(atoms: Atoms) -> Atoms:
    del atoms[3]
    return atoms


def rattled(atoms: Atoms, by: float) -> Atoms:
    atoms.rattle(by, seed=1)
    return atoms


@pytest.mark.parametrize(
    ("atoms", "count"),
    [
        (bulk("Si", cubic=True) * (2, 2, 2), 2),
        (rattled(bulk("Si") * (3, 2, 4), 0.001), 2),
        (bulk("Mg") * (2, 3, 2), 2),
        (bulk("NaCl", "rocksalt", 5.6, cubic=True) * (2, 1, 1), 2),
        (skewed(bulk("Al", cubic=True)) * (2, 2, 1), 1),
        (without_one(bulk("Si", cubic=True) * (2, 2, 2)), 63),
        (rattled(bulk("Cu", cubic=True) * (2, 1, 1), 0.05), 8),
    ],
)
def test_the_primitive_cell(atoms: Atoms, count: int) -> None:
    atoms.positions += 0.3
    cell = primitive(atoms)
    assert len(cell) == count
    assert cell.get_volume() / count == pytest.approx(atoms.get_volume() / len(atoms))
    if count < len(atoms) and set(atoms.numbers) <= {13, 29}:
        energies = [_emt(one) for one in (atoms, cell)]
        assert energies[0] == pytest.approx(energies[1], abs=1e-9)


def _emt(atoms: Atoms) -> float:
    atoms.calc = EMT()
    return float(atoms.get_potential_energy()) / len(atoms)


def strained(atoms: Atoms, by: float) -> Atoms:
    atoms.set_cell(atoms.cell.array @ np.diag([1 + by, 1, 1]), scale_atoms=True)
    return atoms


@pytest.mark.parametrize(
    ("cell", "isotropic"),
    [
        (bulk("Si"), True),
        (bulk("W", "bcc", 3.16), True),
        (bulk("CuAu", "cesiumchloride", 3.05), True),
        (bulk("ZnS", "zincblende", 5.4), True),
        (bulk("Mg"), False),
        (strained(bulk("Si"), 0.01), False),
        (Atoms("CuAu", [[0, 0, 0], [1.6, 1.5, 1.5]], cell=[3, 3, 3], pbc=True), False),
    ],
)
def test_cubic_by_symmetry(cell: Atoms, isotropic: bool) -> None:
    assert is_isotropic(cell) is isotropic


# --- of data ---


def data(path: Path, *labelled: Atoms, stress: bool = False) -> Structures:
    rows = []
    for atoms in labelled:
        plain = Atoms(atoms.numbers, atoms.positions, cell=atoms.cell, pbc=atoms.pbc)
        plain.info["config_type"] = "x"
        atoms.calc = EMT()
        results = {"energy": atoms.get_potential_energy(), "forces": atoms.get_forces()}
        if stress:
            results["stress"] = atoms.get_stress()
        plain.calc = SinglePointCalculator(plain, **results)
        rows.append(plain)
    ase.io.write(str(path / "x.extxyz"), rows, format="extxyz")
    return Structures(str(path / "x.extxyz"), FreeAtoms({"Cu": 3.51, "Al": 1.0}))


def subject(structures: Structures, calculator: Any = None) -> Subject:
    return Subject(Potential(calculator or EMT(), ["Al", "Cu"], 6.0), {"test": structures},
                   Clock(600.0))  # fmt: skip


def test_a_large_cell_is_its_primitive_one(tmp_path: Path) -> None:
    cells = [bulk("Cu", "fcc", a, cubic=True) * (2, 2, 2) for a in (3.5, 3.6, 3.7)]
    (fcc,) = phases(subject(data(tmp_path, *cells)))
    assert (len(fcc.cell), len(fcc.curve), fcc.ground_state) == (1, 3, True)
    assert fcc.at(fcc.curve[0][0]).get_volume() == pytest.approx(3.5**3 / 4)


def test_one_cubic_cell_without_a_stress(tmp_path: Path) -> None:
    cell = bulk("Cu", "fcc", 3.6, cubic=True) * (2, 2, 2)
    (fcc,) = phases(subject(data(tmp_path, cell)))
    assert (len(fcc.cell), len(fcc.curve)) == (1, 1)
    for other in (bulk("Cu", "hcp", 2.55), strained(cell.copy(), 0.02)):
        with pytest.raises(Skipped, match="no crystal at rest"):
            phases(subject(data(tmp_path, other)))


class DependsOnTheSize(EMT):  # type: ignore[misc]
    """A potential that gives large cells another energy."""

    def calculate(self, atoms: Any, *arguments: Any) -> None:
        super().calculate(atoms, *arguments)
        self.results["energy"] += 0.01 * len(atoms) ** 2


def test_a_cell_that_has_another_energy_is_not_taken(tmp_path: Path) -> None:
    cell = bulk("Cu", "fcc", 3.6, cubic=True) * (2, 2, 2)
    with pytest.raises(Skipped, match="up to 12 atoms in its primitive cell"):
        phases(subject(data(tmp_path, cell), DependsOnTheSize()))


def test_what_lies_above_other_data_is_no_ground_state(tmp_path: Path) -> None:
    """A superlattice of vacancies is a cubic crystal at rest, and nobody says that it is stable."""
    vacancies = without_one(bulk("Cu", "fcc", 3.6) * (2, 2, 2))
    hot = rattled(bulk("Cu", "fcc", 3.6, cubic=True), 0.05)
    (alone,) = phases(subject(data(tmp_path, vacancies)))
    assert alone.ground_state
    (beside,) = phases(subject(data(tmp_path, vacancies, hot)))
    assert not beside.ground_state


def test_nothing_in_a_box_is_a_crystal(tmp_path: Path) -> None:
    boxed = [Atoms("Cu", cell=[size] * 3, pbc=True) for size in (11.0, 12.0, 13.0)]
    with pytest.raises(Skipped, match="no crystal at rest"):
        phases(subject(data(tmp_path, *boxed)))
