"""Check that a molecule at rest is in a minimum: no vibration with an imaginary frequency."""

from __future__ import annotations

from typing import Any, Dict, List

import numpy as np

from .molecules import molecules
from .phonons import THZ
from .result import NotReached, not_checked, result, verdict_on, worst
from .springs import force_constants
from .subject import Potential, Subject

# cm⁻¹, imaginary ones as negative: less is within what the relaxation leaves; a methyl group turns
# at 200, and no molecule is soft at 50 and below zero.
LIMITS = (-10.0, -50.0)
PER_THZ = 33.35641
# Of the largest of the translations and rotations: those of a straight molecule are one less.
STRAIGHT = 1e-3


def vibrations(subject: Subject) -> dict[str, Any]:
    """Compute the frequencies of each molecule, from where the potential has it at rest."""
    rows: List[Dict[str, Any]] = []
    verdicts: List[str] = []
    lowest, words = [], []
    every = molecules(subject)
    for number, molecule in enumerate(every):
        if subject.clock.up() and verdicts:
            verdicts.append("warn")
            words.append(not_checked(len(every) - number, "molecule"))
            break
        molecule.relax(subject.potential, subject.clock)
        if molecule.rest is None:
            words.append(f"{molecule.name} {molecule.trouble}")
            verdicts.append("fail" if molecule.falls_apart else "warn")
            continue
        found = frequencies(subject.potential, molecule.rest)
        lowest.append(found[0])
        verdicts.append(verdict_on(found[0], *LIMITS))
        words.append(f"{molecule.name}: {found[0]:.0f} to {found[-1]:.0f} cm⁻¹")
        rows.append({
            "name": molecule.name, "lowest_cm": found[0],
            "frequencies_cm": [round(one, 2) for one in found],
        })  # fmt: skip
    if not verdicts:
        raise NotReached("no time was left for the first molecule")
    return result(
        worst(verdicts), f"frequencies: {'; '.join(words)}", min(lowest, default=None), "cm⁻¹",
        LIMITS, molecules=rows,
    )  # fmt: skip


def frequencies(potential: Potential, molecule: Any) -> List[float]:
    """Compute the frequencies in cm⁻¹, ascending, without translations and rotations."""
    masses = np.repeat(molecule.get_masses(), 3)
    springs = force_constants(potential, molecule, molecule) / np.sqrt(np.outer(masses, masses))
    whole = _moves_as_a_whole(molecule, masses)
    inside = np.eye(len(masses)) - whole @ whole.T
    squares, modes = np.linalg.eigh(inside @ springs @ inside)
    # What is left of each mode without the motions of the whole: none of these are of the inside.
    kept = np.argsort(np.linalg.norm(whole.T @ modes, axis=0))[: len(masses) - whole.shape[1]]
    found = np.sign(squares[kept]) * np.sqrt(np.abs(squares[kept])) * THZ * PER_THZ
    return sorted(float(one) for one in found)


def _moves_as_a_whole(molecule: Any, masses: Any) -> Any:
    """Return an orthonormal basis [3 n, 6 or 5] of translations and rotations, by mass."""
    places = molecule.positions - molecule.get_center_of_mass()
    moves = [np.tile(axis, (len(molecule), 1)) for axis in np.eye(3)]
    moves += [np.cross(axis, places) for axis in np.eye(3)]
    table = np.array([move.ravel() for move in moves]).T * np.sqrt(masses)[:, None]
    table[:, :3] /= np.linalg.norm(table[:, :3], axis=0)
    table[:, 3:] /= max(float(np.linalg.norm(table[:, 3:], axis=0).max()), 1e-12)
    basis, sizes, _ = np.linalg.svd(table, full_matrices=False)
    return basis[:, sizes > STRAIGHT]
