"""The one reader of files that other programs wrote: bounded, checked, with a plain verdict.

A file that is not there is None. One that is a link, a FIFO, a device or a folder, too long, not
whole, or of another shape than its type says, is a :class:`BadFile`; so is one that cannot be read.
"""

from __future__ import annotations

import contextlib
import errno
import json
import os
import re
import stat
from collections.abc import Iterator
from itertools import accumulate
from pathlib import Path
from typing import Any, BinaryIO, TypeVar, cast

import orjson

from hpctrain.errors import HpctrainError
from hpctrain.shapes import misfit
from hpctrain.text import printable

Record = TypeVar("Record")

# Bytes of a file that holds a fixed number of facts, and of one that grows with rows or jobs.
SMALL, LARGE = 4 << 20, 512 << 20
DEEPEST = 64
PIECE = 1 << 20
_NOT_BRACKETS = bytes(set(range(256)) - set(b"[]{}"))
_STRING = re.compile(rb'"(?:[^"\\]|\\.)*"?', re.DOTALL)
_FLAGS = os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC | os.O_NOCTTY


class BadFile(HpctrainError):
    """A file that is there and cannot be used; ``problem`` says why, without naming it."""

    def __init__(self, path: Path, problem: str) -> None:
        super().__init__(
            f"{path} {problem}",
            "put it back from a backup, or move it away; what else is there was left as it is",
        )
        self.path = path
        self.problem = problem

    def within(self, folder: Path) -> str:
        """Say it with the file's name as seen from a folder."""
        return f"{os.path.relpath(self.path, folder)} {self.problem}"


def damaged(path: Path, why: str) -> BadFile:
    """Return the error that a file does not hold what it should."""
    return BadFile(path, f"is damaged: {printable(why)[:200]}")


def open_regular(path: Path) -> int | None:
    """Open a regular file for reading, and return its descriptor; None if it is not there."""
    try:
        descriptor = os.open(path, _FLAGS)
    except (FileNotFoundError, NotADirectoryError):
        return None
    except OSError as error:
        if error.errno == errno.ELOOP:
            raise damaged(path, "it is a link") from None
        if error.errno == errno.ENXIO:
            raise damaged(path, "it is not a regular file") from None
        raise _unreadable(path, error) from error
    mode = os.fstat(descriptor).st_mode
    if stat.S_ISREG(mode):
        return descriptor
    os.close(descriptor)
    raise damaged(path, "it is a folder" if stat.S_ISDIR(mode) else "it is not a regular file")


def open_to_append(path: Path) -> int:
    """Open a file for adding to it, which is made if it is not there, and is nothing but a file."""
    descriptor = open_regular(path)
    if descriptor is not None:
        os.close(descriptor)
    flags = os.O_RDWR | os.O_APPEND | os.O_CREAT | os.O_CLOEXEC | os.O_NOFOLLOW | os.O_NONBLOCK
    return os.open(path, flags, 0o644)


def read_bytes(path: Path, limit: int, *, json_only: bool = False) -> bytes | None:
    """Read a whole file; None if it is not there, BadFile if it is longer than ``limit``.

    With ``json_only`` a file that does not begin as JSON is not read to its end.
    """
    descriptor = open_regular(path)
    if descriptor is None:
        return None
    try:
        size = os.fstat(descriptor).st_size
        if size > limit:
            raise damaged(path, f"it has {_size(size)}, and such a file at most {_size(limit)}")
        parts, left = [], limit
        while left > 0 and (part := os.read(descriptor, min(left, 1 << 20))):
            parts.append(part)
            left -= len(part)
            if json_only and len(parts) == 1 and not _begins_as_json(part):
                break
        return parts[0] if len(parts) == 1 else b"".join(parts)
    except OSError as error:
        raise _unreadable(path, error) from error
    finally:
        os.close(descriptor)


def open_binary(path: Path) -> BinaryIO | None:
    """Open a regular file for reading in pieces; None if it is not there."""
    descriptor = open_regular(path)
    return None if descriptor is None else os.fdopen(descriptor, "rb")


def read_end(path: Path, most: int) -> str:
    """Read the last bytes of a file as text; empty if it is not there or cannot be read."""
    try:
        descriptor = open_regular(path)
    except BadFile:
        return ""
    if descriptor is None:
        return ""
    try:
        start = max(0, os.fstat(descriptor).st_size - most)
        return os.pread(descriptor, most, start).decode("utf-8", "replace")
    except OSError:
        return ""
    finally:
        os.close(descriptor)


