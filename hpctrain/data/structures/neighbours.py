"""Distances from the atoms of a structure to their neighbours. Pure; Å throughout."""

from __future__ import annotations

from itertools import product
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray

    Array = NDArray[np.float64]
    Short = NDArray[np.float32]

# Cells in which more images than this would have to be looked at hold nothing physical.
_MOST_IMAGES = 50_000
# Distances worked on at a time: what stays in a processor's cache.
_BLOCK = 32_000


def whole(cell: Array, pbc: tuple[bool, bool, bool]) -> Array:
    """The cell [3, 3], unit vectors at right angles in the place of those that do not repeat."""
    if all(pbc):
        return cell
    result = np.eye(3)
    if any(pbc):
        repeat = np.array(pbc)
        # The rows of vh beyond the rank of the repeating vectors are at right angles to them.
        result[repeat] = cell[repeat]
        result[~repeat] = np.linalg.svd(cell[repeat])[2][repeat.sum() :]
    return result


def heights(cells: Array, pbc: NDArray[np.bool_]) -> Array:
    """Distances [b, 3] between opposite faces of whole cells; infinite where nothing repeats.

    The columns of the inverse are the normals of the faces, each of the length 1 / height.
    """
    result: Array = np.where(pbc, 1.0 / np.linalg.norm(np.linalg.inv(cells), axis=1), np.inf)
    return result


def short_distances(
    positions: Array, cells: Array, pbc: tuple[bool, bool, bool], images: int, many: int,
    factors: Short | None,
) -> Short:  # fmt: skip
    """For b structures of n atoms, [b, n, 3] in whole cells [b, 3, 3]: the shortest ``many``
    distances of each atom, ascending [b, n, many], infinite where there are fewer neighbours.

    Of every pair those images are looked at that are up to ``images`` cells from the nearest by
    coordinates of the cell: that finds all up to (images + 1/2) times the least height.
    ``factors`` [b, n, n] multiply the distances. Coordinates of the cell and its metric are
    several times quicker than vectors; 32 bits are good for about 1e-6 Å.
    """
    count, atoms = positions.shape[:2]
    scaled = np.moveaxis(positions @ np.linalg.inv(cells), 2, 0)
    scaled = (scaled - np.array(pbc)[:, None, None] * np.floor(scaled)).astype(np.float32)
    metric = (cells @ cells.swapaxes(1, 2)).astype(np.float32)
    steps = [range(-images, images + 1) if repeats else range(1) for repeats in pbc]
    shifts = np.array(list(product(*steps)), dtype=np.float32)
    home = int(np.flatnonzero(~shifts.any(axis=1))[0])
    result = np.full((count, atoms, many), np.inf, dtype=np.float32)
    rows = max(1, min(atoms, _BLOCK // (atoms * len(shifts))))
    some = max(1, _BLOCK // (rows * atoms * len(shifts)))
    for first, start in product(range(0, count, some), range(0, atoms, rows)):
        here, block = slice(first, first + some), slice(start, start + rows)
        apart = []
        for axis, repeats in enumerate(pbc):
            delta = scaled[axis, here, None, :] - scaled[axis, here, block, None]
            if repeats:
                delta -= np.rint(delta)
            apart.append(delta[..., None, :] + shifts[:, axis, None] if images else delta)
        x, y, z = apart
        wide = (slice(None), *[None] * (x.ndim - 1))
        squares = x * (x * metric[here, 0, 0][wide] + y * (2 * metric[here, 0, 1])[wide])
        squares += y * (y * metric[here, 1, 1][wide] + z * (2 * metric[here, 1, 2])[wide])
        squares += z * (z * metric[here, 2, 2][wide] + x * (2 * metric[here, 0, 2])[wide])
        own = np.arange(start, min(start + rows, atoms))
        if images:
            squares[:, own - start, home, own] = np.inf
            if factors is not None:
                squares *= factors[here, block, None, :] ** 2
            squares = squares.reshape(*squares.shape[:2], -1)
        else:
            squares[:, own - start, own] = np.inf
            if factors is not None:
                squares *= factors[here, block] ** 2
        found = min(many, squares.shape[2])
        if squares.shape[2] > many:
            squares = np.partition(squares, many - 1, axis=2)[..., :many]
        squares.sort(axis=2)
        result[here, block, :found] = np.sqrt(np.maximum(squares, 0))
    return result


def within(
    positions: Array, cell: Array, pbc: tuple[bool, bool, bool], reach: float
) -> tuple[NDArray[np.intp], NDArray[np.intp], Array] | None:
    """Every pair of atoms within ``reach``, all images: atom [m], neighbour [m], distance [m].

    Both directions of a pair; an atom is a neighbour of its images, not of itself. None for a cell
    so flat that it cannot be searched.
    """
    repeat = np.array(pbc)
    cell = whole(_reduced(cell, repeat), pbc)
    scaled = positions @ np.linalg.inv(cell)
    scaled[:, repeat] -= np.floor(scaled[:, repeat])
    positions = scaled @ cell
    heights_here = heights(cell[None], repeat[None])[0]
    # Wrapped atoms are less than one cell apart.
    most = np.where(repeat, np.floor(reach / heights_here + 1.0), 0.0)
    if np.prod(2 * most + 1) > _MOST_IMAGES:
        return None
    counts = [np.arange(-n, n + 1) for n in most.astype(int).tolist()]
    steps = np.stack(np.meshgrid(*counts, indexing="ij"), axis=-1).reshape(-1, 3)
    # The atoms of all images, as far as they can be within reach of one at home.
    images = (positions + (steps @ cell)[:, None]).reshape(-1, 3)
    near = (images > positions.min(axis=0) - reach) & (images < positions.max(axis=0) + reach)
    kept = np.flatnonzero(near.all(axis=1))
    images, neighbour = images[kept].T.copy(), kept % len(positions)
    home = np.searchsorted(kept, len(steps) // 2 * len(positions) + np.arange(len(positions)))
    parts = []
    rows = max(1, 8 * _BLOCK // len(kept))
    for start in range(0, len(positions), rows):
        here = positions[start : start + rows]
        squares = (images[0] - here[:, :1]) ** 2
        squares += (images[1] - here[:, 1:2]) ** 2
        squares += (images[2] - here[:, 2:]) ** 2
        own = np.arange(len(here))
        squares[own, home[own + start]] = np.inf
        found = np.flatnonzero(squares < reach * reach)
        i, image = found // len(kept), found % len(kept)
        parts.append((i + start, neighbour[image], np.sqrt(squares.ravel()[found])))
    first, second, distances = (np.concatenate(part) for part in zip(*parts, strict=True))
    return first, second, distances


def _reduced(cell: Array, repeat: NDArray[np.bool_]) -> Array:
    """The same lattice with shorter vectors: each is rid of what it shares with the others."""
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
