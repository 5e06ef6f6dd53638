"""YAML that people write: read safely, refused with file, line and key, and merged."""

from __future__ import annotations

import difflib
import os
import stat
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar, get_args, get_origin

import yaml

from hpctrain.errors import HpctrainError
from hpctrain.files import open_at_once

if TYPE_CHECKING:
    from pydantic import BaseModel, ValidationError
    from pydantic.fields import FieldInfo
    from pydantic_core import ErrorDetails

    Model = TypeVar("Model", bound=BaseModel)


# A file that people write has a few hundred values; its aliases repeat some of them.
MOST_BYTES, MOST_VALUES, DEEPEST = 4 << 20, 100_000, 50
# Of what was written, in a message about it.
LONGEST_SHOWN = 100
# Of the names that there are, when the one that was written is not among them.
MOST_NAMED = 5


class _UniqueKeys:
    """A loader that refuses equal keys: PyYAML keeps the last of them without a word."""

    def construct_mapping(self, node: yaml.MappingNode, deep: bool = False) -> dict[Any, Any]:
        seen: set[str] = set()
        for key, _ in node.value:
            if not isinstance(key, yaml.ScalarNode) or key.value == "<<":
                continue
            if key.value in seen:
                raise yaml.constructor.ConstructorError(
                    None, None, f"the key '{key.value}' appears twice", key.start_mark
                )
            seen.add(key.value)
        mapping: dict[Any, Any] = super().construct_mapping(node, deep)  # type: ignore[misc]
        return mapping


class _Loader(_UniqueKeys, yaml.SafeLoader):
    """The loader with the best messages."""


class _FastLoader(_UniqueKeys, getattr(yaml, "CSafeLoader", yaml.SafeLoader)):  # type: ignore[misc]
    """A loader ten times as fast, where PyYAML was built with libyaml."""


def read_mapping(path: Path) -> dict[str, Any]:
    """Read the mapping in a YAML file; HpctrainError names the file and the line of a mistake."""
    text = _read_text(path)
    try:
        content = parse_yaml(text)
    except yaml.MarkedYAMLError as error:
        line = error.problem_mark.line + 1 if error.problem_mark else "?"
        raise HpctrainError(f"{path}, line {line}: {error.problem}") from error
    except (yaml.YAMLError, ValueError) as error:  # ValueError: a date that cannot be
        raise HpctrainError(f"{path} is not YAML: {error}") from error
    if content is None:
        return {}
    if not isinstance(content, dict):
        raise HpctrainError(f"{path} must contain keys and values, not {type(content).__name__}")
    return content


def _read_text(path: Path) -> str:
    """Read a file that people write, which may be a link; HpctrainError if it cannot be one."""
    reason = "it is not UTF-8 text"
    try:
        with open(path, "rb", opener=open_at_once) as file:
            if stat.S_ISREG(os.fstat(file.fileno()).st_mode):
                content = file.read(MOST_BYTES + 1)
                if len(content) <= MOST_BYTES:
                    return content.decode("utf-8")
                reason = f"it is longer than {MOST_BYTES >> 20} MB"
            else:
                reason = "it is not a regular file"
    except UnicodeDecodeError:
        pass
    except OSError as error:
        reason = str(error.strerror)
    raise HpctrainError(f"{path} cannot be read: {reason}")


def parse_yaml(text: str) -> Any:
    """Parse YAML within the limits; yaml.YAMLError, or ValueError for a date that cannot be."""
    try:
        _check_limits(text, _FastLoader)
        return yaml.load(text, _FastLoader)  # noqa: S506  a SafeLoader
    except (yaml.YAMLError, ValueError):
        _check_limits(text, _Loader)
        return yaml.load(text, _Loader)  # noqa: S506


def _check_limits(text: str, loader: Any) -> None:
    """Raise ComposerError for nesting without end, and for aliases that stand for too much.

    Each alias counts as all that it stands for: a few lines of aliases of aliases are more values
    than any memory holds. Nothing is made of the text yet.
    """
    count, sizes, inside = 0, dict[str, int](), list[tuple[str | None, int]]()
    for event in yaml.parse(text, loader):
        if isinstance(event, yaml.AliasEvent):
            count += sizes.get(str(event.anchor), 1)
        elif isinstance(event, yaml.ScalarEvent):
            count += 1
            if event.anchor:
                sizes[event.anchor] = 1
        elif isinstance(event, yaml.CollectionStartEvent):
            inside.append((event.anchor, count))
            count += 1
        elif isinstance(event, yaml.CollectionEndEvent):
            anchor, before = inside.pop()
            if anchor:
                sizes[anchor] = count - before
        problem = None
        if len(inside) > DEEPEST:
            problem = "it is nested too deeply"
        elif count > MOST_VALUES:
            problem = f"it has more than {MOST_VALUES} values, with what its aliases stand for"
        if problem:
            mark: Any = event.start_mark
            raise yaml.composer.ComposerError(None, None, problem, mark)


def merge(below: dict[str, Any], above: dict[str, Any]) -> dict[str, Any]:
    """Put ``above`` on top of ``below``: mappings key by key, everything else replaced."""
    result = dict(below)
    for key, value in above.items():
        if isinstance(value, dict) and isinstance(result.get(key), dict):
            result[key] = merge(result[key], value)
        else:
            result[key] = value
    return result


