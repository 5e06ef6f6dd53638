"""Distances between the atoms of many structures of one size at once, also in skewed cells."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from hpctrain.data.structures.neighbours import heights as heights
from hpctrain.data.structures.neighbours import whole

if TYPE_CHECKING:
    from numpy.typing import NDArray

    Array = NDArray[np.float64]

# Distances worked on at a time: what stays in a processor's cache.
_CHUNK = 16_000


def whole_cells(cells: Array, pbc: NDArray[np.bool_]) -> Array:
    """Cells [b, 3, 3] in which vectors that are not periodic, also missing ones, are replaced by
    unit vectors at right angles to the others."""
    if pbc.all():
        return cells
    cells = cells.copy()
    for place in np.flatnonzero(~pbc.all(axis=1)):
        a, b, c = pbc[place].tolist()
        cells[place] = whole(cells[place], (a, b, c))
    return cells


def images_within(reach: float, height: Array) -> tuple[int, int, int]:
    """How many cells to look at on each side, for [3] heights: two atoms whose difference is
    wrapped into half a cell are nearer than ``reach`` in no image beyond."""
    a, b, c = np.floor(reach / height + 0.5).astype(np.int64).tolist()
    return a, b, c


def squared(
    positions: Array, cells: Array, pbc: NDArray[np.bool_],
    images: tuple[int, int, int], reach: Array,
) -> tuple[Array, NDArray[np.int64]]:  # fmt: skip
    """For structures of n atoms, [b, n, 3], in whole cells [b, 3, 3]: the squared distance
    [b, n, n] (Å^2) of each pair in its nearest image among ``images``, an atom and itself
    excluded; and how many neighbours each atom has within ``reach`` [b], all images counted."""
    count, atoms = positions.shape[:2]
    nearest = np.empty((count, atoms, atoms))
    seen = np.zeros((count, atoms), dtype=np.int64)
    scaled = np.moveaxis(positions @ np.linalg.inv(cells), 2, 0)  # [3, b, n]
    metric = cells @ cells.swapaxes(1, 2)
    rows = max(1, min(atoms, _CHUNK // atoms))
    some = max(1, _CHUNK // (rows * atoms))
    for first in range(0, count, some):
        here = slice(first, first + some)
        for start in range(0, atoms, rows):
            block = slice(start, start + rows)
            _block(
                nearest[here, block], seen[here, block], scaled[:, here], start,
                metric[here], pbc[here], images, reach[here, None, None] ** 2,
            )  # fmt: skip
    return nearest, seen


def _block(
    nearest: Array, seen: NDArray[np.int64], scaled: Array, start: int,
    metric: Array, pbc: NDArray[np.bool_], images: tuple[int, int, int], reach: Array,
) -> None:  # fmt: skip
    """Some atoms against all of their structures. In coordinates of the cell, one axis after the
    other, distances come from the metric; that is several times quicker than with vectors."""
    length = nearest.shape[1]
    apart = []
    for axis in range(3):
        one = scaled[axis][:, start : start + length, None] - scaled[axis][:, None, :]
        if pbc[:, axis].all():
            one -= np.rint(one)
        elif pbc[:, axis].any():
            one -= np.rint(one) * pbc[:, axis, None, None]
        apart.append(one)
    g = metric[:, :, :, None, None]
    base = g[:, 0, 0] * apart[0] * apart[0]
    base += g[:, 1, 1] * apart[1] * apart[1]
    base += g[:, 2, 2] * apart[2] * apart[2]
    for a, b in ((0, 1), (0, 2), (1, 2)):
        if metric[:, a, b].any():
            base += (2.0 * g[:, a, b]) * apart[a] * apart[b]
    nearest.fill(np.inf)
    sides = [2 * n + 1 for n in images]
    steps = np.indices(sides).reshape(3, -1).T - np.array(images)  # [m, 3]
    centre = len(steps) // 2
    together = max(1, _CHUNK // base.size)
    for first in range(0, len(steps), together):
        part = steps[first : first + together].astype(float)
        if len(steps) == 1:
            square = base[None]
        else:
            # |s + t|^2 = |s|^2 + 2 s·t + |t|^2
            along = np.moveaxis(metric @ part.T, 2, 0)  # [m, b, 3]
            square = base + np.einsum("mbx,mx->mb", along, part)[:, :, None, None]
            for axis in range(3):
                square += (2.0 * along[:, :, axis, None, None]) * apart[axis]
        if first <= centre < first + together:  # an atom is not its own neighbour
            own = np.arange(length)
            square[centre - first][:, own, own + start] = np.inf
        np.minimum(nearest, square.min(axis=0), out=nearest)
        seen += np.count_nonzero(square < reach, axis=(0, 3))
    # Rounding leaves a pair at one place a little below zero.
    np.maximum(nearest, 0.0, out=nearest)
