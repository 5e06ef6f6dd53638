"""The page of select: complete, safe with any data, and not wider than a phone."""

from __future__ import annotations

import re
from typing import Any

import numpy as np
import pytest
from browser_fixture import Browser
from html_tags import VILE, Tags

from hpctrain.pages.select import page


def written(count: int = 500, chosen: int = 30, **changes: Any) -> str:
    grades: list[float | None] = [
        *np.random.default_rng(0).lognormal(0, 1.5, count - 1).tolist(), None
    ]  # fmt: skip
    facts = {
        "potential": VILE, "generation": 3, "wanted": 50, "candidates": count + 2,
        "unusable": [{"id": VILE, "why": VILE}] * 300, "alike": [{"id": VILE, "like": VILE}],
        "graded": count - 1, "extrapolating": 80,
        "elements": {"Al": {"functions": 10, "known": 8}}, "notes": [VILE],
        "chosen": [
            {"rank": n + 1, "id": VILE, "source": VILE, "formula": "Al12Cu4", "grade": 1.5 * n + 1,
             "atom": 3, "element": "Al", "adds": 5.0 / (n + 1),
             "reason": "1 function new to the training set, 2 atoms outside it"}
            for n in range(chosen)
        ],
        **changes,
    }  # fmt: skip
    return page(facts, grades, list(range(chosen)), VILE)


def test_everything_from_the_data_is_escaped() -> None:
    text = written()
    seen = Tags()
    seen.feed(text)
    assert seen.open == []
    assert not seen.tags & {"script", "img", "iframe", "link", "object"}
    assert not {name for name in seen.attributes if name.startswith("on")}
    assert "&lt;script&gt;" in text
    assert "default-src 'none'" in text
    assert not re.search(r"https?://", text)
    assert "and 100 more" in text


def test_it_says_what_was_chosen_and_why() -> None:
    text = written(chosen=2)
    assert "2 of 50" in text
    assert "Al: 8 of 10 functions" in text
    assert text.count("1 function new to the training set") == 2
    assert "γ = 1" in text


@pytest.mark.parametrize("grades", [[None], [0.0], [0.7], [2.0, 2.0], [1e-9, 1.0, 1e9]])
def test_odd_grades_are_drawn_or_said(grades: list[float | None]) -> None:
    facts: dict[str, Any] = {
        "potential": "p", "wanted": 5, "candidates": 1, "unusable": [], "alike": [], "graded": 1,
        "extrapolating": 0, "elements": {}, "notes": [], "chosen": [],
    }  # fmt: skip
    text = page(facts, grades, [], "now")
    drawn = any(grade for grade in grades)
    assert ("<svg" in text) == drawn
    assert ("no candidate has a grade above zero" in text) != drawn


@pytest.mark.slow
@pytest.mark.real_browser
def test_nothing_overflows_in_a_browser(browser: Browser) -> None:
    widths = [360, 800, 1400]
    for width, measured in zip(widths, browser.measure(written(), widths), strict=True):
        assert measured["scroll"] <= width
        assert measured["right"] <= width
        (figure,) = measured["figures"]
        assert figure["drawn"]
        assert figure["texts"] > 4
        assert (figure["outside"], figure["meeting"]) == ([], [])
