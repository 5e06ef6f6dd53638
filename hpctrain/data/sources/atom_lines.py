"""The lines of atoms as most are, a symbol and then numbers: those of many frames at once."""

from __future__ import annotations

import re
from array import array
from collections.abc import Sequence
from itertools import accumulate, pairwise
from typing import TYPE_CHECKING, NamedTuple

import numpy as np
import orjson

from hpctrain.data.structures.elements import SYMBOLS

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from hpctrain.data.sources.frames import Frame
    from hpctrain.data.sources.key_values import Column

_BLANK, _BREAK = ord(" "), ord("\n")
# It would become a whole number, which has no sign.
_MINUS_ZERO = re.compile(rb"-0[^.0-9eE]")
# Atomic numbers by the two letters of a symbol, the second 0 where there is one; 0: no element.
_NUMBERS = np.zeros((256, 256), dtype=np.int64)
for _number, _symbol in enumerate(SYMBOLS[1:], start=1):
    _NUMBERS[tuple(_symbol.encode().ljust(2, b"\0"))] = _number


class Table(NamedTuple):
    """The atoms of a frame: their ``numbers`` [n], and the ``values`` [n, m] behind the symbols."""

    numbers: NDArray[np.int64]
    values: NDArray[np.float64]

    def column(self, column: Column) -> NDArray[np.float64]:
        """Return a property [n, columns], or [n]."""
        if column.end == column.first + 1:
            return self.values[:, column.first - 1].copy()
        return self.values[:, column.first - 1 : column.end - 1].copy()


def read_tables(frames: Sequence[Frame]) -> Sequence[Table | None]:
    """Read the atoms of some frames, if all lines have as many words, and only such.

    None for each where anything is otherwise, which has to be looked at line by line.
    """
    text = "".join([frame.body for frame in frames])
    if text.isascii():
        data = bytearray(b"\n%b\n" % text.removesuffix("\n").encode())
        ends = [0, *accumulate(frame.atoms for frame in frames)]
        words = _find_words(data, ends[-1])
        numbers = None if words is None else _take_symbols(data, words[:, 0])
        values = None if words is None or numbers is None else _read_numbers(data, words[:, 1:])
        if numbers is not None and values is not None:
            return [Table(numbers[begin:end], values[begin:end]) for begin, end in pairwise(ends)]
    return [None] * len(frames)


def _find_words(data: bytearray, lines: int) -> NDArray[np.intp] | None:
    """Find where the words begin [lines, words]; None where lines have different numbers."""
    characters = np.frombuffer(data, np.uint8)
    breaks = np.flatnonzero(characters == _BREAK)
    blank = characters <= _BLANK
    starts = np.flatnonzero(blank[:-1] & ~blank[1:]) + 1
    if not lines or len(breaks) != lines + 1 or len(starts) % lines or len(starts) < 2 * lines:
        return None
    words = starts.reshape(lines, -1)
    inside = (words[:, 0] > breaks[:-1]) & (words[:, -1] < breaks[1:])
    return words if inside.all() else None


def _take_symbols(data: bytearray, starts: NDArray[np.intp]) -> NDArray[np.int64] | None:
    """Return the atomic numbers of words, which become blank; None where one is no symbol."""
    characters = np.frombuffer(data, np.uint8)
    second, third = characters[starts + 1], characters[starts + 2]
    short = second <= _BLANK
    numbers: NDArray[np.int64] = _NUMBERS[characters[starts], np.where(short, 0, second)]
    if not ((numbers > 0) & (short | (third <= _BLANK))).all():
        return None
    characters[starts] = characters[starts + 1] = _BLANK
    return numbers


def _read_numbers(data: bytearray, starts: NDArray[np.intp]) -> NDArray[np.float64] | None:
    """Return the numbers of words; None where one is not written as in JSON."""
    characters = np.frombuffer(data, np.uint8)
    # The text becomes a list in JSON, with a comma in the blank before every word.
    characters[starts.ravel() - 1] = ord(",")
    characters[: starts[0, 0]] = _BLANK
    characters[0], characters[-1] = ord("["), ord("]")
    if characters.max() > ord("e"):
        return None  # before "true" becomes 1
    try:
        values = array("d", orjson.loads(data))
    except (orjson.JSONDecodeError, TypeError):
        return None
    if len(values) != starts.size:
        return None
    found = np.frombuffer(values)
    if not found.all() and _MINUS_ZERO.search(data):
        return None
    return found.reshape(starts.shape)
