"""ASE's SQLite databases, read from the table itself, one row after the other.

ASE builds a row's every attribute, opens a connection for each, and fetches all rows at once. Here
the selection is ASE's own statement, and only what a structure needs is read. ASE also makes its
tables in whatever it is given, in an empty file or in somebody else's database; nothing is written
here.
"""

from __future__ import annotations

import contextlib
import errno
import fcntl
import sqlite3
import sys
from collections.abc import Iterator, Mapping, Sequence
from functools import lru_cache, partial
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeAlias
from urllib.parse import quote

import numpy as np
import orjson

from hpctrain.errors import HpctrainError

if TYPE_CHECKING:
    from numpy.typing import NDArray

COLUMNS = (
    "id", "numbers", "positions", "cell", "pbc", "energy", "free_energy", "forces", "stress",
    "key_value_pairs", "initial_magmoms", "magmoms", "magmom",
)  # fmt: skip
# What most rows have though it tells nothing.
_MAYBE_TOLD = ("NULLIF(systems.charge, 0)", "NULLIF(systems.calculator_parameters, '{}')")
# A row's data are read where they may hold labels: these can be large, and have to be decoded.
_MAYBE_LABELS = (
    "CASE WHEN systems.energy IS NULL OR systems.forces IS NULL "
    "OR instr(systems.data, x'6f726365') OR instr(systems.data, x'4f524345') "
    "THEN systems.data END"
)
# The versions of the table in which these columns hold what is read here (ase/db/sqlite.py).
VERSIONS = (8, 9)
MAGIC = b"SQLite format 3\0"
_READERS = 0x40000002
LITTLE = sys.byteorder == "little"
_INTEGERS, _FLOATS = np.dtype("<i4"), np.dtype("<f8")
_PBC = [(bool(bits & 1), bool(bits & 2), bool(bits & 4)) for bits in range(8)]


# Id, numbers, positions, cell, pbc, energy, free energy, forces, stress, the row's own pairs, what
# it has of its calculation or None, and what gives its data, or None where these hold no labels.
# Shapes and units as in extxyz.Structure, but the stress may be [6], [9] or [3, 3], and an energy
# whatever was written.
DatabaseRow: TypeAlias = tuple[Any, ...]


def refuse_other_files(path: Path, name: str) -> None:
    """Raise HpctrainError if ASE would take a file for its SQLite database, and it is none.

    ``name`` is what the file is called in errors.
    """
    with path.open("rb") as file:
        head = file.read(100)
    if path.suffix != ".db" and not head.startswith(MAGIC):
        return  # another of ASE's formats
    if not head.startswith(MAGIC) or len(head) < 100:
        said = "it is empty" if not head else "it does not begin as one"
        raise HpctrainError(f"{name} is not an SQLite database: {said}", "name an ASE database")
    # Where the header tells the file's length (sqlite.org/fileformat.html, 1.3).
    page = int.from_bytes(head[16:18], "big")
    page = 65536 if page == 1 else page
    if head[24:28] == head[92:96]:
        wanted = page * int.from_bytes(head[28:32], "big")
        if path.stat().st_size < wanted:
            raise HpctrainError(
                f"{name} is cut off: it has {path.stat().st_size} bytes, and says {wanted}",
                "copy or write it again",
            )
    try:
        with contextlib.closing(open_read_only(path)) as connection:
            tables = {row[0] for row in connection.execute("select name from sqlite_master")}
    except sqlite3.Error as error:
        refuse_locked(error, name)
        raise HpctrainError(f"{name} cannot be read: {error}", "copy or write it again") from error
    if "systems" not in tables:
        raise HpctrainError(
            f"{name} is an SQLite database, but none of ASE's: it has no table 'systems'",
            "name an ASE database",
        )


def refuse_locked(error: Exception, name: str) -> None:
    """Raise HpctrainError if an error says that a program is writing to the database."""
    if "database is locked" in str(error):
        raise HpctrainError(
            f"{name} is locked: a program is writing to it",
            "wait until it has written, then try again",
        ) from error


def lock_notes(sources: Sequence[str], base: Path) -> list[str]:
    """Tell of each database that is read without locks."""
    paths = [base / one for one in sources]
    return [
        f"{path} is read without locks, which its file system does not have: nothing may write to "
        "it meanwhile"
        for path in paths
        if path.suffix == ".db" and path.is_file() and not has_locks(path)
    ]


def can_read(database: Any) -> bool:
    """Say whether the table of a database is known here. All others are read by ASE."""
    if type(database).__name__ != "SQLite3Database" or not Path(database.filename).is_file():
        return False
    with contextlib.closing(open_read_only(Path(database.filename))) as connection:
        database._initialize(connection)  # ASE's own connection would need locks
        return database.version in VERSIONS


def count_rows(database: Any, keys: Any, comparisons: Any) -> int:
    """Count the rows of a selection."""
    statement, arguments = database.create_select_statement(keys, comparisons, what="systems.id")
    with contextlib.closing(open_read_only(Path(database.filename))) as connection:
        counted = connection.execute(f"SELECT COUNT(*) FROM ({statement})", arguments)  # noqa: S608
        return int(counted.fetchone()[0])


def has_rows(database: Any, keys: Any, comparisons: Any) -> bool:
    """Say whether a selection takes any row."""
    statement, arguments = database.create_select_statement(keys, comparisons, what="systems.id")
    with contextlib.closing(open_read_only(Path(database.filename))) as connection:
        return connection.execute(f"{statement} LIMIT 1", arguments).fetchone() is not None


