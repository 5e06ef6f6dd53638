"""The axes of a figure: where a value stands, and which values are named. Pure."""

from __future__ import annotations

import math
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Literal

Scale = Literal["linear", "log", "log1p"]  # log1p: by the logarithm of 1 + n, for counts from 0
_SUPERSCRIPT = str.maketrans("-0123456789", "⁻⁰¹²³⁴⁵⁶⁷⁸⁹")


@dataclass(frozen=True)
class Axis:
    """An axis from ``low`` to ``high``; ``label`` has the unit.

    ``named`` are values with a word each, which then stand there instead of numbers.
    """

    label: str
    low: float
    high: float
    scale: Scale = "linear"
    named: tuple[tuple[float, str], ...] = ()

    def shows(self, value: float | None) -> bool:
        """Say whether the value can be drawn at all; it may still lie beyond the ends."""
        if value is None or not math.isfinite(value):
            return False
        return value > {"linear": -math.inf, "log": 0.0, "log1p": -1.0}[self.scale]

    def place(self, value: float) -> float:
        """Return where a value stands: 0 at the low end, 1 at the high one."""
        low, here, high = (_scale(self.scale, one) for one in (self.low, value, self.high))
        return (here - low) / (high - low)

    def ticks(self, most: int = 6) -> list[tuple[float, str]]:
        """Return the values to name and their names, about ``most`` of them."""
        if self.named:
            return list(self.named)
        if self.scale == "linear":
            values = _linear(self.low, self.high, most)
        else:
            values = _logarithmic(self.low, self.high, most)
        if self.scale == "log1p" and self.low <= 0:
            values = [0.0, *values]
        return [(value, number(value)) for value in values]


def axis(label: str, values: Iterable[float | None], scale: Scale = "linear") -> Axis:
    """Return an axis with room for all these values; those that cannot be drawn do not count."""
    values, whole = list(values), Axis(label, 0.0, 1.0, scale)
    shown = [_scale(scale, value) for value in values if value is not None and whole.shows(value)]
    low, high = (min(shown), max(shown)) if shown else (0.0, 1.0)
    room = 0.05 * (high - low) or (0.1 if scale != "linear" else 0.5 * abs(high) or 0.5)
    if scale == "log1p":
        # The last of a count stands at the very end.
        return Axis(
            label, 0.0, max([1.0, *(value for value in values if value is not None)]), scale
        )
    return Axis(label, _unscale(scale, low - room), _unscale(scale, high + room), scale)


def number(value: float) -> str:
    """Format a number beside an axis: 20,000; −0.5; 10⁻⁵."""
    size = abs(value)
    if size >= 1e6 or 0 < size < 1e-3:
        digits, _, power = f"{value:.3g}".partition("e")
        if not power:
            digits, _, power = f"{value:.2e}".partition("e")
            digits = f"{float(digits):g}"
        factor = "" if digits == "1" else "−" if digits == "-1" else f"{digits}·".replace("-", "−")
        return f"{factor}10{str(int(power)).translate(_SUPERSCRIPT)}"
    text = f"{value:,.0f}" if size >= 1000 and value == int(value) else f"{value:g}"
    return text.replace("-", "−")


def _scale(scale: Scale, value: float) -> float:
    if scale == "linear":
        return value
    return math.log10(value if scale == "log" else 1.0 + value)


def _unscale(scale: Scale, place: float) -> float:
    if scale == "linear":
        return place
    return float(10.0**place) - (scale == "log1p")


def _linear(low: float, high: float, most: int) -> list[float]:
    raw = (high - low) / most
    size = 10.0 ** math.floor(math.log10(raw))
    step = next(size * m for m in (1, 2, 5, 10) if size * m >= raw * (1 - 1e-9))
    found = [n * step for n in range(math.floor(low / step), math.ceil(high / step) + 1)]
    return [round(value, 12) + 0.0 for value in _within(low, high, found)]


def _logarithmic(low: float, high: float, most: int) -> list[float]:
    """Return 1, 2, 5, 10, …, or fewer of them; as on a linear axis if that leaves only one."""
    floor = max(low, 1.0) if low <= 0 else low
    powers = range(math.floor(math.log10(floor)), math.ceil(math.log10(high)) + 1)
    for within, every in (((1, 2, 5), 1), ((1, 3), 1), ((1,), 1), ((1,), 2), ((1,), 3)):
        found = [m * 10.0**e for e in powers if e % every == 0 for m in within]
        shown = _within(floor, high, found)
        if len(shown) <= most:
            break
    return shown if len(shown) > 1 or low <= 0 else _linear(floor, high, most)


def _within(low: float, high: float, values: Iterable[float]) -> list[float]:
    slack = 1e-9 * (high - low)
    return [value for value in values if low - slack <= value <= high + slack]
