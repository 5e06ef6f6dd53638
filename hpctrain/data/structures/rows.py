"""The selected rows: read one after the other, checked, and kept on disk, not in memory."""

from __future__ import annotations

import hashlib
from array import array
from collections.abc import Callable, Iterator, Sequence
from itertools import islice
from pathlib import Path
from typing import IO, TYPE_CHECKING, Any, TypeAlias

import numpy as np

from hpctrain.data.structures.extxyz import Batch, Structure, digest_structures, format_structures
from hpctrain.data.structures.ids import Ids, Names
from hpctrain.data.structures.labels import find_fault, find_not_finite, is_isolated
from hpctrain.data.structures.sources import SYMBOLS, count_structures, read_source
from hpctrain.errors import HpctrainError

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from hpctrain.settings import DataConfig

# Gets the number of rows read so far, and of all, where that is known.
Progress: TypeAlias = Callable[[int, "int | None"], None]
# Gets every selected row, and why it cannot be used, or None.
Scan: TypeAlias = Callable[[Structure, "str | None"], None]

_SYMBOLS = [symbol.encode() for symbol in SYMBOLS]
BATCH = 128
_NOTHING = bytes(32)
GEOMETRY = 8  # bytes kept of a digest: two of a million are equal with a probability of 3e-8
MOST_ORDERS = 10_000
NO_GENERATION = -(2**31)


class Rows:
    """What is kept in memory of the selected rows, from reading to writing: about 80 bytes each."""

    def __init__(self, *, groups: bool = False) -> None:
        self.ids = Ids()
        self.bad: dict[int, str] = {}
        self.isolated: dict[int, float] = {}  # eV
        self.kinds, self.compositions, self.groups = Names(), Names(), Names()
        self._digests = bytearray()
        self._geometries = bytearray()
        self._ends, self._atoms, self._generations = array("Q", [0]), array("I"), array("i")
        self._kinds, self._compositions = array("I"), array("I")
        self._groups = array("i") if groups else None
        self._orders: dict[bytes, int] = {}

    def __len__(self) -> int:
        return len(self._atoms)

    def add_bad(self, structure: Structure, reason: str) -> None:
        """Add a row that cannot be used."""
        self.bad[len(self)] = reason
        self._add(structure, (_NOTHING, _NOTHING), 0, 0, 0, 0, 0)

    def add(self, structure: Structure, digests: tuple[bytes, bytes], length: int,
            isolated: bool, group: object) -> None:  # fmt: skip
        """Add a good row.

        ``digests``: with its labels, and without; ``length``: of its text in the spool (bytes);
        ``isolated``: whether it is an isolated atom; ``group``: its value of data.group_by.
        """
        if isolated:
            assert structure.energy is not None
            self.isolated[len(self)] = structure.energy
        self._add(
            structure,
            digests,
            length,
            len(structure.numbers),
            self.kinds.number(structure.config_type),
            self._composition(structure.numbers),
            -1 if group is None else self.groups.number(str(group)),
        )

    def _add(self, structure: Structure, digests: tuple[bytes, bytes], length: int, atoms: int,
             kind: int, composition: int, group: int) -> None:  # fmt: skip
        self.ids.append(structure.row_id)
        generation = structure.generation
        self._generations.append(NO_GENERATION if generation is None else generation)
        self._digests += digests[0]
        self._geometries += digests[1][:GEOMETRY]
        self._ends.append(self._ends[-1] + length)
        self._atoms.append(atoms)
        self._kinds.append(kind)
        self._compositions.append(composition)
        if self._groups is not None:
            self._groups.append(group)

    def _composition(self, numbers: NDArray[np.int64]) -> int:
        # Most structures have their atoms in the order of many others.
        order = numbers.tobytes()
        number = self._orders.get(order)
        if number is None:
            number = self.compositions.number(np.bincount(numbers).tobytes())
            if len(self._orders) < MOST_ORDERS:
                self._orders[order] = number
        return number

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
        ``generations``, and the numbers of ``kinds``, ``compositions`` and ``groups`` (-1: no such
        key).
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


def read_rows(
    data: DataConfig,
    base: Path,
    spool: IO[bytes],
    cutoff: float,
    mixed_pbc: bool,
    progress: Progress,
    scan: Scan | None = None,
) -> Rows:
    """Read and check every selected row, and write the good ones as text into ``spool``.

    Relative sources are looked up in ``base``; ``cutoff`` in Å. HpctrainError where a source cannot
    be read.
    """
    rows = Rows(groups=data.group_by is not None)
    sources = [data.source] if isinstance(data.source, str) else data.source
    if not sources:
        raise HpctrainError("data.source names no file")
    counts = [count_structures(source, base, data.select) for source in sources]
    total = None if None in counts else sum(filter(None, counts))
    for source in sources:
        structures = read_source(source, base, data.select, several=len(sources) > 1)
        while part := list(islice(structures, BATCH)):
            _add_part(rows, part, data.group_by, spool, cutoff, mixed_pbc, scan)
            progress(len(rows), total)
    return rows


def _add_part(
    rows: Rows,
    part: Sequence[Structure],
    group_by: str | None,
    spool: IO[bytes],
    cutoff: float,
    mixed_pbc: bool,
    scan: Scan | None,
) -> None:
    faults = [find_fault(structure, mixed_pbc) for structure in part]
    whole = [one for one, bad in zip(part, faults, strict=True) if bad is None]
    batch = Batch.of(whole) if whole else None
    texts = iter(format_structures(batch, _SYMBOLS) if batch else ())
    digests = iter(digest_structures(batch) if batch else ())
    for structure, fault in zip(part, faults, strict=True):
        bad = fault
        if bad is None:
            text, digest = next(texts), next(digests)
            bad = find_not_finite(structure) if b"null" in text else None  # it may stand in a name
        if bad is not None:
            rows.add_bad(structure, bad)
        else:
            spool.write(text)
            isolated = is_isolated(structure, cutoff)
            group = structure.keys.get(group_by) if group_by else None
            rows.add(structure, digest, len(text), isolated, group)
        if scan is not None:
            scan(structure, bad)


def select_generations(rows: Rows, data: DataConfig, up_to: int | None) -> NDArray[Any]:
    """Return the places of the rows of data.generations, none above ``up_to``.

    HpctrainError where a generation that is named is not there.
    """
    generations = rows.column("generations")
    given = generations != NO_GENERATION
    known = {int(number) for number in np.unique(generations[given])}
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
    return np.flatnonzero(chosen).astype(np.uint32)


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
