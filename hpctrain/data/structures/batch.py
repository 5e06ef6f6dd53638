"""Structures put together with their labels: numpy, orjson and the like work on all at once."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import accumulate, pairwise, product
from typing import TYPE_CHECKING

import numpy as np

from hpctrain.data.structures.elements import SYMBOLS
from hpctrain.data.structures.labels import NO_VOLUME, volume

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from hpctrain.data.structures.extxyz import Array, Structure

_PBC_BYTES = {pbc: bytes(pbc) for pbc in product((False, True), repeat=3)}


@dataclass(slots=True)
class Batch:
    """Some structures with an energy and forces.

    ``numbers`` [atoms], ``positions`` and ``forces`` [atoms, 3], ``ends`` the number of atoms up to
    each structure; ``cells`` [n, 3, 3], ``energies`` [n]; ``stresses`` [m, 6] of those that have
    one. Units as in a Structure.
    """

    structures: Sequence[Structure]
    numbers: NDArray[np.int64]
    positions: Array
    forces: Array
    ends: list[int]
    cells: Array
    energies: Array
    stresses: Array

    @classmethod
    def of(cls, structures: Sequence[Structure]) -> Batch:
        """Put structures together, one at least; all of them have energy and forces."""
        stresses = [one.stress for one in structures if one.stress is not None]
        return cls(
            structures,
            np.concatenate([one.numbers for one in structures]),
            np.concatenate([one.positions for one in structures]),
            np.concatenate([one.forces for one in structures if one.forces is not None]),
            [0, *accumulate(len(one.numbers) for one in structures)],
            np.array([one.cell for one in structures]),
            np.array([one.energy for one in structures], dtype=float),
            np.array(stresses) if stresses else np.empty((0, 6)),
        )


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

    As ``labels`` does it for each, of structures that are whole, but for all at once.
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


def digest_structures(batch: Batch) -> list[tuple[bytes, bytes]]:
    """Compute SHA-256 of each structure with its labels, and without, whatever its row number.

    Little-endian numbers, so that every machine agrees; adding 0.0 makes -0.0 a plain zero.
    """
    numbers = batch.numbers.astype("<i8", copy=False).tobytes()
    positions, forces = _as_little_endian(batch.positions), _as_little_endian(batch.forces)
    cells, energies = _as_little_endian(batch.cells), _as_little_endian(batch.energies)
    stresses = _as_little_endian(batch.stresses)
    found = []
    stressed = 0
    for place, (one, (begin, end)) in enumerate(
        zip(batch.structures, pairwise(batch.ends), strict=True)
    ):
        atoms = slice(24 * begin, 24 * end)
        cell = cells[72 * place : 72 * place + 72]
        geometry = (numbers[8 * begin : 8 * end], _PBC_BYTES[one.pbc], positions[atoms], cell)
        sha = hashlib.sha256(b"%b%b|%b|%b" % geometry)
        known = sha.digest()
        labels = b"|%b|%b" % (energies[8 * place : 8 * place + 8], forces[atoms])
        if one.stress is not None:
            labels += b"|%b" % stresses[48 * stressed : 48 * stressed + 48]
            stressed += 1
        sha.update(labels)
        found.append((sha.digest(), known))
    return found


def _as_little_endian(values: Array) -> bytes:
    return (values + 0.0).astype("<f8", copy=False).tobytes()
