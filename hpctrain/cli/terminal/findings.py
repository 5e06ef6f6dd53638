"""What check found in the data, as text."""

from __future__ import annotations

import textwrap

from hpctrain.cli.terminal.tables import table
from hpctrain.data.check.findings import Finding
from hpctrain.data.check.names import CHECKS
from hpctrain.data.check.report import Findings
from hpctrain.text import printable

_IDS = 5


def findings(report: Findings, select: str | None = None, width: int = 100) -> str:
    """Write severity, name, count and ids of each finding, what was seen, and what to do.

    ``select`` is the selection that the rows were chosen by; None if it is not known.
    """
    shown = [one for one in report.findings if not one.silenced]
    silent = [one.name for one in report.findings if one.silenced]
    lines = []
    if shown:
        rows = [[one.severity, one.name, str(one.count or "-"), _ids(one)] for one in shown]
        head, *body = table(("SEVERITY", "CHECK", "ROWS", "IDS"), rows).splitlines()
        lines.append(head)
        for one, line in zip(shown, body, strict=True):
            check = CHECKS[one.name]
            said = f"{check.title}: {one.seen}" if one.seen else check.title
            lines += [line, *_wrap(said, width), *_wrap(f"→ {check.todo}", width)]
            if one.without:
                lines += _wrap(_without(one.without, select), width)
    else:
        lines.append("no problem found in the data")
    if silent:
        lines.append(f"silenced by data.silence: {', '.join(dict.fromkeys(silent))}")
    return "\n".join(lines)


def _without(words: str, select: str | None) -> str:
    if select is None:
        return f"to leave these rows out, add to data.select: {words}"
    whole = ",".join(filter(None, [select, words]))
    return f"to leave these rows out, in hpctrain.yaml: select: {whole}"


def _ids(finding: Finding) -> str:
    more = ", …" if finding.count > _IDS else ""
    return ", ".join(printable(one) for one in finding.ids[:_IDS]) + more if finding.ids else "-"


def _wrap(text: str, width: int) -> list[str]:
    return textwrap.wrap(
        printable(text), width, initial_indent="    ", subsequent_indent="    ",
        break_long_words=False, break_on_hyphens=False,
    )  # fmt: skip
