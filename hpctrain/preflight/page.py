"""The report as one HTML page that needs nothing else: no script, no file beside it."""

from __future__ import annotations

from collections.abc import Sequence
from html import escape as escaped
from typing import TYPE_CHECKING, Any

from hpctrain.preflight import charts
from hpctrain.preflight.names import CHECKS
from hpctrain.preflight.words import printable, summary

if TYPE_CHECKING:
    from hpctrain.preflight.findings import Finding
    from hpctrain.preflight.report import Report
    from hpctrain.preflight.watch import Preflight

_LIGHT = ("#0072b2", "#e69f00", "#009e73", "#cc79a7", "#56b4e9", "#d55e00", "#7a5fd0", "#a09000",
          "#8a8a8a")  # fmt: skip
_DARK = ("#4aa3dc", "#f0b73d", "#35c79b", "#e39cc6", "#8ccdf2", "#f0824a", "#a592ec", "#cfc04a",
         "#9a9a9a")  # fmt: skip
_STYLE = (
    """
:root{color-scheme:light dark;--bg:#fff;--fg:#1b1f24;--soft:#5b6570;--line:#d8dde3;--stop:#b3261e;
--warn:#8a5a00;LIGHT}
@media (prefers-color-scheme:dark){:root{--bg:#14171b;--fg:#e6e9ed;--soft:#9aa5b1;--line:#333b44;
--stop:#ff8a80;--warn:#f0b73d;DARK}}
@media print{:root{color-scheme:light;--bg:#fff;--fg:#000;--soft:#444;--line:#bbb;--stop:#b3261e;
--warn:#8a5a00;LIGHT}figure,.finding{break-inside:avoid}}
*{box-sizing:border-box}
body{margin:0 auto;padding:1rem;max-width:62rem;background:var(--bg);color:var(--fg);
font:16px/1.45 system-ui,sans-serif;overflow-wrap:anywhere}
h1{font-size:1.4rem;margin:.2rem 0}h2{font-size:1.1rem;margin:1.6rem 0 .5rem}
.soft,.ids{color:var(--soft)}.finding{border-left:4px solid var(--line);padding:.1rem .8rem;
margin:.7rem 0}.finding p{margin:.15rem 0}.finding.stop{border-color:var(--stop)}
.finding.warn{border-color:var(--warn)}.stop b{color:var(--stop)}.warn b{color:var(--warn)}
.ids{font-size:.9rem}.charts{display:grid;gap:1rem;
grid-template-columns:repeat(auto-fit,minmax(min(100%,20rem),1fr))}
figure{margin:0}figcaption{font-weight:600}figcaption .soft{font-weight:400;
font-size:.9rem}svg{width:100%;height:auto;display:block}
svg text{font-size:11px;fill:var(--soft)}.end{text-anchor:end}.mid{text-anchor:middle}
.grid{stroke:var(--line)}.axis{stroke:var(--soft)}
.legend{display:flex;flex-wrap:wrap;gap:.3rem 1rem;padding:0;list-style:none;font-size:.9rem}
.legend i{display:inline-block;width:.8rem;height:.8rem;margin-right:.35rem;
print-color-adjust:exact;-webkit-print-color-adjust:exact}
dl{display:grid;grid-template-columns:minmax(5.5rem,max-content) 1fr;gap:.2rem 1rem;margin:0}
dt{color:var(--soft)}dd{margin:0}
""".replace("LIGHT", "".join(f"--k{n}:{c};" for n, c in enumerate(_LIGHT)))
    .replace("DARK", "".join(f"--k{n}:{c};" for n, c in enumerate(_DARK)))
    .strip()
    + "".join(f"\n.k{n}{{fill:var(--k{n});background:var(--k{n})}}" for n in range(len(_LIGHT)))
)


def escape(text: str) -> str:
    """Without what would turn the writing around, too."""
    return escaped(printable(text))


def page(report: Report, preflight: Preflight, title: str, told: str) -> str:
    """The whole page. Everything that comes from the data is escaped. ``told`` stands below the
    title: when, and by what."""
    found = "".join(map(_finding, report.findings)) or "<p>Nothing found that is wrong.</p>"
    kinds = charts.kinds_by_colour(preflight)
    legend = "".join(
        f'<li><i class="k{number}"></i>{escape(name)} <span class="soft">{rows}</span></li>'
        for number, (name, rows, _) in enumerate(kinds)
    )
    return f"""<!doctype html>
<html lang="en"><head><meta charset="utf-8">
<meta name="viewport" content="width=device-width,initial-scale=1">
<meta http-equiv="Content-Security-Policy" content="default-src 'none';style-src 'unsafe-inline'">
<title>{escape(title)}</title><style>{_STYLE}</style></head><body>
<h1>{escape(title)}</h1><p class="soft">{escape(told)}</p>
<h2>Findings</h2>{found}
<h2>The data</h2><dl>{_list(summary(report.data).splitlines())}{_tables(report.data)}</dl>
<h2>Distributions, by kind</h2><ul class="legend">{legend}</ul>
<div class="charts">{"".join(map(_figure, charts.charts(preflight)))}</div>
</body></html>
"""


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


def _list(lines: Sequence[str]) -> str:
    return "".join(
        f"<dt>{escape(name)}</dt><dd>{escape(text.strip())}</dd>"
        for name, _, text in (line.partition(" ") for line in lines)
    )


def _tables(data: dict[str, Any]) -> str:
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
    return "".join(
        f"<dt>{escape(name)}</dt><dd>"
        + escape(", ".join(f"{key}: {value}" for key, value in list(table.items())[:50]))
        + "</dd>"
        for name, table in tables.items()
        if table
    )


def _figure(chart: charts.Chart) -> str:
    beyond = f" ({escape(chart.beyond)})" if chart.beyond else ""
    return (
        f"<figure><figcaption>{escape(chart.title)} "
        f'<span class="soft">{chart.what}{beyond}</span></figcaption>{charts.svg(chart)}</figure>'
    )
