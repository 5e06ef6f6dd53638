"""The commands status, logs, cancel and resume."""

from __future__ import annotations

import sys
from functools import partial
from typing import TYPE_CHECKING, Any

import click

from hpctrain.cli.completion import complete_runs
from hpctrain.cli.options import common, print_json, print_message, print_text
from hpctrain.interrupts import Stopped

if TYPE_CHECKING:
    from hpctrain.runs.actions.status import RunStatus, StatusReport


@click.command("status")
@click.argument("runs", nargs=-1, metavar="[RUN]...", shell_complete=complete_runs)
@click.option("--watch", is_flag=True, help="Keep showing the runs until all have ended.")
@common
def status_command(
    runs: tuple[str, ...], watch: bool, project_file: str | None, as_json: bool
) -> None:
    """Show the state, progress and errors of runs.

    RUN is a run id, a beginning of one that no other run shares, or the name of a run. Without
    RUN, all runs are shown.

    The state comes from the scheduler and from the files that the job has written. If it cannot be
    determined, it is 'unknown'.

    \b
    Examples:
      hpctrain status
      hpctrain status cutoff6 --watch
    """
    from hpctrain.cli.terminal.layout import width_of
    from hpctrain.cli.terminal.tables import status_table
    from hpctrain.project import find_project
    from hpctrain.runs.actions.status import status

    project = find_project(project_file)
    read_status = partial(status, project, runs, say=print_message)
    if watch:
        from hpctrain.cli.terminal.live import follow
        from hpctrain.runs.state.latest import TrainingFiles

        files = TrainingFiles(project.cache)
        report = follow(partial(read_status, files=files), files, sys.stderr)
    else:
        report = read_status()
    if as_json:
        print_json("status", _report_json(report))
    elif not report.runs:
        print_text("no runs yet; next: hpctrain submit")
    elif not watch:
        print_text(status_table(report.runs, width_of(sys.stdout)))
    for stray in report.strays:
        print_message(
            f"job {stray.job_id} is {stray.state}, and the folder of its run {stray.run_id} is "
            f"gone; to end the job: {stray.command}"
        )
    for site in report.sites:
        if site.error is not None:
            print_message(f"the site {site.site} did not answer: {site.error}")
    if report.sites and not any(site.reachable for site in report.sites):
        raise SystemExit(4)


def _report_json(report: StatusReport) -> dict[str, Any]:
    """Return the status of runs as --json prints it."""
    content: dict[str, Any] = {
        "queried_at": report.queried_at,
        "sites": [vars(site) for site in report.sites],
        "runs": [_run_json(run) for run in report.runs],
    }
    if report.strays:
        content["strays"] = [vars(stray) for stray in report.strays]
    return content


def _run_json(run: RunStatus) -> dict[str, Any]:
    keys = ("run_id", "site", "job_id", "state", "since", "reason", "attempt", "iteration",
            "max_iter", "train", "test", "kept_iteration", "eta_s", "warnings")  # fmt: skip
    content = {key: getattr(run, key) for key in keys}
    content |= {"name": run.name, "trial": run.trial, "changed": [vars(one) for one in run.changed]}
    # Only where the job has come to it, and says how many checks were made.
    known = run.verification is not None and "made" in run.verification
    return {**content, "verification": run.verification} if known else content


@click.command("logs")
@click.argument("run", metavar="RUN", shell_complete=complete_runs)
@click.option(
    "--follow", "following", is_flag=True, help="Keep printing new lines until the run has ended."
)
@common
def logs_command(run: str, following: bool, project_file: str | None, as_json: bool) -> None:
    """Print the trainer's log of a run.

    The log is the one of the run's latest attempt. With --json, the paths of all logs of the run
    are printed instead.

    \b
    Example:
      hpctrain logs 20261123-1838 --follow
    """
    from hpctrain.project import find_project
    from hpctrain.runs.actions.logs import log_files, tail
    from hpctrain.runs.actions.status import status

    project = find_project(project_file)
    files = log_files(project, run, print_message)
    if as_json:
        print_json("logs", {"files": [str(file) for file in files]})
        return

    def ended() -> bool:
        return not following or not status(project, (run,)).may_change

    try:
        for text in tail(project, run, ended):
            print_text(text, end="")
            sys.stdout.flush()
    except KeyboardInterrupt as interrupt:
        if not following:
            raise
        raise Stopped("Stopped following the log; the training goes on.") from interrupt


@click.command("cancel")
@click.argument("runs", nargs=-1, required=True, metavar="RUN...", shell_complete=complete_runs)
@common
def cancel_command(runs: tuple[str, ...], project_file: str | None, as_json: bool) -> None:
    """Cancel the jobs of runs.

    What was trained so far is kept: 'hpctrain resume' continues from there. A run without a job is
    left as it is, so the command can be repeated safely.
    """
    from hpctrain.project import find_project
    from hpctrain.runs.actions.cancel import cancel, sentence

    done = cancel(find_project(project_file), runs, say=print_message)
    if as_json:
        print_json("cancel", {"runs": [vars(one) for one in done]})
        return
    for one in done:
        print_text(sentence(one))


@click.command("resume")
@click.argument("runs", nargs=-1, required=True, metavar="RUN...", shell_complete=complete_runs)
@common
def resume_command(runs: tuple[str, ...], project_file: str | None, as_json: bool) -> None:
    """Continue runs that ended before their training was complete.

    This submits the next attempt after a walltime, a cancel, a failure or a lost node. The
    training continues from its last checkpoint and counts the iterations done before.

    A run that is complete or still has a job is left as it is, so the command can be repeated
    safely.
    """
    from hpctrain.project import find_project
    from hpctrain.runs.actions.resume import resume, sentence

    done = resume(find_project(project_file), runs, say=print_message)
    if as_json:
        print_json("resume", {"runs": [vars(one) for one in done]})
        return
    for one in done:
        print_text(sentence(one))
