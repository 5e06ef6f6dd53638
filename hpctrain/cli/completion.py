"""What the shell offers for Tab: sites, targets, runs, potentials and settings, from files only."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import suppress
from functools import wraps
from typing import TYPE_CHECKING, Any

import click

from hpctrain.cli.changes import SECTIONS

if TYPE_CHECKING:
    from click.shell_completion import CompletionItem
    from pydantic import BaseModel

    from hpctrain.engines.base import Engine
    from hpctrain.project import Project

Completer = Callable[[click.Context, click.Parameter, str], "list[CompletionItem[str]]"]
# Keys of a profile that say something of the cluster; a job changes nothing about them.
_FACTS = frozenset(
    {"targets", "description", "name", "centre", "recognise", "rules", "ask", "charge", "sources",
     "confidence", "checked", "until", "internet", "home_folder", "submit_from", "preemption"}
)  # fmt: skip


def _offer(find: Callable[[click.Context, str], Iterator[tuple[str, str | None]]]) -> Completer:
    """Make a completer of what finds words and their explanations; no error leaves it."""

    @wraps(find)
    def complete(
        context: click.Context, parameter: click.Parameter, begun: str
    ) -> list[CompletionItem[str]]:
        from click.shell_completion import CompletionItem

        given = context.params.get(parameter.name or "")
        taken = given if parameter.nargs == -1 and isinstance(given, tuple) else ()
        try:
            return [
                CompletionItem(word, help=words)
                for word, words in find(context, begun)
                if word.startswith(begun) and word not in taken
            ]
        except Exception:  # noqa: BLE001  whatever is wrong, the next command says it
            return []

    return complete


def complete_files(_: click.Context, __: click.Parameter, begun: str) -> list[CompletionItem[str]]:
    """Leave it to the shell, which knows files best."""
    from click.shell_completion import CompletionItem

    return [CompletionItem(begun, type="file")]


def _project(context: click.Context) -> Project | None:
    from hpctrain.errors import HpctrainError
    from hpctrain.project import find_project

    try:
        return find_project(context.params.get("project_file"))
    except HpctrainError:
        return None


@_offer
def complete_sites(context: click.Context, _: str) -> Iterator[tuple[str, None]]:
    """Offer the sites that can be named."""
    from hpctrain.sites.load import names

    project = _project(context)
    for name in sorted(names(project.folder if project else None)):
        yield name, None


@_offer
def complete_targets(context: click.Context, _: str) -> Iterator[tuple[str, str | None]]:
    """Offer the targets of the site that was named before, or of the project's own."""
    from hpctrain.sites.load import load
    from hpctrain.yamlfile import read_mapping

    project = _project(context)
    site = context.params.get("site") or context.params.get("name")
    if "name" in context.params and context.args:
        site = context.args[0]  # click has not come to it: the option before has no value yet
    if site is None and project is not None:
        site = read_mapping(project.file).get("site")
    if isinstance(site, str):
        targets = load(site, project.folder if project else None).profile.targets
        for name, target in targets.items():
            yield name, target.description


@_offer
def complete_runs(context: click.Context, _: str) -> Iterator[tuple[str, str | None]]:
    """Offer the names and ids of runs, the newest first."""
    yield from _runs(_project(context))


def _runs(project: Project | None) -> Iterator[tuple[str, str | None]]:
    from hpctrain.runs.names import run_names
    from hpctrain.runs.run import all_runs

    if project is None:
        return
    named = {run_id: name for name, run_id in run_names(project.runs).items()}
    for run_id in [run.run_id for run in all_runs(project.runs)][::-1]:
        name = named.get(run_id)
        if name is not None:
            yield name, run_id
        yield run_id, name


@_offer
def complete_potentials(context: click.Context, _: str) -> Iterator[tuple[str, str | None]]:
    """Offer the archived potentials, and the name of the current one."""
    yield from _potentials(_project(context))


def _potentials(project: Project | None) -> Iterator[tuple[str, str | None]]:
    if project:
        from hpctrain.potentials.archive import names

        yield from ((name, None) for name in names(project.potentials)[::-1])
        if any(project.potentials.glob("current.*")):
            yield "current", None


def complete_potentials_and_files(
    context: click.Context, parameter: click.Parameter, begun: str
) -> list[CompletionItem[str]]:
    """Offer the archived potentials, and files where none begins like that."""
    offered = complete_potentials(context, parameter, begun)
    return [*complete_files(context, parameter, begun), *offered]


@_offer
def complete_runs_and_potentials(
    context: click.Context, _: str
) -> Iterator[tuple[str, str | None]]:
    """Offer whatever a report can be about."""
    project = _project(context)
    yield from (one for one in _potentials(project) if one[0] != "current")
    yield from _runs(project)


@_offer
def complete_settings(context: click.Context, begun: str) -> Iterator[tuple[str, str | None]]:
    """Offer sections, then their keys, then the values of a key that has a few."""
    key, equals, _value = begun.partition("=")
    *path, last = key.split(".")
    if not path:
        yield from ((f"{section}.", None) for section in SECTIONS)
        return
    models = _models(path[0], _project(context))
    if equals:
        fields = [_fields(model, [*path[1:], last]).get(last) for model in models]
        values = [value for field in fields for value in _values(field and field.annotation)]
        yield from ((f"{key}={value}", None) for value in dict.fromkeys(values))
        return
    found: dict[str, tuple[Any, type[BaseModel]]] = {}
    for model in models:
        for name, field in _fields(model, [*path[1:], ""]).items():
            found.setdefault(name, (field, model))
    for name, (field, model) in found.items():
        if path != ["site"] or name not in _FACTS:
            inside = _fields(model, [*path[1:], name, ""])
            yield f"{'.'.join([*path, name])}{'.' if inside else '='}", field.description


def _models(section: str, project: Project | None) -> list[type[BaseModel]]:
    """Return the records whose keys a section may have: of all trainers, the project's first."""
    from hpctrain.settings import DataConfig
    from hpctrain.sites.profile import SiteProfile

    if section == "training":
        return [engine.settings for engine in _trainers(project)]
    models: dict[str, type[BaseModel]] = {"data": DataConfig, "site": SiteProfile}
    return [models[section]]


def _trainers(project: Project | None) -> list[Engine]:
    from hpctrain.engines import DEFAULT, NAMES, engine_of
    from hpctrain.errors import HpctrainError
    from hpctrain.yamlfile import read_mapping

    first = DEFAULT
    if project is not None:
        with suppress(HpctrainError):
            training = read_mapping(project.file).get("training")
            first = training.get("engine", DEFAULT) if isinstance(training, dict) else DEFAULT
    return [engine_of(name) for name in sorted(NAMES, key=lambda name: name != first)]


def _fields(model: type[BaseModel], path: list[str]) -> dict[str, Any]:
    from hpctrain.yamlfile import fields_beside

    return fields_beside(model, path)


def _values(kind: Any) -> list[str]:
    """List the values of a type that has a few."""
    from typing import Literal, get_args, get_origin

    if kind is bool:
        return ["true", "false"]
    if get_origin(kind) is Literal:
        return [str(value) for value in get_args(kind)]
    return [value for part in get_args(kind) for value in _values(part)]
