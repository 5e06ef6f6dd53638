"""Learning curves in a terminal's characters: log RMSE against the iteration. Pure."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import groupby, pairwise
from typing import TYPE_CHECKING

from hpctrain.pages.axes import Axis, axis

if TYPE_CHECKING:
    from hpctrain.engines.base import TrainingMetrics
    from hpctrain.runs.state.curves import Curves

SMALLEST = 6  # lines of a panel, with its title and its iterations
LARGEST = 12
_SIDE_BY_SIDE = 72  # columns from which both panels stand in one row
_WIDEST = 64
_MARGIN = 7  # columns for the numbers of the axis
_BRAILLE = 0x2800
_BITS = ((0x01, 0x08), (0x02, 0x10), (0x04, 0x20), (0x40, 0x80))  # of a dot, by row and column
# Text and what it is of: "train", "test" or "" for neither.
Piece = tuple[str, str]
Line = list[Piece]
_PANELS = (("rmse_energy", "energy, meV/atom"), ("rmse_force", "force, eV/Å"))


def lines(curves: Curves, width: int, height: int, *, ascii_only: bool) -> list[Line]:
    """Energies and forces, side by side where the width allows it, in at most so many lines.

    The training errors are a line, those on test structures are marks. Nothing if there is no
    room, or no two points yet.
    """
    if len({point.epoch for point in curves.train}) < 2:
        return []
    beside = width >= _SIDE_BY_SIDE
    each = min(_WIDEST, (width - 2) // 2 if beside else width)
    tall = min(LARGEST, height if beside else height // 2)
    if tall < SMALLEST or each < 3 * _MARGIN:
        return []
    energy, force = (_panel(curves, *one, each, tall, ascii_only) for one in _PANELS)
    if not beside:
        return energy + force
    return [[*left, ("  ", ""), *right] for left, right in zip(energy, force, strict=True)]


def _panel(
    curves: Curves, field: str, title: str, width: int, height: int, ascii_only: bool
) -> list[Line]:
    title = title.replace("Å", "A") if ascii_only else title
    train, test = _points(curves.train, field), _points(curves.test, field)
    if not train:
        blank = [f"{title}: no number yet", *[""] * (height - 1)]
        return [[(f"{line[:width]:<{width}}", "")] for line in blank]
    x = Axis("", train[0][0], max(train[-1][0], train[0][0] + 1))
    y = axis("", (value for _, value in [*train, *test]), "log")
    columns, rows = width - _MARGIN - 1, height - 2
    cells = _drawn(_Grid(x, y, columns, rows), train, test, ascii_only)
    bar = "|" if ascii_only else "│"
    found = [_head(title, train, test, width)]
    for row in range(rows):
        value = {0: y.high, rows - 1: y.low}.get(row)
        named = "" if value is None else f"{value:.3g}" if value < 1000 else f"{value:.0f}"
        found.append([(f"{named:>{_MARGIN}}{bar}", ""), *_pieces(cells[row])])
    last = f"{x.high:.0f}"
    words = f"{x.low:.0f}{'iterations':^{columns - len(last) - len(f'{x.low:.0f}')}}{last}"
    found.append([(" " * (_MARGIN + 1) + words, "")])
    return found


def _head(
    title: str, train: Sequence[tuple[int, float]], test: Sequence[tuple[int, float]], width: int
) -> Line:
    told: Line = [(f"train {train[-1][1]:.3g}", "train")]
    if test:
        told += [("  ", ""), (f"test {test[-1][1]:.3g}", "test")]
    left = width - sum(len(text) for text, _ in told)
    return [(f"{title[: left - 1]:<{left}}", ""), *told]


def _points(points: Sequence[TrainingMetrics], field: str) -> list[tuple[int, float]]:
    """Those that a logarithm can be taken of."""
    whole = Axis("", 1.0, 2.0, "log")
    return [(point.epoch, value) for point in points if whole.shows(value := getattr(point, field))]


class _Grid:
    """Where points stand among the dots of so many cells."""

    def __init__(self, x: Axis, y: Axis, columns: int, rows: int) -> None:
        self.x, self.y, self.columns, self.rows = x, y, columns, rows

    def dot(self, point: tuple[float, float], wide: int, tall: int) -> tuple[int, int]:
        """A point's column, and its row from the top, with ``wide`` × ``tall`` dots a cell."""
        column = round(self.x.place(point[0]) * (wide * self.columns - 1))
        row = round((1.0 - self.y.place(point[1])) * (tall * self.rows - 1))
        return column, row


def _drawn(
    grid: _Grid, train: Sequence[tuple[int, float]], test: Sequence[tuple[int, float]],
    ascii_only: bool,
) -> list[list[Piece]]:  # fmt: skip
    """A character and what it is of, for each cell."""
    cells: list[list[Piece]] = [[(" ", "")] * grid.columns for _ in range(grid.rows)]
    wide, tall = (1, 1) if ascii_only else (2, 4)
    dots = [grid.dot(point, wide, tall) for point in train]
    bits: dict[tuple[int, int], int] = {}
    for column, row in _line(dots):
        place = (row // tall, column // wide)
        bits[place] = bits.get(place, 0) | _BITS[row % tall][column % wide]
    for (row, column), bit in bits.items():
        cells[row][column] = ("*" if ascii_only else chr(_BRAILLE + bit), "train")
    for point in test:
        column, row = grid.dot(point, 1, 1)
        cells[row][column] = ("o", "test")
    return cells


def _line(dots: Sequence[tuple[int, int]]) -> list[tuple[int, int]]:
    """Every dot on the way from each to the next."""
    found = list(dots[:1])
    for (x0, y0), (x1, y1) in pairwise(dots):
        steps = max(abs(x1 - x0), abs(y1 - y0))
        found += [
            (x0 + round((x1 - x0) * n / steps), y0 + round((y1 - y0) * n / steps))
            for n in range(1, steps + 1)
        ]
    return found


def _pieces(cells: Sequence[Piece]) -> Line:
    """Neighbours of the same kind together."""
    return [
        ("".join(text for text, _ in group), kind)
        for kind, group in groupby(cells, key=lambda cell: cell[1])
    ]
