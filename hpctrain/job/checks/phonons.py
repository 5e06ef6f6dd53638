"""Check that a ground state is stable against small displacements, also from cell to cell."""

from __future__ import annotations

from itertools import product
from typing import Any, Dict, List, Tuple

import numpy as np

from .result import Skipped, result, verdict_on
from .springs import force_constants, in_words, phases_at_rest
from .subject import Potential, Subject

# THz, imaginary frequencies as negative ones. Noise of the labels can soften a mode to about zero.
LIMITS = (-0.1, -0.5)
# Larger cells are left out: 6 x atoms computations of 8 x atoms.
ATOMS = 8
# sqrt(eV/Å^2/u) as a frequency.
THZ = 15.633302


def phonons(subject: Subject) -> dict[str, Any]:
    """Compute frequencies at Γ and at the middles of the zone's faces, edges and corners."""
    rows: List[Dict[str, Any]] = []
    lowest: List[float] = []
    small = [(phase, cell) for phase, cell in phases_at_rest(subject) if len(cell) <= ATOMS]
    for phase, cell in small:
        if subject.clock.up() and rows:
            break
        points = frequencies(subject.potential, cell)
        least = min(
            f for name, values in points.items() for f in _without_translations(name, values)
        )
        rows.append({
            "name": phase.name, "ground_state": phase.ground_state, "lowest_thz": least,
            "points": {name: [round(value, 4) for value in f] for name, f in points.items()},
        })  # fmt: skip
        if phase.ground_state:
            lowest.append(least)
    if not lowest:
        raise Skipped(
            f"the potential has no minimum for the phase of lowest energy with up to {ATOMS} atoms"
        )
    words = in_words("lowest frequency", [
        (one["ground_state"], one["name"], f"{one['lowest_thz']:.2f} THz") for one in rows
    ])  # fmt: skip
    return result(
        verdict_on(min(lowest), *LIMITS), words,
        min(lowest), "THz", LIMITS, phases=rows,
    )  # fmt: skip


def frequencies(potential: Potential, cell: Any) -> Dict[str, List[float]]:
    """Compute the frequencies in THz, by the name of the point.

    At wave vectors of which twice is a reciprocal lattice vector, a supercell of 2 x 2 x 2 gives
    the dynamical matrix exactly, however far the forces reach.
    """
    supercell = cell * (2, 2, 2)
    atoms = len(cell)
    constants = force_constants(potential, cell, supercell).reshape(8, 3 * atoms, 3 * atoms)
    # ase repeats the last axis first.
    shifts = np.array(list(product(range(2), repeat=3)))
    masses = np.repeat(cell.get_masses(), 3)
    points: Dict[str, List[float]] = {}
    named = _names(cell)
    for halves in product((0, 1), repeat=3):
        phases_ = np.cos(np.pi * shifts @ np.array(halves))
        matrix = np.tensordot(phases_, constants, 1) / np.sqrt(np.outer(masses, masses))
        squares = np.linalg.eigvalsh((matrix + matrix.T) / 2)
        values = np.sign(squares) * np.sqrt(np.abs(squares)) * THZ
        name = named.get(halves, "".join("½" if half else "0" for half in halves))
        points[name if any(halves) else "Γ"] = [float(value) for value in values]
    return _once(points, set(named.values()))


def _without_translations(name: str, values: List[float]) -> List[float]:
    """Leave out what is noise: at Γ the three modes nearest to zero, which move all atoms."""
    return sorted(values, key=abs)[3:] if name == "Γ" else values


def _names(cell: Any) -> Dict[Tuple[int, ...], str]:
    """Name the points with halves only as usual, where ase knows the lattice."""
    try:
        special = cell.cell.bandpath(npoints=0, eps=1e-3).special_points
    except Exception:  # noqa: BLE001 ase does not know every lattice
        return {}
    named: Dict[Tuple[int, ...], str] = {}
    for name, point in special.items():
        twice = 2 * np.array(point)
        if np.allclose(twice, np.round(twice), atol=1e-3):
            named.setdefault(tuple(round(value) % 2 for value in twice), name)
    return {halves: name for halves, name in named.items() if any(halves)}


def _once(points: Dict[str, List[float]], named: set[str]) -> Dict[str, List[float]]:
    """Leave out points without a name that are the same as one before."""
    kept: Dict[str, List[float]] = {}
    for name in sorted(points, key=lambda name: (name != "Γ", name not in named)):
        if name in named or name == "Γ" or not any(
            np.allclose(points[name], other, atol=1e-2)
            for other in kept.values() if len(other) == len(points[name])
        ):  # fmt: skip
            kept[name] = points[name]
    return kept
