"""Numbers, durations and names from data as text, for terminals and pages alike."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping, Sequence
from typing import Any

Metrics = Mapping[str, float | None]

# All but plain ASCII: most texts have none of it, and are not looked at character by character.
_ODD = re.compile(r"[^\x20-\x7e]")
_ODD_IN_LINES = re.compile(r"[^\x20-\x7e\n\t]+")
GPA = 0.1602176634  # of 1 meV/Å^3
# Of a message, in lines and in characters of a line.
LINES, LINE = 20, 400


def duration(seconds: float | None) -> str:
    """Write seconds as ``2 h 05 min``, ``3 min 20 s`` or ``12 s``; ``-`` if not known."""
    if seconds is None:
        return "-"
    whole = round(seconds)
    if whole < 60:
        return f"{whole} s"
    minutes, rest = divmod(whole, 60)
    if minutes < 60:
        return f"{minutes} min {rest:02d} s"
    return f"{minutes // 60} h {minutes % 60:02d} min"


def printable(text: str) -> str:
    """Replace what is not printable by ``?``: data may hold what moves a terminal's cursor."""
    if text.isprintable():
        return text
    return "".join(c if c.isprintable() or c == "\u00a0" else "?" for c in text)


def printable_lines(text: str) -> str:
    """Do as :func:`printable`, but leave the ends of lines and tabs."""
    text = text.replace("\r\n", "\n").replace("\r", "\n")
    return _ODD_IN_LINES.sub(lambda found: printable(found[0]), text)


def printable_json(text: str) -> str:
    """Escape what is not printable in JSON that stands in one line."""
    return _ODD.sub(lambda found: found[0] if found[0].isprintable() else _escaped(found[0]), text)


def _escaped(character: str) -> str:
    return json.dumps(character)[1:-1].replace("\x7f", "\\u007f")


def screenful(text: str) -> str:
    """Cut a message that is longer than a screen, and say how much was left out."""
    lines = [f"{line[:LINE]}…" if len(line) > LINE else line for line in text.splitlines()]
    if len(lines) <= LINES:
        return "\n".join(lines)
    return "\n".join([*lines[:LINES], f"… and {len(lines) - LINES} lines more"])


def rmse(metrics: Metrics | None) -> str:
    """Write both errors as ``25.3 / 0.031``, in meV/atom and eV/Å."""
    if metrics is None:
        return "-"
    energy, force = metrics["rmse_energy_mev_per_atom"], metrics["rmse_force_ev_per_a"]
    return f"{_number(energy, '.4g')} / {_number(force, '.3g')}"


def short_rmse(metrics: Metrics | None) -> str:
    """Write both errors with few digits, as ``25.3/0.031``."""
    if metrics is None:
        return "-"
    energy, force = metrics["rmse_energy_mev_per_atom"], metrics["rmse_force_ev_per_a"]
    whole = energy is not None and 999.5 <= energy < 1e6
    return f"{_number(energy, '.0f' if whole else '.3g')}/{_number(force, '.2g')}"


def verdict_words(verdict: str, checks: Sequence[Mapping[str, Any]]) -> str:
    """Write a verdict; of one that found nothing wrong, by how many of the checks it is."""
    return verdict_of(verdict, sum(one.get("verdict") != "skipped" for one in checks), len(checks))


def verdict_of(verdict: str, made: int | None, of: int | None) -> str:
    """Write a verdict as ``pass, 6 of 9 checks made``, where the numbers are known."""
    known = verdict == "pass" and made is not None and of
    return f"{verdict}, {made} of {of} checks made" if known else verdict


def stress_gpa(metrics: Metrics | None) -> float | None:
    """Return the RMSE of stresses in GPa; None where it is not known."""
    value = (metrics or {}).get("rmse_stress_mev_per_a3")
    return None if value is None else GPA * value


def metrics_table(metrics: Mapping[str, Metrics]) -> tuple[list[str], list[list[str]]]:
    """Return header and rows of a small table of errors; stresses where one of them is known."""
    stresses = [stress_gpa(values) for values in metrics.values()]
    known = any(value is not None for value in stresses)
    rows = [
        [
            name,
            _number(values["rmse_energy_mev_per_atom"], ".1f"),
            _number(values["rmse_force_ev_per_a"], ".4f"),
            *([_number(stress, ".3f")] if known else []),
        ]
        for (name, values), stress in zip(metrics.items(), stresses, strict=True)
    ]
    header = ["energy, meV/atom", "force component, eV/Å"]
    return [*header, *(["stress component, GPa"] if known else [])], rows


def _number(value: float | None, form: str) -> str:
    return "-" if value is None else format(value, form)
