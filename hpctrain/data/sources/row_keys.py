"""Whether rows of a source have a key, where that can be done without reading them all."""

from __future__ import annotations

from pathlib import Path
from typing import IO

from hpctrain.data.sources import ase_sqlite
from hpctrain.data.sources.frames import DAMAGED, open_bytes
from hpctrain.data.sources.names import error_text, without_password
from hpctrain.data.sources.outputs import has_no_keys
from hpctrain.data.sources.pickles import is_pickle
from hpctrain.data.sources.read import is_database, read_file
from hpctrain.errors import HpctrainError

STATUS, COMPLETED = "status", "status=completed"
_CHUNK = 2**20
_MOST_NAMED = 3


def has_key(source: str, base: Path, key: str) -> bool:
    """Say whether any row of a source has a key; relative sources are looked up in ``base``."""
    path, name = base / source, without_password(source)
    if is_database(source, path):
        return _in_database(source, path, name, key)
    if not is_pickle(name) and has_no_keys(path, name):
        return False
    try:
        with open_bytes(path) as file:
            if not _holds(file, key):
                return False
    except (OSError, *DAMAGED):
        return False  # whoever reads it says what is wrong
    return any(key in raw.keys for _, raw in read_file(path, name))


def _in_database(source: str, path: Path, name: str, key: str) -> bool:
    import ase.db

    if "://" not in source:
        ase_sqlite.refuse_other_files(path, name)
    target = source if "://" in source else str(path)
    try:
        database = ase.db.connect(target)
        if ase_sqlite.can_read(database):
            return ase_sqlite.has_rows(database, [key], [])
        return any(True for _ in database.select(key, limit=1))
    except Exception as error:  # each of ASE's backends has its own errors
        ase_sqlite.refuse_locked(error, name)
        raise HpctrainError(
            f"{name} cannot be read: {error_text(error, target)}", f"look with: ase db {name}"
        ) from error


def _holds(file: IO[bytes], text: str) -> bool:
    """Say whether a text may stand in a file, in UTF-8 or UTF-16: in all others no row has it."""
    wanted = [text.encode(), text.encode("utf-16-le")]
    longest = max(map(len, wanted))
    before = b""
    while chunk := file.read(_CHUNK):
        part = before + chunk
        if any(one in part for one in wanted):
            return True
        before = part[1 - longest :]
    return False


def choose_selection(sources: list[str], base: Path) -> str:
    """Choose the completed rows if the rows have a key status, else every row.

    HpctrainError where only some of the sources have that key: then it has to be said.
    """
    having = [source for source in sources if has_key(source, base, STATUS)]
    if not having:
        return ""
    if len(having) < len(sources):
        others = [without_password(one) for one in sources if one not in having]
        raise HpctrainError(
            f"data.select is not given, and of the sources only some have rows with the key "
            f"{STATUS}: {_some(list(map(without_password, having)))}, not {_some(others)}",
            f"write select: '' (every row), or select: {COMPLETED} (nothing of the others)",
        )
    return COMPLETED


def _some(names: list[str]) -> str:
    return ", ".join(names[:_MOST_NAMED]) + ", …" * (len(names) > _MOST_NAMED)
