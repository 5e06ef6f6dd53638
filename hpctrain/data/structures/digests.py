"""What a structure is, with its labels and without, as digests."""

from __future__ import annotations

import hashlib
from itertools import pairwise, product
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from hpctrain.data.structures.extxyz import Array, Batch

_PBC_BYTES = {pbc: bytes(pbc) for pbc in product((False, True), repeat=3)}


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
