"""How things look on a terminal: tables, durations, numbers. Text in, text out."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import TYPE_CHECKING

from hpctrain.text import duration as duration
from hpctrain.text import metrics_rows as metrics_rows
from hpctrain.text import rmse as rmse

if TYPE_CHECKING:
    from hpctrain.runs.actions.status import RunStatus


def table(header: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    """Columns as wide as they need; the header is underlined by nothing but itself."""
    widths = [max(map(len, column)) for column in zip(header, *rows, strict=True)]
    lines = [
        "  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip()
        for row in (header, *rows)
    ]
    return "\n".join(lines)


def clock_time(time: str | None) -> str:
    """An ISO time in the reader's own time zone; today without its date."""
    if time is None:
        return "-"
    moment = datetime.fromisoformat(time).astimezone()
    today = moment.date() == datetime.now().astimezone().date()
    return moment.strftime("%H:%M:%S" if today else "%Y-%m-%d %H:%M")


STATUS_HEADER = (
    "RUN", "SITE", "JOB", "STATE", "SINCE", "ITERATION", "TRAIN", "TEST", "LEFT",
)  # fmt: skip


def status_row(run: RunStatus) -> list[str]:
    """One run as cells under STATUS_HEADER."""
    state = run.state
    if run.state == "running" and run.phase not in (None, "train"):
        state = f"running ({run.phase})"
    elif run.state == "unknown" and run.before is not None:
        state = f"unknown (was {run.before})"
    return [
        run.run_id,
        run.site,
        run.job_id or "-",
        state,
        clock_time(run.since),
        f"{run.iteration if run.iteration is not None else '-'} / {run.max_iter}",
        rmse(run.train),
        rmse(run.test),
        duration(run.eta_s),
    ]


def status_table(runs: Sequence[RunStatus]) -> str:
    """All runs; reasons stand under the table, where there is room for them."""
    text = table(STATUS_HEADER, [status_row(run) for run in runs])
    text += "\n\nTRAIN and TEST: RMSE of energies (meV/atom) / forces (eV/Å)"
    for run in runs:
        words = explained(run)
        if words:
            text += f"\n{run.run_id} {words}"
        text += "".join(f"\n{run.run_id} warning: {warning}" for warning in run.warnings)
    return text


def explained(run: RunStatus) -> str:
    """The state and why, where the state alone does not say it all: ``unknown since 12:03 (…)``."""
    if run.state == "collected":
        return f"collected: potentials/{run.reason}.yace"
    if run.state == "unknown":
        return f"unknown since {clock_time(run.since)} ({run.reason or 'nobody says why'})"
    words = f"{run.state}: {run.reason}" if run.reason not in ("", run.state) else ""
    if run.state == "timeout":
        words = f"{words or run.state}; to go on: hpctrain resume {run.run_id}"
    return words
