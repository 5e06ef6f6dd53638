"""Structures with the labels of a real potential, EMT."""

from __future__ import annotations

from copy import deepcopy
from dataclasses import replace
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


# EMT takes long for what so many tests begin with: each structure is made once.
_MADE: dict[tuple[int, float, int], tuple[np.random.Generator, list[Structure]]] = {}


def copper(count: int = 60, size: int = 2, start: int = 1, scatter: float = 0.08,
           seed: int = 0) -> list[Structure]:  # fmt: skip
    """Rattled fcc copper; 4 or 32 atoms."""
    draw, made = _MADE.setdefault((size, scatter, seed), (np.random.default_rng(seed), []))
    while len(made) < count:
        atoms = bulk("Cu", cubic=True).repeat(size)
        atoms.positions += draw.normal(0, scatter, atoms.positions.shape)
        made.append(labelled(atoms, 0))
    return [replace(deepcopy(one), row_id=str(start + n)) for n, one in enumerate(made[:count])]


def lonely(symbol: str = "Cu", energy: float = 3.5, row: int = 900) -> Structure:
    """EMT's zero is the solid, and the free atom is above it."""
    atoms = Atoms(symbol, cell=[20, 20, 20], pbc=True)
    forces = np.zeros((1, 3))
    return labelled(atoms, row, energy=energy, forces=forces, config_type="isolated_atom")
