"""Learning curves in the characters of a terminal: log RMSE against the iteration. Pure."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import groupby, pairwise
from typing import TYPE_CHECKING

from hpctrain.pages.curve_plot import plots

if TYPE_CHECKING:
    from hpctrain.pages.axes import Axis
    from hpctrain.pages.curve_plot import Plot, Series
    from hpctrain.runs.state.curves import Curves

SMALLEST = 6  # lines of a panel, with its title and its iterations
LARGEST = 12
_SIDE_BY_SIDE = 72  # columns from which both panels stand in one row
_WIDEST = 64
_ROOM = 24  # columns from which the kept iteration is named so
_MARGIN = 7  # columns for the numbers of the axis
_BRAILLE = 0x2800
_BITS = ((0x01, 0x08), (0x02, 0x10), (0x04, 0x20), (0x40, 0x80))  # of a dot, by row and column
# Text and what it is of: "train", "test", "kept" or "" for none of them.
Piece = tuple[str, str]
Line = list[Piece]


def lines(
    curves: Curves, width: int, height: int, *, ascii_only: bool, kept: int | None = None
) -> list[Line]:
    """Draw energies and forces in ``height`` lines at most, side by side where there is room.

    The training errors are a line, those on test structures are marks, and the iteration that is
    ``kept`` is an upright line, with the errors there above. Nothing is drawn where there is no
    room, or where there are no two points yet.
    """
    if len({point.epoch for point in curves.train}) < 2:
        return []
    beside = width >= _SIDE_BY_SIDE
    each = min(_WIDEST, (width - 2) // 2 if beside else width)
    tall = min(LARGEST, height if beside else height // 2)
    if tall < SMALLEST or each < 3 * _MARGIN:
        return []
    energy, force = (_panel(plot, each, tall, ascii_only) for plot in plots(curves, kept))
    if not beside:
        return energy + force
    return [[*left, ("  ", ""), *right] for left, right in zip(energy, force, strict=True)]


def _panel(plot: Plot, width: int, height: int, ascii_only: bool) -> list[Line]:
    title = f"{plot.quantity}, {plot.unit}"
    title = title.replace("Å", "A") if ascii_only else title
    x, y = plot.iterations, plot.y
    shown = {
        series.name: [point for point in series.points if y.shows(point[1])]
        for series in plot.series
    }
    if not shown["train"]:
        blank = [f"{title}: no number yet", *[""] * (height - 1)]
        return [[(f"{line[:width]:<{width}}", "")] for line in blank]
    columns, rows = width - _MARGIN - 1, height - 2
    grid = _Grid(x, y, columns, rows)
    cells = _cells(grid, shown["train"], shown.get("test", []), ascii_only)
    kept = next((mark.iteration for mark in plot.marks if mark.kind == "best"), None)
    if kept is not None:
        _mark_kept(cells, grid.dot((kept, y.high), 1, 1)[0], ":" if ascii_only else "┊")
    named = _named_rows(grid)
    bar, tick = ("|", "+") if ascii_only else ("│", "┤")
    panel = [_head(title, plot.series, kept, width)]
    for row in range(rows):
        edge = tick if row in named else bar
        panel.append([(f"{named.get(row, ''):>{_MARGIN}}{edge}", ""), *_pieces(cells[row])])
    panel.append([(" " * (_MARGIN + 1) + _named_columns(grid, kept), "")])
    return panel


def _mark_kept(cells: list[list[Piece]], column: int, mark: str) -> None:
    for row in cells:
        if row[column][0] == " ":
            row[column] = (mark, "kept")


def _named_rows(grid: _Grid) -> dict[int, str]:
    """Return the numbers beside the rows: round ones, of which there is room for every second."""
    named: dict[int, str] = {}
    for value, _ in grid.y.ticks(max(2, grid.rows // 2)):
        row = grid.dot((grid.x.low, value), 1, 1)[1]
        if not {row - 1, row, row + 1} & named.keys():
            named[row] = f"{value:.3g}" if value < 1000 else f"{value:.0f}"
    return named


def _named_columns(grid: _Grid, kept: int | None) -> str:
    """Write the iterations below the panel, where they are: that which is kept, then round ones."""
    line = [" "] * grid.columns
    ticks = [value for value, _ in grid.x.ticks(max(2, grid.columns // 9))]
    words = [(value, f"{value:.0f}") for value in (grid.x.high, grid.x.low, *ticks)]
    if kept is not None:
        words.insert(0, (kept, f"kept {kept}" if grid.columns > _ROOM else f"{kept}"))
    for value, word in words:
        middle = grid.dot((value, grid.y.high), 1, 1)[0]
        begin = min(max(0, middle - len(word) // 2), grid.columns - len(word))
        around = line[max(0, begin - 1) : begin + len(word) + 1]
        if begin >= 0 and not "".join(around).strip():
            line[begin : begin + len(word)] = word
    return "".join(line)


def _head(title: str, series: Sequence[Series], kept: int | None, width: int) -> Line:
    labels: Line = []
    for one in series:
        label = one.label if kept is None else f"{one.name} {_error_at(one, kept):.3g}"
        labels += [("  ", "")] * bool(labels) + [(label, one.name)]
    left = width - sum(len(text) for text, _ in labels)
    return [(f"{title[: left - 1]:<{left}}", ""), *labels]


def _error_at(series: Series, iteration: int) -> float:
    """Return the error at an iteration, or at the last one before it that has one."""
    before = [error for epoch, error in series.points if epoch <= iteration]
    return before[-1] if before else series.points[0][1]


class _Grid:
    """The dots of a panel: columns and rows of cells, and the axes along them."""

    def __init__(self, x: Axis, y: Axis, columns: int, rows: int) -> None:
        self.x, self.y, self.columns, self.rows = x, y, columns, rows

    def dot(self, point: tuple[float, float], wide: int, tall: int) -> tuple[int, int]:
        """Return a point's column and its row from the top, of ``wide`` × ``tall`` dots a cell."""
        column = round(self.x.place(point[0]) * (wide * self.columns - 1))
        row = round((1.0 - self.y.place(point[1])) * (tall * self.rows - 1))
        return column, row


