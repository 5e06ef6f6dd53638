"""What is wrong with a structure and its labels; what is mended; and which are isolated atoms."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from hpctrain.data.structures.elements import SYMBOLS
from hpctrain.data.structures.extxyz import Batch, Structure
from hpctrain.data.structures.neighbours import pairs_within

if TYPE_CHECKING:
    from hpctrain.data.structures.extxyz import Array


NO_VOLUME = 1e-9  # Å^3
LEFT_HANDED = (
    "{rows}: the cell is left-handed, which the trainer cannot read; all three vectors are "
    "negated, which is the same lattice"
)
FORCES_BY_SYMMETRY = "{rows}: an isolated atom without forces; they are zero by symmetry"
NO_STRESS = "{rows}: the stress is left out, which the trainer does not train on: "


def are_whole(structures: Sequence[Structure]) -> bool:
    """Say whether structures have labels, and the shapes that go together; none is one atom."""
    return all(
        one.fault is None
        and one.energy is not None
        and one.forces is not None
        and one.numbers.ndim == 1
        and len(one.numbers) > 1
        and one.positions.shape == one.forces.shape == (len(one.numbers), 3)
        and one.cell.shape == (3, 3)
        for one in structures
    )


def are_faultless(batch: Batch, mixed_pbc: bool) -> bool:
    """Say whether nothing is wrong with any structure of a batch, and nothing is to be mended.

    That is what ``mend`` and the others find of each, where all are whole, but much quicker.
    """
    numbers = (batch.positions, batch.forces, batch.cells, batch.energies, batch.stresses)
    if not all(np.isfinite(some).all() for some in numbers):
        return False
    if batch.numbers.min() < 1 or batch.numbers.max() >= len(SYMBOLS):
        return False
    kinds = {one.pbc for one in batch.structures}
    if not mixed_pbc and any(len(set(pbc)) > 1 for pbc in kinds):
        return False
    if kinds == {(False, False, False)}:
        return True
    periodic = np.array([any(one.pbc) for one in batch.structures])
    with np.errstate(over="ignore", invalid="ignore"):
        volumes = volume(batch.cells.transpose(1, 2, 0))
    return not (periodic & ~(volumes >= NO_VOLUME)).any()


def mend(structure: Structure, cutoff: float) -> None:
    """Turn a left-handed cell round, and give an isolated atom its forces; note both."""
    if structure.fault is None:
        structure.fault = _find_misshapen(structure)
    if structure.fault is not None:
        return
    if any(structure.pbc) and volume(structure.cell.tolist()) < 0:
        structure.cell = 0.0 - structure.cell  # without negative zeros
        structure.notes += ((LEFT_HANDED, 0.0),)
    if structure.forces is None and structure.energy is not None and is_isolated(structure, cutoff):
        structure.forces = np.zeros((1, 3))
        structure.others = None
        structure.notes += ((FORCES_BY_SYMMETRY, 0.0),)


def _find_misshapen(structure: Structure) -> str | None:
    if structure.numbers.ndim != 1 or structure.positions.shape != (len(structure.numbers), 3):
        return "the positions do not match the atoms"
    if structure.cell.shape != (3, 3):
        return "the cell is not three vectors"
    return None


def drop_stresses(structures: Sequence[Structure]) -> None:
    """Leave out stresses that are not finite, with a note; nothing trains on them."""
    stressed = [(one, one.stress) for one in structures if one.stress is not None]
    if not stressed:
        return
    finite = np.isfinite(np.array([stress for _, stress in stressed])).all(axis=1)
    for place in np.flatnonzero(~finite).tolist():
        one, _ = stressed[place]
        one.stress = None
        one.notes += ((NO_STRESS + "it is not a finite number", 0.0),)


def find_lost_stress(structure: Structure) -> str | None:
    """Return why a structure's stress was left out, or None; a fault where it is trained on."""
    for words, _ in structure.notes:
        if words.startswith(NO_STRESS):
            return f"the stress cannot be used: {words.removeprefix(NO_STRESS)}"
    return None


def find_fault(
    structure: Structure, mixed_pbc: bool = True, who: str = "the trainer"
) -> str | None:
    """Return why a structure cannot be trained on, or None; numbers that are not finite apart.

    ``mixed_pbc=False``: ``who`` cannot take one that is periodic in some directions only.
    """
    if structure.fault is not None:
        return structure.fault
    numbers = structure.numbers.tolist()
    if not numbers:
        return "no atoms"
    if min(numbers) < 1 or max(numbers) >= len(SYMBOLS):
        impossible = sorted({n for n in numbers if not 1 <= n < len(SYMBOLS)})
        return f"an impossible element (atomic number {', '.join(map(str, impossible))})"
    if structure.energy is None:
        return "no energy"
    if structure.forces is None:
        return "no forces"
    if structure.forces.shape != (len(numbers), 3):
        return "forces do not match the atoms"
    if any(structure.pbc) and abs(volume(structure.cell.tolist())) < NO_VOLUME:
        return "periodic, but the cell has no volume"
    if not mixed_pbc and len(set(structure.pbc)) > 1:
        return f"periodic in some directions only, which {who} cannot take"
    return None


def find_not_finite(structure: Structure) -> str | None:
    """Return which number of a structure without another fault is not finite, or None."""
    assert structure.energy is not None
    assert structure.forces is not None
    if not math.isfinite(structure.energy):
        return "the energy is not a finite number"
    if not _finite(structure.forces):
        return "a force is not a finite number"
    if not (_finite(structure.positions) and _finite(structure.cell)):
        return "a position or the cell is not a finite number"
    return None


def _finite(values: Array) -> bool:
    return bool(np.isfinite(values).all())


def volume(cell: Any) -> Any:
    """Return the signed volume of a cell (Å^3): of lists of numbers, or of arrays of them."""
    (a, b, c), (d, e, f), (g, h, i) = cell
    return a * (e * i - f * h) - b * (d * i - f * g) + c * (d * h - e * g)


def is_isolated(structure: Structure, cutoff: float) -> bool:
    """Say whether it is one atom that sees no other, nor its own image, within the cutoff (Å)."""
    if len(structure.numbers) != 1:
        return False
    vectors = structure.cell[list(structure.pbc)]
    if (np.linalg.norm(vectors, axis=1) <= cutoff).any():
        return False  # as in every crystal, without a search
    pairs = pairs_within(structure.positions, structure.cell, structure.pbc, cutoff)
    return pairs is not None and not len(pairs.first)
