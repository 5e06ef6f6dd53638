"""Copper, gold and three ordered compounds with the labels of ASE's EMT: quick, and known exactly.

The potential cuau.yace in recorded/pacemaker/verification was trained on these 129 structures.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import ase.io
import numpy as np
from ase import Atoms
from ase.build import bulk
from ase.calculators.emt import EMT
from ase.calculators.singlepoint import SinglePointCalculator


def crystals() -> dict[str, Atoms]:
    return {
        "fcc_Cu": bulk("Cu", "fcc", 3.59),
        "fcc_Au": bulk("Au", "fcc", 4.06),
        "l12_Cu3Au": _l12("Au", "Cu", 3.72),
        "l12_Au3Cu": _l12("Cu", "Au", 3.94),
        "b2": bulk("CuAu", "cesiumchloride", 3.05),
    }


def structures() -> Iterator[Atoms]:
    """Labelled; each kind of crystal at nine volumes, rattled cells, free atoms and dimers."""
    random = np.random.RandomState(0)
    cells = crystals()
    for name, cell in cells.items():
        for scale in np.linspace(0.94, 1.08, 9):
            scaled = cell.copy()
            scaled.set_cell(cell.cell * scale, scale_atoms=True)
            yield labelled(scaled, f"ev_{name}")
    for number in range(70):
        cell = cells[list(cells)[number % 5]]
        atoms = cell * ((2, 2, 1) if len(cell) < 3 else 1)
        strain = np.eye(3) + 0.04 * (random.rand(3, 3) - 0.5)
        atoms.set_cell(atoms.cell @ strain * (1 + 0.1 * (random.rand() - 0.5)), scale_atoms=True)
        atoms.positions += 0.15 * random.randn(len(atoms), 3)
        yield labelled(atoms, "rattle")
    for element in ("Cu", "Au"):
        yield labelled(Atoms(element, cell=[12] * 3, pbc=False), "isolated_atom")
    for pair in (("Cu", "Cu"), ("Cu", "Au"), ("Au", "Au")):
        for distance in (2.0, 2.3, 2.6, 3.0):
            dimer = Atoms(pair, [[0, 0, 0], [0, 0, distance]], cell=[12] * 3, pbc=True)
            yield labelled(dimer, "dimer")


def labelled(atoms: Any, kind: str) -> Atoms:
    """A copy with EMT's energy, forces and, in a crystal, stress."""
    plain = Atoms(atoms.numbers, atoms.positions, cell=atoms.cell, pbc=atoms.pbc)
    plain.info["config_type"] = kind
    atoms.calc = EMT()
    labels = {"energy": atoms.get_potential_energy(), "forces": atoms.get_forces()}
    if all(atoms.pbc):
        labels["stress"] = atoms.get_stress()
    plain.calc = SinglePointCalculator(plain, **labels)
    return plain


def write(path: Path) -> Path:
    ase.io.write(str(path), list(structures()), format="extxyz")
    return path


def _l12(one: str, three: str, a: float) -> Atoms:
    places = [[0, 0, 0], [0, 0.5, 0.5], [0.5, 0, 0.5], [0.5, 0.5, 0]]
    return Atoms([one, three, three, three], scaled_positions=places, cell=[a] * 3, pbc=True)
