"""The commands sites init, check and test, which ask the cluster itself."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING

import click

from hpctrain.cli.changes import parse_changes
from hpctrain.cli.completion import complete_sites, complete_targets
from hpctrain.cli.options import (
    common,
    print_json,
    print_message,
    print_text,
    project_if_any,
    set_option,
)
from hpctrain.engines import NAMES
from hpctrain.interrupts import Stopped

if TYPE_CHECKING:
    from hpctrain.project import Project


def _queue(project: Project | None) -> Path:
    """Return the folder of the local queue, which is also that of the practice clusters."""
    return project.queue if project else Path("runs/.queue").absolute()


@click.command("init")
@click.argument("name")
@click.option(
    "--scheduler",
    metavar="S",
    help="slurm, pbs or practice-pbs. Default: the one whose commands are installed here.",
)
@click.option(
    "--here",
    is_flag=True,
    help="Write into the project's site_profiles/, for all who work on the project.",
)
@common
def init_command(
    name: str, scheduler: str | None, here: bool, project_file: str | None, as_json: bool
) -> None:
    """Write a first profile from what the cluster reports.

    The file is NAME.yaml in ~/.config/hpctrain/site_profiles. It has comments and is meant to be
    edited. An existing file is not overwritten. Run this on a login node of the cluster.
    """
    from hpctrain.errors import UsageError
    from hpctrain.launch.site_check import init
    from hpctrain.sites.load import FOLDER, users_folder

    project = project_if_any(project_file)
    if here and project is None:
        raise UsageError(
            "--here needs a project, and there is none in this folder", "leave out --here"
        )
    folder = project.folder / FOLDER if here and project else users_folder()
    path = init(name, folder, _queue(project), scheduler)
    if as_json:
        print_json("sites-init", {"file": str(path)})
        return
    print_text(f"wrote {path}")
    print_text(f"next: read and edit it, then: hpctrain sites check {name}")


@click.command("check")
@click.argument("name", shell_complete=complete_sites)
@click.option(
    "--target", metavar="NAME", shell_complete=complete_targets, help="Check this target only."
)
@set_option("site.account=materials")
@common
def check_command(
    name: str,
    target: str | None,
    assignments: tuple[str, ...],
    project_file: str | None,
    as_json: bool,
) -> None:
    """Compare a profile with the live cluster.

    This compares names, limits and options. On Slurm, 'sbatch --test-only' also checks the script
    of each target. Nothing is submitted. Exit code 1 if something is wrong.
    """
    from hpctrain.cli.terminal.layout import width_of
    from hpctrain.cli.terminal.sites import check_result
    from hpctrain.launch.site_check import check
    from hpctrain.sites.load import load

    project = project_if_any(project_file)
    changes = parse_changes(assignments).get("site")
    site = load(name, project.folder if project else None, changes)
    templates = project.folder / "templates" if project else None
    checked = check(site, _queue(project), templates, target=target)
    if as_json:
        findings = [vars(finding) for finding in checked.findings]
        print_json("sites-check", {"ok": checked.ok, "findings": findings,
                                   "targets": checked.targets, "tried": checked.tried})  # fmt: skip
    else:
        print_text(check_result(checked, width_of(sys.stdout)))
    if not checked.ok:
        raise SystemExit(1)


@click.command("test")
@click.argument("name", required=False, shell_complete=complete_sites)
@click.option(
    "--target",
    metavar="NAME",
    shell_complete=complete_targets,
    help="Target of the site. Default: the first that fits.",
)
@click.option("--gpus", type=click.IntRange(min=0), metavar="N", help="Number of GPUs.")
@click.option("--trainer", type=click.Choice(NAMES), help="Default: that of the project.")
@set_option("site.account=materials")
@click.option("--wait", "waiting", is_flag=True, help="Wait for the job and print its result.")
@common
def test_command(
    name: str | None,
    target: str | None,
    gpus: int | None,
    trainer: str | None,
    assignments: tuple[str, ...],
    waiting: bool,
    project_file: str | None,
    as_json: bool,
) -> None:
    """Submit a one-minute test job to a site.

    The job checks that the modules load, that the trainer starts, and which GPUs, cores and scratch
    folder it gets. The result is kept in runs/.proofs and shown by 'hpctrain sites list'. A site
    where each trainer has an environment of its own is tested once for each.

    \b
    Example:
      hpctrain sites test mycluster --gpus 1 --wait
    """
    from hpctrain.cli.terminal.sites import test_result
    from hpctrain.launch.site_test import start, wait
    from hpctrain.project import find_project

    project = find_project(project_file)
    changes = parse_changes(
        assignments, {"site.target": target, "site.gpus": gpus, "training.engine": trainer}
    )
    test = start(project, name, changes=changes)
    print_message(f"test job {test.job_id} on {test.site}: {test.folder}")
    if waiting:
        try:
            test = wait(project, test)
        except KeyboardInterrupt as interrupt:
            raise Stopped(
                "Stopped waiting; the test job goes on. To see its result: hpctrain sites list"
            ) from interrupt
    if as_json:
        print_json("sites-test", {"site": test.site, "target": test.target,
                                  "job_id": test.job_id, "folder": str(test.folder),
                                  "verdict": test.verdict, "found": test.found})  # fmt: skip
    else:
        print_text(test_result(test))
        if not waiting:
            print_text("next: hpctrain sites list")
    if test.verdict == "failed":
        raise SystemExit(1)
