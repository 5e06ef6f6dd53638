"""Any source: read, one structure after the other, by the reader of its kind."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

from hpctrain.data.sources import ase_sqlite, extxyz_file, outputs, pickles
from hpctrain.data.sources.databases import read_database, whole_generation
from hpctrain.data.sources.label_names import Labels
from hpctrain.data.sources.names import ending, without_password
from hpctrain.data.sources.selection import make_selection
from hpctrain.errors import HpctrainError

if TYPE_CHECKING:
    from hpctrain.data.sources.label_names import Raw
    from hpctrain.data.structures.extxyz import Structure

_XYZ = (".xyz", ".extxyz")
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
    name = without_password(source)
    prefix = f"{name}#" if several else ""
    wanted = labels or Labels({})
    selection = make_selection(select, name, wanted.usual_names)
    path = base / source
    if is_database(source, path):
        if "://" not in source:
            ase_sqlite.refuse_other_files(path, name)
        target = source if "://" in source else str(path)
        rows = read_database(target, name, selection, prefix, wanted)
        if selection.in_ase:
            yield from rows
            return
        for structure in rows:
            if selection.takes(int(structure.row_id[len(prefix) :]), structure):
                yield structure
        return
    for number, raw in read_file(path, name):
        if raw.fault is None and not selection.matches(number, raw):
            continue
        generation = raw.keys.get("generation")
        if generation is not None:
            generation = whole_generation(generation, name, f"structure {number}")
        kind = raw.keys.get("config_type")
        structure = wanted.structure(
            raw, f"{prefix}{number}", name, None if kind is None else str(kind), generation
        )
        if selection.in_ase or selection.takes(number, structure):
            yield structure


def is_database(source: str, path: Path) -> bool:
    """Say whether ASE's databases are asked for a source; HpctrainError where it is no file."""
    if "://" in source:
        return True
    if path.is_dir():
        raise HpctrainError(
            f"data.source: {path} is a folder",
            f"name its files, for example {source.rstrip('/')}/**/vasprun.xml",
        )
    if not path.is_file():
        raise HpctrainError(f"data.source: there is no file {path}")
    if path.suffix in _DATABASES:
        return True
    with path.open("rb") as file:
        return file.read(len(ase_sqlite.MAGIC)) == ase_sqlite.MAGIC


def read_file(path: Path, name: str) -> Iterator[tuple[int, Raw]]:
    """Read the rows of a file that is no database, with their numbers from 1."""
    if ending(path.name)[0] in _XYZ:
        return extxyz_file.read_extxyz(path, name)
    if pickles.is_pickle(path.name):
        return pickles.read_pickle(path, name)
    return outputs.read_output(path, name)


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
