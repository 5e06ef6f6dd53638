"""The command submit."""

from __future__ import annotations

import sys
from functools import partial
from typing import TYPE_CHECKING, Any

import click

from hpctrain.cli.options import (
    TrainingOptions,
    agree_to_cost,
    common,
    print_json,
    print_message,
    print_note,
    print_text,
    training_options,
)
from hpctrain.cli.terminal.row_counter import RowCounter

if TYPE_CHECKING:
    from hpctrain.data.check.report import Findings
    from hpctrain.launch.submit import SubmittedRun
    from hpctrain.project import Project


@click.command("submit")
@training_options
@click.option(
    "--name",
    metavar="NAME",
    help="Name of the run: letters, digits, - _ and '.'. Every command takes it as RUN.",
)
@click.option("--trial", is_flag=True, help="Never archive the potential of this run.")
@click.option("--dry-run", is_flag=True, help="Print the job script; keep and submit nothing.")
@click.option(
    "--wait",
    is_flag=True,
    help="Show the progress until the run ends. Exit code 1 if it did not complete.",
)
@click.option("--skip-check", is_flag=True, help="Do not look for mistakes in the data.")
@click.option("--yes", is_flag=True, help="Submit without asking, whatever it costs.")
@common
def submit_command(
    options: TrainingOptions,
    name: str | None,
    trial: bool,
    dry_run: bool,
    wait: bool,
    skip_check: bool,
    yes: bool,
    project_file: str | None,
    as_json: bool,
) -> None:
    """Check and export the data, then submit a training.

    Everything that belongs to the run is in the folder runs/RUN. If anything is wrong, nothing is
    submitted. The data are checked as by 'hpctrain check': what is certainly a mistake stops the
    submission, and what may be one is printed as a warning.

    With --dry-run, the job script is printed exactly as it would be submitted, and nothing is kept.

    \b
    Examples:
      hpctrain submit --site mycluster --walltime 06:00:00
      hpctrain submit --gpus 1 --set training.max_iter=500
      hpctrain submit --from current --name longer
      hpctrain submit --site slurm --dry-run
    """
    from hpctrain.errors import HpctrainError
    from hpctrain.launch.submit import submit
    from hpctrain.project import find_project

    project = find_project(project_file)
    if dry_run:
        _dry_run(project, options, name, trial, as_json, check=not skip_check)
        return
    with RowCounter("reading") as counter:
        done = submit(
            project,
            options.site,
            **options.arguments(),
            name=name,
            trial=trial,
            check=not skip_check,
            progress=counter,
            agree=partial(agree_to_cost, sure=yes),
            say=print_message,
        )
    try:
        _print_submitted(project, done, wait, as_json)
    except BrokenPipeError:
        raise
    except OSError as error:
        raise HpctrainError(
            f"{error.filename or 'the output'}: {error.strerror or error}; the run {done.run_id} "
            f"was submitted before, as job {done.job_id}",
            f"follow it with: hpctrain status {done.run_id} (to submit again would make another "
            "run)",
        ) from error


def _print_submitted(project: Project, done: SubmittedRun, wait: bool, as_json: bool) -> None:
    """Print what was submitted, and with ``wait`` what becomes of it."""
    from hpctrain.cli.terminal.layout import width_of
    from hpctrain.cli.terminal.tables import manifest

    for note in done.notes:
        print_note(f"note: {note}")
    _print_warnings(done.findings, done.expected)
    if not as_json:
        print_text(manifest(done.manifest, width=width_of(sys.stdout)))
        print_text(f"run         {done.run_id}: job {done.job_id} on {done.site}")
    state = _follow(project, done.run_id) if wait else "queued"
    if as_json:
        run = {
            "run_id": done.run_id,
            "name": done.manifest.get("name"),
            "run_dir": str(done.run_dir),
            "site": done.site,
            "job_id": done.job_id,
            "state": state,
            **_findings_json(done.findings, done.expected),
        }
        print_json("submit", {"runs": [run]})
    elif not wait:
        print_text("next: hpctrain status --watch")
    sys.stdout.flush()
    if wait and state != "completed":
        raise SystemExit(1)


def _print_warnings(found: Findings | None, expected: dict[str, Any] | None) -> None:
    """Print what may be wrong with the data, and what the job may lack, each in one line."""
    warnings = (
        [one for one in found.findings if not one.silenced and not one.stops] if found else []
    )
    for one in warnings:
        print_note(f"warning: {one.line()}")
    if warnings:
        print_message("what to do about warnings: hpctrain check")
    for shortfall in (expected or {}).get("shortfalls", []):
        print_note(f"warning: {shortfall}")


def _findings_json(found: Findings | None, expected: dict[str, Any] | None) -> dict[str, Any]:
    """Return what was found in the data, and the estimate of the training; nothing unchecked."""
    if found is None:
        return {}
    return {"findings": [one.facts() for one in found.findings], "training": expected}


def _follow(project: Project, run_id: str) -> str:
    """Show a run until it has ended, and return its last state."""
    from hpctrain.cli.terminal.live import follow
    from hpctrain.runs.actions.status import status
    from hpctrain.runs.state.latest import TrainingFiles

    files = TrainingFiles(project.cache)
    read_status = partial(status, project, (run_id,), say=print_message, files=files)
    return follow(read_status, files, sys.stderr).runs[0].state


def _dry_run(
    project: Project,
    options: TrainingOptions,
    name: str | None,
    trial: bool,
    as_json: bool,
    *,
    check: bool,
) -> None:
    """Print the job script to stdout, and all that is said about it to stderr."""
    from hpctrain.cli.terminal.layout import width_of
    from hpctrain.cli.terminal.tables import manifest
    from hpctrain.launch.enough import expect
    from hpctrain.launch.preflight import refuse_mistakes
    from hpctrain.launch.submit import dry_run

    with RowCounter("reading") as counter:
        files, argv, prepared = dry_run(
            project,
            options.site,
            **options.arguments(),
            name=name,
            trial=trial,
            check=check,
            progress=counter,
            agree=partial(agree_to_cost, sure=True),
        )
    found, expected = prepared.findings, expect(prepared)
    if as_json:
        facts = {"run_dir": None, "files": files, "argv": argv}
        print_json("submit", {**facts, **_findings_json(found, expected)})
        if found is not None and found.stops:
            print_message("hpctrain: this would not be submitted: see findings")
            raise SystemExit(1)  # stdout has its one object already
        return
    print_message(manifest(prepared.manifest, width=width_of(sys.stderr)))
    for note in prepared.notes:
        print_note(f"note: {note}")
    _print_warnings(found, expected)
    print_message(f"would be submitted with: {' '.join(argv)}\n")
    print_text(files["job.sh"], end="")
    if found is not None:
        sys.stdout.flush()
        refuse_mistakes(found)
