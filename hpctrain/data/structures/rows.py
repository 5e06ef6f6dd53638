"""What is kept in memory of the selected rows, from reading to writing."""

from __future__ import annotations

import hashlib
from array import array
from collections.abc import Iterator
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


class Row(NamedTuple):
    """What is kept of one selected row.

    ``digest`` is of the structure with its labels, ``geometry`` the first GEOMETRY bytes of that
    without; ``length``: of its text in the spool (bytes); ``composition``: the number of atoms by
    atomic number; ``group``: its value of data.group_by; ``isolated``: the energy (eV) of an
    isolated atom; ``bad``: why it cannot be used. ``side``: as in Structure.
    Of a bad row only the notes and the side count.
    """

    row_id: str
    config_type: str | None = None
    generation: int | None = None
    notes: tuple[tuple[str, float], ...] = ()
    others: OtherLabels | None = None
    bad: str | None = None
    digest: bytes = bytes(32)
    geometry: bytes = bytes(GEOMETRY)
    length: int = 0
    atoms: int = 0
    composition: bytes = b""
    group: str | None = None
    isolated: float | None = None
    side: str | None = None


class Rows:
    """What is kept in memory of the selected rows, from reading to writing: about 80 bytes each."""

    def __init__(self, *, groups: bool = False, sides: bool = False) -> None:
        self.ids = Ids()
        self.bad: dict[int, str] = {}
        self.isolated: dict[int, float] = {}  # eV
        self.kinds, self.compositions, self.groups = Names(), Names(), Names()
        self.sides = Names()
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

    def add(self, row: Row) -> None:
        """Add the next row."""
        place = len(self)
        if row.notes or row.others is not None:
            self._remember(place, row)
        if row.isolated is not None:
            self.isolated[place] = row.isolated
        good = row.bad is None
        if row.bad is not None:
            self.bad[place] = row.bad
        self.ids.append(row.row_id)
        self._generations.append(NO_GENERATION if row.generation is None else row.generation)
        self._digests += row.digest
        self._geometries += row.geometry
        self._ends.append(self._ends[-1] + row.length)
        self._atoms.append(row.atoms)
        self._kinds.append(self.kinds.number(row.config_type) if good else 0)
        self._compositions.append(self.compositions.number(row.composition) if good else 0)
        if self._groups is not None:
            if good:
                self._groups.append(-1 if row.group is None else self.groups.number(row.group))
            else:
                self._groups.append(0)
        if self._sides is not None:
            self._sides.append(-1 if row.side is None else self.sides.number(row.side))

    def _remember(self, place: int, row: Row) -> None:
        for sentence, size in row.notes:
            if sentence not in self.notes and len(self.notes) >= MOST_KINDS:
                sentence = _MORE_NOTES
            places, sizes = self.notes.setdefault(sentence, (array("I"), array("d")))
            places.append(place)
            sizes.append(size)
        others = row.others
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
