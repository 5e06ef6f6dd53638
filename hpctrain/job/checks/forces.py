"""Check that the forces are the derivatives of the energy."""

from __future__ import annotations

from typing import Any, Set

import numpy as np

from .data import SEED
from .result import Skipped, result, verdict_on
from .subject import Potential, Subject

# eV/Å. Potentials that are sound agree to 1e-8; with the upper limit a 0.1 Å long way through the
# configurations costs 1 meV.
LIMITS = (1e-4, 1e-2)
# Å. Central differences: their own error is of the order of its square.
STEP = 1e-4
STRUCTURES = 5
COMPONENTS = 12


def finite_differences(subject: Subject) -> dict[str, Any]:
    """Compare random components of the forces in structures of different kinds."""
    side = "test" if "test" in subject.sides and len(subject.sides["test"]) else "train"
    structures = subject.side(side)
    order = np.random.RandomState(SEED)
    kinds: Set[str] = set()
    largest, compared = 0.0, 0
    for number in structures.shuffled():
        one = structures.read(number)
        if len(kinds) == STRUCTURES or subject.clock.up():
            break
        # A crystal at rest has no forces that could be wrong.
        if one.kind in kinds or abs(one.forces).max() < 0.01:
            continue
        kinds.add(one.kind)
        forces = subject.predicted(side, number).forces
        for place in order.permutation(3 * len(one.atoms))[:COMPONENTS]:
            atom, axis = divmod(int(place), 3)
            numerical = _force(subject.potential, one.atoms, atom, axis)
            largest = max(largest, abs(numerical - float(forces[atom, axis])))
            compared += 1
    if not compared:
        subject.clock.check("structures with forces were looked for")
        raise Skipped("no structure has forces")
    return result(
        verdict_on(largest, *LIMITS),
        f"{compared} components in {len(kinds)} structures differ by {largest:.1e} eV/Å at most",
        largest, "eV/Å", LIMITS,
    )  # fmt: skip


def _force(potential: Potential, atoms: Any, atom: int, axis: int) -> float:
    energies = []
    for sign in (1, -1):
        moved = atoms.copy()
        moved.positions[atom, axis] += sign * STEP
        energies.append(potential.compute(moved).energy)
    return (energies[1] - energies[0]) / (2 * STEP)
