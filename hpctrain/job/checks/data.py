"""Labelled structures, read from extxyz when they are needed: there may be very many.

Energies are in eV and count from the free atoms, as a potential's do; forces in eV/Å, stresses in
eV/Å^3 in ASE's order and sign.
"""

from __future__ import annotations

import io
from dataclasses import dataclass
from itertools import islice
from typing import Any, Dict, Iterator, List, Mapping, Tuple

import ase.io
import numpy as np

from .result import Skipped

# Which structures are looked at first does not depend on the machine or the day.
SEED = 1
# Structures that are kept in memory once they were read.
KEPT = 5000


@dataclass(frozen=True)
class Labelled:
    """A structure with its labels; ``energy`` is NaN where the free atoms' energies are unknown."""

    id: str
    kind: str
    atoms: Any
    energy: float
    forces: Any
    stress: Any


@dataclass(frozen=True)
class FreeAtoms:
    """E_DFT = E_potential + sum of the free atoms' energies (eV) - shift (eV/atom) * atoms."""

    energies: Mapping[str, float]
    shift: float = 0.0

    def without(self, energy: float, atoms: Any) -> float:
        """Return an energy that counts from the free atoms; NaN where one is unknown."""
        try:
            free = sum(self.energies[symbol] for symbol in atoms.get_chemical_symbols())
        except KeyError:
            return float("nan")
        return energy - free + self.shift * len(atoms)


class Structures:
    """The structures of an extxyz file, read when they are needed."""

    def __init__(self, path: str, free_atoms: FreeAtoms) -> None:
        self._path = path
        self._free_atoms = free_atoms
        self._places: List[Tuple[int, int]] = list(_places(path))
        self._kept: Dict[int, Labelled] = {}

    def __len__(self) -> int:
        return len(self._places)

    def atoms_in(self, number: int) -> int:
        """Count the atoms of a structure."""
        return self._places[number][1]

    def with_energy(self, number: int) -> Tuple[Any, float]:
        """Read a structure, and its energy as it is in the file, in eV."""
        atoms = self._atoms(number)
        return atoms, float(atoms.calc.results["energy"])

    def read(self, number: int) -> Labelled:
        """Read a structure with its labels."""
        if number in self._kept:
            return self._kept[number]
        atoms = self._atoms(number)
        labels = atoms.calc.results
        one = Labelled(
            str(atoms.info.get("db_id", number + 1)),
            str(atoms.info.get("config_type", "all")),
            atoms,
            self._free_atoms.without(float(labels["energy"]), atoms),
            np.array(labels["forces"], dtype=float),
            labels.get("stress"),
        )
        atoms.calc = None
        if len(self._kept) < KEPT:
            self._kept[number] = one
        return one

    def _atoms(self, number: int) -> Any:
        offset, count = self._places[number]
        with open(self._path, "rb") as file:
            file.seek(offset)
            text = b"".join(islice(file, count + 2)).decode("utf-8", "replace")
        (atoms,) = ase.io.iread(io.StringIO(text), format="extxyz")
        labels = atoms.calc.results if atoms.calc else {}
        if "energy" not in labels or "forces" not in labels:
            raise Skipped(f"{self._path}, structure {number + 1} has no energy or no forces")
        return atoms

    def shuffled(self) -> List[int]:
        """List all numbers in an order that is always the same: its beginning is a fair sample."""
        order: List[int] = np.random.RandomState(SEED).permutation(len(self)).tolist()
        return order


def isolated_atoms(path: str) -> Dict[str, float]:
    """Read the energies of the structures that are one atom alone, eV by element."""
    structures = Structures(path, FreeAtoms({}, 0.0))
    energies = {}
    for number in range(len(structures)):
        if structures.atoms_in(number) == 1:
            atoms, energy = structures.with_energy(number)
            if not any(atoms.pbc):
                energies[atoms.get_chemical_symbols()[0]] = energy
    return energies


def _places(path: str) -> Iterator[Tuple[int, int]]:
    """Find where each structure begins, in bytes, and how many atoms it has."""
    with open(path, "rb") as file:
        offset = 0
        for line in file:
            if not line.strip():
                offset += len(line)
                continue
            count = int(line)
            yield offset, count
            offset += len(line) + sum(len(rest) for rest in islice(file, count + 1))
