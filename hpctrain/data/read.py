"""The selected rows: read one after the other, checked, and kept on disk, not in memory."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator, Sequence
from itertools import islice
from pathlib import Path
from typing import IO, TYPE_CHECKING, TypeAlias

from hpctrain.data.sources.label_names import Labels
from hpctrain.data.sources.names import expand_sides, without_password
from hpctrain.data.sources.read import count_structures, read_source
from hpctrain.data.sources.row_keys import choose_selection
from hpctrain.data.sources.selection import refuse_unknown_sources
from hpctrain.data.structures.elements import SYMBOLS
from hpctrain.data.structures.extxyz import Batch, Structure, digest_structures, format_structures
from hpctrain.data.structures.labels import (
    drop_stresses,
    find_fault,
    find_not_finite,
    is_isolated,
    mend,
)
from hpctrain.data.structures.rows import TEST, Rows

if TYPE_CHECKING:
    from hpctrain.settings import DataConfig

# Gets the number of rows read so far, and of all, where that is known.
Progress: TypeAlias = Callable[[int, "int | None"], None]
# Gets every selected row, and why it cannot be used, or None.
Scan: TypeAlias = Callable[[Structure, "str | None"], None]

_SYMBOLS = [symbol.encode() for symbol in SYMBOLS]
BATCH = 128


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
    rows = Rows(groups=data.group_by is not None, sides=data.split == "given")
    sources, tests, several = expand_sides(data.source, data.test_source, base)
    select = data.select or ""
    refuse_unknown_sources(select, list(map(without_password, sources)))
    total = _count(sources, base, select)
    structures = _read_all(data, select, base, sources, tests, several)
    while part := list(islice(structures, BATCH)):
        _add_part(rows, part, data.group_by, spool, cutoff, mixed_pbc, scan)
        progress(len(rows), total)
    return rows


def _read_all(
    data: DataConfig,
    select: str,
    base: Path,
    sources: Sequence[str],
    tests: Collection[str],
    several: bool,
) -> Iterator[Structure]:
    """Read all sources, and say of each structure which side was given, if one was."""
    labels = Labels(data.labels)
    key = data.side_key
    for source in sources:
        structures = read_source(source, base, select, several=several, labels=labels)
        if data.split != "given":
            yield from structures
            continue
        for structure in structures:
            if key is None:
                structure.side = TEST if source in tests else "train"
            elif (side := structure.keys.get(key)) is not None:
                structure.side = str(side)
            yield structure


def with_selection(data: DataConfig, base: Path) -> DataConfig:
    """Return the settings with data.select; one that is not given is chosen by the rows' keys."""
    if data.select is not None:
        return data
    select = choose_selection(expand_sides(data.source, data.test_source, base)[0], base)
    return data.model_copy(update={"select": select})


def _count(sources: Sequence[str], base: Path, select: str) -> int | None:
    total = 0
    for source in sources:
        count = count_structures(source, base, select)
        if count is None:
            return None
        total += count
    return total


def _add_part(
    rows: Rows,
    part: Sequence[Structure],
    group_by: str | None,
    spool: IO[bytes],
    cutoff: float,
    mixed_pbc: bool,
    scan: Scan | None,
) -> None:
    for structure in part:
        mend(structure, cutoff)
    drop_stresses(part)
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
