"""Templates: values in, text or markup out. A value that is missing is an error."""

from __future__ import annotations

import re
import shlex
from collections.abc import Mapping, Sequence
from functools import cache
from pathlib import Path
from typing import Any

import yaml
from jinja2 import (
    Environment,
    FileSystemLoader,
    StrictUndefined,
    TemplateError,
    TemplateNotFound,
)
from markupsafe import Markup as Markup

from hpctrain.errors import HpctrainError
from hpctrain.files import resource
from hpctrain.text import printable
from hpctrain.yamlfile import nearest


def render(template: str, values: Mapping[str, Any], folders: Sequence[Path] = ()) -> str:
    """Render a template of a script, of YAML or of another plain text.

    ``folders`` are searched before the shipped templates, which a template of the user's can
    extend by name (``{% extends "slurm.sh.j2" %}``).
    """
    return _render(_environment(tuple(map(str, folders))), template, values)


def render_page(template: str, values: Mapping[str, Any]) -> Markup:
    """Render a shipped template of HTML or SVG, and return it as markup.

    Every value is escaped, and what a terminal or browser would act on is replaced, unless it is
    markup that this function has returned.
    """
    return Markup(_render(_page_environment(), template, values))  # noqa: S704  by our templates


def _render(environment: Environment, template: str, values: Mapping[str, Any]) -> str:
    try:
        return environment.get_template(template).render(values)
    except TemplateNotFound as error:
        name = str(error.name)
        whose = "" if name == template else f"{template}: "
        known = environment.list_templates(filter_func=lambda one: one.endswith(".sh.j2"))
        raise HpctrainError(
            f"{whose}there is no template '{name}'{nearest(name, known)}",
            "templates of your own are in the project's folder templates/",
        ) from error
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
    environment.filters["sh"] = shell_word
    environment.filters["yaml"] = as_yaml
    return environment


@cache
def _page_environment() -> Environment:
    environment = Environment(
        loader=FileSystemLoader(str(resource("templates"))),
        undefined=StrictUndefined,
        autoescape=True,
        finalize=_printable,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters["breakable"] = breakable
    return environment


def _printable(value: object) -> object:
    return value if isinstance(value, Markup) else printable(str(value))


def breakable(name: str) -> list[str]:
    """Split a long name behind its dots and underscores, where a line may end."""
    return re.split(r"(?<=[._])", name)


def shell_word(value: object) -> str:
    """Quote a value as one word of a shell command."""
    return shlex.quote(str(value))


def as_yaml(value: object, indent: int = 0) -> str:
    """Write a value as YAML: on one line, or, with ``indent``, as a block that far to the right."""
    if not indent:
        text = yaml.safe_dump(value, default_flow_style=True, width=10**6, sort_keys=False)
        return text.removesuffix("...\n").rstrip("\n")
    if not isinstance(value, dict):
        return f"{' ' * indent}{as_yaml(value)}"
    text = yaml.safe_dump(value, default_flow_style=None, width=90, sort_keys=False)
    return "".join(f"{' ' * indent}{line}\n" for line in text.splitlines()).rstrip("\n")
