"""A sample of the rows, and a quick linear model of them: sums over pairs of atoms.

The energy is a sum of functions of the distances, of each pair of elements, and of functions of
the density at each atom; the coefficients are linear, and the forces have the same. That bears most
of what energies and forces have in common: enough to see that they do not belong together.
"""

from __future__ import annotations

import math
import random
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from hpctrain.data.structures.neighbours import Pairs, pairs_within

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from hpctrain.data.structures.extxyz import Structure

    Array = NDArray[np.floating[Any]]

REACH = 4.5  # Å
_MOST = 200  # structures
_MOST_ATOMS = 8000
_MOST_FORCES = 700  # atoms whose forces are compared
_FUNCTIONS = 8  # of the distance
_RATES, _POWERS = (1.0, 2.0, 4.0, 8.0), (0.5, 2.0)  # of densities
_MOST_PAIRS = 6  # of elements that have functions of their own; with more, all have the same
_TOO_NEAR = 0.3  # Å: what is that near is a fault of its own


class Sample:
    """Some of the rows, each as likely as the others: Li's algorithm L, the same in every run."""

    def __init__(self) -> None:
        self.structures: list[Structure] = []
        self._random = random.Random(0)  # noqa: S311  no secret
        self._seen, self._next, self._weight = 0, 0, 1.0

    def add(self, structure: Structure) -> None:
        """Show it the next row; isolated atoms are not shown."""
        self._seen += 1
        if len(self.structures) < _MOST:
            self.structures.append(structure)
            if len(self.structures) == _MOST:
                self._skip()
        elif self._seen == self._next:
            self.structures[self._random.randrange(_MOST)] = structure
            self._skip()

    def _skip(self) -> None:
        self._weight *= math.exp(math.log(self._random.random()) / _MOST)
        skipped = math.log(self._random.random()) / math.log1p(-self._weight)
        self._next = self._seen + int(skipped) + 1

    @property
    def whole(self) -> bool:
        """Say whether it holds all rows."""
        return self._seen <= _MOST


@dataclass
class Model:
    """The equations of a sample of s structures, all per atom.

    ``ids`` [s]; ``energies`` [s] (eV per atom); ``shares`` [s, elements] of the elements in each;
    ``numbers`` [elements]; ``features`` [s, p], whose sum with the coefficients is an energy;
    ``slopes`` [3 m, p], the same for ``forces`` [3 m] of some atoms (eV/Å).
    """

    ids: list[str]
    energies: Array
    numbers: list[int]
    shares: Array
    features: Array
    slopes: Array
    forces: Array