def validate(model: type[Model], content: dict[str, Any], source: Path | str) -> Model:
    """Return ``content`` as a record; HpctrainError lists everything that is wrong with it.

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
    """Describe each wrong key in a line; a key that several types refuse is named once."""
    lines: dict[str, str] = {}
    details = error.errors(include_url=False)
    for detail in details:
        path = _key_path(model, detail["loc"])
        name = ".".join(path)
        place = f"{source}{_line(source, path)}"
        said = _in_words(model, path, detail)
        if name in lines:
            lines[name] += f", or: {said.partition(' (it is ')[0]}"
        else:
            lines[name] = f"{place}: {name}: {said}" if name else f"{place}: {said}"
    return list(lines.values())


def _key_path(model: type[BaseModel], location: Sequence[int | str]) -> list[str]:
    """Return the keys of the file, without pydantic's marks for the members of a union."""
    path: list[str] = []
    inside: type[BaseModel] | dict[str, type[BaseModel]] | None = model
    for part in location:
        if path and inside is None:
            break
        path.append(str(part))
        inside = _record_at(inside, str(part))
    return path


def _record_at(
    holder: type[BaseModel] | dict[str, type[BaseModel]] | None, key: str
) -> type[BaseModel] | dict[str, type[BaseModel]] | None:
    """Return the record that a key holds, or ``{"": record}`` for records under any names."""
    if isinstance(holder, dict):
        return holder[""]
    field = getattr(holder, "model_fields", {}).get(key)
    if field is None:
        return None
    types = [field.annotation, *get_args(field.annotation)]
    record: type[BaseModel] | None = next((t for t in types if hasattr(t, "model_fields")), None)
    named = get_origin(field.annotation) is dict
    return {"": record} if record is not None and named else record


# In place of pydantic's own words, which are for programmers.
_MUST_BE = {
    "model_type": "must have keys of its own below it",
    "dict_type": "must have keys of its own below it",
    "list_type": "must be a list",
    "string_type": "must be text",
    "float_type": "must be a number",
    "float_parsing": "must be a number",
    "int_type": "must be a whole number",
    "int_parsing": "must be a whole number",
    "int_from_float": "must be a whole number",
}


def _in_words(model: type[BaseModel], path: list[str], detail: ErrorDetails) -> str:
    if detail["type"] == "extra_forbidden":
        return "there is no such key" + nearest(path[-1], list(fields_beside(model, path)))
    if detail["type"] == "missing":
        return "this key is required"
    if detail["type"] == "string_type" and isinstance(detail["input"], (bool, int, float)):
        return f"must be text; write it in quotes (it is {_shown(detail['input'])})"
    message = detail["msg"].removeprefix("Value error, ")
    said = f"{message[0].lower()}{message[1:]}".replace("input should be", "must be", 1)
    said = _MUST_BE.get(detail["type"], said)
    if detail["input"] is None and not detail["type"].endswith("_type"):
        return said  # it is missing, and not wrong
    shown = _shown(detail["input"])
    # What is wrong with a record as a whole is named in the message.
    whole = not path or (detail["type"] == "value_error" and isinstance(detail["input"], dict))
    return said if whole or shown in said else f"{said} (it is {shown})"


def _shown(value: object) -> str:
    """Show what was written, but not more of it than helps."""
    if isinstance(value, int) and value.bit_length() > 200:
        return f"a number of about {int(value.bit_length() * 0.30103) + 1} digits"
    text = repr(value)
    return text if len(text) <= LONGEST_SHOWN else f"{text[:LONGEST_SHOWN]}…"


def fields_beside(model: type[BaseModel], path: Sequence[str]) -> dict[str, FieldInfo]:
    """Return the keys that can stand where the last part of a path does, with their fields."""
    inside: type[BaseModel] | dict[str, type[BaseModel]] | None = model
    for part in path[:-1]:
        inside = _record_at(inside, part)
    return dict(getattr(inside, "model_fields", {}))


def nearest(word: str, choices: Sequence[str]) -> str:
    """Return `` (did you mean …?)``; if nothing is like the word, at most five there are."""
    known = sorted(choices)
    likeness = {choice: _likeness(word.casefold(), choice.casefold()) for choice in known}
    known.sort(key=lambda choice: -likeness[choice])
    close = [choice for choice in known if likeness[choice] >= max(0.6, likeness[known[0]] - 0.1)]
    if close:
        *others, last = (f"'{choice}'" for choice in close[:MOST_NAMED])
        return f" (did you mean {', '.join(others) + ' or ' if others else ''}{last}?)"
    if len(known) > MOST_NAMED:
        return f" (of {len(known)}, the nearest: {', '.join(known[:MOST_NAMED])})"
    return f" (there are: {', '.join(sorted(known))})" if known else ""


def _likeness(word: str, choice: str) -> float:
    """Return how much alike two names are, from 0 to 1; a beginning of it is nearly all of it."""
    if len(word) > 1 and choice.startswith(word):
        return 0.99
    return difflib.SequenceMatcher(None, word, choice).ratio()


def _line(source: Path | str, path: Sequence[str]) -> str:
    """Return ``, line N`` for a key in a file, as far down its path as the file goes."""
    if not isinstance(source, Path):
        return ""
    node: yaml.Node | None = yaml.compose(_read_text(source), _Loader)
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