def select_rows(
    database: Any, selection: tuple[Any, Any], with_data: bool = False
) -> Iterator[Sequence[Any]]:
    """Read the rows of a selection as they are in the table; ``parse_row`` takes them apart.

    ``with_data``: also the data of rows whose labels are complete.
    """
    data = "systems.data" if with_data else _MAYBE_LABELS
    what = ", ".join([*(f"systems.{column}" for column in COLUMNS), *_MAYBE_TOLD, data])
    statement, arguments = database.create_select_statement(*selection, what=what)
    with contextlib.closing(open_read_only(Path(database.filename))) as connection:
        yield from connection.execute(statement, arguments)


def open_read_only(path: Path) -> sqlite3.Connection:
    """Connect in a way that can only read, and without locks where the file system has none."""
    how = "mode=ro" if has_locks(path) else "mode=ro&immutable=1"
    return sqlite3.connect(f"file:{quote(str(path.absolute()))}?{how}", uri=True)


@lru_cache
def has_locks(path: Path) -> bool:
    """Say whether files can be locked there; many parallel file systems are set up without.

    SQLite itself takes a missing lock for a database that somebody writes (os_unix.c,
    sqliteErrorFromPosixError), and waits in vain. Each file is tried once, before it is read:
    closing it again would end the locks that this process has by then.
    """
    with path.open("rb") as file:
        try:
            # SQLite's own place for readers (its PENDING_BYTE, and SHARED_FIRST behind it).
            fcntl.lockf(file, fcntl.LOCK_SH | fcntl.LOCK_NB, 1, _READERS)
        except OSError as error:
            return error.errno not in (errno.ENOLCK, errno.ENOSYS, errno.EOPNOTSUPP, errno.EINVAL)
    return True


def parse_row(row: Sequence[Any]) -> DatabaseRow:
    """Take a row apart. ValueError names one that is damaged."""
    try:
        return _parse(row)
    # A blob of another length than its numbers take, text where a blob was, and the like.
    except (ValueError, TypeError, LookupError, AttributeError) as error:
        raise ValueError(f"row {row[0]} is damaged: {error}") from error


def _parse(row: Sequence[Any]) -> DatabaseRow:
    (number, numbers, positions, cell, pbc, energy, free_energy, forces, stress, pairs, initial,
     magmoms, magmom, charge, parameters, data) = row  # fmt: skip
    return (
        number,
        np.frombuffer(numbers, _INTEGERS).astype(np.int64),
        _floats(positions).reshape(-1, 3),
        _floats(cell).reshape(3, 3),
        _PBC[pbc or 0],
        energy,
        free_energy,
        _floats(forces).reshape(-1, 3) if isinstance(forces, bytes) else forces,
        _floats(stress) if isinstance(stress, bytes) else stress,
        {} if pairs == "{}" else _decode(pairs),
        calculation_of(initial, magmoms, magmom, charge, parameters)
        if initial or magmoms or magmom or charge or parameters
        else None,
        None if data is None else partial(_decode_data, data),
    )


def calculation_of(
    initial_magmoms: Any, magmoms: Any, magmom: Any, charge: Any, parameters: Any
) -> dict[str, Any] | None:
    """Return what a row has of its calculation beside its keys; None where that is nothing.

    Magnetic moments (of the atoms, or in all), a charge that is a whole number, and the
    calculator's parameters. Moments are arrays or their bytes, parameters a dict or its text.
    """
    found: dict[str, Any] = {}
    if isinstance(parameters, dict):
        found |= _plain_values(parameters)
    elif isinstance(parameters, str) and parameters not in ("{}", "null"):
        found |= _read_parameters(parameters)
    moments = magmoms if initial_magmoms is None else initial_magmoms
    if moments is not None:
        found["magmoms"] = _floats(moments) if isinstance(moments, bytes) else moments
    elif isinstance(magmom, float):
        found["magmom"] = magmom
    # Charges of the single atoms, from whatever analysis, need not be whole in their sum.
    if isinstance(charge, float) and abs(charge) > 0.5 and abs(charge - round(charge)) < 0.01:
        found["charge"] = round(charge)
    return found or None


def _plain_values(parameters: Mapping[str, Any]) -> dict[str, Any]:
    return {
        name: value for name, value in parameters.items()
        if isinstance(name, str) and isinstance(value, (str, int, float))
    }  # fmt: skip


@lru_cache(maxsize=256)
def _read_parameters(text: str) -> dict[str, Any]:
    """Read a calculator's parameters, which are the same for most rows; ASE may encode twice."""
    value: Any = text
    try:
        for _ in range(3):
            if isinstance(value, str):
                value = orjson.loads(value)
    except orjson.JSONDecodeError:
        return {}
    return _plain_values(value) if isinstance(value, dict) else {}


def _floats(blob: bytes) -> NDArray[np.float64]:
    values = np.frombuffer(blob, _FLOATS)
    return values if LITTLE else values.astype(np.float64)


def _decode_data(data: str | bytes) -> Mapping[str, Any]:
    """Decode a row's data, which ASE writes as JSON, or with arrays as bytes before it."""
    found = _decode_as_ase(data)
    return found if isinstance(found, dict) else {}


def _decode_as_ase(value: str | bytes) -> Any:
    """Decode what ASE has written, as its databases do (``SQLite3Database.decode``)."""
    if isinstance(value, str):
        from ase.io.jsonio import decode

        return decode(value)
    from ase.db.core import bytes_to_object

    return bytes_to_object(value)


def _decode(text: str | bytes) -> Mapping[str, Any]:
    # ASE marks arrays and dates by names that begin so (ase/io/jsonio.py), and writes NaN.
    pairs: Any
    if isinstance(text, str) and '"__' not in text:
        try:
            pairs = orjson.loads(text)
        except orjson.JSONDecodeError:
            pairs = _decode_as_ase(text)
    else:
        pairs = _decode_as_ase(text)
    if not isinstance(pairs, dict):
        raise ValueError("its key_value_pairs are not pairs")
    return pairs
