"""What verification.json says: docs/verification.md. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

FILE = "verification.json"
SCHEMA = "hpctrain.verification/1"
KEPT = ("name", "title", "verdict", "value", "unit", "seen")


def summary(content: Mapping[str, Any]) -> dict[str, Any]:
    """The verdicts with their numbers, without the points of plots: what a card keeps."""
    return {
        "verdict": content["verdict"],
        "checks": [{key: check[key] for key in KEPT} for check in content["checks"]],
    }


def is_whole(content: Mapping[str, Any] | None) -> bool:
    """Is this a verification that this version can read?"""
    return (
        content is not None
        and content.get("schema") == SCHEMA
        and content.get("verdict") in ("pass", "warn", "fail")
        and bool(content.get("checks"))
        and all(set(KEPT) <= set(check) for check in content["checks"])
    )


def failing(content: Mapping[str, Any]) -> list[str]:
    """The checks that failed, each with what was seen."""
    return [
        f"{check['name']} ({check['seen']})"
        for check in content["checks"]
        if check["verdict"] == "fail"
    ]


def rows(content: Mapping[str, Any]) -> list[list[str]]:
    """A row for each check: verdict, title, number with its unit, what was seen."""
    return [
        [check["verdict"], check["title"], _number(check["value"], check["unit"]), check["seen"]]
        for check in content["checks"]
    ]


def _number(value: float | None, unit: str | None) -> str:
    return "-" if value is None else f"{value:.3g} {unit or ''}".rstrip()
