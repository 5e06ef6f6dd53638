"""Check that a ground state is stable against small strains."""

from __future__ import annotations

from typing import Any, Dict, List

import numpy as np

from .phases import GPA
from .result import Skipped, result, verdict_on
from .springs import force_constants, in_words, phases_at_rest
from .subject import Potential, Subject

# GPa: the smallest eigenvalue of the 6x6 matrix. Born: positive.
LIMITS = (2.0, 0.0)
STRAIN = 0.002
VOIGT = ((0, 0), (1, 1), (2, 2), (1, 2), (0, 2), (0, 1))


def elastic(subject: Subject) -> dict[str, Any]:
    """Apply Born's criterion to elastic constants with relaxed atoms, at the own volume."""
    rows: List[Dict[str, Any]] = []
    smallest: List[float] = []
    for phase, cell in phases_at_rest(subject):
        if subject.clock.up() and rows:
            break
        constants = elastic_constants(subject.potential, cell)
        lowest = float(np.linalg.eigvalsh(constants)[0])
        rows.append({
            "name": phase.name, "ground_state": phase.ground_state,
            "c_gpa": [[round(float(value), 3) for value in row] for row in constants],
            "smallest_eigenvalue_gpa": lowest,
        })  # fmt: skip
        if phase.ground_state:
            smallest.append(lowest)
    if not smallest:
        raise Skipped("the potential has no minimum for the phase of lowest energy")
    words = in_words("smallest eigenvalue of the elastic constants", [
        (one["ground_state"], one["name"], f"{one['smallest_eigenvalue_gpa']:.1f} GPa")
        for one in rows
    ])  # fmt: skip
    return result(
        verdict_on(min(smallest), *LIMITS), words,
        min(smallest), "GPa", LIMITS, phases=rows,
    )  # fmt: skip


def elastic_constants(potential: Potential, cell: Any) -> Any:
    """Compute C [6, 6] in GPa, in the order xx yy zz yz xz xy.

    Central differences of the stress with fixed atoms, less what the atoms give way: for the
    energy u K u / 2 - u L e + V e C e / 2 that is L^T K^+ L / V (Born and Huang).
    """
    atoms, volume = len(cell), cell.get_volume()
    clamped, follows = np.zeros((6, 6)), np.zeros((3 * atoms, 6))
    for column, (i, j) in enumerate(VOIGT):
        change = np.zeros((3, 3))
        # Voigt's shears are twice the tensor's.
        change[i, j] = change[j, i] = STRAIN if i == j else STRAIN / 2
        sides = []
        for sign in (1, -1):
            strained = cell.copy()
            strained.set_cell(cell.cell @ (np.eye(3) + sign * change), scale_atoms=True)
            sides.append(potential.compute(strained))
        clamped[:, column] = (sides[0].stress - sides[1].stress) / (2 * STRAIN)
        follows[:, column] = (sides[0].forces - sides[1].forces).ravel() / (2 * STRAIN)
    gives_way = np.zeros((6, 6))
    if atoms > 1:
        springs = force_constants(potential, cell, cell)
        gives_way = follows.T @ np.linalg.pinv(springs, rcond=1e-4) @ follows / volume
    constants = (clamped - gives_way) * GPA
    return (constants + constants.T) / 2
