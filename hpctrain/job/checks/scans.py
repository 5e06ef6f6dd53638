"""Scans through a molecule at rest: a bond stretched or an angle bent, all else kept stiff."""

from __future__ import annotations

from dataclasses import dataclass
from functools import partial
from typing import Any, Callable, Dict, List, Sequence, Tuple

import numpy as np

from .dimers import BOND, INNERMOST, sum_of_radii
from .molecules import BONDED, Bond, Molecule, components
from .subject import Potential

# Å and degrees; up to which part of the bond, how far from the angle, and how small.
STEP, LONGEST = 0.02, 1.5
ANGLE_STEP, ANGLE_RANGE, SMALLEST = 2.0, 40.0, 50.0
# The shortest of each pair of elements, and of each triple, up to so many of a molecule.
MOST = 6


@dataclass(frozen=True)
class Scan:
    """Energies along a way through a molecule at rest.

    ``slopes`` are those that the forces say, eV by unit of ``along``; ``rest`` is where it began.
    """

    name: str
    unit: str
    along: Any
    energies: Any
    slopes: Any
    rest: float
    shortest_bond: float | None = None


def stretches(molecule: Molecule) -> List[Callable[[Potential], Scan]]:
    """Choose the shortest bond of each pair of elements."""
    symbols, rest = molecule.rest.get_chemical_symbols(), molecule.rest
    lengths = sorted((float(rest.get_distance(i, j)), i, j) for i, j in molecule.bonds)
    chosen: Dict[Tuple[str, ...], Tuple[float, int, int]] = {}
    for length, i, j in lengths:
        if length < BONDED * sum_of_radii(symbols[i], symbols[j]):
            chosen.setdefault(tuple(sorted((symbols[i], symbols[j]))), (length, i, j))
    return [
        partial(_stretch, molecule, i, j, length) for length, i, j in list(chosen.values())[:MOST]
    ]


def _stretch(molecule: Molecule, i: int, j: int, length: float, potential: Potential) -> Scan:
    rest, symbols = molecule.rest, molecule.rest.get_chemical_symbols()
    moved = _beyond(len(rest), molecule.bonds, i, j) or [j]
    direction = (rest.positions[j] - rest.positions[i]) / length
    radii = sum_of_radii(symbols[i], symbols[j])
    inward = np.arange(length, min(INNERMOST * radii, 0.9 * length), -STEP)[::-1]
    along = np.concatenate([inward, np.arange(length + STEP, LONGEST * length, STEP)])

    def at(distance: float) -> Tuple[Any, Any]:
        atoms = rest.copy()
        atoms.positions[moved] += (distance - length) * direction
        return atoms, np.tile(direction, (len(moved), 1))

    name = f"{symbols[i]}–{symbols[j]} bond of {length:.2f} Å"
    return Scan(name, "Å", along, *_along(potential, along, at, moved), length, BOND * radii)


def bends(molecule: Molecule) -> List[Callable[[Potential], Scan]]:
    """Choose of each triple of elements the angle between the shortest bonds, outside of rings."""
    rest, symbols = molecule.rest, molecule.rest.get_chemical_symbols()
    around: Dict[int, List[int]] = {}
    for i, j in molecule.bonds:
        around.setdefault(i, []).append(j)
        around.setdefault(j, []).append(i)
    triples = sorted(
        (float(rest.get_distance(a, middle) + rest.get_distance(middle, b)), a, middle, b)
        for middle, ends in around.items() for a in ends for b in ends
        if a != b and _beyond(len(rest), molecule.bonds, middle, b)
    )  # fmt: skip
    chosen: Dict[Tuple[str, Tuple[str, ...]], Tuple[int, int, int]] = {}
    for _, a, middle, b in triples:
        ends = tuple(sorted((symbols[a], symbols[b])))
        chosen.setdefault((symbols[middle], ends), (a, middle, b))
    return [partial(_bend, molecule, *triple) for triple in list(chosen.values())[:MOST]]


def _bend(molecule: Molecule, a: int, middle: int, b: int, potential: Potential) -> Scan:
    rest, symbols = molecule.rest, molecule.rest.get_chemical_symbols()
    moved = _beyond(len(rest), molecule.bonds, middle, b)
    centre = rest.positions[middle]
    one, other = rest.positions[a] - centre, rest.positions[b] - centre
    axis = np.cross(one, other)
    if np.linalg.norm(axis) < 1e-3 * np.linalg.norm(one) * np.linalg.norm(other):
        # Of a straight angle any axis across it will do.
        axis = np.cross(one, np.eye(3)[int(np.argmin(np.abs(one)))])
    axis = axis / np.linalg.norm(axis)
    angle = float(rest.get_angle(a, middle, b))
    low, high = max(SMALLEST, angle - ANGLE_RANGE), min(180.0, angle + ANGLE_RANGE)
    along = np.concatenate([np.arange(angle, low, -ANGLE_STEP)[::-1],
                            np.arange(angle + ANGLE_STEP, high, ANGLE_STEP)])  # fmt: skip

    def at(degrees: float) -> Tuple[Any, Any]:
        atoms, turn = rest.copy(), np.radians(degrees - angle)
        arms = rest.positions[moved] - centre
        turned = (
            arms * np.cos(turn) + np.cross(axis, arms) * np.sin(turn)
            + np.outer(arms @ axis, axis) * (1 - np.cos(turn))
        )  # fmt: skip
        atoms.positions[moved] = centre + turned
        return atoms, np.radians(1.0) * np.cross(axis, turned)

    name = f"{symbols[a]}–{symbols[middle]}–{symbols[b]} angle of {angle:.0f}°"
    return Scan(name, "°", along, *_along(potential, along, at, moved), angle)


def _along(
    potential: Potential, along: Any, at: Callable[[float], Tuple[Any, Any]], moved: Sequence[int]
) -> Tuple[Any, Any]:
    """Compute energies, and their slopes by the forces on the atoms that move."""
    energies, slopes = [], []
    for place in along.tolist():
        atoms, directions = at(place)
        here = potential.compute(atoms)
        energies.append(here.energy)
        slopes.append(-float((here.forces[list(moved)] * directions).sum()))
    return np.array(energies), np.array(slopes)


def _beyond(count: int, every: Sequence[Bond], i: int, j: int) -> List[int]:
    """List the atoms on the side of ``j`` of a bond; none if both sides hang together."""
    others = [bond for bond in every if set(bond) != {i, j}]
    (side,) = [part for part in components(count, others) if j in part]
    return [] if i in side else side