def make_model(structures: list[Structure]) -> Model | None:
    """Make the equations of some structures; None where too few have neighbours."""
    chosen: list[Structure] = []
    pairs: list[Pairs] = []
    atoms = 0
    for structure in structures:
        size = len(structure.numbers)
        if atoms + size > _MOST_ATOMS:
            continue
        near = pairs_within(structure.positions, structure.cell, structure.pbc, REACH)
        if near is None or not len(near.first) or near.distances.min() < _TOO_NEAR:
            continue
        chosen.append(structure)
        pairs.append(near)
        atoms += size
    if len(chosen) < 2:
        return None
    sizes = np.array([len(one.numbers) for one in chosen])
    ends = np.cumsum(sizes)
    bonds = _Bonds.of(pairs, ends - sizes)
    atoms_of = np.concatenate([one.numbers for one in chosen])
    which = np.repeat(np.arange(len(chosen)), sizes)
    numbers = np.unique(atoms_of).tolist()
    counts = np.zeros((len(chosen), 119))
    np.add.at(counts, (which, atoms_of), 1)
    some = np.arange(0, atoms, max(1, atoms // _MOST_FORCES))
    features, slopes = _equations(atoms_of, which, bonds, _number_pairs(numbers), some)
    forces = np.concatenate([one.forces for one in chosen if one.forces is not None])
    return Model(
        [one.row_id for one in chosen],
        np.array([one.energy or 0.0 for one in chosen]) / sizes,
        numbers,
        counts[:, numbers] / sizes[:, None],
        features / sizes[:, None],
        slopes,
        forces[some].T.ravel(),
    )


@dataclass
class _Bonds:
    """Pairs of neighbours of all structures: both atoms, distances (Å) and directions."""

    first: NDArray[np.intp]
    second: NDArray[np.intp]
    distances: Array
    units: Array

    @classmethod
    def of(cls, pairs: list[Pairs], begins: NDArray[np.int64]) -> _Bonds:
        """Put the pairs of structures together whose atoms begin at ``begins``."""
        distances = np.concatenate([near.distances for near in pairs])
        vectors = np.concatenate([near.vectors for near in pairs])
        return cls(
            np.concatenate([near.first + b for near, b in zip(pairs, begins, strict=True)]),
            np.concatenate([near.second + b for near, b in zip(pairs, begins, strict=True)]),
            distances,
            vectors / distances[:, None],
        )


def _number_pairs(numbers: list[int]) -> NDArray[np.int64]:
    """Number the pairs of elements; all have the number 0 where they are too many."""
    kinds = np.zeros((119, 119), dtype=np.int64)
    if len(numbers) * (len(numbers) + 1) // 2 > _MOST_PAIRS:
        return kinds
    count = 0
    for place, one in enumerate(numbers):
        for other in numbers[place:]:
            kinds[one, other] = kinds[other, one] = count
            count += 1
    return kinds


def _equations(
    numbers: NDArray[np.int64], which: NDArray[np.int64], bonds: _Bonds, kinds: NDArray[np.int64],
    some: NDArray[np.int64],
) -> tuple[Array, Array]:  # fmt: skip
    """Return what each function adds to energies [s, p], and to the forces on ``some`` [3 m, p].

    ``numbers`` [atoms], and ``which`` [atoms] structure they are in.
    """
    first, second, distances = bonds.first, bonds.second, bonds.distances
    shortest = float(distances.min())
    structures, count = int(which[-1]) + 1, int(kinds.max()) + 1
    kind = kinds[numbers[first], numbers[second]]
    place = np.full(len(numbers), -1)
    place[some] = np.arange(len(some))
    mine = np.flatnonzero(place[first] >= 0)
    where, units = place[first[mine]], bonds.units[mine]
    bins, of_energy = where * count + kind[mine], which[first] * count + kind
    near = distances[mine]
    energies: list[Array] = []
    slopes: list[Array] = []
    end, (end_near, falls) = _end(distances)[0], _end(near)
    width = (REACH - shortest) / _FUNCTIONS
    for number in range(_FUNCTIONS):
        middle = shortest + number * width
        value = _bell(distances, middle, width) * end
        off = (near - middle) / width**2
        change = _bell(near, middle, width) * (falls - off * end_near)
        sums = np.bincount(of_energy, value, minlength=structures * count)
        energies.append(0.5 * sums.reshape(structures, count))
        pulls = _sum_axes(bins, units * change[:, None], len(some) * count)
        slopes.append(pulls.reshape(3 * len(some), count))
    one, other = first[mine], second[mine]
    for rate in _RATES:
        falling = (1 - distances / REACH) ** 2 * np.exp(-rate * (distances / shortest - 1))
        steepness = _change_of_density(rate, near, shortest)
        density = np.bincount(first, falling, minlength=len(numbers)) + 1e-6
        for power in _POWERS:
            sums = np.bincount(which, density**power, minlength=structures)
            energies.append(1.0 * sums.reshape(structures, 1))
            rise = power * density ** (power - 1)
            weight = (rise[one] + rise[other]) * steepness
            pulls = _sum_axes(where, units * weight[:, None], len(some))
            slopes.append(pulls.reshape(-1, 1))
    return np.hstack(energies), np.hstack(slopes)


def _sum_axes(bins: NDArray[np.int64], vectors: Array, count: int) -> Array:
    """Sum vectors [m, 3] by the number of their bin: [3, count]."""
    sums = np.zeros((3, count))
    for axis in range(3):
        sums[axis] = np.bincount(bins, vectors[:, axis], minlength=count)
    return sums


def _end(distances: Array) -> tuple[Array, Array]:
    """Return what makes functions end smoothly at REACH, and its derivative."""
    angle = np.pi / REACH * distances
    return 0.5 * (1 + np.cos(angle)), -0.5 * np.pi / REACH * np.sin(angle)


def _bell(distances: Array, middle: float, width: float) -> Array:
    off = (distances - middle) / width
    result: Array = np.exp(-0.5 * off * off)
    return result


def _change_of_density(rate: float, distances: Array, shortest: float) -> Array:
    """Return the derivative of what a neighbour adds to the density."""
    rest = 1 - distances / REACH
    fall = np.exp(-rate * (distances / shortest - 1))
    result: Array = -fall * rest * (rate / shortest * rest + 2 / REACH)
    return result


def without_composition(shares: Array, *columns: Array) -> list[Array]:
    """Return columns [s, any] without what the ``shares`` of the elements explain."""
    basis, size, _ = np.linalg.svd(shares, full_matrices=False)
    basis = basis[:, size > 1e-8 * size[0]]
    return [column - basis @ (basis.T @ column) for column in columns]
