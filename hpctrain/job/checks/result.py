"""The result of a check: a verdict with its number and limits, or why there is none."""

from __future__ import annotations

from typing import Any, Dict, Sequence, Tuple


class Skipped(Exception):
    """There is nothing to check: why, in words."""


class NotReached(Exception):
    """The time was up before anything could be said."""


class Unphysical(Exception):
    """The potential gave no numbers: what it gave instead."""


def verdict_on(value: float, warn: float, fail: float) -> str:
    """Return the verdict on a number; where ``fail`` is the smaller limit, small is bad."""
    sign = 1.0 if fail >= warn else -1.0
    if not sign * value <= sign * fail:
        return "fail"
    return "pass" if sign * value <= sign * warn else "warn"


def worst(verdicts: Sequence[str]) -> str:
    """Return the worst of some verdicts."""
    return max(verdicts, key=("skipped", "pass", "warn", "fail").index, default="skipped")


def result(
    verdict: str,
    seen: str,
    value: float | None = None,
    unit: str | None = None,
    limits: Tuple[float, float] | None = None,
    **data: Any,
) -> Dict[str, Any]:
    """Return what a check has to say; ``limits`` are those of warn and fail."""
    return {
        "verdict": verdict,
        "value": value,
        "unit": unit,
        "limits": None if limits is None else {"warn": limits[0], "fail": limits[1]},
        "seen": seen,
        "data": data,
    }


def count_of(number: int, what: str) -> str:
    """Write a number of things, as ``1 bond`` or ``2 bonds``."""
    return f"{number} {what}{'s' * (number != 1)}"


def not_checked(number: int, what: str) -> str:
    """Say of how many things there was no time to check them."""
    return f"{count_of(number, what)} not checked: no time was left"
