"""The page of ``check --html``: what was found, and histograms by kind."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

import numpy as np

from hpctrain.data.check.facts import summary
from hpctrain.data.check.names import CHECKS
from hpctrain.pages.axes import Axis
from hpctrain.pages.figure import Figure
from hpctrain.pages.html import COLOURS, Panel, document
from hpctrain.pages.kinds import by_colour

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from hpctrain.data.check.columns import Histogram
    from hpctrain.data.check.findings import Finding
    from hpctrain.data.check.report import Findings
    from hpctrain.data.check.scan import Preflight
    from hpctrain.render import Markup

    Counts = NDArray[np.int64]
    Array = NDArray[np.float64]

_BARS = 48


def page(report: Findings, preflight: Preflight, title: str, subtitle: str) -> str:
    """Return the whole page; ``subtitle`` says when it was written, and by what."""
    kinds = [(name, str(rows)) for name, rows, _ in kinds_by_colour(preflight)]
    return document(
        "check",
        title,
        subtitle,
        {
            "findings": list(map(_finding, report.findings)),
            "data": [*_lines(summary(report.data).splitlines()), *_tables(report.data)],
            "kinds": kinds,
            "histograms": list(map(_panel, histograms(preflight))),
        },
    )


def _finding(finding: Finding) -> dict[str, str]:
    check = CHECKS[finding.name]
    more = ", …" if finding.count > len(finding.ids) else ""
    return {
        "severity": "silenced" if finding.silenced else finding.severity,
        "name": finding.name,
        "rows": f", {finding.count} rows" if finding.count else "",
        "title": f"{check.title}: {finding.seen}" if finding.seen else check.title,
        "todo": check.todo,
        "ids": f"{', '.join(finding.ids)}{more}" if finding.ids else "",
        "without": finding.without,
    }


def _lines(lines: Sequence[str]) -> list[tuple[str, str]]:
    return [(name, text.strip()) for name, _, text in (line.partition(" ") for line in lines)]


def _tables(data: dict[str, Any]) -> list[tuple[str, str]]:
    elements = {name: count["structures"] for name, count in data["elements"].items()}
    tables = {
        "elements": elements,
        "formulas": data["compositions"]["commonest"],
        "generations": data["generations"],
        "periodic": data["pbc"],
        "shortest, Å": data["shortest_distances_a"]
        if len(data["shortest_distances_a"]) > 6
        else {},
        **data["theory"],
    }
    return [
        (name, ", ".join(f"{key}: {value}" for key, value in list(table.items())[:50]))
        for name, table in tables.items()
        if table
    ]


def _panel(chart: Chart) -> Panel:
    beyond = f" ({chart.beyond})" if chart.beyond else ""
    return Panel(chart.title, f"{chart.what}{beyond}", draw(chart))


@dataclass(frozen=True)
class Chart:
    """A histogram by kind, of ``what``: structures or atoms.

    ``counts`` [kinds, bins] in the order of the colours, ``edges`` [bins + 1]; ``beyond`` tells
    what lies outside.
    """

    title: str
    axis: str
    what: str
    edges: Array
    counts: Counts
    log: bool
    beyond: str = ""


def kinds_by_colour(preflight: Preflight) -> list[tuple[str, int, list[int]]]:
    """List the kinds as (name, rows, their numbers), in the order of the colours."""
    names = [str(name) for name in preflight.columns.kinds.names]
    rows = np.bincount(preflight.columns.kind_of, minlength=len(names)).tolist()
    numbers = {name: number for number, name in enumerate(names)}
    return [
        (colour.name, colour.structures, [numbers[name] for name in colour.kinds])
        for colour in by_colour(dict(zip(names, rows, strict=True)))
    ]


def histograms(preflight: Preflight) -> list[Chart]:
    """Return the histograms: energy and volume per atom, force norm, shortest distance."""
    groups = [numbers for _, _, numbers in kinds_by_colour(preflight)]
    charts = [_energy_chart(preflight, groups)] if len(preflight.columns) else []
    for title, axis, what, histogram in (
        ("Force norm", "eV/Å", "atoms", preflight.forces),
        ("Shortest distance", "Å", "structures", preflight.distances),
        ("Volume per atom", "Å³", "structures", preflight.volumes),
    ):
        if histogram.total.any():
            charts.append(_chart(title, axis, what, histogram, groups))
    return charts


def _energy_chart(preflight: Preflight, groups: Sequence[list[int]]) -> Chart:
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


def _chart(
    title: str, axis: str, what: str, histogram: Histogram, groups: Sequence[list[int]]
) -> Chart:
    full = np.flatnonzero(histogram.total)
    first, last = int(full[0]), int(full[-1]) + 1
    width = -(-(last - first) // _BARS)
    last = min(len(histogram.total), first + width * -(-(last - first) // width))
    starts = np.arange(first, last, width)
    sums = [sum(histogram.counts(kind) for kind in group) for group in groups]
    # The last piece of reduceat goes on to the end, where nothing is counted.
    counts = np.array([np.add.reduceat(one, starts) for one in sums])
    edges = histogram.edges[[*starts.tolist(), last]]
    lowest = int(histogram.total[0])
    beyond = f"{lowest} at or below {histogram.edges[1]:.2g}" if lowest else ""
    return Chart(title, axis, what, edges, counts, histogram.log, beyond)


def draw(chart: Chart) -> Markup:
    """Draw a histogram; the bars of the kinds stand on each other."""
    edges = chart.edges.tolist()
    most = max(int(chart.counts.sum(axis=0).max()), 1)
    y = Axis(chart.what, 0.0, most)
    whole = tuple((value, text) for value, text in y.ticks(4) if value == int(value))
    x = Axis(chart.axis, edges[0], edges[-1], "log" if chart.log else "linear")
    figure = Figure(chart.title, x, replace(y, named=whole))
    base = np.zeros(chart.counts.shape[1])
    for kind, counts in enumerate(chart.counts):
        figure.bars(edges, counts.tolist(), f"k{min(kind, COLOURS)}", base.tolist())
        base += counts
    return figure.svg()
