"""The report as one HTML page that needs nothing else: no script, no file beside it."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from hpctrain.cli.terminal.findings import summary
from hpctrain.data.check.names import CHECKS
from hpctrain.pages import charts
from hpctrain.pages.html import definitions, document, escape, figure, legend

if TYPE_CHECKING:
    from hpctrain.data.check.findings import Finding
    from hpctrain.data.check.report import Report
    from hpctrain.data.check.scan import Preflight


def page(report: Report, preflight: Preflight, title: str, told: str) -> str:
    """The whole page. Everything that comes from the data is escaped. ``told`` stands below the
    title: when, and by what."""
    found = "".join(map(_finding, report.findings)) or "<p>Nothing found that is wrong.</p>"
    kinds = legend((name, str(rows)) for name, rows, _ in charts.kinds_by_colour(preflight))
    facts = [*_lines(summary(report.data).splitlines()), *_tables(report.data)]
    return document(
        title,
        f"""<h1>{escape(title)}</h1><p class="soft">{escape(told)}</p>
<h2>Findings</h2>{found}
<h2>The data</h2>{definitions(facts)}
<h2>Distributions, by kind</h2>{kinds}
<div class="charts">{"".join(map(_figure, charts.charts(preflight)))}</div>""",
    )


def _finding(finding: Finding) -> str:
    check = CHECKS[finding.name]
    how = "silenced" if finding.silenced else finding.severity
    rows = f", {finding.count} rows" if finding.count else ""
    ids = ", ".join(map(escape, finding.ids)) + (", …" if finding.count > len(finding.ids) else "")
    return (
        f'<div class="finding {how}"><p><b>{how}</b> <code>{finding.name}</code>{rows}</p>'
        f"<p>{escape(check.title)}{': ' + escape(finding.seen) if finding.seen else ''}</p>"
        f'<p class="soft">→ {escape(check.todo)}</p>'
        + (f'<p class="ids">rows {ids}</p>' if finding.ids else "")
        + "</div>"
    )


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


def _figure(chart: charts.Chart) -> str:
    beyond = f" ({chart.beyond})" if chart.beyond else ""
    return figure(chart.title, f"{chart.what}{beyond}", charts.svg(chart))
