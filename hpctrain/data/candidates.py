"""Structures that may be labelled next: read from any source, and each of a kind kept once.

What is alike is found as in the data of a training, the structures that were trained on included;
so nothing is labelled twice.
"""

from __future__ import annotations

import hashlib
import os
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import IO, TYPE_CHECKING

import numpy as np
import orjson

from hpctrain.data.duplicates.groups import Signatures, choose_dropped, find_duplicates
from hpctrain.data.read import Progress
from hpctrain.data.sources.label_names import NoLabels
from hpctrain.data.sources.names import expand
from hpctrain.data.sources.read import count_all, read_source
from hpctrain.data.structures.elements import SYMBOLS, formula_of
from hpctrain.data.structures.extxyz import Structure
from hpctrain.data.structures.labels import find_fault, find_not_finite, mend
from hpctrain.errors import HpctrainError

if TYPE_CHECKING:
    from numpy.typing import NDArray

_DIGEST = 16


@dataclass(frozen=True)
class Unusable:
    """A candidate that cannot be graded: its id, and why."""

    id: str
    why: str


@dataclass
class Candidates:
    """The candidates of a choice, as they are in its file, in their order.

    ``ids`` and ``sources`` [n] name them; ``alike`` are the ids of those that were left out, each
    with the id of the one it is like; ``read`` is how many there were in all.
    """

    file: Path
    ids: list[str] = field(default_factory=list)
    sources: list[str] = field(default_factory=list)
    unusable: list[Unusable] = field(default_factory=list)
    alike: list[tuple[str, str]] = field(default_factory=list)
    read: int = 0


def read_candidates(
    sources: Sequence[str],
    base: Path,
    select: str,
    elements: Sequence[str],
    file: Path,
    *,
    known: Sequence[Path] = (),
    progress: Progress = lambda *_: None,
) -> Candidates:
    """Read candidates, and write those that are to be graded into ``file``, one a line as JSON.

    Relative sources are looked up in ``base``; ``select`` is an ASE selection; ``elements`` are
    those that the potential knows; ``known`` are files of structures that were trained or tested
    on. A label is not needed, and none is read. HpctrainError where a source cannot be read.
    """
    found = Candidates(file)
    names, several = expand(list(sources), base, "CANDIDATES")
    total = count_all(names, base, select)
    with _Kept(file.with_name(f".{file.name}.all")) as kept:
        for path in known:
            for one in read_source(path.name, path.parent, "", labels=NoLabels()):
                kept.add(_bare(one), f"{one.keys.get('db_id', one.row_id)} of the training", "")
        trained = len(kept)
        for one in _read(names, base, select, several):
            found.read += 1
            progress(found.read, total)
            bare = _bare(one)
            fault = _fault(bare, set(elements))
            if fault is None:
                kept.add(bare, one.row_id, one.source)
            else:
                found.unusable.append(Unusable(one.row_id, fault))
        found.alike = _write_apart(kept, trained, found)
    return found


def _read(names: Sequence[str], base: Path, select: str, several: bool) -> Iterator[Structure]:
    for name in names:
        yield from read_source(name, base, select, several=several, labels=NoLabels())


def _bare(structure: Structure) -> Structure:
    """Return a structure without its labels; zeros stand for them where they have to be there."""
    zeros = np.zeros((len(structure.numbers), 3))
    bare = replace(structure, energy=0.0, forces=zeros, stress=None)
    mend(bare, 0.0)
    return bare


def _fault(structure: Structure, elements: set[str]) -> str | None:
    """Say why a structure cannot be graded, or None."""
    fault = find_fault(structure) or find_not_finite(structure)
    if fault is not None:
        return fault
    unknown = sorted({SYMBOLS[n] for n in np.unique(structure.numbers)} - elements)
    if unknown:
        return f"{', '.join(unknown)}: not among the elements of the potential"
    return None


