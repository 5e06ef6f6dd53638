"""The second line of an extxyz structure: its keys and values, and its columns."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Sequence
from functools import lru_cache
from itertools import product
from typing import Any, NamedTuple

import numpy as np

from hpctrain.data.sources.values import read_plain

# A word, in which quotes and brackets hold blanks together and a backslash takes the next
# character as it is, or a sign of equality; as ASE reads it (ase/io/extxyz.py).
_TOKEN = re.compile(
    r"""=|(?:\\.|"(?:\\.|[^"\\])*(?:"|$)|'(?:\\.|[^'\\])*(?:'|$)|\{(?:\\.|[^}\\])*(?:\}|$)"""
    r"""|\[(?:\\.|[^]\\])*(?:\]|$)|[^\s=\\"'{[])+"""
)
# What most lines are made of, which is read at once.
BARE, QUOTED = r"""[^\s="'{}\[\]\\]+""", r"""[^"\\]*"""
_PLAIN_PAIR = re.compile(rf'({BARE})=(?:"({QUOTED})"|({BARE}))(?:\s+|$)')
_PLAIN_LINE = re.compile(rf"\s*(?:{_PLAIN_PAIR.pattern})*")
_SPECIAL = re.compile(r"""[\\"'{[]""")
_PIECE = re.compile(
    r"""\\(.)|"((?:\\.|[^"\\])*)"?|'((?:\\.|[^'\\])*)'?|\{((?:\\.|[^}\\])*)\}?"""
    r"""|\[((?:\\.|[^]\\])*)\]?|([^\\"'{[]+)"""
)
_ESCAPED = re.compile(r"\\(.)")
_PROPERTY = re.compile(r"(.+?):([A-Za-z]+):([0-9]+)(?::|$)")
_TRUTH = {"T": True, "F": False, "true": True, "false": False,
          "True": True, "False": False, "TRUE": True, "FALSE": False}  # fmt: skip
# Taken as they stand: they are not values.
RAW = frozenset({"Properties"})
UNREAD = frozenset(map("".join, product("uU", "iI", "dD")))  # as ASE, in whatever case
_FEW = 20
MATRICES = frozenset({"Lattice", "stress", "virial"})


class Column(NamedTuple):
    """Columns of one property: name, type (S, R, I or L), the first, and the one after the last."""

    name: str
    kind: str
    first: int
    end: int


def parse_comment(line: str) -> dict[str, Any]:
    """Return the keys of a second line with their values: numbers, arrays, truths, texts."""
    return {
        key: raw if key in RAW else parse_value(key, raw)
        for key, raw in _pairs(line)
        if key not in UNREAD
    }


def find_plain_pairs(line: str) -> list[tuple[str, str, str]] | None:
    """Return each key and its value, in quotes or without; None where a line has more than that."""
    return _PLAIN_PAIR.findall(line) if _PLAIN_LINE.fullmatch(line) else None


def _pairs(line: str) -> Iterator[tuple[str, str]]:
    if (plain := find_plain_pairs(line)) is not None:
        for name, quoted, bare in plain:
            yield name, quoted or bare
        return
    key: str | None = None
    value: str | None = None
    words = iter(_TOKEN.findall(line))
    for word in words:
        if word == "=":
            after = next(words, "")
            text = "" if after == "=" else _unquote(after)
            if key is not None:
                # A second sign belongs to the value.
                value = text if value is None else f"{value}={text}"
            continue
        if key is not None:
            yield key, "T" if value is None else value
        key, value = _unquote(word), None
    if key is not None:
        yield key, "T" if value is None else value


def _unquote(token: str) -> str:
    if not _SPECIAL.search(token):
        return token
    if token[0] == '"' == token[-1] and len(token) > 1 and token.find('"', 1) == len(token) - 1:
        return token[1:-1]
    return "".join(
        piece[0] or _ESCAPED.sub(r"\1", "".join(piece[1:5])) or piece[5]
        for piece in _PIECE.findall(token)
    )


def parse_value(key: str, raw: str) -> Any:
    """Return the value that a text is, of a key that is not in RAW."""
    words = (raw.replace(",", " ") if "," in raw else raw).split()
    if len(words) == 1:
        return _read_value(raw, words[0])
    if len(words) == 9 and key in MATRICES:
        numbers = _numbers(words)
        # As ASE reads it, column by column.
        return raw if numbers is None else numbers.reshape(3, 3).T
    return _read_value(raw, *words)


@lru_cache(maxsize=4096)
def _read_value(raw: str, *words: str) -> Any:
    if not words:
        return raw
    if len(words) == 1:
        for kind in (int, float):
            try:
                return kind(words[0])
            except ValueError:
                pass
    elif (numbers := _numbers(words)) is not None:
        return numbers
    if all(word in _TRUTH for word in words):
        truths = [_TRUTH[word] for word in words]
        return truths[0] if len(truths) == 1 else truths
    if raw.startswith("_JSON "):
        return _from_json(raw)
    return raw


def _numbers(words: Sequence[str]) -> Any:
    try:
        if any("." in word for word in words):
            # Of few words this is quicker, and it is the same.
            found = read_plain(words) if len(words) > _FEW else None
            return np.array(list(map(float, words))) if found is None else found
        try:
            return np.array([int(word) for word in words])
        except (ValueError, OverflowError):
            return np.array([float(word) for word in words])
    except ValueError:
        return None


def _from_json(raw: str) -> Any:
    try:
        value = json.loads(raw.removeprefix("_JSON "))
        array = np.array(value)
    except ValueError:
        return raw
    return array if array.dtype.kind in "ifb" and array.ndim else value


@lru_cache(maxsize=256)
def parse_properties(text: str) -> tuple[Column, ...]:
    """Return the columns that ``Properties`` describes; a name may have colons.

    ValueError says what is wrong.
    """
    columns, first, end = [], 0, 0
    while end < len(text):
        found = _PROPERTY.match(text, end)
        if found is None:
            raise ValueError(f"Properties={text}: '{text[end:]}' is not NAME:TYPE:COLUMNS")
        name, kind, count = found[1], found[2], int(found[3])
        if kind not in {"S", "R", "I", "L"}:
            raise ValueError(f"Properties={text}: the type of {name} is {kind}, not S, R, I or L")
        columns.append(Column(name, kind, first, first + count))
        first, end = first + count, found.end()
    return tuple(columns)
