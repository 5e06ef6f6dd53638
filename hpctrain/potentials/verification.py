"""A potential's verification.json (docs/verification.md), and what a card keeps of it."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, TypeGuard

from hpctrain.potentials.card import Card, CardVerification
from hpctrain.potentials.plots import plot_misfit
from hpctrain.records import BadFile, damaged, read_record
from hpctrain.runs.history import Accepted
from hpctrain.runs.result import CheckFacts, Verification

VERIFICATION = "verification.json"
VERIFICATION_BYTES = 64 << 20  # it has the points of plots
VERIFICATION_SCHEMA = "hpctrain.verification/1"


def read_verification(
    path: Path, note: Callable[[BadFile], None] = lambda _: None
) -> Verification | None:
    """Read a verification.json; None if it is not there, or cannot be read, which is noted.

    What a check has to draw is left out, and noted, where it is damaged: its verdict stands.
    """
    try:
        content = read_record(path, Verification, VERIFICATION_BYTES)
        if content is not None and not is_verification(content):
            raise damaged(path, "it is not a verification that this version knows")
    except BadFile as bad:
        note(bad)
        return None
    for number, check in enumerate(content["checks"] if content is not None else ()):
        problem = plot_misfit(check["name"], check["data"])
        if problem is not None:
            note(damaged(path, f"checks[{number}].data{problem}"))
            check["data"] = {}
    return content


def is_verification(content: Mapping[str, Any] | None) -> TypeGuard[Verification]:
    """Say whether this is a verification that this version can read."""
    return (
        content is not None
        and content.get("schema") == VERIFICATION_SCHEMA
        and content.get("verdict") in ("pass", "warn", "fail")
        and bool(content.get("checks"))
        and all(CheckFacts.__required_keys__ <= set(check) for check in content["checks"])
    )


def failed_checks(content: Verification) -> list[str]:
    """List the checks that failed, each with what was seen."""
    return [
        f"{check['name']} ({check['seen']})"
        for check in content["checks"]
        if check["verdict"] == "fail"
    ]


def verification_summary(content: Verification, accepted: Accepted | None) -> CardVerification:
    """Reduce a verification to what a card keeps: verdicts and numbers, without points of plots."""
    numbers: CardVerification = {}
    if "made" in content and "of" in content:
        numbers = {"made": content["made"], "of": content["of"]}
    return {
        "verdict": content["verdict"],
        **numbers,
        "checks": [
            {
                "name": check["name"],
                "title": check["title"],
                "verdict": check["verdict"],
                "value": check["value"],
                "unit": check["unit"],
                "seen": check["seen"],
            }
            for check in content["checks"]
        ],
        "accepted": accepted,
    }


def checks_made(card: Card) -> dict[str, int] | None:
    """Return how many checks were ``made``, ``of`` how many; None where the card does not say."""
    known = card.get("verification") or {}
    return {"made": known["made"], "of": known["of"]} if "made" in known and "of" in known else None
