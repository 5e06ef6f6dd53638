"""The page of potentials diff: two trainers' potentials, as they were recorded."""

from __future__ import annotations

import json
import re
from dataclasses import replace
from typing import Any

import pytest
from browser_fixture import Browser
from html_tags import VILE, Tags
from paths import RECORDED
from report_example import newer

from hpctrain.pages.compare import page
from hpctrain.pages.learning_curve import curves_of_csv
from hpctrain.pages.page import page as report
from hpctrain.pages.subject import Subject, of_potential
from hpctrain.runs.state.curves import Curves

GRACE = RECORDED / "grace"


def grace() -> Subject:
    card, checks = (
        json.loads((GRACE / f"{name}.json").read_text()) for name in ("card", "verification")
    )
    return of_potential(card, curves_of_csv((GRACE / "learning_curve.csv").read_text()), checks)


def found(a: Subject, b: Subject, **changes: Any) -> dict[str, Any]:
    """What diff tells, as far as the page takes it from there."""
    both = [
        {"trainer": one.engine.title, "generation": 1, "bytes": size, "iterations": 40,
         "verdict": "warn", "fingerprint": VILE}
        for one, size in ((a, 26_700), (b, 1_845_000))
    ]  # fmt: skip
    return {
        "names": [a.name, b.name], "potentials": both,
        "checks": [{"name": "nve", "title": VILE, "unit": "meV", "verdicts": ["pass", None],
                    "values": [0.5, None]}],
        "settings": {"training.max_iter": [40, 60], "training.size": [None, VILE]},
        "only": [{"training.start": VILE}, {"training.size": VILE, "training.precision": None}],
        "reference_energies": {"Al": [-0.3, -0.2]}, "versions": {"tf_keras": [None, VILE]},
        "data": {"same": False, "sources": [VILE, "b.db"], "structures": {"train": [9, None],
                 "test": [2, 2]}, "added": ["1", "2", "3"], "removed": [], "changed": [VILE],
                 "to_test": [], "to_train": []},
        "errors": {side: [a.metrics[side], b.metrics[side]] for side in ("train", "test")},
        "common": {"errors": None, "why": VILE, "set": None, "structures": 0},
        **changes,
    }  # fmt: skip


def test_both_are_told_and_everything_is_escaped() -> None:
    a, b = newer(), grace()
    text = page([a, b], found(a, b))
    seen = Tags()
    seen.feed(text)
    assert seen.open == []
    assert not seen.tags & {"script", "img", "iframe", "link", "object"}
    assert not re.search(r"https?://", text)
    for words in (
        "Only GRACE (B) has", "Only Pacemaker (A) has", "93.2\u00a0µs", "200\u00a0µs", "3,432",
        "12.5\u00a0core-hours", "1.8\u00a0MB", "26.7\u00a0kB", "1.277", "not made", "3 rows: 1–3",
        "A: its core-hours are not known.", "pyace in ASE",
    ):  # fmt: skip
        assert words in text, words
    assert text.count("<svg") == 4
    assert "Stress components, GPa" in report(b)
    assert "Stress components, GPa" not in report(a)
    assert "training.<wbr>precision" not in text


def test_without_curves_and_checks() -> None:
    a, b = (replace(one, curves=Curves(), verification=None) for one in (newer(), grace()))
    errors = [a.metrics["test"], b.metrics["test"]]
    common = {"errors": errors, "why": None, "set": "some structures", "structures": 18}
    text = page([a, b], found(a, b, checks=[], common=common))
    assert "<svg" not in text
    assert "A: there is no learning_curve.csv beside the card." in text
    assert "not verified" in text
    assert "some structures" in text


@pytest.mark.real_browser
@pytest.mark.parametrize("dark", [False, True])
def test_in_a_browser(browser: Browser, dark: bool) -> None:
    """Nothing overflows, and all four figures are drawn, without names that meet."""
    a, b = newer(), grace()
    assert a.spent is not None
    a = replace(a, spent={**a.spent, "of": a.spent["attempts"]})
    widths, text = [360, 800, 1400], page([a, b], found(a, b))
    for width, seen in zip(widths, browser.measure(text, widths, dark=dark), strict=True):
        assert seen["scroll"] <= width
        assert seen["right"] <= width
        assert len(seen["figures"]) == 4
        for one in seen["figures"]:
            assert one["drawn"] >= 4
            assert (one["outside"], one["meeting"]) == ([], [])
        assert seen["background"] == ("rgb(20, 23, 27)" if dark else "rgb(255, 255, 255)")
