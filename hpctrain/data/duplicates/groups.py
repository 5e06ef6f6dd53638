"""Groups of structures that are the same, or nearly: found, parted by side, left out by a rule.

Two structures are compared by what a potential sees: for every atom the distances to its
neighbours, element by element, up to the potential's cutoff. Candidates come from the signatures;
each is then confirmed with all its distances.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

import numpy as np

from hpctrain.data.duplicates.candidates import find_candidates
from hpctrain.data.duplicates.likeness import Neighbourhood, difference, neighbourhood
from hpctrain.data.duplicates.signatures import Signatures as Signatures

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from hpctrain.data.structures.extxyz import Structure
    from hpctrain.fields import Likeness

    Places = NDArray[np.int64]
    Energies = Sequence[float] | Mapping[int, float] | NDArray[np.float64]
    Forces = Mapping[int, NDArray[np.float64]]

SAME = 1e-3  # Å: what is written with three or four digits differs by this much
# Å: atoms displaced by half of it at the most are certainly found. In a metal such a step changes
# forces by a few hundredths of an eV/Å, about what labels of density functional theory are good to.
NEAR = 1e-2
CONFLICT = 5e-3  # eV per atom
CONFLICT_FORCE = 0.1  # eV/Å: within SAME the stiffest bonds change by a third of it
_KEPT = 4_000_000  # numbers of neighbourhoods in memory
_TILE = 256


@dataclass(frozen=True)
class Duplicate:
    """Structures that are alike, by their indices, ascending.

    identical: every number of the geometry is equal. same: up to translation, rotation,
    reflection, order of atoms, choice and repetition of the cell. near: ``pairs`` are near each
    other; a chain of them is one group, so its ends may differ more. What is the same stands in a
    near group once, with the first of its indices.
    """

    kind: Likeness
    indices: tuple[int, ...]
    pairs: tuple[tuple[int, int], ...] = ()


def find_duplicates(
    signatures: tuple[NDArray[np.uint64], NDArray[np.uint16]] | None,
    geometries: NDArray[np.uint8],
    read: Callable[[int], Structure],
    *,
    reach: float = 6.0,
    near: float = NEAR,
) -> list[Duplicate]:
    """Find everything that is alike among n structures, in the order of the first of each group.

    ``signatures``: compositions [n] and features [n, COLUMNS]; without them only what is identical
    is found. ``geometries`` [n, 8 or more] are digests of the structures without labels; ``read``
    reads a structure again, by its index; distances up to ``reach`` (Å) are compared.
    """
    first, twins = _find_identical(geometries)
    if signatures is None:
        alone = [Duplicate("identical", (member, *twin)) for member, twin in twins.items()]
        return sorted(alone, key=lambda duplicate: duplicate.indices)
    compositions, features = signatures
    compare = _Comparison(read, reach)
    classes, edges = _Classes(), []
    limit = max(near, SAME)
    for some in find_candidates(compositions, features, np.flatnonzero(first), limit):
        for i, j in _order_by_tiles(some):
            if classes.of(i) == classes.of(j):
                continue
            apart = compare(i, j, limit)
            if apart <= SAME:
                classes.join(i, j)
            elif apart <= near:
                edges.append((i, j))
    found: list[Duplicate] = []
    joined = classes.groups()
    for members in joined:
        twin = [index for member in members for index in twins.pop(member, [])]
        found.append(Duplicate("same", tuple(sorted([*members, *twin]))))
    found += [Duplicate("identical", (member, *twin)) for member, twin in twins.items()]
    head = {member: members[0] for members in joined for member in members}
    found += _find_chains((head.get(i, i), head.get(j, j)) for i, j in edges)
    return sorted(found, key=lambda duplicate: duplicate.indices)


def find_across(found: Sequence[Duplicate], sides: NDArray[np.bool_]) -> list[Duplicate]:
    """Find the groups with members on both sides; of what is near only the pairs that are.

    ``tested`` [n] says of each structure whether it is tested on. Of what is near one structure,
    all that is the same as it is near too, and is in the group.
    """
    alike = {one.indices[0]: one.indices for one in found if one.kind != "near"}
    result = []
    for one in found:
        if one.kind != "near":
            if len({bool(sides[index]) for index in one.indices}) == 2:
                result.append(one)
            continue
        parted: set[int] = set()
        pairs = []
        for i, j in one.pairs:
            ours, theirs = alike.get(i, (i,)), alike.get(j, (j,))
            beside: set[int] = set()
            for some, others in ((ours, theirs), (theirs, ours)):
                tested = [index for index in some if sides[index]]
                trained = [index for index in others if not sides[index]]
                if tested and trained:
                    beside.update(tested, trained)
            if beside:
                pairs.append((i, j))
                parted |= beside
        if pairs:
            result.append(Duplicate("near", tuple(sorted(parted)), tuple(pairs)))
    return result


def choose_dropped(
    found: Sequence[Duplicate],
    order: Sequence[int] | Places,
    energies: Energies,
    level: Literal["same", "near"] = "same",
    forces: Forces | None = None,
) -> tuple[int, ...]:
    """Choose what to leave out: of what is alike the first stays.

    ``order`` [n]: the lower, the earlier. Of what is near, one after the other in this order, each
    stays unless one that stays is near it: so the ends of a chain can both stay. Where the same
    structure has energies (eV per atom, [n]) that differ by more than CONFLICT, or ``forces`` that
    do, nothing is left out: which is right only people know.
    """
    out: set[int] = set()
    held = {one.indices[0] for one in find_conflicts(found, energies, forces)}
    members: dict[int, tuple[int, ...]] = {}
    for one in found:
        if one.kind == "near":
            continue
        members[one.indices[0]] = one.indices
        if one.indices[0] not in held:
            out.update(sorted(one.indices, key=lambda index: (order[index], index))[1:])
    if level == "near":
        beside: dict[int, list[int]] = defaultdict(list)
        for one in found:
            for i, j in one.pairs:
                beside[i].append(j)
                beside[j].append(i)
        stays: set[int] = set()
        for index in sorted(beside, key=lambda i: _earliest(members.get(i, (i,)), order)):
            if index in held or not stays.intersection(beside[index]):
                stays.add(index)
            else:
                out.update(members.get(index, (index,)))
    return tuple(sorted(out))


def find_conflicts(
    found: Iterable[Duplicate], energies: Energies, forces: Forces | None = None
) -> list[Duplicate]:
    """Find the same structures with different labels.

    Their energies (eV per atom) differ by more than CONFLICT, or their ``forces`` (eV/Å, as in
    largest_difference) by more than CONFLICT_FORCE.
    """
    return [
        one for one in found
        if one.kind != "near"
        and (
            _range(energies, one) > CONFLICT
            or (forces is not None and largest_difference(forces, one) > CONFLICT_FORCE)
        )
    ]  # fmt: skip


def _range(energies: Energies, one: Duplicate) -> float:
    of_these = [energies[index] for index in one.indices]
    return max(of_these) - min(of_these)


def largest_difference(forces: Forces, one: Duplicate) -> float:
    """Return the largest difference (eV/Å) of forces within a group.

    ``forces`` by index, as they stand for what is identical, else as sorted norms [n].
    """
    of_these = [forces[index] for index in one.indices if index in forces]
    return max((_difference(of_these[0], some) for some in of_these[1:]), default=0.0)


def _difference(one: NDArray[np.float64], other: NDArray[np.float64]) -> float:
    if one.shape != other.shape:  # a cell and its repetition
        size = int(np.lcm(len(one), len(other)))
        one, other = np.repeat(one, size // len(one)), np.repeat(other, size // len(other))
    return float(np.abs(one - other).max())


def _earliest(members: Iterable[int], order: Sequence[int] | Places) -> tuple[int, int]:
    return min((int(order[index]), index) for index in members)


def _find_identical(
    geometries: NDArray[np.uint8],
) -> tuple[NDArray[np.bool_], dict[int, list[int]]]:
    """Mark the first of each geometry [n], and list the others of each that has any."""
    first = np.ones(len(geometries), dtype=np.bool_)
    twins: dict[int, list[int]] = defaultdict(list)
    keys = np.ascontiguousarray(geometries[:, :8]).view(np.uint64).ravel()
    order = np.argsort(keys, kind="stable").astype(np.uint32)
    keys = keys[order]
    again = np.flatnonzero(keys[1:] == keys[:-1])
    del keys
    leaders: dict[bytes, int] = {}
    for place in again.tolist():
        for index in order[place : place + 2].tolist():
            leader = leaders.setdefault(geometries[index].tobytes(), index)
            if leader != index and first[index]:
                first[index] = False
                twins[leader].append(index)
    return first, dict(twins)


class _Classes:
    """Classes of structures that are the same: a forest, of those only that have another."""

    def __init__(self) -> None:
        self._above: dict[int, int] = {}

    def of(self, index: int) -> int:
        """Return the lowest index of the class that a structure is in."""
        top = index
        while (above := self._above.get(top, top)) != top:
            top = above
        while (above := self._above.get(index, top)) != top:
            self._above[index], index = top, above
        return top

    def join(self, i: int, j: int) -> None:
        """Make one class of two."""
        i, j = sorted((self.of(i), self.of(j)))
        self._above[i] = self._above[j] = i

    def groups(self) -> list[list[int]]:
        """Return the classes; they and their members ascend."""
        found: Mapping[int, list[int]] = defaultdict(list)
        for index in sorted(self._above):
            found[self.of(index)].append(index)
        return list(found.values())


def _find_chains(edges: Iterable[tuple[int, int]]) -> list[Duplicate]:
    """Group what hangs together by being near."""
    pairs = sorted({(min(edge), max(edge)) for edge in edges})
    chains = _Classes()
    for pair in pairs:
        chains.join(*pair)
    within: dict[int, list[tuple[int, int]]] = defaultdict(list)
    for pair in pairs:
        within[chains.of(pair[0])].append(pair)
    return [
        Duplicate("near", tuple(group), tuple(within[chains.of(group[0])]))
        for group in chains.groups()
    ]


def _order_by_tiles(pairs: Places) -> Iterable[tuple[int, int]]:
    """Yield pairs [m, 2] in an order that needs the same few structures again and again."""
    pairs = np.sort(pairs, axis=1)
    i, j = pairs.T
    order = np.lexsort((j, i, j // _TILE, i // _TILE))
    for place in order:
        yield int(i[place]), int(j[place])


class _Comparison:
    """A comparison of structures that remembers the neighbourhoods of the last ones."""

    def __init__(self, read: Callable[[int], Structure], reach: float) -> None:
        self._read, self._reach = read, reach
        self._known: dict[int, Neighbourhood | None] = {}
        self._size = 0

    def __call__(self, i: int, j: int, limit: float) -> float:
        a, b = self._neighbourhood(i), self._neighbourhood(j)
        return np.inf if a is None or b is None else difference(a, b, limit)

    def _neighbourhood(self, index: int) -> Neighbourhood | None:
        if index in self._known:
            found = self._known[index] = self._known.pop(index)  # now the last to go
            return found
        found = neighbourhood(self._read(index), self._reach)
        self._known[index] = found
        self._size += 0 if found is None else found.rows.size
        while self._size > _KEPT and len(self._known) > 2:
            gone = self._known.pop(next(iter(self._known)))
            self._size -= 0 if gone is None else gone.rows.size
        return found
