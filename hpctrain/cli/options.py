"""Options that several commands share, and how commands print."""

from __future__ import annotations

import contextlib
import json
import sys
from collections.abc import Callable
from dataclasses import dataclass, fields
from functools import wraps
from typing import TYPE_CHECKING, Any, TypeVar

import click

from hpctrain.cli.changes import parse_changes
from hpctrain.cli.completion import (
    complete_files,
    complete_potentials,
    complete_settings,
    complete_sites,
    complete_targets,
)
from hpctrain.text import printable_json, printable_lines

if TYPE_CHECKING:
    from hpctrain.launch.plan import Plan
    from hpctrain.project import Project

Command = TypeVar("Command", bound=Callable[..., Any])


_WANTS_JSON = "hpctrain.wants_json"


def _json_wanted(context: click.Context, _: click.Parameter, given: bool) -> bool:
    """Hand --json of a group on to the command, as in ``hpctrain --json status``."""
    wanted: bool = context.meta.get(_WANTS_JSON, False) or given
    if isinstance(context.command, Group):
        context.meta[_WANTS_JSON] = wanted
    return wanted


json_option = click.option(
    "--json",
    "as_json",
    is_flag=True,
    callback=_json_wanted,
    help="Print one JSON object to stdout. Messages go to stderr.",
)


class Group(click.Group):
    """A group of commands: it prints its help when none is named, and takes their --json too."""

    def __init__(self, *arguments: Any, **options: Any) -> None:
        super().__init__(*arguments, **options)
        self.params.append(
            click.Option(
                ["--json", "as_json"],
                is_flag=True,
                expose_value=False,
                callback=_json_wanted,
                help="Print JSON; the same as --json after the command.",
            )
        )

    def parse_args(self, ctx: click.Context, args: list[str]) -> list[str]:
        """Take no words at all for --help; click of itself would call them a wrong usage."""
        if not args and not ctx.resilient_parsing:
            args = ["--help"]
        return super().parse_args(ctx, args)

    def resolve_command(
        self, ctx: click.Context, args: list[str]
    ) -> tuple[str | None, click.Command | None, list[str]]:
        """Find the command; UsageError names those that may be meant, or that it has no --json."""
        name = args[0]
        known = name in self.commands
        if not known and not name.startswith("-") and not ctx.resilient_parsing:
            raise click.UsageError(f"there is no command '{name}'{self._nearest(name)}", ctx)
        if known and ctx.meta.get(_WANTS_JSON) and not _takes_json(self.commands[name]):
            raise click.UsageError(f"the command {name} has no --json", ctx)
        return super().resolve_command(ctx, args)

    def _nearest(self, name: str) -> str:
        """Name the commands that are like a name, those of other groups first if it is theirs."""
        from hpctrain.yamlfile import nearest

        elsewhere = [
            f"{group} {name}"
            for group, command in self.commands.items()
            if isinstance(command, click.Group) and name in command.commands
        ]
        if elsewhere:
            return f" (did you mean {' or '.join(map(repr, elsewhere))}?)"
        return nearest(name, list(self.commands))


def _takes_json(command: click.Command) -> bool:
    return any("--json" in parameter.opts for parameter in command.params)


project_option = click.option(
    "--project",
    "project_file",
    metavar="FILE",
    shell_complete=complete_files,
    help="Project file or its folder. Default: hpctrain.yaml here or in a folder above.",
)


def common(command: Command) -> Command:
    """Give a command the two options that every command has."""
    return project_option(json_option(command))


skip_bad_option = click.option(
    "--skip-bad", is_flag=True, help="Leave out unusable rows instead of stopping."
)
dedupe_option = click.option(
    "--dedupe",
    type=click.Choice(["identical", "same", "near"]),
    help="Use only the first of several structures that are alike to this degree. Same as "
    "--set data.dedupe=DEGREE.",
)


def set_option(example: str) -> Callable[[Command], Command]:
    """Make the option --set, with an example of what can be changed."""
    return click.option(
        "--set",
        "assignments",
        multiple=True,
        metavar="KEY=VALUE",
        shell_complete=complete_settings,
        help=f"Change one setting, for example {example}. Can be given several times.",
    )


