"""Histograms by kind, as SVG: no script, colours by style sheet, readable on a phone."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from html import escape
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from hpctrain.preflight.columns import Histogram
    from hpctrain.preflight.watch import Preflight

    Counts = NDArray[np.int64]
    Array = NDArray[np.float64]

COLOURS = 8  # kinds with a colour of their own; the style sheet has as many, and one for the rest
_BARS = 48
_WIDTH, _HEIGHT = 360, 210
_LEFT, _RIGHT, _TOP, _BOTTOM = 40, 8, 8, 34


@dataclass(frozen=True)
class Chart:
    """``counts`` [kinds, bins], those with a colour first, the rest together last; ``edges``
    [bins + 1]."""

    title: str
    axis: str
    what: str
    edges: Array
    counts: Counts
    log: bool
    beyond: str = ""


def kinds_by_colour(preflight: Preflight) -> list[tuple[str, int, list[int]]]:
    """Name, rows and numbers of the kinds: the commonest, then the rest in one."""
    rows = np.bincount(preflight.columns.kind_of, minlength=len(preflight.columns.kinds.names))
    order = np.argsort(-rows, kind="stable").tolist()
    most = order if len(order) <= COLOURS + 1 else order[:COLOURS]
    found = [(str(preflight.columns.kinds.names[k]), int(rows[k]), [k]) for k in most]
    rest = order[len(most) :]
    if rest:
        found.append((f"{len(rest)} other kinds", int(rows[rest].sum()), rest))
    return found


def charts(preflight: Preflight) -> list[Chart]:
    """Energy per atom, force norm, shortest distance, volume per atom; those with any data."""
    groups = [numbers for _, _, numbers in kinds_by_colour(preflight)]
    found = [_energies(preflight, groups)] if len(preflight.columns) else []
    for title, axis, what, histogram in (
        ("Force norm", "eV/Å", "atoms", preflight.forces),
        ("Shortest distance", "Å", "structures", preflight.distances),
        ("Volume per atom", "Å³", "structures", preflight.volumes),
    ):
        if histogram.total.any():
            found.append(_binned(title, axis, what, histogram, groups))
    return found


def _energies(preflight: Preflight, groups: Sequence[list[int]]) -> Chart:
    values, kinds = preflight.columns.energies, preflight.columns.kind_of
    low, high = np.quantile(values, [0.05, 0.95])
    # A few rows far away must not press all others into one bar.
    low, high = low - 2 * (high - low), high + 2 * (high - low)
    low, high = max(low, values.min()), min(high, values.max())
    if high - low < 1e-9:
        low, high = low - 0.5, high + 0.5
    edges = np.linspace(low, high, _BARS + 1)
    counts = np.array([
        np.histogram(np.clip(values[np.isin(kinds, group)], low, high), edges)[0]
        for group in groups
    ])  # fmt: skip
    parts = [
        f"{number} {words}" for number, words in (
            (int((values < low).sum()), "below"), (int((values > high).sum()), "above"),
        ) if number
    ]  # fmt: skip
    beyond = f"{' and '.join(parts)}, in the outermost bars" if parts else ""
    return Chart("Energy per atom", "eV", "structures", edges, counts, False, beyond)


def _binned(
    title: str, axis: str, what: str, histogram: Histogram, groups: Sequence[list[int]]
) -> Chart:
    full = np.flatnonzero(histogram.total)
    first, last = int(full[0]), int(full[-1]) + 1
    width = -(-(last - first) // _BARS)
    last = min(len(histogram.total), first + width * -(-(last - first) // width))
    starts = np.arange(first, last, width)
    summed = [sum(histogram.counts(kind) for kind in group) for group in groups]
    # The last piece of reduceat goes on to the end, where nothing is counted.
    counts = np.array([np.add.reduceat(one, starts) for one in summed])
    edges = histogram.edges[[*starts.tolist(), last]]
    lowest = int(histogram.total[0])
    beyond = f"{lowest} at or below {histogram.edges[1]:.2g}" if lowest else ""
    return Chart(title, axis, what, edges, counts, histogram.log, beyond)


def svg(chart: Chart) -> str:
    """The chart; bars of the kinds stand on each other."""
    place = np.log10(chart.edges) if chart.log else chart.edges
    span = place[-1] - place[0] or 1.0
    wide, high = _WIDTH - _LEFT - _RIGHT, _HEIGHT - _TOP - _BOTTOM
    x = _LEFT + (place - place[0]) / span * wide
    most = max(int(chart.counts.sum(axis=0).max()), 1)
    floor = _TOP + high
    parts = []
    for tick in (most, most / 2):
        y = floor - tick / most * high
        parts.append(f'<line class="grid" x1="{_LEFT}" x2="{_WIDTH - _RIGHT}" '
                     f'y1="{y:.1f}" y2="{y:.1f}"/>')  # fmt: skip
        if tick == int(tick):
            parts.append(f'<text x="{_LEFT - 4}" y="{y + 4:.1f}" class="end">{_short(tick)}</text>')
    base = np.zeros(chart.counts.shape[1])
    for kind, counts in enumerate(chart.counts):
        path = []
        for n in np.flatnonzero(counts):
            tall = counts[n] / most * high
            gap = 0.4 if x[n + 1] - x[n] > 2 else 0.0
            path.append(f"M{x[n]:.1f} {floor - base[n]:.2f}v{-tall:.2f}"
                        f"h{x[n + 1] - x[n] - gap:.1f}v{tall:.2f}z")  # fmt: skip
            base[n] += tall
        if path:
            parts.append(f'<path class="k{min(kind, COLOURS)}" d="{"".join(path)}"/>')
    parts.append(f'<line class="axis" x1="{_LEFT}" x2="{_WIDTH - _RIGHT}" '
                 f'y1="{floor}" y2="{floor}"/>')  # fmt: skip
    for value in _ticks(chart):
        at = np.log10(value) if chart.log else value
        where = _LEFT + (at - place[0]) / span * wide
        text = f"{value:g}"
        # Centred, but not over the edge: a character is about 7 wide.
        where = min(where, _WIDTH - 3.5 * len(text) - 1)
        parts.append(f'<text x="{where:.1f}" y="{floor + 14}" class="mid">{text}</text>')
    parts.append(f'<text x="{_LEFT + wide / 2}" y="{_HEIGHT - 4}" class="mid">'
                 f"{escape(chart.axis)}</text>")  # fmt: skip
    label = f"{chart.title} in {chart.axis}, {chart.what}"
    return (f'<svg viewBox="0 0 {_WIDTH} {_HEIGHT}" role="img" aria-label="{escape(label)}">'
            f"{''.join(parts)}</svg>")  # fmt: skip


def _short(count: float) -> str:
    for size, letter in ((1e6, "M"), (1e4, "k")):
        if count >= size:
            return f"{count / (1e3 if letter == 'k' else size):.3g}{letter}"
    return f"{count:g}"


def _ticks(chart: Chart) -> list[float]:
    low, high = float(chart.edges[0]), float(chart.edges[-1])
    if chart.log:
        found = [
            m * 10.0**e for e in range(int(np.floor(np.log10(low))), int(np.log10(high)) + 2)
            for m in ((1,) if high / low > 100 else (1, 2, 5))
        ]  # fmt: skip
    else:
        raw = (high - low) / 5
        size = 10.0 ** np.floor(np.log10(raw))
        step = next(size * m for m in (1, 2, 5, 10) if size * m >= raw)
        found = [round(n * step, 10) for n in range(int(np.ceil(low / step)),
                                                    int(np.floor(high / step)) + 1)]  # fmt: skip
    slack = 1e-9 * max(abs(low), abs(high))
    return [value for value in found if low - slack <= value <= high + slack]
