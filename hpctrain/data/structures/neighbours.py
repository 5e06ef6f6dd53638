"""The search for neighbours, the only one. Pure; Å throughout.

One search, ``_vectors``, answers three questions: which image of each pair is the nearest, and how
many neighbours an atom has (``nearest_images``); which distances of an atom are the shortest
(``shortest_distances``); and which pairs of atoms are neighbours (``pairs_within``).
"""

from __future__ import annotations

from collections.abc import Iterator
from itertools import product
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray

    Array = NDArray[np.float64]
    Short = NDArray[np.float32]
    Periodic = NDArray[np.bool_]
    Images = tuple[int, int, int]

# Cells in which more images than this would have to be looked at hold nothing physical.
MOST_IMAGES = 50_000
# Bytes of numbers that are worked on at a time: what stays in a processor's cache.
_BLOCK = 128_000
_CORNERS = np.array(list(product((-0.5, 0.5), repeat=3)))


class Pairs(NamedTuple):
    """Pairs of neighbours.

    Atoms ``first`` [m] and ``second`` [m], their ``distances`` [m], and the ``vectors`` [m, 3] from
    one to the other.
    """

    first: NDArray[np.intp]
    second: NDArray[np.intp]
    distances: Array
    vectors: Array


def whole_cells(cells: Array, pbc: Periodic) -> Array:
    """Return cells [b, 3, 3] in which all three vectors are there and independent.

    In the place of those that do not repeat (``pbc`` [b, 3]) stand unit vectors at right angles to
    all others.
    """
    if pbc.all():
        return cells
    cells = cells.copy()
    for place in np.flatnonzero(~pbc.all(axis=1)):
        repeat = pbc[place]
        cell = np.eye(3)
        if repeat.any():
            # The rows of vh beyond the rank of the repeating vectors are at right angles to them.
            cell[repeat] = cells[place, repeat]
            cell[~repeat] = np.linalg.svd(cell[repeat])[2][repeat.sum() :]
        cells[place] = cell
    return cells


def heights(cells: Array, pbc: Periodic) -> Array:
    """Compute the distances [b, 3] between opposite faces of whole cells.

    Infinite where nothing repeats. The columns of the inverse are the normals of the faces, each of
    the length 1 / height.
    """
    result: Array = np.where(pbc, 1.0 / np.linalg.norm(np.linalg.inv(cells), axis=1), np.inf)
    return result


def images_within(reach: float, height: Array) -> Images:
    """Count the cells to look at on each side, for ``height`` [3].

    Two atoms whose difference is wrapped into half a cell are nearer than ``reach`` in no image
    beyond.
    """
    a, b, c = np.floor(reach / height + 0.5).astype(np.int64).tolist()
    return a, b, c


