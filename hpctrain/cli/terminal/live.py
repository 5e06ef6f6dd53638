"""Following runs until they end: bars and curves on a terminal, a line per change elsewhere."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from typing import IO, TYPE_CHECKING

from hpctrain.cli.terminal.curve import SMALLEST, lines
from hpctrain.cli.terminal.tables import STATUS_HEADER, explanation, status_row, table
from hpctrain.runs.state.curves import Curves, curves
from hpctrain.runs.state.verdict import SETTLED
from hpctrain.text import duration, rmse

if TYPE_CHECKING:
    from rich.console import Console, Group
    from rich.text import Text

    from hpctrain.runs.actions.status import Report, RunStatus

# One look at a scheduler every so often: more would be a burden to a cluster.
INTERVAL_S = {"local": 1.0}  # by scheduler
INTERVAL_ELSEWHERE_S = 15.0


def follow(look: Callable[[], Report], out: IO[str]) -> Report:
    """Show the runs until none will change by itself any more, and return the last look."""
    if out.isatty():
        return _live(look, out)
    return _lines(look, out)


def _interval(report: Report) -> float:
    return max(
        (INTERVAL_S.get(run.scheduler, INTERVAL_ELSEWHERE_S) for run in _active(report)),
        default=0.0,
    )


def _active(report: Report) -> list[RunStatus]:
    return [run for run in report.runs if run.state not in SETTLED]


def _lines(look: Callable[[], Report], out: IO[str]) -> Report:
    """For pipes and logs: a line when a state changes, and about every tenth of a training."""
    told: dict[str, tuple[str, int, int]] = {}
    while True:
        report = look()
        for run in report.runs:
            tenth = (run.iteration or 0) * 10 // run.max_iter
            news = (run.state, tenth, len(run.warnings))
            if told.get(run.run_id) == news:
                continue
            told[run.run_id] = news
            state = explanation(run) if run.state == "unknown" else run.state
            words = [run.run_id, state]
            if run.iteration is not None:
                words.append(f"iteration {run.iteration} of {run.max_iter}")
                words.append(f"train {rmse(run.train)}  test {rmse(run.test)}")
            if run.eta_s is not None:
                words.append(f"{duration(run.eta_s)} left")
            words += [run.reason] if run.reason and run.state != "unknown" else []
            words += [f"warning: {warning}" for warning in run.warnings]
            print("  ".join(words), file=out, flush=True)
        if not _active(report):
            return report
        time.sleep(_interval(report))


def _live(look: Callable[[], Report], out: IO[str]) -> Report:
    from rich.console import Console
    from rich.live import Live

    report, console, drawn = look(), Console(file=out), _Curves()
    with Live(_picture(report, console, drawn), console=console, refresh_per_second=8) as live:
        while _active(report):
            # Short naps, so that Ctrl-C is answered at once.
            wake = time.monotonic() + _interval(report)
            while time.monotonic() < wake:
                time.sleep(0.1)
            report = look()
            live.update(_picture(report, console, drawn))
    return report


class _Curves:
    """The curves of the runs that have trained while they were followed."""

    def __init__(self) -> None:
        self._read: dict[str, tuple[tuple[int, int | None], Curves]] = {}

    def of(self, report: Report) -> list[tuple[RunStatus, Curves]]:
        """Read again only where the training has got further."""
        for run in report.runs:
            if run.run_id not in self._read and run.phase != "train":
                continue
            stand = (run.attempt, run.iteration)
            if self._read.get(run.run_id, (None,))[0] != stand and run.run is not None:
                self._read[run.run_id] = (stand, curves(run.run))
        return [(run, self._read[run.run_id][1]) for run in report.runs
                if run.run_id in self._read]  # fmt: skip


def _learning(
    trained: list[tuple[RunStatus, Curves]], console: Console, room: int
) -> Iterator[Text]:
    """Of as many runs as there are lines for."""
    from rich.text import Text

    styles = {"train": "cyan", "test": "magenta", "": ""}
    for number, (run, so_far) in enumerate(trained):
        height = max(SMALLEST, room // (len(trained) - number) - 1)
        found = lines(so_far, console.width, min(height, room - 1),
                      ascii_only=console.options.ascii_only)  # fmt: skip
        if found and len(trained) > 1:
            yield Text(run.run_id)
        for line in found:
            yield Text.assemble(*((text, styles[kind]) for text, kind in line), no_wrap=True)
        room -= len(found) + (len(trained) > 1)


def _picture(report: Report, console: Console, drawn: _Curves) -> Group:
    from rich.console import Group
    from rich.progress import BarColumn, Progress, TextColumn
    from rich.text import Text

    parts: list[Text | Progress] = [
        Text(table(STATUS_HEADER, [status_row(run) for run in report.runs]), no_wrap=True)
    ]
    for run in _active(report):
        bar = Progress(
            TextColumn("{task.description}"),
            BarColumn(bar_width=40),
            TextColumn("{task.percentage:>3.0f} %  {task.fields[left]}"),
        )
        left = f"{duration(run.eta_s)} left" if run.eta_s is not None else run.reason
        bar.add_task(run.run_id, total=run.max_iter, completed=run.iteration or 0, left=left)
        parts.append(bar)
        parts += [Text(warning, style="yellow") for warning in run.warnings]
    parts += [
        Text(f"{site.site}: {site.error}", style="yellow") for site in report.sites if site.error
    ]
    room = console.height - len(console.render_lines(Group(*parts), pad=False)) - 1
    return Group(*parts, *_learning(drawn.of(report), console, room))