def _cells(
    grid: _Grid, train: Sequence[tuple[int, float]], test: Sequence[tuple[int, float]],
    ascii_only: bool,
) -> list[list[Piece]]:  # fmt: skip
    """Return a character and what it is of, for each cell."""
    cells: list[list[Piece]] = [[(" ", "")] * grid.columns for _ in range(grid.rows)]
    wide, tall = (1, 1) if ascii_only else (2, 4)
    dots = [grid.dot(point, wide, tall) for point in train]
    bits: dict[tuple[int, int], int] = {}
    for column, row in _dots_between(dots):
        place = (row // tall, column // wide)
        bits[place] = bits.get(place, 0) | _BITS[row % tall][column % wide]
    for (row, column), bit in bits.items():
        cells[row][column] = ("*" if ascii_only else chr(_BRAILLE + bit), "train")
    for point in test:
        column, row = grid.dot(point, 1, 1)
        cells[row][column] = ("o", "test")
    return cells


def _dots_between(dots: Sequence[tuple[int, int]]) -> list[tuple[int, int]]:
    """Return every dot on the way from each to the next."""
    path = list(dots[:1])
    for (x0, y0), (x1, y1) in pairwise(dots):
        steps = max(abs(x1 - x0), abs(y1 - y0))
        path += [
            (x0 + round((x1 - x0) * n / steps), y0 + round((y1 - y0) * n / steps))
            for n in range(1, steps + 1)
        ]
    return path


def _pieces(cells: Sequence[Piece]) -> Line:
    """Join neighbours of the same kind."""
    return [
        ("".join(text for text, _ in group), kind)
        for kind, group in groupby(cells, key=lambda cell: cell[1])
    ]
