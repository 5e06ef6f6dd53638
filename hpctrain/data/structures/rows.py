"""What is kept in memory of the selected rows, from reading to writing."""

from __future__ import annotations

import hashlib
from array import array
from collections.abc import Collection, Hashable, Iterable, Iterator
from itertools import accumulate
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from hpctrain.data.structures.elements import SYMBOLS
from hpctrain.data.structures.ids import Ids, Names
from hpctrain.errors import HpctrainError

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from hpctrain.data.structures.other_labels import OtherLabels
    from hpctrain.settings import DataConfig

GEOMETRY = 8  # bytes kept of a digest: two of a million are equal with a probability of 3e-8
# Kinds of notes, and of sets of keys, that are told apart.
MOST_KINDS = 100
_MORE_NOTES = "{rows}: more of this kind"
NO_GENERATION = -(2**31)
TEST = "test"  # the side of the rows of data.test_source


class SomeRows(NamedTuple):
    """What is kept of some selected rows, column by column: little to send to another process.

    ``digests`` are of the structures with their labels, 32 bytes each, ``geometries`` of those
    without, GEOMETRY bytes each; ``lengths``: of their texts in the spool (bytes);
    ``compositions``: the number of atoms by atomic number; ``groups``: their values of
    data.group_by; ``sides``: as in Structure; ``keys``: which keys rows without a group have.

    By the place among them, of those that have such: ``isolated``: the energy (eV) of an isolated
    atom; ``bad``: why a row cannot be used; of such only notes and side count. ``remarks``: notes
    and others of a Structure.
    """

    ids: list[str]
    config_types: list[str | None]
    generations: list[int | None]
    digests: bytes
    geometries: bytes
    lengths: list[int]
    atoms: list[int]
    compositions: list[bytes]
    groups: list[str | None]
    sides: list[str | None]
    keys: set[str]
    isolated: dict[int, float]
    bad: dict[int, str]
    remarks: dict[int, tuple[tuple[tuple[str, float], ...], OtherLabels | None]]


class Rows:
    """What is kept in memory of the selected rows, from reading to writing: about 80 bytes each."""

    def __init__(self, *, groups: bool = False, sides: bool = False) -> None:
        self.ids = Ids()
        self.bad: dict[int, str] = {}
        self.isolated: dict[int, float] = {}  # eV
        self.kinds, self.compositions, self.groups = Names(), Names(), Names()
        self.sides = Names()
        self.keys: set[str] = set()
        self._digests = bytearray()
        self._geometries = bytearray()
        self._ends, self._atoms, self._generations = array("Q", [0]), array("I"), array("i")
        self._kinds, self._compositions = array("I"), array("I")
        self._groups = array("i") if groups else None
        self._sides = array("i") if sides else None
        # What was taken otherwise than it stands there: sentence → places and sizes of rows.
        self.notes: dict[str, tuple[array[int], array[float]]] = {}
        # Keys that may be labels, of rows that lack one, or have a second set.
        self.others: dict[OtherLabels, array[int]] = {}

    def __len__(self) -> int:
        return len(self._atoms)

    def extend(self, some: SomeRows) -> None:
        """Add the next rows."""
        first = len(self)
        for place, (notes, others) in some.remarks.items():
            self._remember(first + place, notes, others)
        for place, energy in some.isolated.items():
            self.isolated[first + place] = energy
        for place, reason in some.bad.items():
            self.bad[first + place] = reason
        self.keys |= some.keys
        self.ids.extend(some.ids)
        self._generations.extend(NO_GENERATION if one is None else one for one in some.generations)
        self._digests += some.digests
        self._geometries += some.geometries
        start = self._ends[-1]
        self._ends.extend(start + end for end in accumulate(some.lengths))
        self._atoms.extend(some.atoms)
        self._kinds.extend(_number(self.kinds, some.config_types, some.bad))
        self._compositions.extend(_number(self.compositions, some.compositions, some.bad))
        if self._groups is not None:
            self._groups.extend(_number(self.groups, some.groups, some.bad, none=-1))
        if self._sides is not None:
            self._sides.extend(_number(self.sides, some.sides, (), none=-1))

    def _remember(
        self, place: int, notes: Iterable[tuple[str, float]], others: OtherLabels | None
    ) -> None:
        for sentence, size in notes:
            if sentence not in self.notes and len(self.notes) >= MOST_KINDS:
                sentence = _MORE_NOTES
            places, sizes = self.notes.setdefault(sentence, (array("I"), array("d")))
            places.append(place)
            sizes.append(size)
        if others is not None and (others in self.others or len(self.others) < MOST_KINDS):
            self.others.setdefault(others, array("I")).append(place)

    @property
    def digests(self) -> NDArray[np.uint8]:
        """Return the digests of structure and labels [n, 32]."""
        return np.frombuffer(self._digests, np.uint8).reshape(-1, 32)

    @property
    def geometries(self) -> NDArray[np.uint8]:
        """Return the digests of the structures without labels [n, GEOMETRY]."""
        return np.frombuffer(self._geometries, np.uint8).reshape(-1, GEOMETRY)

    def column(self, name: str) -> NDArray[Any]:
        """Return a column [n] by its name.

        ``ends`` in the spool (bytes; one more than rows, the first is 0), ``atoms``,
        ``generations``, and the numbers of ``kinds``, ``compositions``, ``groups`` and ``sides``
        (-1: no such key).
        """
        column = getattr(self, f"_{name}")
        return np.frombuffer(column, column.typecode)

    def formula(self, composition: int) -> str:
        """Return a composition, by its number, as a formula."""
        counts = np.frombuffer(self.compositions.names[composition], np.int64)
        return "".join(f"{SYMBOLS[z]}{counts[z]}" for z in np.flatnonzero(counts))

    def symbols(self, composition: int) -> frozenset[str]:
        """Return the elements of a composition, by its number."""
        counts = np.frombuffer(self.compositions.names[composition], np.int64)
        return frozenset(SYMBOLS[number] for number in np.flatnonzero(counts))


