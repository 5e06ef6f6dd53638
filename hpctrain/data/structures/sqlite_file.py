"""Is a file a whole SQLite database of ASE's? Looked at without writing into it.

ASE makes its tables in whatever it is given, also in an empty file or somebody else's database.
"""

from __future__ import annotations

import sqlite3
from contextlib import closing
from pathlib import Path
from urllib.parse import quote

from hpctrain.errors import HpctrainError

MAGIC = b"SQLite format 3\0"


def checked(path: Path, name: str) -> None:
    """HpctrainError for a file that ASE would take for its SQLite database, and that is none."""
    with path.open("rb") as file:
        head = file.read(100)
    if path.suffix != ".db" and not head.startswith(MAGIC):
        return  # another of ASE's formats
    if not head.startswith(MAGIC) or len(head) < 100:
        said = "it is empty" if not head else "it does not begin as one"
        raise HpctrainError(
            f"{name} is no SQLite database: {said}", "name an ASE database in data.source"
        )
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
        with closing(opened(path)) as connection:
            tables = {row[0] for row in connection.execute("select name from sqlite_master")}
    except sqlite3.Error as error:
        raise HpctrainError(f"{name} cannot be read: {error}", "copy or write it again") from error
    if "systems" not in tables:
        raise HpctrainError(
            f"{name} is an SQLite database, but none of ASE's: it has no table 'systems'",
            "name an ASE database in data.source",
        )


def opened(path: Path) -> sqlite3.Connection:
    """A connection that can only read."""
    return sqlite3.connect(f"file:{quote(str(path.absolute()))}?mode=ro", uri=True)
