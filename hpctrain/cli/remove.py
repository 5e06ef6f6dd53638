"""The commands rm and prune."""

from __future__ import annotations

import re
import sys
from functools import partial
from typing import TYPE_CHECKING, Any

import click

from hpctrain.cli.completion import complete_runs
from hpctrain.cli.options import common, print_json, print_message, print_text

if TYPE_CHECKING:
    from hpctrain.runs.actions.remove import Removed

_AGE = re.compile(r"([0-9]{1,5})([hdw])")
_SECONDS = {"h": 3600.0, "d": 86400.0, "w": 7 * 86400.0}

yes_option = click.option("--yes", is_flag=True, help="Remove without asking.")


@click.command("rm")
@click.argument("runs", nargs=-1, required=True, metavar="RUN...", shell_complete=complete_runs)
@yes_option
@common
def remove_command(
    runs: tuple[str, ...], yes: bool, project_file: str | None, as_json: bool
) -> None:
    """Remove runs with all their files.

    What will be removed is listed, with the space that it frees, and you are asked. A run that may
    have a job is not removed: cancel it first.

    Archived potentials stay. Of their runs the data and the record are kept in runs/.kept, so that
    'hpctrain potentials verify' can check them.
    """
    from hpctrain.project import find_project
    from hpctrain.runs.actions.remove import remove

    project = find_project(project_file)
    done = remove(project, runs, agree=partial(_agree, sure=yes), say=print_message)
    _print(done, "rm", as_json)


def _parse_age(_: click.Context, __: click.Parameter, value: str) -> float:
    match = _AGE.fullmatch(value)
    if match is None:
        raise click.BadParameter(f"{value} is not an age; examples: 12h, 30d, 8w")
    return int(match[1]) * _SECONDS[match[2]]


@click.command("prune")
@click.option(
    "--older",
    metavar="AGE",
    required=True,
    callback=_parse_age,
    help="Remove runs that ended longer ago than this: 12h, 30d or 8w.",
)
@yes_option
@common
def prune_command(older: float, yes: bool, project_file: str | None, as_json: bool) -> None:
    """Remove the runs that ended long ago.

    What will be removed is listed, and you are asked. Runs that may have a job, and those whose
    potential is finished and not archived, are left.

    \b
    Example:
      hpctrain prune --older 30d
    """
    from hpctrain.project import find_project
    from hpctrain.runs.actions.remove import prune

    project = find_project(project_file)
    done = prune(project, older, agree=partial(_agree, sure=yes), say=print_message)
    _print(done, "prune", as_json)


def _agree(planned: Removed, *, sure: bool) -> None:
    """Print what will be removed, and ask; HpctrainError if it is not wanted."""
    from hpctrain.errors import HpctrainError

    print_message(_listing(planned))
    if sure:
        return
    if not sys.stdin.isatty():
        raise HpctrainError(
            "nothing was removed: there is no terminal to ask you on", "to remove them: --yes"
        )
    if not click.confirm("remove them?", err=True):
        raise HpctrainError("nothing was removed")


def _listing(planned: Removed) -> str:
    from hpctrain.cli.terminal.tables import clock_time, file_size, table

    rows = [
        [one.name or one.run_id, one.state, clock_time(one.since), file_size(one.frees)]
        for one in planned.runs
    ]
    lines = [table(("RUN", "STATE", "SINCE", "FREES"), rows)]
    lines += [f"{one.run_id}: {one.loses}" for one in planned.runs if one.loses]
    lines += [f"{one.run_id}: left: {one.why}" for one in planned.left]
    return "\n".join(lines)


def _print(done: Removed, command: str, as_json: bool) -> None:
    from hpctrain.cli.terminal.tables import file_size

    if as_json:
        facts: dict[str, Any] = {"removed": [vars(one) for one in done.runs], "frees": done.frees}
        if command == "prune":
            facts["left"] = [vars(one) for one in done.left]
        print_json(command, facts)
        return
    if not done.runs:
        for one in done.left:
            print_message(f"{one.run_id}: left: {one.why}")
        print_text("nothing to remove")
        return
    many = "s" * (len(done.runs) > 1)
    print_text(f"removed {len(done.runs)} run{many}: {file_size(done.frees)} freed")
    keeps = sum(one.keeps for one in done.runs)
    if keeps:
        print_text(f"kept {file_size(keeps)} in runs/.kept, to verify the archived potentials by")
