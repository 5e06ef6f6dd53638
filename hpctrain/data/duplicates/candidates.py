"""Pairs of structures whose signatures are so near that they may be alike."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import product
from typing import TYPE_CHECKING

import numpy as np

from hpctrain.data.duplicates.signatures import COLUMNS, STRETCH, UNIT, UNKNOWN

if TYPE_CHECKING:
    from numpy.typing import NDArray

    Places = NDArray[np.int64]

_AXES = 5  # columns that a structure is filed by, each of another neighbour
_CHUNK = 100_000  # pairs looked at together: what stays in a processor's cache
_BINS = 50_000  # bins worked on together
_ROUNDING = 1e-3  # Å, of distances in 32 bits in large cells
# Odd numbers without a pattern: a sum of them, weighted with small numbers, names a bin.
_WEIGHTS = np.array(
    [0x9E3779B97F4A7C15, 0xC2B2AE3D27D4EB4F, 0x165667B19E3779F9, 0xD6E8FEB86659FD93,
     0xA0761D6478BD642F],
    dtype=np.uint64,
)  # fmt: skip


def find_candidates(
    compositions: NDArray[np.uint64], features: NDArray[np.uint16], chosen: Places, near: float
) -> Iterator[Places]:
    """Yield pairs [m, 2] of ``chosen`` structures of one composition with near signatures.

    No feature of a pair differs by more than ``near`` (Å). Each pair comes once; so many come at a
    time that memory stays flat.

    Structures are sorted into bins as wide as the tolerance, by a few of the columns; whatever is
    near lies in the same bin or in one beside it.
    """
    width = int((near * STRETCH + _ROUNDING) / UNIT) + 1
    chosen = chosen[features[chosen, 0] != UNKNOWN]
    if len(chosen) < 2:
        return
    columns = _order_columns(features, chosen, width)
    bins = compositions[chosen]
    for weight, column in zip(_WEIGHTS, columns, strict=False):
        bins += (features[chosen, column] // np.uint16(min(width, UNKNOWN))) * weight
    order = np.argsort(bins, kind="stable")
    bins, chosen = bins[order], chosen[order].astype(np.int32)
    del order
    begins = np.flatnonzero(np.r_[True, bins[1:] != bins[:-1]]).astype(np.int32)
    names = bins[begins]
    del bins
    sizes = np.diff(np.r_[begins, len(chosen)])
    # In the order of the bins, so that partners lie near each other in memory.
    values = [features[chosen, column] for column in columns[_AXES:] + columns[:_AXES]]
    steps = [step for step in product((-1, 0, 1), repeat=_AXES) if step >= (0,) * _AXES]
    beside = [(np.array(step).astype(np.uint64) * _WEIGHTS).sum() for step in steps]
    for start in range(0, len(names), _BINS):
        some = np.arange(start, min(start + _BINS, len(names)))
        for step in beside:
            found = np.searchsorted(names, names[some] + step)
            found[found == len(names)] = 0
            there = names[found] == names[some] + step
            this, other = some[there], found[there]
            many = sizes[this]
            places = np.repeat(begins[this] - np.cumsum(many) + many, many)
            places += np.arange(len(places))
            first = np.repeat(begins[other], many)
            ends = first + np.repeat(sizes[other], many)
            if not step:  # within a bin, each with those behind it
                first = places + 1
            for pairs in _find_near(values, places, first, ends, width):
                i, j = chosen[pairs]
                equal = compositions[i] == compositions[j]
                if equal.any():
                    yield np.stack([i[equal], j[equal]], axis=1).astype(np.int64)


def _order_columns(features: NDArray[np.uint16], chosen: Places, width: int) -> list[int]:
    """Order all columns, those first that tell most structures apart.

    The first few are of different neighbours, since the least, median and largest of one go
    together.
    """
    crowd = [
        float((np.bincount(features[chosen, column] // width).astype(float) ** 2).sum())
        for column in range(COLUMNS)
    ]
    places = COLUMNS // 3  # features are [least, median, largest][neighbour]
    best = sorted(range(COLUMNS), key=crowd.__getitem__)
    first: dict[int, int] = {}
    for column in best:
        first.setdefault(column % places, column)
    head = list(first.values())[:_AXES]
    return head + [column for column in best if column not in head]


def _find_near(
    values: list[NDArray[np.uint16]], places: Places, begins: Places, ends: Places, width: int
) -> Iterator[Places]:
    """Yield near pairs [2, m], each of ``places`` with all from its begin to its end."""
    counts = np.maximum(ends - begins, 0)
    total = np.cumsum(counts)
    start = 0
    while start < len(places):
        before = int(total[start - 1]) if start else 0
        end = max(start + 1, int(np.searchsorted(total, before + _CHUNK, side="right")))
        some, many = slice(start, end), counts[start:end]
        start = end
        i = np.repeat(places[some], many)
        j = np.arange(before, before + len(i))
        j += np.repeat(begins[some] - total[some] + many, many)
        for column in values:
            if not len(i):
                break
            apart = column[i].astype(np.int32) - column[j]
            near = np.flatnonzero(np.abs(apart) <= width)
            i, j = i[near], j[near]
        if len(i):
            yield np.stack([i, j])
