"""Options that several commands share, and the way their results are printed."""

from __future__ import annotations

import json
import sys
import time
from collections.abc import Callable
from typing import TYPE_CHECKING, Any, TypeVar

import click

if TYPE_CHECKING:
    from hpctrain.launch.plan import Plan
    from hpctrain.project import Project

REFRESH_S, WIDTH = 0.1, 24
Command = TypeVar("Command", bound=Callable[..., Any])


class Group(click.Group):
    """A group of commands that prints its help, plainly, when none of them is named."""

    def parse_args(self, ctx: click.Context, args: list[str]) -> list[str]:
        """Take no words at all for --help; click of itself would call them a wrong usage."""
        if not args and not ctx.resilient_parsing:
            args = ["--help"]
        return super().parse_args(ctx, args)


project_option = click.option(
    "--project",
    "project_file",
    metavar="FILE",
    help="Project file; by default hpctrain.yaml here or in a folder above.",
)
json_option = click.option(
    "--json", "as_json", is_flag=True, help="Print one JSON object; talk goes to stderr."
)


def common(command: Command) -> Command:
    """The two options every command has."""
    return project_option(json_option(command))


dedupe_option = click.option(
    "--dedupe",
    type=click.Choice(["identical", "same", "near"]),
    help="Of structures that are alike to this degree use only the first; "
    "like --set data.dedupe=….",
)


def settings_options(command: Command) -> Command:
    """What decides how a run is prepared."""
    for option in (
        dedupe_option,
        click.option("--skip-bad", is_flag=True,
                     help="Leave out rows that cannot be used, instead of stopping."),
        click.option("--from", "start_from", metavar="POTENTIAL",
                     help="Go on from an archived potential: its name, or current."),
        click.option("--generation", type=click.IntRange(min=0), metavar="N",
                     help="Train on the rows of generations up to N; name the potential after N."),
        click.option("--memory", metavar="M", help="For example 16G, like --set site.memory=M."),
        click.option("--gpus", type=click.IntRange(min=0), metavar="N",
                     help="GPUs, like --set site.gpus=N; the trainer uses one at most."),
        click.option("--walltime", metavar="T", help="[D-]HH:MM:SS, like --set site.walltime=T."),
        click.option("--set", "assignments", multiple=True, metavar="KEY=VALUE",
                     help="Change one setting for this run, for example training.max_iter=500, "
                          "data.seed=1 or site.partition=gpu. May be repeated."),
        click.option("--target", metavar="NAME",
                     help="Target of the site; chosen from what is asked for if not given."),
        click.option("--site", metavar="S", help="Site profile; see: hpctrain sites list."),
    ):  # fmt: skip
        command = option(command)
    return command


def project_if_any(project_file: str | None) -> Project | None:
    """What can be looked at outside any project; one that is named must be there."""
    from hpctrain.errors import HpctrainError
    from hpctrain.project import find_project

    try:
        return find_project(project_file)
    except HpctrainError:
        if project_file is not None:
            raise
        return None


def print_json(command: str, content: dict[str, Any]) -> None:
    """The one object that --json promises."""
    text = json.dumps(
        {"schema": f"hpctrain.{command}/1", **content}, ensure_ascii=False, allow_nan=False
    )
    print(text)


def talk(text: str = "") -> None:
    """For people: never mixed into what scripts read."""
    print(text, file=sys.stderr, flush=True)


def changes_from(
    assignments: tuple[str, ...],
    walltime: str | None,
    *,
    target: str | None = None,
    gpus: int | None = None,
    memory: str | None = None,
    dedupe: str | None = None,
) -> dict[str, Any]:
    """``--set`` and its shorthands together."""
    from hpctrain.cli.changes import parse_changes

    short = {"site.walltime": walltime, "site.target": target, "site.gpus": gpus,
             "site.memory": memory, "data.dedupe": dedupe}  # fmt: skip
    extra = [f"{key}={value}" for key, value in short.items() if value is not None]
    return parse_changes([*assignments, *extra])


def agree_to_the_cost(planned: Plan, *, sure: bool) -> None:
    """Say what it costs; ask where that is much. A script cannot be asked, and must say --yes."""
    from hpctrain.errors import HpctrainError

    if planned.cost is None:
        return
    talk(f"cost: {planned.cost.words()}")
    if sure or not planned.dear:
        return
    if not sys.stdin.isatty():
        raise HpctrainError(
            f"it costs {planned.cost.words()}, and nobody can be asked here",
            "say --yes, ask for less, or set ask_above in the site's profile",
        )
    if not click.confirm("submit it?", err=True):
        raise HpctrainError("not submitted", "nothing was written")


class RowCounter:
    """A line that tells on a terminal how far the reading is, and nothing in a pipe."""

    def __init__(self, what: str) -> None:
        self._what = what
        self._shown = sys.stderr.isatty()
        self._began = self._last = time.monotonic()

    def __call__(self, rows: int, total: int | None) -> None:
        now = time.monotonic()
        if not self._shown or now - self._last < REFRESH_S:
            return
        self._last = now
        rate = rows / (now - self._began)
        told = f"{rows:,} rows, {rate:,.0f}/s"
        if total:
            done = WIDTH * rows // total
            told = f"{'█' * done}{'░' * (WIDTH - done)} {rows:,} of {total:,} rows, {rate:,.0f}/s"
        print(f"\r\033[K{self._what} {told}", end="", file=sys.stderr, flush=True)

    def __enter__(self) -> RowCounter:
        return self

    def __exit__(self, *_: object) -> None:
        if self._shown:
            print("\r\033[K", end="", file=sys.stderr, flush=True)
