"""Waiting for a condition, with a limit."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import TypeVar

T = TypeVar("T")
PATIENCE = 3
SHORTEST_S, LONGEST_S = 0.02, 0.2


def wait_for(condition: Callable[[], T], limit_s: float, what: str) -> T:
    """Return the first true value of ``condition``; AssertionError, naming it, after the limit.

    ``limit_s`` is for a quiet machine; a busy one has three times as long.
    """
    end = time.monotonic() + PATIENCE * limit_s
    pause = SHORTEST_S
    while True:
        value = condition()
        if value:
            return value
        if time.monotonic() > end:
            raise AssertionError(f"{what}: not within {PATIENCE * limit_s:g} s")
        time.sleep(pause)
        # What comes soon is seen soon, and to ask for what does not costs little.
        pause = min(2 * pause, LONGEST_S)
