"""The page about a run or a potential; the same subject gives the same page, byte for byte."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from hpctrain.pages import facts, glance, parity
from hpctrain.pages.curve import NO_TEST, learning_curves, story
from hpctrain.pages.grades import grades
from hpctrain.pages.html import document, number
from hpctrain.pages.physics import physics
from hpctrain.pages.points import colours
from hpctrain.pages.residuals import residuals
from hpctrain.pages.structures import worst
from hpctrain.pages.subject import Checks, Subject
from hpctrain.text import verdict_words

_SECTIONS = {
    "use": "Use",
    "curve": "Learning curve",
    "checks": "Checks",
    "parity": "Predicted against labelled",
    "errors": "Errors",
    "largest": "Largest errors",
    "extrapolation": "Extrapolation",
    "physics": "Beyond the data",
    "data": "Data",
    "settings": "Settings",
    "provenance": "Provenance",
}
# What a verification has to draw.
_DRAWN = ("parity", "errors", "largest", "extrapolation", "physics")


def page(subject: Subject) -> str:
    """Return the whole page."""
    checks = Checks(subject.verification, subject.unverified)
    known = colours(checks, subject.dataset.get("config_types") or {})
    of_grades, about_grades = grades(checks)
    return document("report", subject.name, subject.subtitle, {
        **_verdict(subject),
        "warnings": subject.warnings,
        "sections": _sections(subject, bool(of_grades)),
        "drawn": subject.verification is not None,
        "tiles": glance.tiles(subject, checks),
        "metrics": glance.errors(subject),
        "counts": glance.structures_of(subject),
        "no_test": "" if subject.metrics.get("test") else NO_TEST,
        "curves": learning_curves(subject),
        "story": " ".join(story(subject)),
        "checks": list(map(_check, checks.all)),
        "unverified": checks.unverified,
        "kinds": [(one.name, f"{one.structures:,}") for one in known],
        "parity": parity.parity(checks, known),
        "histograms": parity.histograms(checks),
        "residuals": residuals(checks, known),
        "no_parity": checks.why("parity"),
        "by_kind": parity.by_kind(checks, known),
        "judged": parity.judged(checks),
        "largest": parity.largest(checks),
        "worst": worst(checks),
        "grades": of_grades,
        "about_grades": about_grades,
        "physics": physics(checks),
        "data": facts.data(subject),
        "settings": facts.settings(subject),
        "input": _yaml(subject.input).splitlines(),
        "provenance": subject.provenance,
        "use": subject.use,
        "files": subject.files,
    })  # fmt: skip


def _sections(subject: Subject, graded: bool) -> list[tuple[str, str]]:
    """List the sections that are there: anchor and title."""
    absent = set() if subject.use or subject.files else {"use"}
    # Without a verification nothing was measured: to say so once is enough.
    absent |= set(_DRAWN) if subject.verification is None else set()
    absent |= set() if graded else {"extrapolation"}
    titles = {**_SECTIONS, "use": "Use" if subject.use else "Files"}
    return [(anchor, title) for anchor, title in titles.items() if anchor not in absent]


def _verdict(subject: Subject) -> dict[str, str]:
    if subject.verification is None:
        return {"word": "not verified", "made": "", "wrong": "", "accepted": ""}
    checks = Checks(subject.verification, "").all
    wrong = [str(one.get("title")) for one in checks if one.get("verdict") in ("warn", "fail")]
    accepted = subject.accepted
    word = str(subject.verification.get("verdict", "unknown"))
    return {
        "word": word,
        "made": verdict_words(word, checks).removeprefix(word).removeprefix(", "),
        "wrong": "; ".join(wrong),
        "accepted": str(accepted.get("why") or "no reason given") if accepted else "",
    }


def _check(check: Mapping[str, Any]) -> dict[str, Any]:
    value, limits, unit = check.get("value"), check.get("limits") or {}, check.get("unit") or ""
    measured = f"{number(value)} {unit}".strip() if value is not None else ""
    bounds = ", ".join(
        f"{word} at {number(limits[word])}"
        for word in ("warn", "fail")
        if limits.get(word) is not None
    )
    return {
        "verdict": str(check.get("verdict")),
        "title": str(check.get("title")),
        "lines": [words for words in (" · ".join(filter(None, [measured, bounds])),
                                      check.get("seen")) if words],
    }  # fmt: skip


def _yaml(content: Mapping[str, Any]) -> str:
    import yaml

    text: str = yaml.safe_dump(dict(content), sort_keys=False, allow_unicode=True,
                               default_flow_style=None, width=76)  # fmt: skip
    return text
