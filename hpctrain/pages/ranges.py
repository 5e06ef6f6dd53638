"""Axes that show the bulk of some values, and leave out a few that are far from it. Pure."""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence

from hpctrain.pages.axes import Axis, axis

# An axis that is no shorter than this part of the whole is not worth leaving something out.
_WORTH = 0.6
_FEW = 10


def bulk(label: str, values: Iterable[float | None], out: float = 0.05, room: float = 0.25) -> Axis:
    """Return an axis for the bulk of the values; for all of them where none is far from it.

    On either side no more than the part ``out`` of them is left out, and only what is farther away
    than ``room``, in parts of the width of all others.
    """
    shown = sorted(value for value in values if value is not None and math.isfinite(value))
    whole = axis(label, shown)
    if len(shown) < _FEW:
        return whole
    low, high = quantile(shown, out), quantile(shown, 1.0 - out)
    more = room * (high - low)
    near = axis(label, [value for value in shown if low - more <= value <= high + more])
    if not high > low or near.high - near.low > _WORTH * (whole.high - whole.low):
        return whole
    return near


def quantile(ordered: Sequence[float], part: float) -> float:
    """Return the value below which a part of some ordered values lies."""
    place = part * (len(ordered) - 1)
    low = int(place)
    high = min(low + 1, len(ordered) - 1)
    return ordered[low] + (place - low) * (ordered[high] - ordered[low])
