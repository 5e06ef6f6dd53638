"""The rule by which a fit that learns its training data by heart ends. Pure; Python >= 3.8.

The trainer looks at the test set every few iterations. The rule, in full: a fit ends at a look that

1. is at least ``patience`` iterations after the best look of the fit, that is the one with the
   lowest validation loss so far (the first of them, where several are equal), so that no look in
   between was better;
2. has a higher validation loss than the best look; and
3. has a lower training loss than the best look.

So slow progress ends nothing, nor does an optimiser that wanders: then the training loss does not
fall either. What is no number is never the best, and ends nothing.
"""

from __future__ import annotations

import math
from typing import NamedTuple


class Look(NamedTuple):
    """One look at the test set: after how many iterations of the fit, and both losses."""

    iteration: int
    train: float
    test: float


def better(best: Look | None, now: Look) -> Look | None:
    """Return the better of two looks by validation loss."""
    if not math.isfinite(now.test):
        return best
    return now if best is None or now.test < best.test else best


def is_over_fitting(best: Look | None, now: Look, patience: int) -> bool:
    """Say whether the fit ends at the look ``now``, by the rule above; patience 0 ends nothing."""
    return (
        patience > 0
        and best is not None
        and now.iteration - best.iteration >= patience
        and now.test > best.test
        and now.train < best.train
    )


def in_words(best: Look, now: Look) -> str:
    """Say why the fit has ended."""
    return (
        f"stopped early: after iteration {best.iteration} the validation loss has only been higher "
        f"({best.test:.4g}, then {now.test:.4g} after iteration {now.iteration}), while the "
        f"training loss fell ({best.train:.4g}, then {now.train:.4g})"
    )
