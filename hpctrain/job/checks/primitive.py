"""The primitive cell of a crystal, and whether its symmetry is cubic.

spglib would do it, and is not among what trainers install. A crystal that m translations of its
cell leave as it is has a cell with the m-th part of the volume.
"""

from __future__ import annotations

from itertools import product
from typing import Any, Iterator, List, Tuple

import numpy as np
from ase import Atoms
from ase.geometry import minkowski_reduce

# Å by which an atom may miss the place of its like: relaxations end so near.
TOLERANCE = 0.01
# As a part of the volume: vectors in one plane.
FLAT = 1e-3

# A translation in parts of the cell's vectors, and which atom comes where each was.
Translation = Tuple[Any, Any]


def primitive(atoms: Any) -> Any:
    """Return the primitive cell, in the same axes; the crystal itself if it is one.

    Atoms that translations take to each other have their mean place.
    """
    found = list(_translations(atoms))
    if len(found) == 1:
        return atoms
    # The m-fold of a translation is one of the whole cell.
    parts = [np.round(len(found) * part) / len(found) for part, _ in found]
    vectors = _shortest_vectors(atoms, parts)
    if vectors is None:
        return atoms
    places, numbers, left = [], [], set(range(len(atoms)))
    cell = np.array(atoms.cell)
    scaled = atoms.get_scaled_positions(wrap=False)
    while left:
        first = min(left)
        off = []
        for part, (_, place) in zip(parts, found):  # noqa: B905 (Python 3.8)
            other = int(place[first])
            left.discard(other)
            away = scaled[other] - part - scaled[first]
            off.append((away - np.round(away)) @ cell)
        places.append(atoms.positions[first] + np.mean(off, axis=0))
        numbers.append(atoms.numbers[first])
    if len(numbers) * len(found) != len(atoms):
        return atoms
    reduced = Atoms(numbers, places, cell=vectors, pbc=True)
    reduced.wrap()
    return reduced


def _translations(atoms: Any, turned: Any = None) -> Iterator[Translation]:
    """Yield all that take each atom to one of its element, from where they are: none first.

    With ``turned`` they are taken from where a rotation has brought them, in parts of the vectors.
    """
    numbers, scaled = atoms.numbers, atoms.get_scaled_positions(wrap=False)
    begin = scaled if turned is None else turned
    rarest = min(set(numbers.tolist()), key=lambda number: (numbers == number).sum())
    of_rarest = np.flatnonzero(numbers == rarest)
    cell = np.array(atoms.cell)
    for other in of_rarest:
        part = scaled[other] - begin[of_rarest[0]]
        place = _places(scaled, numbers, begin + part, cell)
        if place is not None:
            yield part, place


def _places(scaled: Any, numbers: Any, moved: Any, cell: Any) -> Any:
    """Return which atom is at the place to which each was moved; None if one has none."""
    found = np.empty(len(scaled), dtype=int)
    for number in sorted(set(numbers.tolist())):
        same = np.flatnonzero(numbers == number)
        # A few first: most of what is no translation is seen by them.
        for some in (same[:2], same[2:]):
            away = scaled[same][None] - moved[some][:, None]
            distances = np.linalg.norm((away - np.round(away)) @ cell, axis=2)
            if len(some) and (distances.min(axis=1) > TOLERANCE).any():
                return None
            found[some] = same[distances.argmin(axis=1)] if len(some) else []
    return found if len(set(found.tolist())) == len(found) else None


def _shortest_vectors(atoms: Any, parts: List[Any]) -> Any:
    """Return the three shortest independent vectors of the lattice: in space they span it."""
    reduced, change = minkowski_reduce(np.array(atoms.cell), pbc=True)
    inside = np.array(parts) @ np.linalg.inv(change)
    inside -= np.floor(inside)
    every = (inside[:, None] - np.array(list(product((-1, 0, 1, 2), repeat=3)))[None]) @ reduced
    every = every.reshape(-1, 3)
    lengths = np.linalg.norm(every, axis=1)
    chosen: List[Any] = []
    volume = atoms.get_volume() / len(parts)
    for vector in every[np.argsort(lengths, kind="stable")]:
        together = np.array([*chosen, vector])
        # The area or volume that they span.
        if np.sqrt(max(np.linalg.det(together @ together.T), 0.0)) > FLAT * volume ** (
            len(together) / 3
        ):
            chosen.append(vector)
        if len(chosen) == 3:
            break
    vectors = np.array(chosen)
    if abs(abs(np.linalg.det(vectors)) - volume) > FLAT * volume:
        return None
    return vectors if np.linalg.det(vectors) > 0 else -vectors


def is_isotropic(cell: Any) -> bool:
    """Say whether the symmetry of a primitive cell makes every stress in it a pressure: cubic.

    By the number of symmetric tensors that all its rotations leave as they are: 1.
    """
    reduced, _ = minkowski_reduce(np.array(cell.cell), pbc=True)
    same = Atoms(cell.numbers, cell.positions, cell=reduced, pbc=True)
    rotations = [rotation for rotation in _rotations(reduced) if _is_symmetry(same, rotation)]
    kept = [(np.trace(one) ** 2 + np.trace(one @ one)) / 2 for one in rotations]
    return bool(round(float(np.mean(kept))) == 1)


def _rotations(vectors: Any) -> List[Any]:
    """List the rotations and reflections of a lattice, as they act on parts of its vectors.

    The vectors are the shortest: then each goes to a sum of them with factors of -1, 0 and 1.
    """
    factors = np.array(list(product((-1, 0, 1), repeat=3)))
    every = factors @ vectors
    lengths = np.linalg.norm(every, axis=1)
    alike = [factors[np.abs(lengths - np.linalg.norm(one)) < TOLERANCE] for one in vectors]
    metric = vectors @ vectors.T
    close = 2 * TOLERANCE * float(np.linalg.norm(vectors, axis=1).max())
    found = []
    for images in product(*alike):
        matrix = np.array(images)
        if (
            abs(round(float(np.linalg.det(matrix)))) == 1
            and (np.abs(matrix @ vectors @ vectors.T @ matrix.T - metric) < close).all()
        ):
            found.append(matrix)
    return found


def _is_symmetry(atoms: Any, matrix: Any) -> bool:
    """Say whether a rotation, with some translation, takes each atom to one of its element."""
    turned = atoms.get_scaled_positions(wrap=False) @ matrix
    return next(_translations(atoms, turned), None) is not None
