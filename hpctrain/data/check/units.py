"""A test of units: ΔE against -F·Δx, between nearly equal structures."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:
    from hpctrain.data.structures.extxyz import Structure

# Structures of a trajectory, or displaced from the same one, follow each other in most databases.
_MOST_TRIED = 20_000
_MOST_KEPT = 2_000
_STEP = 0.5  # Å: further apart, the forces at the two ends do not give the energy between
_REMEMBERED = 64  # compositions
_ENOUGH = 20
_HARTREE, _RYDBERG, _BOHR = 27.211386, 13.605693, 0.529177
_KCAL, _KJ = 0.0433641, 0.0103643  # eV

# ΔE / (-F·Δx) where the units are not eV and eV/Å.
_FACTORS = {
    "energies in Hartree, forces in eV/Å": 1 / _HARTREE,
    "energies in Rydberg, forces in eV/Å": 1 / _RYDBERG,
    "energies in kcal/mol, forces in eV/Å": 1 / _KCAL,
    "energies in kJ/mol, forces in eV/Å": 1 / _KJ,
    "energies in eV, forces in Hartree/Bohr": _HARTREE / _BOHR,
    "energies in eV, forces in Rydberg/Bohr": _RYDBERG / _BOHR,
    "energies in eV, forces in kcal/mol/Å": _KCAL,
    "energies in eV, forces in kJ/mol/Å": _KJ,
    "energies and forces in atomic units (Hartree, Hartree/Bohr)": 1 / _BOHR,
    "positions in Bohr": _BOHR,
    "gradients instead of forces (the sign)": -1.0,
}


@dataclass(frozen=True)
class Slope:
    """The slope of ΔE over -F·Δx: 1 where energies and forces belong together.

    ``spread`` is its relative scatter, ``per_atom`` the slope if the energies were meant per atom.
    """

    pairs: int
    value: float
    spread: float
    per_atom: float
    per_atom_spread: float


class NearlyEqualPairs:
    """Structures, each compared with the last one of the same atoms in the same cell."""

    def __init__(self) -> None:
        self._last: dict[bytes, Structure] = {}
        self._tried = 0
        self._found: list[tuple[float, float, int]] = []

    def add(self, structure: Structure) -> None:
        """Compare the next structure, as long as there are not enough pairs."""
        if self._tried >= _MOST_TRIED or len(structure.numbers) < 2:
            return
        key = structure.numbers.tobytes()
        last = self._last.pop(key, None)
        self._last[key] = structure
        if len(self._last) > _REMEMBERED:
            del self._last[next(iter(self._last))]
        if last is None or last.pbc != structure.pbc:
            return
        self._tried += 1
        if np.array_equal(last.cell, structure.cell) and len(self._found) < _MOST_KEPT:
            self._compare(last, structure)

    def _compare(self, last: Structure, structure: Structure) -> None:
        assert last.forces is not None
        assert structure.forces is not None
        assert last.energy is not None
        assert structure.energy is not None
        moved = structure.positions - last.positions
        if any(structure.pbc) and abs(np.linalg.det(structure.cell)) > 1e-9:
            turns = np.rint(moved @ np.linalg.inv(structure.cell)) * structure.pbc
            moved = moved - turns @ structure.cell
        if not 1e-4 < np.abs(moved).max() <= _STEP:
            return
        work = -0.5 * float(((last.forces + structure.forces) * moved).sum())
        self._found.append((work, structure.energy - last.energy, len(structure.numbers)))

    def slope(self) -> Slope | None:
        """Return the slope; None where fewer than 20 pairs say something."""
        if len(self._found) < 2 * _ENOUGH:
            return None
        work, change, atoms = np.array(self._found).T
        # The half with the most work: there the noise of the energies matters least.
        strong = np.argsort(-np.abs(work))[: len(work) // 2]
        strong = strong[np.abs(work[strong]) > 0]
        if len(strong) < _ENOUGH:
            return None
        value, spread = _robust(change[strong] / work[strong])
        per_atom = _robust(change[strong] * atoms[strong] / work[strong])
        return Slope(len(self._found), value, spread, *per_atom)


def _robust(ratios: Any) -> tuple[float, float]:
    """Return the median, and the scatter relative to it."""
    middle = float(np.median(ratios))
    scatter = 1.4826 * float(np.median(np.abs(ratios - middle)))
    return middle, scatter / abs(middle) if middle else float("inf")


def find_wrong_units(slope: Slope) -> str | None:
    """Say what is wrong with the units, or return None."""
    if slope.spread > 0.5:
        if slope.pairs >= 100 and slope.spread > 3:
            return (
                f"between {slope.pairs} pairs of nearly equal structures, the energies do not "
                "follow the forces at all"
            )
        return None
    # Far displaced structures give down to 0.73: the force is not a straight line between them.
    if 0.65 <= slope.value <= 1.45:
        return None
    said = (
        f"between {slope.pairs} pairs of nearly equal structures, the energy changes by "
        f"{slope.value:.3g} of what the forces say"
    )
    factors = {**_FACTORS, "energies in eV per atom": slope.value / slope.per_atom}
    off = {
        name: abs(float(np.log(slope.value / factor)))
        for name, factor in factors.items()
        if slope.value * factor > 0
    }
    # Where the structures have several sizes, only the right division makes the slopes agree.
    if off.get("energies in eV per atom", 1) < 0.4 and slope.per_atom_spread < 0.7 * slope.spread:
        return f"{said}: energies in eV per atom?"
    near = [name for name in sorted(off, key=off.__getitem__) if off[name] < 0.3][:2]
    return f"{said}: {', or '.join(near)}?" if near else said
