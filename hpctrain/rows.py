"""The selected rows: read one after the other, checked, and kept on disk, not in memory."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import IO, TYPE_CHECKING

from hpctrain.errors import HpctrainError
from hpctrain.extxyz import digest, formatted
from hpctrain.labels import fault, is_isolated
from hpctrain.sources import SYMBOLS, read_source

if TYPE_CHECKING:
    from hpctrain.models import DataConfig

Progress = Callable[[int], None]


@dataclass
class Row:
    """What is remembered of a structure between reading and writing."""

    row_id: str
    generation: int | None
    bad: str | None = None
    digest: str = ""
    offset: int = 0
    length: int = 0
    atoms: int = 0
    symbols: frozenset[str] = field(default_factory=frozenset)
    config_type: str | None = None
    isolated: float | None = None


def read_rows(
    data: DataConfig,
    base: Path,
    spool: IO[bytes],
    cutoff: float,
    mixed_pbc: bool,
    progress: Progress,
) -> list[Row]:
    """Every selected row, checked; the good ones formatted into ``spool``."""
    rows: list[Row] = []
    sources = [data.source] if isinstance(data.source, str) else data.source
    if not sources:
        raise HpctrainError("data.source names no file")
    for source in sources:
        for structure in read_source(source, base, data.select, several=len(sources) > 1):
            row = Row(structure.row_id, structure.generation, bad=fault(structure, mixed_pbc))
            if row.bad is None:
                symbols = [SYMBOLS[number] for number in structure.numbers]
                text = formatted(structure, symbols).encode()
                row.digest = digest(structure)
                row.offset, row.length = spool.tell(), len(text)
                row.atoms, row.symbols = len(symbols), frozenset(symbols)
                row.config_type = structure.config_type
                row.isolated = structure.energy if is_isolated(structure, cutoff) else None
                spool.write(text)
            rows.append(row)
            progress(len(rows))
    return rows


def of_generations(rows: list[Row], data: DataConfig, up_to: int | None) -> list[Row]:
    """The rows of the generations that the settings ask for, and of none above ``up_to``."""
    wanted: set[int] | None = None
    known = {row.generation for row in rows if row.generation is not None}
    if data.generations == "latest":
        if rows and not known:
            raise HpctrainError(
                "data.generations is 'latest', but no selected row has a generation",
                "give the rows a key 'generation', or set data.generations: all",
            )
        wanted = {max(known)} if known else set()
    elif data.generations != "all":
        wanted = set(data.generations)
        missing = sorted(wanted - known)
        if rows and missing:
            raise HpctrainError(
                f"data.generations asks for {', '.join(map(str, missing))}, "
                f"but the selected rows have: {', '.join(map(str, sorted(known))) or 'none'}"
            )
    return [
        row
        for row in rows
        if (wanted is None or row.generation in wanted)
        and (up_to is None or (row.generation is not None and row.generation <= up_to))
    ]


def fingerprint(*sides: Sequence[Row]) -> str:
    """Of the structures and labels on each side, whatever their order and row numbers."""
    sha = hashlib.sha256()
    for side in sides:
        for key in sorted(row.digest for row in side):
            sha.update(key.encode())
        sha.update(b"|")
    return f"sha256:{sha.hexdigest()}"