def nearest_images(
    positions: Array, cells: Array, pbc: Periodic, images: Images, reach: Array
) -> tuple[Array, NDArray[np.int64]]:
    """Find the nearest image of each pair of atoms, and count the neighbours of each atom.

    For b structures of n atoms, [b, n, 3], in whole cells [b, 3, 3] and ``images`` on each side:
    squared distances [b, n, n] (Å^2), right up to ``reach`` [b], infinite from an atom to itself
    where it has no image; and how many neighbours an atom has within it [b, n], images counted.
    """
    count, atoms = positions.shape[:2]
    nearest = np.empty((count, atoms, atoms))
    seen = np.zeros((count, atoms), dtype=np.int64)
    shifts = _shifts(images, cells, pbc, reach)
    together = max(1, _BLOCK // (8 * atoms))
    for begin in range(0, len(shifts), together):
        some = shifts[begin : begin + together]
        for here, rows, vectors in _vectors(positions, cells, pbc, some, np.float64):
            squares = _square(vectors)
            least = squares.min(axis=0) if len(some) > 1 else squares[0]
            nearest[here, rows] = np.minimum(nearest[here, rows], least) if begin else least
            seen[here, rows] += np.count_nonzero(
                squares < reach[here, None, None] ** 2, axis=(0, 3)
            )
    return nearest, seen


def shortest_distances(
    positions: Array, cells: Array, pbc: Periodic, images: Images, reach: float, many: int,
    factors: Short | None,
) -> Short:  # fmt: skip
    """Find the shortest ``many`` distances of each atom, ascending [b, n, many].

    For b structures of n atoms, [b, n, 3], in whole cells [b, 3, 3] and ``images`` on each side.
    ``factors`` [b, n, n], at least 1, multiply the distances; up to ``reach`` they are right, and
    those that lack are infinite. 32 bits are good for about 1e-6 Å.
    """
    count, atoms = positions.shape[:2]
    result = np.full((count, atoms, many), np.inf, dtype=np.float32)
    shifts = _shifts(images, cells, pbc, np.full(count, reach))
    for here, rows, vectors in _vectors(positions, cells, pbc, shifts, np.float32):
        squares = _square(vectors)
        if factors is not None:
            squares *= factors[here, rows] ** 2
        squares = np.moveaxis(squares, 0, 3).reshape(*squares.shape[1:3], -1)
        if squares.shape[2] > many:
            squares.partition(many - 1, axis=2)
            squares = squares[..., :many]
        squares.sort(axis=2)
        result[here, rows, : squares.shape[2]] = np.sqrt(squares)
    return result


def pairs_within(
    positions: Array, cell: Array, pbc: tuple[bool, bool, bool], reach: float
) -> Pairs | None:
    """List every pair of atoms within ``reach``, in all images.

    Both directions of a pair; an atom is a neighbour of its images, not of itself. None for a cell
    so flat that it cannot be searched.
    """
    repeat = np.array([pbc])
    cells = whole_cells(_reduce(cell, repeat[0])[None], repeat)
    images = images_within(reach, heights(cells, repeat)[0])
    if np.prod([2.0 * n + 1 for n in images]) > MOST_IMAGES:
        return None
    shifts = _shifts(images, cells, repeat, np.array([reach]))
    parts = []
    for _, rows, vectors in _vectors(positions[None], cells, repeat, shifts, np.float64):
        squares = _square(vectors)
        found = np.flatnonzero(squares < reach * reach)
        first, second = np.divmod(found % squares[0].size, len(positions))
        parts.append((
            first + rows.start,
            second,
            np.sqrt(squares.ravel()[found]),
            np.stack([along.ravel()[found] for along in vectors], axis=1),
        ))  # fmt: skip
    return Pairs(*(np.concatenate(part) for part in zip(*parts, strict=True)))


def _shifts(images: Images, cells: Array, pbc: Periodic, reach: Array) -> NDArray[np.int64]:
    """List the images [m, 3] in which atoms of any of the cells can be within its ``reach`` [b].

    They are counted in cells from the image of a pair whose difference is wrapped into half a cell.
    """
    shifts: NDArray[np.int64] = np.indices([2 * n + 1 for n in images]).reshape(3, -1).T - images
    if len(shifts) == 1:
        return shifts
    # Wrapped differences are no longer than half of the longest diagonal.
    half = np.linalg.norm((_CORNERS * pbc[:, None]) @ cells, axis=2).max(axis=1)
    near: Periodic = np.linalg.norm(shifts @ cells, axis=2) < (reach + half)[:, None]
    return shifts[near.any(axis=0)]


def _vectors(
    positions: Array, cells: Array, pbc: Periodic, shifts: NDArray[np.int64], kind: Any
) -> Iterator[tuple[slice, slice, tuple[NDArray[Any], NDArray[Any], NDArray[Any]]]]:
    """Yield the vectors from some atoms to all of their structure, a block at a time.

    A block is of b structures, r of their atoms, all n atoms and m images (``shifts``): x, y and z
    are each [m, b, r, n], in numbers of a ``kind``. From an atom to itself they are infinite.
    """
    count, atoms = positions.shape[:2]
    scaled = np.moveaxis(positions @ np.linalg.inv(cells), 2, 0)
    scaled = (scaled - pbc.T[:, :, None] * np.floor(scaled)).astype(kind)
    steps = np.moveaxis(shifts @ cells, 0, 1).astype(kind)[..., None, None]  # [m, b, 3, 1, 1]
    cells = cells.astype(kind)[..., None, None]
    home = np.flatnonzero(~shifts.any(axis=1))
    size = _BLOCK // scaled.itemsize // (atoms * len(shifts))
    rows = max(1, min(atoms, size))
    some = max(1, size // rows)
    for first, start in product(range(0, count, some), range(0, atoms, rows)):
        here, block = slice(first, first + some), slice(start, start + rows)
        apart = []
        for axis in range(3):
            delta = scaled[axis, here, None, :] - scaled[axis, here, block, None]
            repeat = pbc[here, axis]
            if repeat.all():
                delta -= np.rint(delta)
            elif repeat.any():
                delta -= np.rint(delta) * repeat[:, None, None]
            apart.append(delta)
        vectors = []
        for axis in range(3):
            along, *more = (
                delta * cells[here, other, axis]
                for other, delta in enumerate(apart)
                if cells[here, other, axis].any()
            )
            for part in more:
                along += part
            vectors.append(along + steps[:, here, axis] if len(shifts) > 1 else along[None])
        own = np.arange(start, min(start + rows, atoms))
        for place in home:
            vectors[0][place][:, own - start, own] = np.inf
        x, y, z = vectors
        yield here, block, (x, y, z)


def _square(vectors: tuple[NDArray[Any], NDArray[Any], NDArray[Any]]) -> NDArray[Any]:
    x, y, z = vectors
    result: NDArray[Any] = x * x
    result += y * y
    result += z * z
    return result


def _reduce(cell: Array, repeat: Periodic) -> Array:
    """Return the same lattice with shorter vectors: each is rid of what it shares with others."""
    cell = cell.copy()
    axes = np.flatnonzero(repeat)
    for _ in range(100):
        before = cell.copy()
        for i in axes:
            for j in axes:
                if i != j and cell[i] @ cell[i] >= cell[j] @ cell[j]:
                    cell[i] -= np.rint(cell[i] @ cell[j] / (cell[j] @ cell[j])) * cell[j]
        if (cell == before).all():
            break
    return cell
