"""YAML written by people: read safely, refused with file, line, key and the nearest valid one."""

from __future__ import annotations

import difflib
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

import yaml

from hpctrain.errors import HpctrainError

if TYPE_CHECKING:
    from pydantic import BaseModel, ValidationError
    from pydantic_core import ErrorDetails

    Model = TypeVar("Model", bound=BaseModel)


class _UniqueKeys(yaml.SafeLoader):
    """PyYAML keeps the last of two equal keys without a word; a settings file must not."""

    def construct_mapping(self, node: yaml.MappingNode, deep: bool = False) -> dict[Any, Any]:
        seen: set[str] = set()
        for key, _ in node.value:
            if not isinstance(key, yaml.ScalarNode) or key.value == "<<":
                continue
            if key.value in seen:
                raise yaml.constructor.ConstructorError(
                    None, None, f"the key '{key.value}' stands here twice", key.start_mark
                )
            seen.add(key.value)
        return super().construct_mapping(node, deep)


def read_mapping(path: Path) -> dict[str, Any]:
    """The mapping in a YAML file; HpctrainError names the file and line of what is wrong."""
    try:
        text = path.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        reason = error.strerror if isinstance(error, OSError) else "it is not UTF-8 text"
        raise HpctrainError(f"{path} cannot be read: {reason}") from error
    try:
        content = yaml.load(text, _UniqueKeys)  # noqa: S506  a SafeLoader
    except yaml.MarkedYAMLError as error:
        line = error.problem_mark.line + 1 if error.problem_mark else "?"
        raise HpctrainError(f"{path}, line {line}: {error.problem}") from error
    except (yaml.YAMLError, ValueError) as error:  # ValueError: a date that cannot be
        raise HpctrainError(f"{path} is not YAML: {error}") from error
    if content is None:
        return {}
    if not isinstance(content, dict):
        raise HpctrainError(f"{path} must hold keys and values, not {type(content).__name__}")
    return content


def validated(model: type[Model], content: dict[str, Any], source: Path | str) -> Model:
    """``content`` as a record; HpctrainError lists everything that is wrong with it.

    ``source`` is the file it came from (lines are looked up there), or a description.
    """
    from pydantic import ValidationError

    try:
        return model.model_validate(content)
    except ValidationError as error:
        problems = _problems(model, error, source)
        raise HpctrainError(
            problems[0] if len(problems) == 1 else "\n".join([f"{source}:", *problems])
        ) from error


def _problems(model: type[BaseModel], error: ValidationError, source: Path | str) -> list[str]:
    """One line per wrong key; a key that several types refuse is named once."""
    lines: dict[str, str] = {}
    details = error.errors(include_url=False)
    for detail in details:
        path = _key_path(model, detail["loc"])
        name = ".".join(path)
        place = f"{source}{_line(source, path)}"
        said = _in_words(model, path, detail)
        if name in lines:
            lines[name] += f", or: {said}"
        else:
            lines[name] = f"{place}: {name}: {said}"
    return list(lines.values())


def _key_path(model: type[BaseModel], location: Sequence[int | str]) -> list[str]:
    """The keys of the file; pydantic's marks for the members of a union are left out."""
    path: list[str] = []
    fields: dict[str, Any] = model.model_fields
    for part in location:
        if path and not fields:
            break
        path.append(str(part))
        field = fields.get(str(part))
        fields = getattr(field.annotation, "model_fields", {}) if field else {}
    return path


def _in_words(model: type[BaseModel], path: list[str], detail: ErrorDetails) -> str:
    if detail["type"] == "extra_forbidden":
        return "there is no such key" + nearest(path[-1], _keys_beside(model, path))
    if detail["type"] == "missing":
        return "this key is required"
    if detail["type"] == "string_type" and isinstance(detail["input"], (bool, int, float)):
        return f"must be text; write it in quotes (it is {detail['input']!r})"
    message = detail["msg"].removeprefix("Value error, ")
    return f"{message[0].lower()}{message[1:]} (it is {detail['input']!r})"


def _keys_beside(model: type[BaseModel], path: Sequence[str]) -> list[str]:
    for part in path[:-1]:
        field = model.model_fields.get(part)
        model = getattr(field, "annotation", None) or model
    return list(getattr(model, "model_fields", {}))


def nearest(word: str, choices: Sequence[str]) -> str:
    """`` (did you mean …?)``, or what there is to choose from."""
    close = difflib.get_close_matches(word, choices, n=1, cutoff=0.5)
    if close:
        return f" (did you mean '{close[0]}'?)"
    return f" (there are: {', '.join(sorted(choices))})" if choices else ""


def _line(source: Path | str, path: Sequence[str]) -> str:
    """`` line N`` of a key in a file, as far down the path as it goes."""
    if not isinstance(source, Path):
        return ""
    node: yaml.Node | None = yaml.compose(source.read_text(encoding="utf-8"), yaml.SafeLoader)
    line = None
    for part in path:
        if not isinstance(node, yaml.MappingNode):
            break
        for key, value in node.value:
            if key.value == part:
                line, node = key.start_mark.line + 1, value
                break
        else:
            break
    return f", line {line}" if line else ""
