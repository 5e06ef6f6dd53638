"""Structures with the labels of a real potential, EMT."""

from __future__ import annotations

from typing import Any

import numpy as np
from ase import Atoms
from ase.build import bulk
from ase.calculators.emt import EMT

from hpctrain.data.structures.extxyz import Structure


def labelled(atoms: Atoms, row: int, **changes: Any) -> Structure:
    """With EMT's labels, which are a real potential's."""
    atoms = atoms.copy()
    atoms.calc = EMT()
    values: dict[str, Any] = {
        "row_id": str(row), "source": "x.db", "numbers": atoms.numbers.astype(np.int64),
        "positions": atoms.positions.copy(), "cell": atoms.cell.array.copy(),
        "pbc": tuple(map(bool, atoms.pbc)), "energy": float(atoms.get_potential_energy()),
        "forces": atoms.get_forces(), "stress": None, "config_type": "md", "generation": 0,
        "keys": {},
    }  # fmt: skip
    return Structure(**{**values, **changes})


def copper(count: int = 60, size: int = 2, start: int = 1, scatter: float = 0.08,
           seed: int = 0) -> list[Structure]:  # fmt: skip
    """Rattled fcc copper; 4 or 32 atoms."""
    draw = np.random.default_rng(seed)
    found = []
    for n in range(count):
        atoms = bulk("Cu", cubic=True).repeat(size)
        atoms.positions += draw.normal(0, scatter, atoms.positions.shape)
        found.append(labelled(atoms, start + n))
    return found


def lonely(symbol: str = "Cu", energy: float = 3.5, row: int = 900) -> Structure:
    """EMT's zero is the solid, and the free atom is above it."""
    atoms = Atoms(symbol, cell=[20, 20, 20], pbc=True)
    forces = np.zeros((1, 3))
    return labelled(atoms, row, energy=energy, forces=forces, config_type="isolated_atom")
