"""Figures as SVG: no script, colours by style sheet, one path a series."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from hpctrain.pages.axes import Axis
from hpctrain.render import render_page

if TYPE_CHECKING:
    from hpctrain.render import Markup

WIDTH, HEIGHT = 360, 230
_TOP, _BOTTOM, _SIDE = 22, 38, 10
_LETTER = 6.4  # about the width of one, at the style sheet's 11 px
Point = tuple[float | None, float | None]


@dataclass(frozen=True)
class _Path:
    css: str
    d: str
    width: str = ""


@dataclass(frozen=True)
class _Named:
    """A place that tells what it is when the pointer rests on it."""

    d: str
    title: str


@dataclass(frozen=True)
class _Text:
    x: str
    y: str
    words: str
    css: str = ""


class Figure:
    """An empty pair of axes that is drawn into; ``svg`` is the picture.

    ``right`` is room for labels beside the curves; the narrower a figure, the larger its letters
    where three stand in a row. ``css`` of a series are classes of the style sheet.
    """

    def __init__(
        self,
        title: str,
        x: Axis,
        y: Axis,
        *,
        right: float = 0,
        width: int = WIDTH,
        height: int = HEIGHT,
    ) -> None:
        self._title, self._x, self._y = title, x, y
        self._ticks = y.ticks(5 if height <= HEIGHT else 6)
        self._left = 10 + _LETTER * max((len(text) for _, text in self._ticks), default=1)
        self._width, self._right = width, width - _SIDE - right
        self._floor, self._height = height - _BOTTOM, height
        self._paths: list[_Path] = []
        self._texts: list[_Text] = []  # above all that is drawn
        self._hints: list[_Named] = []
        self._labels: list[tuple[float, str, str]] = []
        self._keys = 0
        self._names: list[tuple[float, float, int]] = []  # from, to, row

    def _at_x(self, value: float) -> float:
        return self._left + self._x.place(value) * (self._right - self._left)

    def _at_y(self, value: float) -> float:
        return self._floor - self._y.place(value) * (self._floor - _TOP)

    def _positions(self, points: Iterable[Point]) -> list[tuple[float, float] | None]:
        """Return where the points stand; None for one that cannot be drawn."""
        return [
            (self._at_x(x), self._at_y(y))
            if x is not None and y is not None and self._x.shows(x) and self._y.shows(y)
            else None
            for x, y in points
        ]

    def line(self, points: Iterable[Point], css: str) -> None:
        """Draw a curve: with a gap where a point is missing, and only as far as the axes go."""
        path, pen = [], None
        positions = self._positions(points)
        for before, here in zip([None, *positions], positions, strict=False):
            if before is None or here is None:
                continue
            piece = _clip(before, here, _TOP, self._floor)
            if piece is None:
                continue
            start, end = piece
            path.append(_move("L" if pen == start else "M", start) if pen != start else "")
            path.append(_move("L", end))
            pen = end
        self._path(f"curve {css}", path)

    def dots(self, points: Iterable[Point], css: str, size: float = 3.0) -> int:
        """Draw points, those that fall together as one; return how many lie outside."""
        outside, places = 0, {}
        for place in self._positions(points):
            if place is None or not self._inside(place):
                outside += 1
            else:
                places[_move("M", place)] = True
        self._path(f"dots {css}", [f"{place}h0" for place in places], f"{size:g}")
        return outside

    def crosses(self, points: Iterable[Point], css: str) -> None:
        """Draw points that lie outside as crosses on the edge that they are beyond."""
        places = dict.fromkeys(self._at_edge(place) for place in self._positions(points) if place)
        self._path(
            f"curve {css}",
            [f"M{x - 2.5:.1f} {y - 2.5:.1f}l5 5m0-5l-5 5" for x, y in places],
        )

    def hint(self, points: Iterable[tuple[float, float, str]]) -> None:
        """Name points for a pointer that rests on them; those outside at their edge."""
        for x, y, words in points:
            (place,) = self._positions([(x, y)])
            if place is not None:
                self._hints.append(_Named(f"{_move('M', self._at_edge(place))}h0", words))

    def shows(self, x: float | None, y: float | None) -> bool:
        """Say whether a point lies inside."""
        (place,) = self._positions([(x, y)])
        return place is not None and self._inside(place)

    def _at_edge(self, place: tuple[float, float]) -> tuple[float, float]:
        x, y = place
        return min(max(x, self._left), self._right), min(max(y, _TOP), self._floor)

    def bars(self, edges: Sequence[float], heights: Sequence[float], css: str,
             base: Sequence[float] | None = None) -> None:  # fmt: skip
        """Draw bars between neighbouring edges, standing on ``base``."""
        x, path = [self._at_x(edge) for edge in edges], []
        for n, height in enumerate(heights):
            if height:
                foot = base[n] if base is not None else 0.0
                low, high = self._at_y(foot), self._at_y(foot + height)
                gap = 0.4 if x[n + 1] - x[n] > 2 else 0.0
                path.append(f"M{x[n]:.1f} {low:.2f}V{high:.2f}H{x[n + 1] - gap:.1f}V{low:.2f}z")
        self._path(css, path)

    def steps(self, edges: Sequence[float], heights: Sequence[float], css: str) -> None:
        """Draw the outline of a histogram."""
        corners: list[Point] = [(edges[0], self._y.low)]
        for n, height in enumerate(heights):
            corners += [(edges[n], height), (edges[n + 1], height)]
        self.line([*corners, (edges[-1], self._y.low)], css)

    def vertical_line(self, x: float, words: str, css: str = "mark") -> None:
        """Mark a value of x, with its name at the top; names that would meet go lower."""
        if not self._x.low <= x <= self._x.high:
            return
        at, wide = self._at_x(x), _LETTER * len(words)
        self._path(css, [f"M{at:.1f} {_TOP}V{self._floor:.1f}"])
        if words:
            fits = at + 3 + wide <= self._right
            start = at + 3 if fits else at - 3 - wide
            row = 0
            while any(row == r and start < e and b < start + wide for b, e, r in self._names):
                row += 1
            self._names.append((start, start + wide, row))
            self._text(at + 3 if fits else at - 3, _TOP + 9 + 12 * row, words,
                       css if fits else f"{css} end")  # fmt: skip

    def horizontal_line(
        self, y: float, css: str = "mark", span: tuple[float, float] | None = None
    ) -> None:
        """Mark a value of y, over the whole width or between two x."""
        if self._y.low <= y <= self._y.high:
            left, right = map(self._at_x, span or (self._x.low, self._x.high))
            self._path(css, [f"M{left:.1f} {self._at_y(y):.1f}H{right:.1f}"])

    def diagonal(self) -> None:
        """Draw the line on which both coordinates are the same."""
        low, high = max(self._x.low, self._y.low), min(self._x.high, self._y.high)
        self.line([(low, low), (high, high)], "mark")

    def label(self, points: Sequence[Point], words: str, css: str) -> None:
        """Name a curve beside its end, in its colour; names that would meet stand apart."""
        ends = [place for place in self._positions(points) if place is not None]
        if ends:
            self._labels.append((min(max(ends[-1][1], _TOP + 4), self._floor), words, css))

    def key(self, words: str, css: str) -> None:
        """Name a series in its colour, in the corner at the top right."""
        self._text(self._right - 2, _TOP + 9 + 13 * self._keys, words, f"end {css}")
        self._keys += 1

    def svg(self) -> Markup:
        """Return the picture, with its axes below what was drawn into them."""
        self._spread_labels()
        return render_page(
            "pages/figure.html.j2",
            {
                "title": f"{self._title}: {self._y.label} against {self._x.label}",
                "width": self._width,
                "height": self._height,
                "shapes": [*self._axes(), *self._paths, *self._texts, *self._hints],
            },
        )

    def _axes(self) -> list[_Path | _Text]:
        middle = (self._left + self._right) / 2
        shapes: list[_Path | _Text] = [
            _Text("2", "11", self._y.label),
            _Text(f"{middle:.1f}", f"{self._height - 5}", self._x.label, "mid"),
        ]
        for value, words in self._ticks:
            y = self._at_y(value)
            shapes.append(_Path("grid", f"M{self._left:.1f} {y:.1f}H{self._right:.1f}"))
            shapes.append(_Text(f"{self._left - 4:.1f}", f"{y + 4:.1f}", words, "end"))
        shapes.append(_Path("axis", f"M{self._left:.1f} {self._floor}H{self._right:.1f}"))
        last = -1e9
        for value, words in self._x.ticks(6):
            wide = _LETTER * len(words)
            at = min(self._at_x(value), self._width - wide / 2 - 1)
            if at - wide / 2 < last + 4:
                continue
            last = at + wide / 2
            if not self._x.named:
                shapes.append(_Path("axis", f"M{self._at_x(value):.1f} {self._floor}v3"))
            shapes.append(_Text(f"{at:.1f}", f"{self._floor + 17}", words, "mid"))
        return shapes

    def _spread_labels(self) -> None:
        below = -1e9
        for y, words, css in sorted(self._labels):
            below = max(y, below + 12)
            self._text(self._right + 4, below + 4, words, css)
        self._labels = []

    def _path(self, css: str, pieces: Sequence[str], width: str = "") -> None:
        """Draw a series as one path; nothing where it has no piece."""
        if pieces:
            self._paths.append(_Path(css, "".join(pieces), width))

    def _text(self, x: float, y: float, words: str, css: str) -> None:
        self._texts.append(_Text(f"{x:.1f}", f"{y:.1f}", words, css))

    def _inside(self, place: tuple[float, float]) -> bool:
        x, y = place
        return self._left - 1 <= x <= self._right + 1 and _TOP - 1 <= y <= self._floor + 1


def _move(how: str, place: tuple[float, float]) -> str:
    return f"{how}{place[0]:.1f} {place[1]:.1f}"


def _clip(
    start: tuple[float, float], end: tuple[float, float], top: float, floor: float
) -> tuple[tuple[float, float], tuple[float, float]] | None:
    """Return the part of a piece of a curve that lies between two heights."""
    (x0, y0), (x1, y1) = start, end
    if max(y0, y1) < top or min(y0, y1) > floor:
        return None

    def at(y: float) -> tuple[float, float]:
        return (x0 + (x1 - x0) * (y - y0) / (y1 - y0), y)

    first = start if top <= y0 <= floor else at(top if y0 < top else floor)
    last = end if top <= y1 <= floor else at(top if y1 < top else floor)
    return first, last
