"""Crystals at rest, and what pulls their atoms back: for elastic constants and phonons.

Only the ground states of the data have to be stable: of other phases the labels may say the same as
the potential.
"""

from __future__ import annotations

from itertools import product
from typing import Any, List, Tuple

import numpy as np

from .phases import Phase, phases
from .subject import Potential, Subject
from .volume import at_rest

DISPLACEMENT = 0.01  # Å


def in_words(quantity: str, numbers: List[Tuple[bool, str, str]]) -> str:
    """Say which phases are judged, and which are there for information only.

    ``numbers``: of each phase whether it is a ground state of the data, its name, and the number.
    """
    judged, others = (
        ", ".join(f"{name} {number}" for ground, name, number in numbers if ground == wanted)
        for wanted in (True, False)
    )
    many = sum(ground for ground, _, _ in numbers) > 1
    said = f"{quantity}; judged: {judged}, the phase{'s' * many} of lowest energy"
    return f"{said}; for information: {others}" if others else said


def phases_at_rest(subject: Subject) -> List[Tuple[Phase, Any]]:
    """Find each phase at the volume where the potential has it at rest, if anywhere."""
    cells = []
    for phase in phases(subject):
        if subject.clock.up():
            break
        rest = at_rest(subject.potential, phase)
        if rest is not None:
            cells.append((phase, phase.at(rest.volume)))
    if not cells:
        subject.clock.check("the phases were brought to rest")
    return cells


def force_constants(potential: Potential, cell: Any, supercell: Any) -> Any:
    """Compute -dF/du in eV/Å^2 [3 x atoms of the supercell, 3 x atoms of the cell].

    The cell's atoms come first in the supercell.
    """
    columns = []
    for atom, axis in product(range(len(cell)), range(3)):
        forces = []
        for sign in (1, -1):
            moved = supercell.copy()
            moved.positions[atom, axis] += sign * DISPLACEMENT
            forces.append(potential.compute(moved).forces.ravel())
        columns.append((forces[1] - forces[0]) / (2 * DISPLACEMENT))
    matrix = np.array(columns).T
    return (matrix + matrix.T) / 2 if supercell is cell else matrix
