"""submit, status, logs, cancel."""

from __future__ import annotations

import sys
from functools import partial
from typing import TYPE_CHECKING, Any

import click

from hpctrain.cli.options import (
    TrainingOptions,
    agree_to_the_cost,
    common,
    print_json,
    talk,
    training_options,
)
from hpctrain.cli.terminal.row_counter import RowCounter

if TYPE_CHECKING:
    from hpctrain.project import Project
    from hpctrain.runs.actions.status import Report, RunStatus


@click.command("submit")
@training_options
@click.option("--dry-run", is_flag=True, help="Print the job script; keep and submit nothing.")
@click.option("--wait", is_flag=True, help="Show the progress of the run until it ends.")
@click.option("--yes", is_flag=True, help="Submit without asking, whatever it costs.")
@common
def submit_command(
    options: TrainingOptions,
    dry_run: bool,
    wait: bool,
    yes: bool,
    project_file: str | None,
    as_json: bool,
) -> None:
    """Check and export the data, then submit a training.

    Everything that belongs to the run is in the folder runs/RUN. If anything is wrong, nothing is
    submitted.

    With --dry-run, the job script is printed exactly as it would be submitted, and nothing is kept.

    \b
    Examples:
      hpctrain submit --site mycluster --walltime 06:00:00
      hpctrain submit --gpus 1 --set training.max_iter=500
      hpctrain submit --from current
      hpctrain submit --site slurm --dry-run
    """
    from hpctrain.cli.data import describe
    from hpctrain.launch.submit import submit
    from hpctrain.project import find_project

    project = find_project(project_file)
    if dry_run:
        _dry_run(project, options, as_json)
        return
    with RowCounter("reading") as counter:
        done = submit(
            project,
            options.site,
            **options.arguments(),
            progress=counter,
            agree=partial(agree_to_the_cost, sure=yes),
            say=talk,
        )
    for note in done.notes:
        talk(f"note: {note}")
    if not as_json:
        print(describe(done.manifest))
        print(f"run         {done.run_id}: job {done.job_id} on {done.site}")
    state = _follow(project, (done.run_id,)).runs[0].state if wait else "queued"
    if as_json:
        run = {
            "run_id": done.run_id,
            "run_dir": str(done.run_dir),
            "site": done.site,
            "job_id": done.job_id,
            "state": state,
        }
        print_json("submit", {"runs": [run]})
    elif not wait:
        print("next: hpctrain status --watch")
    if wait and state != "completed":
        raise SystemExit(1)


def _dry_run(project: Project, options: TrainingOptions, as_json: bool) -> None:
    """Print the job script to stdout, and all that is said about it to stderr."""
    from hpctrain.cli.data import describe
    from hpctrain.launch.submit import dry_run

    with RowCounter("reading") as counter:
        files, argv, prepared = dry_run(
            project,
            options.site,
            **options.arguments(),
            progress=counter,
            agree=partial(agree_to_the_cost, sure=True),
        )
    if as_json:
        print_json("submit", {"run_dir": None, "files": files, "argv": argv})
        return
    talk(describe(prepared.manifest))
    for note in prepared.notes:
        talk(f"note: {note}")
    talk(f"would be submitted with: {' '.join(argv)}\n")
    print(files["job.sh"], end="")


@click.command("status")
@click.argument("runs", nargs=-1, metavar="[RUN]...")
@click.option("--watch", is_flag=True, help="Follow the runs until they have ended.")
@common
def status_command(
    runs: tuple[str, ...], watch: bool, project_file: str | None, as_json: bool
) -> None:
    """Show the state, progress and errors of runs.

    RUN is a run id, or a beginning of one that no other run shares. Without RUN, all runs are
    shown.

    The state comes from the scheduler and from the files that the job has written. If it cannot be
    determined, it is 'unknown'.

    \b
    Examples:
      hpctrain status
      hpctrain status 20261123-1838 --watch
    """
    from hpctrain.project import find_project
    from hpctrain.runs.actions.status import status

    project = find_project(project_file)
    report = _follow(project, runs) if watch else status(project, runs, say=talk)
    if as_json:
        print_json("status", _report_json(report))
    elif not report.runs:
        print("no runs yet; next: hpctrain submit")
    elif not watch:
        from hpctrain.cli.terminal.tables import status_table

        print(status_table(report.runs))
    for site in report.sites:
        if site.error is not None:
            talk(f"{site.site} could not be asked: {site.error}")
    if report.sites and not any(site.reachable for site in report.sites):
        raise SystemExit(4)


def _follow(project: Project, runs: tuple[str, ...]) -> Report:
    from hpctrain.cli.terminal.live import follow
    from hpctrain.runs.actions.status import status

    return follow(lambda: status(project, runs, say=talk), sys.stderr)


def _report_json(report: Report) -> dict[str, Any]:
    return {
        "queried_at": report.queried_at,
        "sites": [vars(site) for site in report.sites],
        "runs": [_run_json(run) for run in report.runs],
    }


def _run_json(run: RunStatus) -> dict[str, Any]:
    keys = ("run_id", "site", "job_id", "state", "since", "reason", "attempt", "iteration",
            "max_iter", "train", "test", "eta_s", "warnings")  # fmt: skip
    return {key: getattr(run, key) for key in keys}


@click.command("logs")
@click.argument("run", metavar="RUN")
@click.option("--follow", "following", is_flag=True, help="Go on until the run has ended.")
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
    from hpctrain.runs.state.verdict import SETTLED

    project = find_project(project_file)
    files = log_files(project, run)
    if as_json:
        print_json("logs", {"files": [str(file) for file in files]})
        return

    def ended() -> bool:
        return not following or status(project, (run,)).runs[0].state in SETTLED

    for text in tail(project, run, ended):
        sys.stdout.write(text)
        sys.stdout.flush()


@click.command("cancel")
@click.argument("runs", nargs=-1, required=True, metavar="RUN...")
@common
def cancel_command(runs: tuple[str, ...], project_file: str | None, as_json: bool) -> None:
    """Cancel the jobs of runs.

    What was trained so far is kept: 'hpctrain resume' continues from there. A run without a job is
    left as it is, so the command can be repeated safely.
    """
    from hpctrain.project import find_project
    from hpctrain.runs.actions.cancel import cancel, told

    done = cancel(find_project(project_file), runs, say=talk)
    if as_json:
        print_json("cancel", {"runs": [vars(one) for one in done]})
        return
    for one in done:
        print(told(one))


@click.command("resume")
@click.argument("runs", nargs=-1, required=True, metavar="RUN...")
@common
def resume_command(runs: tuple[str, ...], project_file: str | None, as_json: bool) -> None:
    """Continue runs that ended before their training was complete.

    This submits the next attempt after a walltime, a cancel, a failure or a lost node. The
    training continues from its last checkpoint and counts the iterations done before.

    A run that is complete or still has a job is left as it is, so the command can be repeated
    safely.
    """
    from hpctrain.project import find_project
    from hpctrain.runs.actions.resume import resume, told

    done = resume(find_project(project_file), runs, say=talk)
    if as_json:
        print_json("resume", {"runs": [vars(one) for one in done]})
        return
    for one in done:
        print(told(one))
