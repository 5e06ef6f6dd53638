"""How much two structures differ for a potential: by the distances to each atom's neighbours."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import pairwise
from typing import TYPE_CHECKING

import numpy as np

from hpctrain.data.structures.neighbours import pairs_within

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from hpctrain.data.structures.extxyz import Structure

    Rows = NDArray[np.float32]

_BLOCK = 1_000_000


@dataclass(frozen=True)
class Neighbourhood:
    """Distances to the neighbours of all atoms of a structure, sorted by element.

    Atoms of the ``elements`` begin and end at ``ends`` [e + 1]. ``rows`` [n, w]: for every atom the
    distances (Å), ascending, to atoms of the first element, in the first of ``widths`` [e] columns,
    then those of the next; all up to ``reach``, which fills the places that are left. So a
    neighbour that crosses the reach changes little.
    """

    elements: tuple[int, ...]
    ends: tuple[int, ...]
    widths: tuple[int, ...]
    rows: Rows
    reach: float


def neighbourhood(structure: Structure, reach: float) -> Neighbourhood | None:
    """Find the neighbourhood of a structure; None for a cell that cannot be searched."""
    pairs = pairs_within(structure.positions, structure.cell, structure.pbc, reach)
    if pairs is None:
        return None
    first, second, distances, _ = pairs
    order = np.argsort(structure.numbers, kind="stable")
    elements, counts = np.unique(structure.numbers, return_counts=True)
    row = np.empty(len(order), dtype=np.int64)
    row[order] = np.arange(len(order))
    kind = np.searchsorted(elements, structure.numbers)
    group = row[first] * len(elements) + kind[second]
    sizes = np.bincount(group, minlength=len(order) * len(elements))
    widths = sizes.reshape(len(order), len(elements)).max(axis=0)
    begins = np.cumsum(widths) - widths
    ordered = np.lexsort((distances, group))
    place = np.arange(len(group)) - np.repeat(np.cumsum(sizes) - sizes, sizes)
    group = group[ordered]
    rows = np.full((len(order), int(widths.sum())), reach, dtype=np.float32)
    rows[group // len(elements), begins[group % len(elements)] + place] = distances[ordered]
    return Neighbourhood(
        tuple(elements.tolist()), (0, *np.cumsum(counts).tolist()), tuple(widths.tolist()),
        rows, reach,
    )  # fmt: skip


def difference(a: Neighbourhood, b: Neighbourhood, limit: float) -> float:
    """Return the largest difference between distances of two structures, Å.

    Infinite if it is more than ``limit``. It is the larger of two. One: every atom against the atom
    of the other structure that is most like it. Two: the n-th neighbours of all atoms, sorted, each
    against its counterpart, so that like atoms must be there in like shares. Displacing every atom
    by at most d changes both by at most 2 d; repeating the cell changes neither.
    """
    if a.elements != b.elements:
        return np.inf
    widths = [max(pair) for pair in zip(a.widths, b.widths, strict=True)]
    of_a, of_b = _widen(a, widths), _widen(b, widths)
    apart = 0.0
    for (first, end), (other, its_end) in zip(pairwise(a.ends), pairwise(b.ends), strict=True):
        some, others = of_a[first:end], of_b[other:its_end]
        apart = max(apart, _compare_in_order(some, others))
        if apart > limit:
            return np.inf
    for (first, end), (other, its_end) in zip(pairwise(a.ends), pairwise(b.ends), strict=True):
        some, others = of_a[first:end], of_b[other:its_end]
        apart = max(apart, _compare_most_alike(some, others))
        if apart > limit:
            return np.inf
    return apart


def _widen(one: Neighbourhood, widths: list[int]) -> Rows:
    if tuple(widths) == one.widths:
        return one.rows
    parts, begin = [], 0
    for width, wanted in zip(one.widths, widths, strict=True):
        parts.append(one.rows[:, begin : begin + width])
        parts.append(np.full((len(one.rows), wanted - width), one.reach, dtype=np.float32))
        begin += width
    return np.hstack(parts)


def _compare_in_order(some: Rows, others: Rows) -> float:
    """Compare column by column, sorted: the largest difference.

    n and m numbers are compared where either goes to its next.
    """
    n, m = len(some), len(others)
    some, others = np.sort(some, axis=0), np.sort(others, axis=0)
    if n != m:
        steps = np.union1d(np.arange(n) * m, np.arange(m) * n)
        some, others = some[steps // m], others[steps // n]
    return float(np.abs(some - others).max(initial=0.0))


def _compare_most_alike(some: Rows, others: Rows) -> float:
    """Return the largest distance of a row from the row of the other that is most like it."""
    nearest = np.full(len(others), np.inf)
    farthest = 0.0
    rows = max(1, _BLOCK // max(1, others.size))
    for start in range(0, len(some), rows):
        apart = np.abs(some[start : start + rows, None] - others[None]).max(axis=2, initial=0.0)
        farthest = max(farthest, float(apart.min(axis=1).max()))
        nearest = np.minimum(nearest, apart.min(axis=0))
    return max(farthest, float(nearest.max()))
