"""A short signature of each structure: structures that are alike have nearly the same.

It holds, of the shortest distances of each atom, some, and of those the least, the median and the
largest over all atoms. None of them changes with translation, rotation, the order of atoms, the
choice of the cell or its repetition, and none by more than the distances themselves do.
"""

from __future__ import annotations

import math
from collections import Counter
from functools import lru_cache
from typing import TYPE_CHECKING

import numpy as np

from hpctrain.data.structures.neighbours import (
    heights,
    pairs_within,
    shortest_distances,
    whole_cells,
)

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from hpctrain.data.structures.extxyz import Structure

    Features = NDArray[np.uint16]

CLIP = 4.0  # Å; what is farther counts as this far
UNIT = 1e-4  # Å, of the numbers kept
UNKNOWN = 2**16 - 1  # the cell could not be searched
_PLACES = np.array([1, 2, 4, 8, 12]) - 1  # which of an atom's neighbours
_MANY = 12
COLUMNS = 3 * len(_PLACES)
# Distances between unlike atoms are stretched by up to this, so that exchanged atoms show.
STRETCH = 1.2
_FACTORS = 1.02 + (STRETCH - 1.02) * np.random.default_rng(5).random((128, 128), dtype=np.float32)
_FACTORS = np.maximum(_FACTORS, _FACTORS.T)
np.fill_diagonal(_FACTORS, 1.0)
_WAITING_PAIRS, _WAITING_ATOMS = 100_000, 20_000  # how much is worked on together


class Signatures:
    """Signatures of structures in the order in which they are added: 38 bytes each."""

    def __init__(self) -> None:
        self._features, self._compositions = bytearray(), bytearray()
        self._waiting: dict[tuple[int, tuple[bool, bool, bool]], list[tuple[int, Structure]]] = {}
        self._atoms = self._count = 0

    def __len__(self) -> int:
        return self._count

    def add(self, structure: Structure) -> None:
        """Add the next structure; it waits until there are enough of its size to work on."""
        numbers = structure.numbers
        self._compositions += _composition(numbers.tobytes(), numbers.dtype.str)
        key = (len(numbers), structure.pbc)
        alike = self._waiting.setdefault(key, [])
        alike.append((self._count, structure))
        self._count += 1
        self._atoms += len(numbers)
        if len(alike) * len(numbers) ** 2 >= _WAITING_PAIRS or len(alike) >= 2000:
            self._compute(*key)
        elif self._atoms >= _WAITING_ATOMS:
            self._finish()

    def arrays(self) -> tuple[NDArray[np.uint64], Features]:
        """Return hashes of the compositions [n], and the features [n, COLUMNS]."""
        self._finish()
        return (
            np.frombuffer(self._compositions, dtype=np.uint64),
            np.frombuffer(self._features, dtype=np.uint16).reshape(-1, COLUMNS),
        )

    def _finish(self) -> None:
        for key in list(self._waiting):
            self._compute(*key)
        self._features += bytes(2 * COLUMNS * self._count - len(self._features))

    def _compute(self, atoms: int, pbc: tuple[bool, bool, bool]) -> None:
        waited = self._waiting.pop((atoms, pbc))
        self._atoms -= atoms * len(waited)
        found = _compute_features([structure for _, structure in waited], atoms, pbc)
        self._features += bytes(2 * COLUMNS * self._count - len(self._features))
        kept = np.frombuffer(self._features, dtype=np.uint16).reshape(-1, COLUMNS)
        kept[[place for place, _ in waited]] = found


@lru_cache(maxsize=4096)
def _composition(numbers: bytes, kind: str) -> bytes:
    counts = Counter(np.frombuffer(numbers, dtype=kind).tolist())
    common = math.gcd(*counts.values())
    reduced = tuple(sorted((element, count // common) for element, count in counts.items()))
    return (hash(reduced) % 2**64).to_bytes(8, "little")


def _compute_features(
    structures: list[Structure], atoms: int, pbc: tuple[bool, bool, bool]
) -> Features:
    positions = np.array([structure.positions for structure in structures])
    repeat = np.tile(pbc, (len(structures), 1))
    cells = whole_cells(np.array([structure.cell for structure in structures]), repeat)
    numbers = np.array([structure.numbers for structure in structures])
    factors = None
    if (numbers != numbers[:, :1]).any():
        factors = _FACTORS[numbers[:, :, None], numbers[:, None, :]]
    least = heights(cells, repeat).min(axis=1)
    shortest = np.full((len(structures), atoms, _MANY), np.nan, dtype=np.float32)
    left = np.arange(len(structures))
    # In cells with many atoms the nearest image is nearly always enough. What is found is right
    # if it is no farther than any image that was not looked at can be.
    for images in (0, 1) if atoms >= 12 else (1,):
        a, b, c = (images if repeats else 0 for repeats in pbc)
        tried = shortest_distances(
            positions[left], cells[left], repeat[left], (a, b, c), CLIP, _MANY,
            None if factors is None else factors[left],
        )  # fmt: skip
        farthest = np.minimum(tried[..., -1].max(axis=1), CLIP)
        sure = farthest <= (images + 0.5) * least[left]
        shortest[left[sure]] = tried[sure]
        left = left[~sure]
        if not len(left):
            break
    for place in left:
        _search_one(structures[place], shortest[place])
    unknown = np.isnan(shortest).any(axis=(1, 2))
    shortest = np.sort(np.nan_to_num(np.minimum(shortest, CLIP))[..., _PLACES], axis=1)
    # By their share, not their number, so that a repeated cell has the same.
    chosen = shortest[:, [0, atoms // 2, atoms - 1]].reshape(len(structures), COLUMNS)
    kept: Features = np.rint(chosen / UNIT).astype(np.uint16)
    kept[unknown] = UNKNOWN
    return kept


def _search_one(structure: Structure, shortest: NDArray[np.float32]) -> None:
    """Fill in [atoms, _MANY] for a cell that is small or skewed: slow, and exact in any."""
    pairs = pairs_within(structure.positions, structure.cell, structure.pbc, CLIP)
    if pairs is None:
        return
    first, second, distances, _ = pairs
    numbers = structure.numbers
    distances = distances * _FACTORS[numbers[first], numbers[second]]
    order = np.lexsort((distances, first))
    first, distances = first[order], distances[order]
    place = np.arange(len(first)) - np.searchsorted(first, first)
    near = place < _MANY
    shortest[:] = np.inf
    shortest[first[near], place[near]] = distances[near]