def _number(
    names: Names, values: Iterable[Hashable], bad: Collection[int], none: int | None = None
) -> list[int]:
    """Number the values of some rows; those at the places ``bad`` get 0, a None gets ``none``."""
    if none is None and not bad:
        return names.numbers(values)
    return [
        0 if place in bad
        else none if value is None and none is not None
        else names.number(value)
        for place, value in enumerate(values)
    ]  # fmt: skip


def select_generations(rows: Rows, data: DataConfig, up_to: int | None) -> NDArray[Any]:
    """Return the places of the rows of data.generations, none above ``up_to``.

    Rows of data.test_source are all chosen. HpctrainError where a generation that is named is not
    there.
    """
    generations = rows.column("generations")
    tests = np.zeros(len(rows), dtype=bool)
    if data.test_source is not None:
        tests = np.array([name == TEST for name in rows.sides.names])[rows.column("sides")]
    given = generations != NO_GENERATION
    known = {int(number) for number in np.unique(generations[given & ~tests])}
    chosen = np.ones(len(generations), dtype=bool)
    if data.generations == "latest":
        if len(rows) and not known:
            raise HpctrainError(
                "data.generations is 'latest', but no selected row has a generation",
                "give the rows a key 'generation', or set data.generations: all",
            )
        chosen = generations == max(known) if known else chosen
    elif data.generations != "all":
        wanted = set(data.generations)
        missing = sorted(wanted - known)
        if len(rows) and missing:
            raise HpctrainError(
                f"data.generations asks for {', '.join(map(str, missing))}, "
                f"but the selected rows have: {', '.join(map(str, sorted(known))) or 'none'}"
            )
        chosen = np.isin(generations, sorted(wanted))
    if up_to is not None:
        chosen &= given & (generations <= up_to)
    return np.flatnonzero(chosen | tests).astype(np.uint32)


def fingerprint(digests: NDArray[np.uint8], *sides: NDArray[Any]) -> str:
    """Compute one hash of the structures and labels on each side.

    It does not depend on their order and row numbers. ``digests`` [n, 32] are of all rows,
    ``sides`` the places of some.
    """
    sha = hashlib.sha256()
    for side in sides:
        for places in _sort(digests, side):
            sha.update(digests[places].tobytes().hex().encode())
        sha.update(b"|")
    return f"sha256:{sha.hexdigest()}"


def _sort(digests: NDArray[np.uint8], places: NDArray[Any]) -> Iterator[NDArray[Any]]:
    """Yield places in the order of the digests' texts, by the first byte: little memory."""
    lead = digests[places, 0]
    for byte in np.unique(lead):
        part = places[lead == byte]
        columns = digests[part].view(">u8")
        yield part[np.lexsort([columns[:, n] for n in (3, 2, 1, 0)])]