class _Kept:
    """Structures on disk, each a line, with what is needed to find those that are alike."""

    def __init__(self, path: Path) -> None:
        self.ids: list[str] = []
        self.sources: list[str] = []
        self.signatures = Signatures()
        self._path, self._ends, self._digests = path, [0], bytearray()
        self._file: IO[bytes] = path.open("w+b")

    def __enter__(self) -> _Kept:
        return self

    def __exit__(self, *_: object) -> None:
        self._file.close()
        self._path.unlink()

    def __len__(self) -> int:
        return len(self.ids)

    def add(self, structure: Structure, row_id: str, source: str) -> None:
        """Write a structure, and remember what it is like."""
        line = orjson.dumps({
            "numbers": structure.numbers.tolist(), "positions": structure.positions.tolist(),
            "cell": structure.cell.tolist(), "pbc": list(structure.pbc),
        })  # fmt: skip
        self._file.write(line + b"\n")
        self._ends.append(self._ends[-1] + len(line) + 1)
        self._digests += hashlib.blake2b(line, digest_size=_DIGEST).digest()
        self.signatures.add(structure)
        self.ids.append(row_id)
        self.sources.append(source)

    def line(self, index: int) -> bytes:
        """Return the text of a structure."""
        begin, end = self._ends[index : index + 2]
        self._file.flush()
        return os.pread(self._file.fileno(), end - begin, begin)

    def structure(self, index: int) -> Structure:
        """Read a structure again."""
        return parse(self.line(index), self.ids[index], self.sources[index])

    @property
    def digests(self) -> NDArray[np.uint8]:
        """Return the digests of the structures [n, _DIGEST]."""
        return np.frombuffer(self._digests, np.uint8).reshape(-1, _DIGEST)


def parse(line: bytes, row_id: str, source: str) -> Structure:
    """Read a structure, without labels, as ``read_candidates`` writes it."""
    one = orjson.loads(line)
    return Structure(
        row_id,
        source,
        np.array(one["numbers"], dtype=np.int64),
        np.array(one["positions"], dtype=float).reshape(-1, 3),
        np.array(one["cell"], dtype=float),
        (one["pbc"][0], one["pbc"][1], one["pbc"][2]),
        *(None,) * 5,
    )


def _write_apart(kept: _Kept, trained: int, found: Candidates) -> list[tuple[str, str]]:
    """Write the candidates that are like none before them; return the others, and like which."""
    if len(kept) == trained:
        found.file.write_bytes(b"")
        return []
    groups = find_duplicates(kept.signatures.arrays(), kept.digests, kept.structure)
    order = range(len(kept))  # what was trained on comes first, and stays
    gone = set(choose_dropped(groups, order, np.zeros(len(kept)), "near"))
    like: dict[int, int] = {}
    for group in groups:
        stays = next((index for index in group.indices if index not in gone), group.indices[0])
        for index in group.indices:
            like.setdefault(index, stays)
    with found.file.open("wb") as file:
        for index in range(trained, len(kept)):
            if index not in gone:
                file.write(kept.line(index))
                found.ids.append(kept.ids[index])
                found.sources.append(kept.sources[index])
    return [(kept.ids[index], kept.ids[like[index]]) for index in sorted(gone) if index >= trained]


def read_lines(file: Path, wanted: Sequence[int]) -> dict[int, bytes]:
    """Read some lines of the candidates' file, by their numbers from 0."""
    left = set(wanted)
    with file.open("rb") as rows:
        lines = {number: line for number, line in enumerate(rows) if number in left}
    if len(lines) != len(left):
        raise HpctrainError(f"{file} has changed", "run hpctrain select again")
    return lines


def symbol(number: int) -> str:
    """Return the symbol of an element."""
    return SYMBOLS[int(number)]


def formula(numbers: NDArray[np.int64]) -> str:
    """Return the formula of a structure's atoms, in the order of their numbers."""
    elements, counts = np.unique(numbers, return_counts=True)
    return formula_of(zip(elements.tolist(), counts.tolist(), strict=True))
