"""The page about a run or a potential; the same subject gives the same page, byte for byte."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from hpctrain.pages import facts, parity
from hpctrain.pages.curve import NO_TEST, learning_curves, story
from hpctrain.pages.html import Table, document, number
from hpctrain.pages.physics import physics
from hpctrain.pages.subject import Checks, Subject
from hpctrain.text import metrics_rows, verdict_words

_SETS = {"train": "train", "test": "test", "archived_file_on_test": "the .yace itself, on test"}


def page(subject: Subject) -> str:
    """Return the whole page."""
    checks = Checks(subject.verification, subject.unverified)
    return document("report", subject.name, subject.subtitle, {
        **_verdict(subject),
        "warnings": subject.warnings,
        "metrics": _metrics(subject),
        "no_test": "" if subject.metrics.get("test") else NO_TEST,
        "curves": learning_curves(subject),
        "story": " ".join(story(subject)),
        "checks": list(map(_check, checks.all)),
        "unverified": checks.unverified,
        "kinds": [(name, f"{count:,}") for name, count, _ in parity.kinds(checks)],
        "parity": parity.parity(checks),
        "histograms": parity.histograms(checks),
        "no_parity": checks.why("parity"),
        "by_kind": parity.by_kind(checks),
        "judged": parity.judged(checks),
        "largest": parity.largest(checks),
        "physics": physics(checks),
        "data": facts.data(subject),
        "settings": facts.settings(subject),
        "input": _yaml(subject.input).splitlines(),
        "provenance": subject.provenance,
        "use": [line for lines in subject.use for line in lines.splitlines()],
    })  # fmt: skip


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


def _metrics(subject: Subject) -> Table | None:
    errors = {_SETS.get(name, name): value for name, value in subject.metrics.items() if value}
    header = ("RMSE", "energy, meV/atom", "force, eV/Å")
    return Table(header, metrics_rows(errors)) if errors else None


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
