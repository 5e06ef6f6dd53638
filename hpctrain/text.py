"""Numbers, durations and names from data as text, for terminals and pages alike."""

from __future__ import annotations

from collections.abc import Mapping

Metrics = Mapping[str, float | None]


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
    return "".join(c if c.isprintable() or c == "\u00a0" else "?" for c in text)


def rmse(metrics: Metrics | None) -> str:
    """Write both errors as ``25.3 / 0.031``, in meV/atom and eV/Å."""
    if metrics is None:
        return "-"
    energy, force = metrics["rmse_energy_mev_per_atom"], metrics["rmse_force_ev_per_a"]
    return f"{_number(energy, '.4g')} / {_number(force, '.3g')}"


def metrics_rows(metrics: Mapping[str, Metrics]) -> list[list[str]]:
    """Return rows (set, meV/atom, eV/Å) for a small table of errors."""
    return [
        [
            name,
            _number(values["rmse_energy_mev_per_atom"], ".1f"),
            _number(values["rmse_force_ev_per_a"], ".4f"),
        ]
        for name, values in metrics.items()
    ]


def _number(value: float | None, form: str) -> str:
    return "-" if value is None else format(value, form)
