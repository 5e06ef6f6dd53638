"""The frames of an xyz file, compressed or not, in whatever encoding it can be read."""

from __future__ import annotations

import bz2
import codecs
import gzip
import io
import lzma
import zlib
from collections.abc import Iterator
from itertools import islice
from pathlib import Path
from typing import IO, NamedTuple

from hpctrain.errors import HpctrainError

# What a damaged file raises, besides OSError.
DAMAGED = (EOFError, zlib.error, lzma.LZMAError)
MENDING = "correct the file, or name another"


class Frame(NamedTuple):
    """The lines of one structure; its ``number`` and its first ``line`` count from 1.

    ``first`` is the first line, ``comment`` the second, ``body`` those of the ``atoms``.
    """

    number: int
    line: int
    first: str
    comment: str
    body: str
    atoms: int

    @property
    def lines(self) -> list[str]:
        """Return the lines of the atoms."""
        return self.body.split("\n")[: self.atoms]

    @property
    def text(self) -> str:
        """Return all lines as they stand in the file."""
        return self.first + self.comment + self.body


def read_frames(path: Path, name: str) -> Iterator[Frame]:
    """Read the frames of a file, called ``name`` in errors.

    HpctrainError, with the line, where the lines of a frame do not add up. Bytes that are not UTF-8
    become surrogates (``latin_1`` reads them).
    """
    line, number = 1, 0
    with _open(path, name) as file:
        for first in file:
            if not first.strip() and not any(rest.strip() for rest in file):
                return  # empty lines at the end
            number += 1
            try:
                atoms = int(first)
            except ValueError:
                raise HpctrainError(
                    f"{name}, structure {number}: line {line} is {first.strip()[:60]!r}, "
                    "not its number of atoms",
                    MENDING,
                ) from None
            if atoms < 0:
                raise HpctrainError(
                    f"{name}, structure {number}: line {line} says {atoms} atoms", MENDING
                )
            lines = list(islice(file, atoms + 1))
            if len(lines) <= atoms:
                raise HpctrainError(
                    f"{name}, structure {number}: it begins in line {line} with {atoms} atoms, "
                    f"and the file ends in line {line + len(lines)}",
                    "the file is cut off: write it again",
                )
            yield Frame(number, line, first, lines[0], "".join(lines[1:]), atoms)
            line += 1 + len(lines)


def _open(path: Path, name: str) -> IO[str]:
    """Open a file as text: UTF-8, with or without a byte order mark, or UTF-16 with one."""
    raw = open_bytes(path)
    try:
        head = raw.peek(4)[:4]
        encoding = "utf-8-sig"
        if head.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)):
            encoding = "utf-16"
        elif b"\0" in head:
            raise HpctrainError(
                f"{name}, line 1 has NUL characters: it is not text, or UTF-16 without its mark",
                f"write it as UTF-8: iconv -f UTF-16 -t UTF-8 {name} > new.xyz",
            )
        errors = "strict" if encoding == "utf-16" else "surrogateescape"
        return io.TextIOWrapper(raw, encoding=encoding, errors=errors)
    except BaseException:
        raw.close()
        raise


def open_bytes(path: Path) -> io.BufferedReader:
    """Open a file, unpacked where its name says that it is packed."""
    suffix = path.suffix.lower()
    if suffix in (".gz", ".gzip"):
        # gzip and its like read in small pieces unless they are buffered.
        return io.BufferedReader(gzip.GzipFile(path, "rb"), 2**20)
    if suffix == ".bz2":
        return io.BufferedReader(bz2.BZ2File(path, "rb"), 2**20)
    if suffix == ".xz":
        return io.BufferedReader(lzma.LZMAFile(path, "rb"), 2**20)
    return io.BufferedReader(path.open("rb", buffering=0), 2**20)


def latin_1(text: str) -> str:
    """Return a text with bytes that are not UTF-8 read as Latin-1."""
    return text.encode("utf-8", "surrogateescape").decode("latin-1")
