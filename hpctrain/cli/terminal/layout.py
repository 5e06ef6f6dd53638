"""Text and tables that fit a terminal; where there is none, they are whole."""

from __future__ import annotations

import shutil
import textwrap
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import zip_longest
from typing import IO

GAP = 2
# A space at which no line is broken.
NO_BREAK = "\u00a0"
# Narrower than this no terminal is taken for.
_NARROWEST = 40


def width_of(stream: IO[str]) -> int | None:
    """Return the columns of the terminal that a stream is; None if it is none."""
    if not stream.isatty():
        return None
    return max(_NARROWEST, shutil.get_terminal_size().columns)


@dataclass(frozen=True)
class Column:
    """A column of a table. Where there is no room, the one with the lowest ``leaves`` goes first.

    One with ``leaves`` None stays. ``least``: a column that wraps takes so many characters at
    least; None: it does not wrap; 0: those of its longest word.
    """

    title: str
    leaves: int | None = None
    least: int | None = None


def fit_table(
    columns: Sequence[Column], rows: Sequence[Sequence[str]], width: int | None = None
) -> str:
    """Align cells in columns two spaces apart, within ``width`` characters if that can be.

    Columns are left out in their order as far as needed, then words wrap inside their columns.
    """
    shown = list(range(len(columns)))
    natural = [
        max(len(column.title), *(len(row[number]) for row in rows), 0)
        for number, column in enumerate(columns)
    ]
    least = [
        _least(column, natural[number], [row[number] for row in rows])
        for number, column in enumerate(columns)
    ]
    while width is not None and _total(least, shown) > width:
        leaving = [number for number in shown if columns[number].leaves is not None]
        if not leaving:
            break
        shown.remove(min(leaving, key=lambda number: columns[number].leaves or 0))
    widths = natural
    if width is not None:
        widths = _shrink(natural, least, shown, width)
    lines = _cells([columns[number].title for number in shown], [widths[n] for n in shown])
    for row in rows:
        lines += _cells([row[number] for number in shown], [widths[number] for number in shown])
    return "\n".join(lines)


def _least(column: Column, natural: int, cells: Sequence[str]) -> int:
    if column.least is None:
        return natural
    words = [word for cell in (column.title, *cells) for word in cell.split()]
    return min(natural, column.least or max(map(len, words), default=0))


def _total(widths: Sequence[int], shown: Sequence[int]) -> int:
    return sum(widths[number] for number in shown) + GAP * (len(shown) - 1)


def _shrink(
    natural: Sequence[int], least: Sequence[int], shown: Sequence[int], width: int
) -> list[int]:
    """Make the widest columns that wrap narrower, until all fit."""
    widths = list(natural)
    while _total(widths, shown) > width:
        wide = [number for number in shown if widths[number] > least[number]]
        if not wide:
            break
        widths[max(wide, key=lambda number: widths[number])] -= 1
    return widths


def _cells(cells: Sequence[str], widths: Sequence[int]) -> list[str]:
    """Write a row in as many lines as its longest cell needs."""
    parts = [
        [cell] if len(cell) <= width else _wrap_cell(cell, max(1, width))
        for cell, width in zip(cells, widths, strict=True)
    ]
    return [
        (" " * GAP)
        .join(part.ljust(width) for part, width in zip(line, widths, strict=True))
        .rstrip()
        for line in zip_longest(*parts, fillvalue="")
    ]


def _wrap_cell(cell: str, width: int) -> list[str]:
    words = cell.lstrip()
    lead = cell[: len(cell) - len(words)]
    return textwrap.wrap(words, width, initial_indent=lead, subsequent_indent=lead) or [""]


def wrap(text: str, width: int | None, indent: str = "  ") -> str:
    """Wrap each line of a text, with what follows its first piece indented.

    Long words stay whole: a path or a command can be copied. NO_BREAK becomes a space.
    """
    if width is None:
        return text.replace(NO_BREAK, " ")
    lines = (
        line
        if len(line) <= width
        else textwrap.fill(
            line, width, subsequent_indent=indent, break_long_words=False, break_on_hyphens=False
        )
        for line in text.splitlines()
    )
    return "\n".join(lines).replace(NO_BREAK, " ")
