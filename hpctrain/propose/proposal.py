"""A proposal: a line of hpctrain.yaml, and why it says what it says."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

TEST_FRACTION = 0.1  # the default


@dataclass(frozen=True)
class Proposal:
    """A line of hpctrain.yaml, and why; ``open``: it is a choice that the user has to make."""

    key: str
    value: Any
    reason: str
    open: bool = False


def count(number: int, word: str) -> str:
    """Return how many there are of something, in words."""
    return f"{number:,} {word}{'s' * (number != 1)}"
