"""Check that two atoms alone repel each other where the data end, without a hole."""

from __future__ import annotations

from itertools import combinations_with_replacement
from typing import Any, Dict, Iterator, Tuple

import numpy as np
from ase import Atoms
from ase.data import atomic_numbers, covalent_radii

from .distances import Nearest, Pair, find_nearest
from .result import NotReached, not_checked, result, verdict_on, worst
from .subject import Potential, Subject

# eV by which the energy may fall again on the way inward.
LIMITS = (0.05, 0.5)
# The innermost distance, and the shortest that can be a bond, as parts of the sum of the covalent
# radii (Cordero 2008). Of the shortest bonds known N2 has 0.77, Cr2 0.60.
INNERMOST, BOND = 0.3, 0.6
# eV above the lowest energy at the innermost distance; ZBL has more for any pair, H-H too.
WALL = 5.0
STEP = 0.02


def dimers(subject: Subject) -> dict[str, Any]:
    """Check every pair of elements, from the innermost distance to the cutoff."""
    shortest, looked, of = _shortest_distances(subject)
    pairs: Dict[str, Dict[str, Any]] = {}
    verdicts, falls, words = [], [], []
    for one, other in combinations_with_replacement(subject.potential.elements, 2):
        if subject.clock.up():
            break
        name, radii = f"{one}-{other}", sum_of_radii(one, other)
        distances = np.arange(INNERMOST * radii, subject.potential.cutoff, STEP)
        energies = [_energy(subject.potential, one, other, float(r)) for r in distances]
        pair = (min(one, other), max(one, other))
        known = shortest[pair][0] if pair in shortest else None
        fall, where = fall_inward(distances, np.array(energies), known or radii, BOND * radii)
        wall = energies[0] - min(energies)
        verdict = verdict_on(fall, *LIMITS)
        if wall < WALL:
            verdict = worst([verdict, "warn"])
            words.append(f"{name}: only {wall:.2g} eV at {distances[0]:.2f} Å")
        if fall > LIMITS[0]:
            words.append(f"{name}: falls by {fall:.2g} eV inward of {where:.2f} Å")
        verdicts.append(verdict)
        falls.append(fall)
        pairs[name] = {
            "distances": [round(float(r), 4) for r in distances],
            "energies": [round(energy, 6) for energy in energies],
            "shortest_in_data": known,
            "fall_ev": fall,
            "wall_ev": wall,
        }
    if not pairs:
        raise NotReached("no time was left for the first pair")
    count = len(subject.potential.elements)
    missing = count * (count + 1) // 2 - len(pairs)
    if missing:
        verdicts.append("warn")
        words.append(not_checked(missing, "pair"))
    if looked < of:
        words.append(f"shortest distances from {looked} of {of} structures")
    fine = "the energy rises all the way below the distances in the data"
    return result(
        worst(verdicts), "; ".join(words) or fine,
        max(falls), "eV", LIMITS, pairs=pairs,
    )  # fmt: skip


def fall_inward(
    distances: Any, energies: Any, start: float, shortest_bond: float
) -> Tuple[float, float]:
    """Return by how much the energy falls (eV) on the way inward of ``start`` (Å), and where.

    The way may begin outside the bond: a fall to one minimum that is long enough to be a bond does
    not count.
    """
    inward = np.column_stack([distances, energies])[distances <= start][::-1].tolist()
    while len(inward) > 1 and inward[1][1] <= inward[0][1] and inward[1][0] >= shortest_bond:
        inward.pop(0)
    largest, where, top = 0.0, start, (start, -np.inf)
    for distance, energy in inward:
        if energy > top[1]:
            top = (distance, energy)
        elif top[1] - energy > largest:
            largest, where = top[1] - energy, top[0]
    return largest, where


def _energy(potential: Potential, one: str, other: str, distance: float) -> float:
    return potential.compute(Atoms([one, other], [[0, 0, 0], [0, 0, distance]])).energy


def sum_of_radii(one: str, other: str) -> float:
    """Return the sum of the covalent radii of two elements, in Å."""
    return float(covalent_radii[atomic_numbers[one]] + covalent_radii[atomic_numbers[other]])


def _shortest_distances(subject: Subject) -> Tuple[Dict[Pair, Nearest], int, int]:
    """Find the shortest distance of each pair in the data; in how many structures, of how many."""
    elements, clock = subject.potential.elements, subject.clock.half()
    longest = max(sum_of_radii(one, other) for one in elements for other in elements) * 1.5
    looked = 0

    def structures() -> Iterator[Any]:
        nonlocal looked
        for side, number in subject.every():
            if clock.up():
                break
            looked += 1
            yield subject.sides[side].read(number).atoms

    return find_nearest(structures(), longest), looked, len(subject)
