"""The selected rows: read one after the other, checked, and kept on disk, not in memory."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from itertools import chain, groupby, islice
from pathlib import Path
from typing import IO, TYPE_CHECKING, TypeAlias

from hpctrain.data.parts import Part, Rules, make_part, set_sides
from hpctrain.data.sources.label_names import Labels
from hpctrain.data.sources.names import Sources, without_password
from hpctrain.data.sources.read import can_be_shared, count_all, read_pieces, read_source
from hpctrain.data.sources.row_keys import choose_selection
from hpctrain.data.sources.selection import refuse_unknown_sources
from hpctrain.data.structures.extxyz import Structure
from hpctrain.data.structures.rows import TEST, Rows
from hpctrain.data.workers import Workers

if TYPE_CHECKING:
    from hpctrain.settings import DataConfig

# Gets the number of rows read so far, and of all, where that is known.
Progress: TypeAlias = Callable[[int, "int | None"], None]
# Gets every selected row, and why it cannot be used, or None.
Scan: TypeAlias = Callable[[Structure, "str | None"], None]

BATCH = 128


def read_rows(
    data: DataConfig,
    sources: Sources,
    base: Path,
    spool: IO[bytes],
    cutoff: float,
    mixed_pbc: bool,
    progress: Progress,
    scan: Scan | None = None,
    *,
    stress: bool = False,
    who: str = "the trainer",
) -> Rows:
    """Read and check every selected row, and write the good ones as text into ``spool``.

    Relative sources are looked up in ``base``; ``cutoff`` in Å. HpctrainError where a source cannot
    be read.
    """
    rows = Rows(groups=data.group_by is not None, sides=data.split == "given")
    names = sources.names
    refuse_unknown_sources(data.select or "", list(map(without_password, names)))
    total = count_all(names, base, data.select or "")
    given = data.split == "given"
    side_key = data.side_key if given else None
    rules = Rules(cutoff, mixed_pbc, data.group_by, side_key, stress, who)
    sides = {one: TEST if one in sources.tests else "train" for one in names if given}
    for part in _read_parts(data, base, names, sides, sources.several, rules, scan):
        rows.extend(part.rows)
        spool.write(part.text)
        progress(len(rows), total)
    return rows


def _read_parts(
    data: DataConfig,
    base: Path,
    sources: Sequence[str],
    sides: Mapping[str, str],
    several: bool,
    rules: Rules,
    scan: Scan | None,
) -> Iterator[Part]:
    """Read all sources; the pieces of large ones are shared among the cores that are there.

    ``sides``: of the sources, where they are given. The structures themselves stay in the worker
    processes: with ``scan``, all is done in this one.
    """
    labels = Labels(data.labels)
    select = data.select or ""
    with Workers(data.labels, rules) as workers:
        for large, some in groupby(
            sources, lambda source: scan is None and can_be_shared(source, base)
        ):
            if large:
                for source in some:
                    pieces = read_pieces(source, base, select, several=several, labels=labels)
                    yield from workers.make_parts(pieces, sides.get(source), labels)
                continue
            structures = chain.from_iterable(
                set_sides(
                    read_source(source, base, select, several=several, labels=labels),
                    sides.get(source),
                    rules,
                )
                for source in some
            )
            while batch := list(islice(structures, BATCH)):
                part = make_part(batch, rules)
                yield part
                if scan is not None:
                    for place, structure in enumerate(batch):
                        scan(structure, part.rows.bad.get(place))


def with_selection(data: DataConfig, sources: Sources, base: Path) -> DataConfig:
    """Return the settings with data.select; one that is not given is chosen by the rows' keys."""
    if data.select is not None:
        return data
    return data.model_copy(update={"select": choose_selection(sources.names, base)})
