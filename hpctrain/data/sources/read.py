"""Any source: read, one structure after the other, by the reader of its kind."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import chain
from pathlib import Path
from typing import TYPE_CHECKING, ClassVar

from hpctrain.data.sources import ase_sqlite, extxyz_file, outputs, pickles
from hpctrain.data.sources.databases import read_database
from hpctrain.data.sources.label_names import Labels
from hpctrain.data.sources.names import ending, refuse_missing, without_password
from hpctrain.data.sources.pieces import Piece, select_structures
from hpctrain.data.sources.selection import Selection, make_selection

if TYPE_CHECKING:
    from hpctrain.data.sources.label_names import Raw
    from hpctrain.data.structures.extxyz import Structure

_XYZ = (".xyz", ".extxyz")
# Bytes from which on it is worth it to start processes.
LARGE = 32_000_000
_DATABASES = (".db", ".json", ".aselmdb")


def read_source(
    source: str,
    base: Path,
    select: str,
    *,
    several: bool = False,
    labels: Labels | None = None,
) -> Iterator[Structure]:
    """Read the selected structures of one source, one after the other.

    Row ids are the database's own, or the place in a file, counted from 1; with ``several`` sources
    the name of the source stands before them. ``labels`` are those of data.labels. HpctrainError
    names what cannot be read.
    """
    wanted = labels or Labels({})
    for piece in read_pieces(source, base, select, several=several, labels=wanted):
        yield from piece.structures(wanted)


def read_pieces(
    source: str, base: Path, select: str, *, several: bool, labels: Labels
) -> Iterator[Piece]:
    """Read a source as ``read_source`` does, but do not take its rows apart yet."""
    name = without_password(source)
    prefix = f"{name}#" if several else ""
    selection = make_selection(select, name, labels.usual_names)
    path = base / source
    if is_database(source, path):
        if "://" not in source:
            ase_sqlite.refuse_other_files(path, name)
        target = source if "://" in source else str(path)
        return read_database(target, name, selection, prefix, with_data=not labels.usual)
    if ending(path.name)[0] in _XYZ:
        return extxyz_file.read_extxyz(path, name, selection, prefix)
    return iter([_Others(read_file(path, name), name, selection, prefix)])


@dataclass(frozen=True)
class _Others:
    """A file of another format, as a whole."""

    raws: Iterator[tuple[int, Raw]]
    name: str
    selection: Selection
    prefix: str
    portable: ClassVar[bool] = False

    def structures(self, labels: Labels) -> Iterator[Structure]:
        return select_structures(self.raws, self.name, self.selection, self.prefix, labels)


def can_be_shared(source: str, base: Path) -> bool:
    """Say whether a source is so large, and of such a kind, that several processes are quicker."""
    path = base / source
    if "://" in source or not path.is_file() or path.stat().st_size <= LARGE:
        return False
    return path.suffix == ".db" or ending(path.name)[0] in _XYZ


def is_database(source: str, path: Path) -> bool:
    """Say whether ASE's databases are asked for a source; HpctrainError where it is no file."""
    if "://" in source:
        return True
    refuse_missing(str(path), Path())
    if path.suffix in _DATABASES:
        return True
    with path.open("rb") as file:
        return file.read(len(ase_sqlite.MAGIC)) == ase_sqlite.MAGIC


def read_file(path: Path, name: str) -> Iterator[tuple[int, Raw]]:
    """Read the rows of a file that is no database, with their numbers from 1."""
    if ending(path.name)[0] in _XYZ:
        pieces = extxyz_file.read_extxyz(path, name, make_selection("", name), "")
        return chain.from_iterable(piece.raws() for piece in pieces)
    if pickles.is_pickle(path.name):
        return pickles.read_pickle(path, name)
    return outputs.read_output(path, name)


def count_all(sources: Sequence[str], base: Path, select: str) -> int | None:
    """Count the selected structures of several sources; None if one would have to be read."""
    total = 0
    for source in sources:
        count = count_structures(source, base, select)
        if count is None:
            return None
        total += count
    return total


def count_structures(source: str, base: Path, select: str) -> int | None:
    """Count the selected structures, where that can be done without reading them."""
    path = base / source
    try:
        selection = make_selection(select, without_password(source))
        if "://" in source or not is_database(source, path):
            return outputs.count_output(path) if selection.everything else None
        import ase.db

        ase_sqlite.refuse_other_files(path, source)
        database = ase.db.connect(str(path))
        if selection.in_ase and ase_sqlite.can_read(database):
            return ase_sqlite.count_rows(database, *selection.parsed)
    except Exception:  # noqa: BLE001  reading them names what is wrong
        return None
    return None