@dataclass(frozen=True)
class TrainingOptions:
    """What is to be trained and where: the options that submit and check share."""

    site: str | None
    target: str | None
    assignments: tuple[str, ...]
    walltime: str | None
    gpus: int | None
    memory: str | None
    generation: int | None
    start_from: str | None
    skip_bad: bool
    dedupe: str | None

    def changes(self) -> dict[str, Any]:
        """Return --set and its shorthands, nested like hpctrain.yaml."""
        return parse_changes(
            self.assignments,
            {
                "site.walltime": self.walltime,
                "site.target": self.target,
                "site.gpus": self.gpus,
                "site.memory": self.memory,
                "data.dedupe": self.dedupe,
            },
        )

    def arguments(self) -> dict[str, Any]:
        """Return what ``submit`` and ``dry_run`` take besides the project and the site."""
        return {
            "changes": self.changes(),
            "generation": self.generation,
            "start_from": self.start_from,
            "skip_bad": self.skip_bad,
        }


_TRAINING_OPTIONS = (
    click.option("--site", metavar="S", shell_complete=complete_sites,
                 help="Site to train on; 'hpctrain sites list' shows them. Default: the one in "
                      "hpctrain.yaml, else the one this machine belongs to."),
    click.option("--target", metavar="NAME", shell_complete=complete_targets,
                 help="Target of the site, such as a partition. Default: the first that fits."),
    set_option("training.max_iter=500 or site.partition=gpu"),
    click.option("--walltime", metavar="T",
                 help="Time limit of the job, [D-]HH:MM:SS. Same as --set site.walltime=T."),
    click.option("--gpus", type=click.IntRange(min=0), metavar="N",
                 help="Number of GPUs; the trainer uses at most one. Same as --set site.gpus=N."),
    click.option("--memory", metavar="M",
                 help="Memory of the job with its unit, such as 16G. Same as --set site.memory=M."),
    click.option("--generation", type=click.IntRange(min=0), metavar="N",
                 help="Train on the rows of generations up to N. The potential gets the number N."),
    click.option("--from", "start_from", metavar="POTENTIAL",
                 shell_complete=complete_potentials,
                 help="Start from an archived potential: its name, or 'current'. GRACE: or from a "
                      "published model, the path of its folder."),
    skip_bad_option,
    dedupe_option,
)  # fmt: skip


def training_options(command: Callable[..., None]) -> Callable[..., None]:
    """Give a command the options of a training, in one argument ``options``."""
    names = [field.name for field in fields(TrainingOptions)]

    @wraps(command)
    def with_record(**given: Any) -> None:
        record = TrainingOptions(**{name: given.pop(name) for name in names})
        command(options=record, **given)

    for option in reversed(_TRAINING_OPTIONS):
        with_record = option(with_record)
    return with_record


def project_if_any(project_file: str | None) -> Project | None:
    """Find the project, None outside any; HpctrainError if the one that is named is not there."""
    from hpctrain.errors import HpctrainError
    from hpctrain.project import find_project

    try:
        return find_project(project_file)
    except HpctrainError:
        if project_file is not None:
            raise
        return None


def print_json(command: str, content: dict[str, Any]) -> None:
    """Print the one object that --json promises, with its schema."""
    text = json.dumps(
        {"schema": f"hpctrain.{command}/1", **content}, ensure_ascii=False, allow_nan=False
    )
    print(printable_json(text))


def print_text(text: str = "", *, end: str = "\n") -> None:
    """Print to stdout; what came from a file or a program moves no cursor."""
    print(printable_lines(text), end=end)


def print_message(text: str = "") -> None:
    """Print a message for people to stderr: stdout is for what scripts read.

    Where that goes to a disk that is full, nothing of what is done depends on it.
    """
    with contextlib.suppress(OSError):
        print(printable_lines(text), file=sys.stderr, flush=True)


def print_note(text: str) -> None:
    """Print a sentence to stderr, wrapped where that is a terminal."""
    from hpctrain.cli.terminal.layout import width_of, wrap

    print_message(wrap(text, width_of(sys.stderr)))


def agree_to_cost(planned: Plan, *, sure: bool) -> None:
    """Print what a training costs, and ask if that is much; HpctrainError if it is not wanted.

    ``sure`` asks nothing. Without a terminal nobody can be asked, and --yes is needed.
    """
    from hpctrain.errors import HpctrainError

    if planned.cost is None:
        return
    print_message(f"cost: {planned.cost.words()}")
    if sure or not planned.is_expensive:
        return
    if not sys.stdin.isatty():
        raise HpctrainError(
            f"this costs {planned.cost.words()}, and without a terminal hpctrain cannot ask you",
            "add --yes, request less, or raise ask_above in the site's profile",
        )
    if not click.confirm("submit it?", err=True):
        raise HpctrainError("not submitted", "nothing was written")
