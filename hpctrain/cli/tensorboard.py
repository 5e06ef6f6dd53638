"""The command tensorboard."""

from __future__ import annotations

import shlex
from pathlib import Path
from typing import TYPE_CHECKING

import click

from hpctrain.cli.completion import complete_runs
from hpctrain.cli.options import common, print_json, print_message, print_text

if TYPE_CHECKING:
    from hpctrain.runs.actions.status import StatusReport


@click.command("tensorboard")
@click.argument("runs", nargs=-1, metavar="[RUN]...", shell_complete=complete_runs)
@click.option(
    "--logdir",
    type=click.Path(path_type=Path, file_okay=False),
    metavar="DIR",
    help="Folder for the event files. Default: tensorboard, beside hpctrain.yaml.",
)
@click.option(
    "--follow", "following", is_flag=True, help="Keep adding points until all runs have ended."
)
@common
def tensorboard_command(
    runs: tuple[str, ...],
    logdir: Path | None,
    following: bool,
    project_file: str | None,
    as_json: bool,
) -> None:
    """Write learning curves as event files for TensorBoard.

    RUN is a run id, or a beginning of one that no other run shares. Without RUN, all runs are
    written.

    Only the files that jobs have left are read. A training notices nothing of it, whatever happens
    here.

    \b
    Examples:
      hpctrain tensorboard
      hpctrain tensorboard 20261123-1838 --follow
    """
    from hpctrain.interrupts import Stopped
    from hpctrain.pages.event_files import EventFiles
    from hpctrain.project import find_project
    from hpctrain.runs.actions.wait import wait
    from hpctrain.runs.names import find_runs
    from hpctrain.runs.run import Run
    from hpctrain.runs.state.curves import curves
    from hpctrain.runs.state.verdict import SETTLED

    project = find_project(project_file)
    files = EventFiles(logdir or project.folder / "tensorboard")
    points: dict[str, int] = {}
    over: set[str] = set()

    def write(run: Run) -> None:
        points[run.run_id] = files.write(run.run_id, curves(run))

    def look(report: StatusReport) -> None:
        for one in report.runs:
            if one.run is not None and one.run_id not in over:
                write(one.run)
            if one.state in SETTLED:
                over.add(one.run_id)

    for run in find_runs(project.runs, runs):
        write(run)
    view = f"next: tensorboard --logdir {shlex.quote(str(files.folder))}"
    if following:
        print_message(view)
        try:
            wait(project, runs, look=look, say=print_message)
        except KeyboardInterrupt as interrupt:
            raise Stopped("Stopped writing; the trainings go on.") from interrupt
    files.close()
    if as_json:
        told = [{"run_id": run_id, "points": count} for run_id, count in points.items()]
        print_json("tensorboard", {"logdir": str(files.folder), "runs": told})
    elif not points:
        print_text("no runs yet; next: hpctrain submit")
    else:
        print_text(f"wrote {sum(points.values())} points of {len(points)} runs")
        if not following:
            print_text(view)
