"""A view of runs that is renewed until they have ended: status --watch."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from typing import IO, TYPE_CHECKING

from hpctrain.cli.terminal.curve import SMALLEST, lines
from hpctrain.cli.terminal.layout import wrap
from hpctrain.cli.terminal.tables import LEGEND, explanation, status_rows
from hpctrain.interrupts import Stopped
from hpctrain.runs.state.verdict import SETTLED
from hpctrain.text import duration, printable_lines, rmse

if TYPE_CHECKING:
    from rich.console import Console, Group
    from rich.progress import Progress
    from rich.text import Text

    from hpctrain.runs.actions.status import RunStatus, StatusReport
    from hpctrain.runs.state.curves import Curves
    from hpctrain.runs.state.latest import TrainingFiles


def follow(
    read_status: Callable[[], StatusReport], files: TrainingFiles, out: IO[str]
) -> StatusReport:
    """Show the runs until none will change by itself any more, and return their last status.

    ``files`` are those that ``read_status`` reads; on a terminal they tell the curves, too. Raises
    Stopped on Ctrl-C, which ends the watching and no training.
    """
    last: list[StatusReport] = []

    def read() -> StatusReport:
        last[:] = [read_status()]
        return last[0]

    try:
        return _redraw(read, files, out) if out.isatty() else _print_changes(read, out)
    except KeyboardInterrupt as interrupt:
        raise Stopped(_goes_on(last)) from interrupt


def _goes_on(last: list[StatusReport]) -> str:
    """Say what Ctrl-C has stopped, and how to end what it has not."""
    runs = [run.run_id for report in last for run in _active(report)]
    if last and not runs:
        return "Stopped watching."
    if len(runs) == 1:
        return f"Stopped watching; the training goes on. To end it: hpctrain cancel {runs[0]}"
    return "Stopped watching; the trainings go on. To end one: hpctrain cancel RUN"


def _active(report: StatusReport) -> list[RunStatus]:
    return [run for run in report.runs if run.state not in SETTLED]


def _print_changes(read_status: Callable[[], StatusReport], out: IO[str]) -> StatusReport:
    """Print a line when a state changes, and for each tenth of a training: for pipes and logs."""
    printed: dict[str, tuple[str, int, int]] = {}
    while True:
        report = read_status()
        for run in report.runs:
            tenth = (run.iteration or 0) * 10 // (run.max_iter or 1)
            news = (run.state, tenth, len(run.warnings))
            if printed.get(run.run_id) != news:
                printed[run.run_id] = news
                print(printable_lines(_line(run)), file=out, flush=True)
        if not report.may_change:
            return report
        time.sleep(report.poll_s)


def _line(run: RunStatus) -> str:
    words = [run.run_id, explanation(run) if run.state == "unknown" else run.state]
    if run.iteration is not None:
        words.append(f"iteration {run.iteration} of {run.max_iter}")
        words.append(f"train {rmse(run.train)}  test {rmse(run.test)}")
    if run.eta_s is not None:
        words.append(f"{duration(run.eta_s)} left")
    if run.reason and run.state != "unknown":
        words.append(run.reason)
    words += [f"warning: {warning}" for warning in run.warnings]
    return "  ".join(words)


def _redraw(
    read_status: Callable[[], StatusReport], files: TrainingFiles, out: IO[str]
) -> StatusReport:
    """Draw the table, bars and curves anew after each question: for terminals."""
    from rich.console import Console
    from rich.live import Live

    report, console, trained = read_status(), Console(file=out), _Curves(files)
    with Live(_picture(report, console, trained), console=console, refresh_per_second=8) as live:
        while report.may_change:
            # Short naps, so that Ctrl-C is answered at once.
            wake = time.monotonic() + report.poll_s
            while time.monotonic() < wake:
                time.sleep(0.1)
            report = read_status()
            live.update(_picture(report, console, trained))
    return report


class _Curves:
    """The curves of the runs that have trained while they were watched."""

    def __init__(self, files: TrainingFiles) -> None:
        self._files = files
        self._trained: set[str] = set()

    def of(self, report: StatusReport) -> list[tuple[RunStatus, Curves]]:
        """Return these runs, each with its curves so far."""
        self._trained |= {run.run_id for run in report.runs if run.phase == "train"}
        return [
            (run, self._files.curves(run.run, time.time()))
            for run in report.runs
            if run.run_id in self._trained and run.run is not None
        ]


def _learning(
    trained: list[tuple[RunStatus, Curves]], console: Console, room: int
) -> Iterator[Text]:
    """Draw the curves of as many runs as there are lines for."""
    from rich.text import Text

    styles = {"train": "cyan", "test": "magenta", "kept": "green", "": ""}
    for number, (run, so_far) in enumerate(trained):
        height = max(SMALLEST, room // (len(trained) - number) - 1)
        drawn = lines(so_far, console.width, min(height, room - 1),
                      ascii_only=console.options.ascii_only, kept=run.kept_iteration)  # fmt: skip
        if drawn and len(trained) > 1:
            yield Text(run.run_id)
        for line in drawn:
            yield Text.assemble(*((text, styles[kind]) for text, kind in line), no_wrap=True)
        room -= len(drawn) + (len(trained) > 1)


def _picture(report: StatusReport, console: Console, trained: _Curves) -> Group:
    """Put together the table, a bar for each active run, and curves in the room that is left."""
    from rich.console import Group
    from rich.text import Text

    def text(words: str, style: str = "") -> Text:
        return Text(wrap(printable_lines(words), console.width), style=style, no_wrap=True)

    parts: list[Text | Progress] = [text(status_rows(report.runs, console.width))]
    if any(run.test for run in report.runs):
        parts.append(text(LEGEND, "dim"))
    for run in _active(report):
        parts.append(_bar(run, console.width))
        if run.eta_s is None and run.reason:
            parts.append(text(f"  {run.reason}"))
        parts += [text(warning, "yellow") for warning in run.warnings]
    parts += [text(f"{site.site}: {site.error}", "yellow") for site in report.sites if site.error]
    room = console.height - len(console.render_lines(Group(*parts), pad=False)) - 1
    return Group(*parts, *_learning(trained.of(report), console, room))


def _bar(run: RunStatus, width: int) -> Progress:
    """Draw how far a run is, with the time left where it is known."""
    from rich.progress import BarColumn, Progress, TextColumn

    name = printable_lines(run.run_id)
    left = f"{duration(run.eta_s)} left" if run.eta_s is not None else ""
    others = len(name) + len("100 %") + len(left) + 4
    bar = Progress(
        TextColumn("{task.description}"),
        BarColumn(bar_width=max(4, min(40, width - others))),
        TextColumn("{task.percentage:>3.0f} %  {task.fields[left]}"),
    )
    bar.add_task(name, total=run.max_iter, completed=run.iteration or 0, left=left)
    return bar
