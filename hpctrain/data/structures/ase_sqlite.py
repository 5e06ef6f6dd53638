"""The rows of ASE's SQLite databases, read from the table itself, one after the other.

ASE builds a row's every attribute, opens a connection for each, and fetches all rows at once. Here
the selection is ASE's own statement, and only what a structure needs is read.
"""

from __future__ import annotations

import contextlib
import sys
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeAlias

import numpy as np
import orjson

from hpctrain.data.structures.sqlite_file import opened

if TYPE_CHECKING:
    from numpy.typing import NDArray

COLUMNS = (
    "id", "numbers", "positions", "cell", "pbc", "energy", "forces", "stress", "key_value_pairs",
)  # fmt: skip
# The versions of the table in which these columns hold what is read here (ase/db/sqlite.py).
VERSIONS = (8, 9)
LITTLE = sys.byteorder == "little"
_PBC = [(bool(bits & 1), bool(bits & 2), bool(bits & 4)) for bits in range(8)]


# Id, numbers, positions, cell, pbc, energy, forces, stress, and the row's own pairs: shapes and
# units as in hpctrain.extxyz.Structure, but the stress may be [6], [9] or [3, 3].
DatabaseRow: TypeAlias = tuple[Any, ...]


def can_read(database: Any) -> bool:
    """Is it a database whose table is known here? All others are read by ASE."""
    if type(database).__name__ != "SQLite3Database" or not Path(database.filename).is_file():
        return False
    with database.managed_connection():
        return database.version in VERSIONS  # known once there was a connection


def count(database: Any, keys: Any, comparisons: Any) -> int:
    """How many rows there are in a selection."""
    statement, arguments = database.create_select_statement(keys, comparisons, what="systems.id")
    with contextlib.closing(opened(Path(database.filename))) as connection:
        found = connection.execute(f"SELECT COUNT(*) FROM ({statement})", arguments)  # noqa: S608
        return int(found.fetchone()[0])


def rows(database: Any, keys: Any, comparisons: Any) -> Iterator[DatabaseRow]:
    """The rows of a selection, parsed as ASE does."""
    what = ", ".join(f"systems.{column}" for column in COLUMNS)
    statement, arguments = database.create_select_statement(keys, comparisons, what=what)
    with contextlib.closing(opened(Path(database.filename))) as connection:
        for row in connection.execute(statement, arguments):
            try:
                yield _parsed(row, database)
            except ValueError as error:  # a blob of another length than its numbers take
                raise ValueError(f"row {row[0]} is damaged: {error}") from error


def _parsed(row: Sequence[Any], database: Any) -> DatabaseRow:
    number, numbers, positions, cell, pbc, energy, forces, stress, pairs = row
    return (
        number,
        np.frombuffer(numbers, "<i4").astype(np.int64),
        _floats(positions).reshape(-1, 3),
        _floats(cell).reshape(3, 3),
        _PBC[pbc or 0],
        energy,
        None if forces is None else _floats(forces).reshape(-1, 3),
        None if stress is None else _floats(stress),
        {} if pairs == "{}" else _decoded(pairs, database),
    )


def _floats(blob: bytes) -> NDArray[np.float64]:
    values = np.frombuffer(blob, "<f8")
    return values if LITTLE else values.astype(np.float64)


def _decoded(text: str | bytes, database: Any) -> Mapping[str, Any]:
    pairs: Mapping[str, Any]
    # ASE marks arrays and dates by names that begin so (ase/io/jsonio.py), and writes NaN.
    if isinstance(text, str) and '"__' not in text:
        with contextlib.suppress(orjson.JSONDecodeError):
            pairs = orjson.loads(text)
            return pairs
    pairs = database.decode(text)
    return pairs
