"""Templates and values in, text out. Nothing undefined is rendered without a word."""

from __future__ import annotations

import shlex
from collections.abc import Sequence
from functools import cache
from pathlib import Path
from typing import Any

import yaml
from jinja2 import Environment, FileSystemLoader, StrictUndefined, TemplateError

from hpctrain.errors import HpctrainError
from hpctrain.files import resource


def render(template: str, values: dict[str, Any], folders: Sequence[Path] = ()) -> str:
    """One template as text.

    ``folders`` are searched before the shipped templates, which a template of the user's can
    extend by name (``{% extends "slurm.sh.j2" %}``).
    """
    environment = _environment(tuple(map(str, folders)))
    try:
        return environment.get_template(template).render(values)
    except TemplateError as error:
        line = getattr(error, "lineno", None)
        place = f"{template}, line {line}" if line else template
        raise HpctrainError(f"the template {place} cannot be rendered: {error}") from error


@cache
def _environment(folders: tuple[str, ...]) -> Environment:
    environment = Environment(
        loader=FileSystemLoader([*folders, str(resource("templates"))]),
        undefined=StrictUndefined,
        autoescape=False,  # noqa: S701  shell and YAML, quoted by the filters below
        trim_blocks=True,
        lstrip_blocks=True,
        keep_trailing_newline=True,
    )
    environment.filters["sh"] = quoted
    environment.filters["yaml"] = as_yaml
    return environment


def quoted(value: object) -> str:
    """One word of a shell command."""
    return shlex.quote(str(value))


def as_yaml(value: object, indent: int = 0) -> str:
    """A value as YAML: on one line, or, with ``indent``, as a block that far to the right."""
    if not indent:
        text = yaml.safe_dump(value, default_flow_style=True, width=10**6, sort_keys=False)
        return text.removesuffix("...\n").rstrip("\n")
    if not isinstance(value, dict):
        return f"{' ' * indent}{as_yaml(value)}"
    text = yaml.safe_dump(value, default_flow_style=None, width=90, sort_keys=False)
    return "".join(f"{' ' * indent}{line}\n" for line in text.splitlines()).rstrip("\n")
