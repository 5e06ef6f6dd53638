"""What check found in the data, as text."""

from __future__ import annotations

import textwrap
from typing import Any

from hpctrain.cli.terminal.tables import table
from hpctrain.data.check.findings import Finding
from hpctrain.data.check.names import CHECKS
from hpctrain.data.check.report import Report
from hpctrain.text import duration, printable

_IDS = 5


def findings(report: Report, width: int = 100) -> str:
    """Write severity, name, count and ids of each finding, what was seen, and what to do."""
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
    else:
        lines.append("nothing found that is wrong with the data")
    if silent:
        lines.append(f"silenced by data.silence: {', '.join(dict.fromkeys(silent))}")
    return "\n".join(lines)


def _ids(finding: Finding) -> str:
    more = ", …" if finding.count > _IDS else ""
    return ", ".join(printable(one) for one in finding.ids[:_IDS]) + more or "-"


def _wrap(text: str, width: int) -> list[str]:
    return textwrap.wrap(printable(text), width, initial_indent="    ", subsequent_indent="    ")


def summary(data: dict[str, Any]) -> str:
    """What the data are, in a few lines."""
    energy, force, cells = data["energy_per_atom_ev"], data["force_ev_per_a"], data["cells"]
    lines = [f"rows        {data['rows']}, of which {data['usable']} can be trained on, with "
             f"{data['atoms']} atoms"]  # fmt: skip
    if energy:
        lines.append(
            f"energies    {energy['min']:.3f} to {energy['max']:.3f} eV per atom, median "
            f"{energy['median']:.3f}"
        )
    if force["rms"] is not None:
        lines.append(f"forces      {force['rms']:.3f} eV/Å RMS, {force['max']:.2f} at most")
    shortest = sorted(data["shortest_distances_a"].items(), key=lambda one: one[1])
    if shortest:
        told = ", ".join(f"{pair} {distance:.2f}" for pair, distance in shortest[:6])
        lines.append(f"distances   shortest, Å: {told}{', …' if len(shortest) > 6 else ''}")
    if data["neighbours_per_atom"] is not None:
        lines.append(
            f"neighbours  {data['neighbours_per_atom']:.0f} per atom within the cutoff; "
            f"{cells['below_cutoff']} cells are smaller than it, which is no harm"
        )
    follow = data["energies_follow_forces"]
    if follow and follow["spread"] is not None:
        lines.append(
            f"units       energies change by {follow['slope']:.2f} of what the forces say "
            f"({follow['pairs']} pairs of rows)"
        )
    lines += [_training(data["training"])] if data.get("training") else []
    return "\n".join(map(printable, lines))


def _training(task: dict[str, Any]) -> str:
    step, whole, memory = task["seconds_per_iteration"], task["seconds"], task["memory_bytes"]
    return (
        f"training    roughly {step['likely']:.2g} s per iteration on {task['cores']} cores "
        f"({step['from']:.2g} to {step['to']:.2g}), {duration(whole['likely'])} in all "
        f"({duration(whole['from'])} to {duration(whole['to'])}), "
        f"{memory['likely'] / 1e9:.1f} GB of memory ({memory['from'] / 1e9:.1f} to "
        f"{memory['to'] / 1e9:.1f})"
    )
