"""Forces, stresses and distances of structures of one size, measured together."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from hpctrain.data.check.elements import radius
from hpctrain.data.structures.neighbours import (
    MOST_IMAGES,
    heights,
    images_within,
    nearest_images,
    pairs_within,
    whole_cells,
)

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from hpctrain.data.structures.extxyz import Structure

    Array = NDArray[np.float64]

# An atom with fewer than three neighbours is not held in three dimensions.
FEW = 3
# Å; within this most atoms have their neighbours, at a fraction of the images of the cutoff.
_MIDDLE = 3.6
_RADII = np.array([radius(number) for number in range(119)])


@dataclass
class Measures:
    """Forces (eV/Å) and distances (Å) of b structures of n atoms.

    ``force`` [b, n] norms; ``net`` [b] norm of the sum of the forces per atom; ``stress`` [b]
    largest component; ``volume`` [b] per atom, NaN unless periodic in all directions; ``height``
    [b] smallest distance between opposite faces in a periodic direction; ``shortest`` [b], infinite
    where no pair is within the cutoff; ``ratio`` [b], of the shortest distance to the sum of the
    covalent radii; ``fewest`` [b] neighbours of the atom that has the fewest, exact if below FEW;
    ``pairs`` shortest distance by atomic numbers; ``unsearched``: cells too flat to be searched.
    """

    force: Array
    net: Array
    stress: Array
    volume: Array
    height: Array
    shortest: Array
    ratio: Array
    fewest: NDArray[np.int64]
    pairs: dict[tuple[int, int], float]
    unsearched: int


def measure(structures: list[Structure], cutoff: float) -> Measures:
    """Measure structures that have the same number of atoms, and no fault.

    ``cutoff`` (Å) is how far neighbours are looked for.
    """
    forces = np.array([structure.forces for structure in structures])
    cells = np.array([structure.cell for structure in structures])
    pbc = np.array([structure.pbc for structure in structures])
    positions = np.array([structure.positions for structure in structures])
    numbers = np.array([structure.numbers for structure in structures])
    atoms = numbers.shape[1]
    volume = np.where(pbc.all(axis=1), np.abs(np.linalg.det(cells)) / atoms, np.nan)
    cells = whole_cells(cells, pbc)
    height = heights(cells, pbc)
    result = Measures(
        force=np.sqrt(np.einsum("bnx,bnx->bn", forces, forces)),
        net=np.linalg.norm(forces.sum(axis=1), axis=1) / atoms,
        stress=np.array([0.0 if s.stress is None else np.abs(s.stress).max() for s in structures]),
        volume=volume,
        height=height.min(axis=1),
        shortest=np.full(len(structures), np.inf),
        ratio=np.full(len(structures), np.inf),
        fewest=np.full(len(structures), FEW),
        pairs={},
        unsearched=0,
    )
    _search(result, positions, cells, pbc, height, numbers, cutoff)
    return result


def _search(
    result: Measures, positions: Array, cells: Array, pbc: NDArray[np.bool_], height: Array,
    numbers: NDArray[np.int64], cutoff: float,
) -> None:  # fmt: skip
    """Find the shortest distances and count neighbours, in the nearest images first.

    These are exact up to half of the cell's smallest height, and enough where each atom has its
    neighbours there. All other structures are searched image by image, a little further first, then
    up to the cutoff.
    """
    reach = np.minimum(cutoff, 0.5 * height.min(axis=1))
    square, seen = nearest_images(positions, cells, pbc, (0, 0, 0), reach)
    lonely = seen.min(axis=1) < FEW
    # No image is nearer than the nearest where nothing is periodic.
    lonely &= np.isfinite(height).any(axis=1) | (reach < cutoff)
    result.fewest = np.minimum(seen.min(axis=1), FEW)
    _note(result, np.flatnonzero(~lonely), square[~lonely], numbers[~lonely], reach[~lonely])
    for far in (_MIDDLE, cutoff):
        if far > cutoff or not lonely.any():
            continue
        groups: dict[tuple[int, int, int], list[int]] = {}
        for place in np.flatnonzero(lonely):
            groups.setdefault(images_within(far, height[place]), []).append(int(place))
        for images, group in groups.items():
            places = np.array(group)
            if np.prod([2.0 * n + 1 for n in images]) > MOST_IMAGES:
                result.unsearched += len(places)
                result.fewest[places] = FEW
                lonely[places] = False
                continue
            reach = np.full(len(places), far)
            square, seen = nearest_images(
                positions[places], cells[places], pbc[places], images, reach
            )
            result.fewest[places] = np.minimum(seen.min(axis=1), FEW)
            done = (result.fewest[places] == FEW) | (far == cutoff)
            _note(result, places[done], square[done], numbers[places[done]], reach[done])
            lonely[places[done]] = False


def _note(
    result: Measures, places: NDArray[np.int64], square: Array, numbers: NDArray[np.int64],
    reach: Array,
) -> None:  # fmt: skip
    """Note the shortest distances of the structures at ``places``, and of each pair of elements."""
    if not len(places):
        return
    near = np.sqrt(square.min(axis=(1, 2)))
    near[near > reach] = np.inf
    result.shortest[places] = near
    first = int(numbers[0, 0])
    if (numbers == first).all():
        result.ratio[places] = near / (2 * _RADII[first])
        if np.isfinite(near.min()):
            _keep(result, first, first, float(near.min()))
        return
    which, i, j = np.nonzero(square <= (reach * reach)[:, None, None])
    distance = np.sqrt(square[which, i, j])
    one, other = numbers[which, i], numbers[which, j]
    ratio = np.full(len(places), np.inf)
    np.minimum.at(ratio, which, distance / (_RADII[one] + _RADII[other]))
    result.ratio[places] = ratio
    shortest = np.full((119, 119), np.inf)
    np.minimum.at(shortest, (one, other), distance)
    for a, b in zip(*np.nonzero(np.isfinite(shortest)), strict=True):
        if a <= b:
            _keep(result, int(a), int(b), float(shortest[a, b]))


def _keep(result: Measures, one: int, other: int, distance: float) -> None:
    pair = (one, other)
    result.pairs[pair] = min(distance, result.pairs.get(pair, np.inf))


# Positions rounded to 0.001 Å leave about 1e-4 of the pull; a rattle by 0.02 Å makes 1e-2.
UNEVEN = 3e-3


def is_held_by_symmetry(structure: Structure, cutoff: float) -> bool:
    """Say whether all forces of a structure may be zero, as far as can be searched.

    If symmetry asks for it, then every sum over an atom's neighbours of a vector towards them,
    whatever its weight by distance and element, is zero.
    """
    pairs = pairs_within(structure.positions, structure.cell, structure.pbc, cutoff)
    if pairs is None:
        return True
    apart = pairs.distances > 1e-9
    first, distances, vectors = pairs.first[apart], pairs.distances[apart], pairs.vectors[apart]
    numbers = structure.numbers.astype(float)
    for power in (2, 4):
        # Two weights that both end smoothly at the cutoff, so that no border matters.
        weight = numbers[pairs.second[apart]] / distances**power * (1 - distances / cutoff) ** 2
        pull = np.zeros((len(numbers), 3))
        strength = np.zeros(len(numbers))
        np.add.at(pull, first, weight[:, None] * vectors)
        np.add.at(strength, first, weight * distances)
        if (np.linalg.norm(pull, axis=1) >= UNEVEN * np.maximum(strength, 1e-30)).any():
            return False
    return True


def count_neighbours(structure: Structure, cutoff: float) -> float:
    """Count the pairs of neighbours within the cutoff, each from both sides.

    NaN if the cell is so flat that it cannot be searched.
    """
    pairs = pairs_within(structure.positions, structure.cell, structure.pbc, cutoff)
    return float("nan") if pairs is None else float(len(pairs.first))
