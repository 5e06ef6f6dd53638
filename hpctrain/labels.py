"""Can a structure be trained on, and is it an isolated atom?"""

from __future__ import annotations

import numpy as np

from hpctrain.extxyz import Structure
from hpctrain.sources import SYMBOLS


def fault(structure: Structure, mixed_pbc: bool = True) -> str | None:
    """Why a structure cannot be trained on, or None."""
    numbers = structure.numbers
    if len(numbers) == 0:
        return "no atoms"
    impossible = sorted({int(n) for n in numbers if not 1 <= n < len(SYMBOLS)})
    if impossible:
        return f"an element that cannot be (atomic number {', '.join(map(str, impossible))})"
    if structure.energy is None:
        return "no energy"
    if structure.forces is None:
        return "no forces"
    if structure.forces.shape != (len(numbers), 3):
        return "forces do not match the atoms"
    if not np.isfinite(structure.energy):
        return "the energy is not a finite number"
    if not np.isfinite(structure.forces).all():
        return "a force is not a finite number"
    if structure.stress is not None and not np.isfinite(structure.stress).all():
        return "the stress is not a finite number"
    if not (np.isfinite(structure.positions).all() and np.isfinite(structure.cell).all()):
        return "a position or the cell is not a finite number"
    if any(structure.pbc) and abs(np.linalg.det(structure.cell)) < 1e-9:
        return "periodic, but the cell has no volume"
    if not mixed_pbc and len(set(structure.pbc)) > 1:
        return "periodic in some directions only, which the evaluator tensorpot cannot take"
    return None


def is_isolated(structure: Structure, cutoff: float) -> bool:
    """One atom that sees no other, nor its own periodic image, within the cutoff."""
    if len(structure.numbers) != 1:
        return False
    steps = [(-1, 0, 1) if periodic else (0,) for periodic in structure.pbc]
    images = np.array([(i, j, k) for i in steps[0] for j in steps[1] for k in steps[2]])
    distances = np.linalg.norm(images @ structure.cell, axis=1)
    return bool((distances[np.any(images, axis=1)] > cutoff).all())
