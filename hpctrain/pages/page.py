"""The page about a run or a potential. The same subject gives the same page, byte for byte."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from hpctrain.pages import facts, parity
from hpctrain.pages.curve import NO_TEST, learning_curves, story
from hpctrain.pages.html import definitions, document, escape, number, table, verdict
from hpctrain.pages.physics import physics
from hpctrain.pages.subject import Checks, Subject
from hpctrain.text import metrics_rows

_STYLE = """
.train{stroke:var(--k0)}.test{stroke:var(--k5)}text.train{fill:var(--k0);stroke:none}
text.test{fill:var(--k5);stroke:none}svg text.train,svg text.test{font-weight:600}
.mark{stroke:var(--soft);stroke-dasharray:2 3;fill:none}
svg text.mark{stroke:var(--bg);stroke-width:3;stroke-dasharray:none;
paint-order:stroke;fill:var(--soft)}
.best{stroke:var(--k2);stroke-dasharray:none}svg text.best{fill:var(--k2)}
.bad{stroke:var(--stop)}
table{border-collapse:collapse;width:100%;font-size:.9rem;font-variant-numeric:tabular-nums}
th,td{padding:.2rem .4rem;text-align:right;border-bottom:1px solid var(--line)}
th:first-child{text-align:left}tbody th{font-weight:400}thead th{color:var(--soft);
font-weight:400;vertical-align:bottom}thead th,td{overflow-wrap:normal}
tbody th:first-child{min-width:6em}.charts+.charts{margin-top:1rem}
.charts+table,.charts+figure{margin-top:1rem}
.missing{border:1px dashed var(--line);border-radius:.3rem;padding:.6rem .8rem}
.missing p{margin:.2rem 0 0}
.verdict{display:inline-block;min-width:4.2rem;text-align:center;font-size:.8rem;
padding:.05rem .4rem;border:1px solid;border-radius:.3rem;color:var(--soft)}
.verdict.pass{color:var(--pass)}.verdict.warn{color:var(--warn)}.verdict.fail{color:var(--stop)}
.checks{list-style:none;padding:0}.checks li{display:grid;grid-template-columns:5rem 1fr;
gap:0 .6rem;padding:.35rem 0;border-bottom:1px solid var(--line);break-inside:avoid}
.checks p{margin:0;grid-column:2}.checks .verdict{align-self:start}
pre,code{font:.85rem/1.4 ui-monospace,monospace}pre{white-space:pre-wrap;margin:.4rem 0}
dd{font-variant-numeric:tabular-nums}
@media (max-width:30rem){table{font-size:.8rem}.checks li{display:block}
.checks .verdict{margin-right:.5rem}.checks .verdict+p{display:inline}}
@media print{details::details-content{content-visibility:visible}}
""".strip()
_SETS = {"train": "train", "test": "test", "archived_file_on_test": "the .yace itself, on test"}


def page(subject: Subject) -> str:
    """The whole page; everything from data is escaped."""
    checks = Checks(subject.verification, subject.unverified)
    return document(
        subject.name,
        f"""<h1>{escape(subject.name)}</h1><p class="soft">{escape(subject.told)}</p>
<p>{_verdict(subject)}</p>
{_metrics(subject)}
<h2 id="curve">Learning curve</h2>
<div class="charts">{"".join(learning_curves(subject))}</div>{_story(subject)}
<h2 id="checks">Checks</h2>{_checks(checks)}
<h2 id="parity">Predicted against labelled</h2>{parity.parity(checks)}
<h2 id="errors">Errors</h2><div class="charts">{parity.histograms(checks)}</div>
{parity.by_kind(checks)}
<h2 id="largest">Largest errors</h2>{parity.largest(checks)}
<h2 id="physics">Beyond the data</h2>{physics(checks)}
<h2 id="data">Data</h2>{definitions(facts.data(subject))}
<h2 id="settings">Settings</h2>{definitions(facts.settings(subject))}
<details><summary>The trainer's own input</summary><pre>{escape_lines(_yaml(subject.input))}</pre>
</details>
<h2 id="provenance">Provenance</h2>{definitions(subject.provenance)}{_use(subject)}""",
        _STYLE,
    )


def escape_lines(text: str) -> str:
    """Text of several lines, escaped line by line."""
    return "\n".join(map(escape, text.splitlines()))


def _verdict(subject: Subject) -> str:
    if subject.verification is None:
        return verdict("not verified")
    word = verdict(str(subject.verification.get("verdict", "unknown")))
    found = Checks(subject.verification, "").all
    wrong = [str(one.get("title")) for one in found if one.get("verdict") in ("warn", "fail")]
    word += f" {escape('; '.join(wrong))}"
    accepted = subject.accepted
    if not accepted:
        return word
    return (
        f"{word}<br>archived all the same: {escape(str(accepted.get('why') or 'no reason told'))}"
    )


def _metrics(subject: Subject) -> str:
    shown = {_SETS.get(name, name): value for name, value in subject.metrics.items() if value}
    text = table(("RMSE", "energy, meV/atom", "force, eV/Å"), metrics_rows(shown)) if shown else ""
    if not subject.metrics.get("test"):
        text += f'<p class="soft">Test: {NO_TEST}.</p>'
    return text


def _story(subject: Subject) -> str:
    return f'<p class="soft">{escape(" ".join(story(subject)))}</p>'


def _checks(checks: Checks) -> str:
    if not checks.all:
        return f'<p class="soft">{escape(checks.unverified)}</p>'
    return f'<ul class="checks">{"".join(map(_check, checks.all))}</ul>'


def _check(check: Mapping[str, Any]) -> str:
    value, limits, unit = check.get("value"), check.get("limits") or {}, check.get("unit") or ""
    told = f"{number(value)} {unit}".strip() if value is not None else ""
    bounds = ", ".join(
        f"{word} at {number(limits[word])}"
        for word in ("warn", "fail")
        if limits.get(word) is not None
    )
    line = " · ".join(filter(None, [told, bounds]))
    return (
        f"<li>{verdict(str(check.get('verdict')))}<p>{escape(str(check.get('title')))}</p>"
        + "".join(
            f'<p class="soft">{escape(words)}</p>' for words in (line, check.get("seen")) if words
        )
        + "</li>"
    )


def _yaml(content: Mapping[str, Any]) -> str:
    import yaml

    text: str = yaml.safe_dump(dict(content), sort_keys=False, allow_unicode=True,
                               default_flow_style=None, width=76)  # fmt: skip
    return text


def _use(subject: Subject) -> str:
    if not subject.use:
        return ""
    return f'<h2 id="use">Use</h2><pre>{escape_lines(chr(10).join(subject.use))}</pre>'
