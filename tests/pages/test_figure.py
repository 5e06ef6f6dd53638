"""Figures: what is drawn, and what is not."""

from __future__ import annotations

import re
from itertools import pairwise

from hpctrain.pages.axes import Axis
from hpctrain.pages.figure import Figure

X, Y = Axis("x, Å", 0.0, 10.0), Axis("y, eV", 0.0, 1.0)


def path(figure: Figure, css: str) -> str:
    (found,) = re.findall(rf'<path class="{css}"[^>]* d="([^"]*)"', figure.svg())
    return str(found)


def heights(path: str) -> list[float]:
    return [float(y) for y in re.findall(r"[ML][\d.]+ ([\d.]+)", path)]


def test_a_missing_point_tears_a_curve() -> None:
    figure = Figure("t", X, Y)
    figure.line([(0, 0.1), (1, 0.2), (2, None), (3, 0.4), (4, float("nan")), (5, 0.5)], "a")
    assert path(figure, "curve a").count("M") == 1  # of the lonely points, nothing can be drawn
    figure = Figure("t", X, Y)
    figure.line([(0, 0.1), (1, 0.2), (2, None), (3, 0.4), (4, 0.5)], "a")
    assert re.sub(r"[\d. ]", "", path(figure, "curve a")) == "MLML"


def test_a_curve_is_cut_where_it_leaves_the_figure() -> None:
    figure = Figure("t", X, Y)
    figure.line([(0, 99.0), (5, 0.5), (10, -99.0)], "a")
    inside = heights(path(figure, "curve a"))
    assert min(inside) == 22.0
    assert max(inside) == 192.0
    figure = Figure("t", X, Y)
    figure.line([(0, 5.0), (10, 5.0)], "a")
    assert "curve" not in figure.svg()


def test_dots_are_one_path_and_those_on_each_other_are_one() -> None:
    figure = Figure("t", X, Y)
    outside = figure.dots([(1, 0.5)] * 1000 + [(2, 0.5), (3, 7.0), (None, 1)], "s0")
    assert outside == 2
    assert path(figure, "dots s0").count("h0") == 2


def test_names_beside_curves_and_marks_stand_apart() -> None:
    figure = Figure("t", X, Y, right=60)
    for name in ("one", "two", "three"):
        figure.label([(10, 0.5)], name, name)
    figure.vertical_line(5, "a long name")
    figure.vertical_line(5.1, "another name")
    figure.vertical_line(10, "the end")
    figure.vertical_line(11, "beyond")
    text = figure.svg()
    placed = {
        words: (float(x), float(y), css)
        for css, x, y, words in re.findall(
            r'<text class="([^"]*)" x="([\d.]+)" y="([\d.]+)">([^<]+)</text>', text
        )
    }
    ys = sorted(placed[name][1] for name in ("one", "two", "three"))
    assert [round(b - a) for a, b in pairwise(ys)] == [12, 12]
    assert placed["another name"][1] - placed["a long name"][1] == 12
    assert placed["the end"][2] == "mark end"
    assert "beyond" not in text


def test_everything_is_escaped() -> None:
    figure = Figure(
        "<t>",
        Axis("<x>", 0, 1, named=((0.5, "<Γ>"),)),
        Axis("<y>", 0, 1, named=((0.5, "<½>"),)),
        right=50,
    )
    figure.vertical_line(0.5, "<mark>")
    figure.label([(1, 1)], "<label>", "a")
    figure.key("<key>", "a")
    text = figure.svg()
    assert not re.search("<(t|x|y|Γ|½|mark|label|key)>", text)
    assert text.count("&lt;") >= 8