def read_record(path: Path, shape: type[Record], limit: int = SMALL) -> Record | None:
    """Read a JSON object of the shape that a TypedDict says; None if it is not there."""
    content = read_bytes(path, limit, json_only=True)
    if content is None:
        return None
    try:
        record = parse(content)
    except UnicodeDecodeError:
        raise damaged(path, "it is not UTF-8 text") from None
    except ValueError as error:
        raise damaged(path, str(error)) from None
    problem = misfit(record, shape)
    if problem is not None:
        raise damaged(path, f"it{problem}" if problem[0] == " " else problem.removeprefix("."))
    return cast("Record", record)


def parse(content: bytes) -> Any:
    """Parse JSON without NaN, infinity and deep nesting; ValueError says what is wrong.

    A key that appears twice has its last value.
    """
    if not content.strip():
        raise ValueError("it is empty")
    if not _begins_as_json(content):
        raise ValueError("it is not a JSON object")
    if _is_too_deep(content):
        raise ValueError("it is nested too deeply")
    with contextlib.suppress(orjson.JSONDecodeError):  # what it refuses, json may know or name
        return orjson.loads(content)
    text = content.decode("utf-8")
    try:
        return json.loads(text, parse_float=_finite, parse_constant=_finite)
    except json.JSONDecodeError as error:
        raise ValueError(f"it is not whole JSON (line {error.lineno}: {error.msg})") from None


def read_lines(path: Path, longest: int, most: int) -> Iterator[bytes | None]:
    """Yield the lines of a file that have their end, in pieces of bounded memory.

    A line that is longer than ``longest`` is None, also the last one without its end. BadFile if
    there are more than ``most`` bytes.
    """
    descriptor = open_regular(path)
    if descriptor is None:
        return
    rest, overlong, left = b"", False, most
    try:
        while piece := os.read(descriptor, 1 << 18):
            left -= len(piece)
            if left < 0:
                raise damaged(path, f"it has more than {_size(most)}")
            *lines, end = piece.split(b"\n")
            for line in lines:
                whole, rest = rest + line, b""
                yield None if overlong or len(whole) > longest else whole
                overlong = False
            if overlong or len(rest) + len(end) > longest:
                rest, overlong = b"", True
            else:
                rest += end
    except OSError as error:
        raise _unreadable(path, error) from error
    finally:
        os.close(descriptor)
    if overlong:
        yield None


def read_pieces(file: BinaryIO) -> Iterator[bytes]:
    """Yield the rest of a file in pieces of whole lines; a line being written has to wait.

    A line that is longer than PIECE comes in parts that have no end.
    """
    rest = b""
    while piece := file.read(PIECE):
        rest += piece
        end = rest.rfind(b"\n") + 1
        if not end and len(rest) > PIECE:
            end = len(rest)
        if end:
            yield rest[:end]
            rest = rest[end:]


def text_of(piece: bytes) -> str:
    """Return a piece of whole lines as text; a part of an overlong line says nothing."""
    return piece.decode("utf-8", "replace") if piece.endswith(b"\n") else "\n"


def _begins_as_json(content: bytes) -> bool:
    return content[:4096].lstrip()[:1] in (b"{", b"[")


def _finite(number: str) -> float:
    value = float(number)
    if value - value != 0.0:
        raise ValueError(f"it holds {number[:20]}, which is not a number")
    return value


def _is_too_deep(content: bytes) -> bool:
    """Say whether brackets are nested deeper than DEEPEST, without a parser's recursion."""
    # Brackets within texts count nothing, and are taken out only where it matters.
    return _depth(content) > DEEPEST and _depth(_STRING.sub(b"", content)) > DEEPEST


def _depth(content: bytes) -> int:
    brackets = content.translate(None, _NOT_BRACKETS)
    if len(brackets) <= 2 * DEEPEST:
        return 0
    return max(accumulate(1 if one in b"[{" else -1 for one in brackets), default=0)


def _unreadable(path: Path, error: OSError) -> BadFile:
    return BadFile(path, f"cannot be read: {error.strerror or error}")


def _size(count: int) -> str:
    return f"{count >> 20} MB" if count >= 1 << 20 else f"{count} bytes"
