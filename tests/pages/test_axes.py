"""Axes: where values stand, and which are named."""

from __future__ import annotations

import math

import pytest

from hpctrain.pages.axes import Axis, axis, number


@pytest.mark.parametrize(
    ("value", "text"),
    [(0, "0"), (-0.5, "−0.5"), (20000.0, "20,000"), (1500.5, "1500.5"), (1e-5, "10⁻⁵"),
     (2e-5, "2·10⁻⁵"), (-1e7, "−10⁷"), (2.5e6, "2.5·10⁶"), (0.002, "0.002")],
)  # fmt: skip
def test_numbers(value: float, text: str) -> None:
    assert number(value) == text


@pytest.mark.parametrize("scale", ["linear", "log", "log1p"])
@pytest.mark.parametrize(
    ("low", "high"), [(1, 2), (0.001, 5000), (3, 3.4), (17, 100), (1e-9, 1e-7), (250, 1e6)]
)
def test_ticks_lie_on_the_axis_in_order_and_are_few(scale: str, low: float, high: float) -> None:
    if scale == "log1p":
        low, high = 0, max(1, round(high))  # a count
    one = axis("x", [low, high], scale)  # type: ignore[arg-type]
    places = [one.place(value) for value, _ in one.ticks(6)]
    assert places == sorted(places)
    assert 2 <= len(places) <= 8
    assert places[0] >= -1e-6
    assert places[-1] <= 1 + 1e-6
    assert 0 <= one.place(low) < one.place(high) <= 1


def test_named_values() -> None:
    assert [text for _, text in Axis("x", 0, 10).ticks(5)] == ["0", "2", "4", "6", "8", "10"]
    assert [text for _, text in Axis("x", 0.9, 210, "log").ticks()] == ["1", "3", "10", "30", "100"]
    assert [text for _, text in Axis("n", 0, 100, "log1p").ticks()] == ["0", "1", "3", "10", "30",
                                                                        "100"]  # fmt: skip
    assert Axis("q", 0, 1, named=((0.5, "Γ"),)).ticks() == [(0.5, "Γ")]


def test_a_count_ends_where_the_axis_ends() -> None:
    assert axis("n", [0.0, 40.0], "log1p").place(40.0) == 1.0
    assert axis("n", [0.0], "log1p").place(0.0) == 0.0


def test_what_cannot_be_drawn_makes_no_axis() -> None:
    one = axis("y", [math.nan, None, math.inf, -1.0, 0.0, 5.0, 7.0], "log")
    assert 4 < one.low < 5
    assert 7 < one.high < 8
    assert not any(one.shows(value) for value in (math.nan, None, math.inf, -1.0, 0.0))
    assert axis("y", [None]).ticks()
    assert axis("y", [3.0, 3.0]).place(3.0) == 0.5
    assert axis("y", [0.0]).place(0.0) == 0.5
