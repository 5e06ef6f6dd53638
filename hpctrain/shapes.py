"""JSON compared with the type that says what it holds: kinds, keys that must be there, and bounds.

The types are TypedDicts and dataclasses, as mypy reads them. ``Annotated`` adds the bounds that a
type alone cannot say. Keys that a type does not have are left alone: newer versions write more.
"""

from __future__ import annotations

import re
import types
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, fields, is_dataclass
from datetime import datetime
from functools import cache
from typing import (
    Annotated,
    Any,
    Literal,
    Union,
    get_args,
    get_origin,
    get_type_hints,
    is_typeddict,
)

# Says what is wrong with a value, as in ``.site.name is no text``; None if nothing is.
Check = Callable[[Any], "str | None"]

# No energy, loss or count of a training is near it; what is beyond was never measured.
LARGEST = 1e100
LARGEST_INTEGER = 2**63


@dataclass(frozen=True)
class Limit:
    """A bound on a value of the right kind; ``words`` finish a sentence: ``is no time``."""

    within: Callable[[Any], bool]
    words: str


@dataclass(frozen=True)
class Holds:
    """The keys of a mapping that are read here, as a TypedDict; it may hold others."""

    shape: Any


def between(low: float, high: float) -> Limit:
    """Return the limit of a number, both ends included."""
    return Limit(lambda value: low <= value <= high, f"is not between {low:g} and {high:g}")


def like(pattern: str, words: str) -> Limit:
    """Return the limit of a text that matches a regular expression as a whole."""
    matches = re.compile(pattern).fullmatch
    return Limit(lambda value: matches(value) is not None, words)


def _is_time(text: str) -> bool:
    try:
        moment = datetime.fromisoformat(text)
    except ValueError:
        return False
    return 1970 < moment.year < 9999


# Seconds since the epoch; the year is below 9999.
Seconds = Annotated[float, between(0, 2e11)]
# Seconds that something took.
Duration = Annotated[float, between(0, 1e10)]
# ISO 8601, as files.now() writes it.
Time = Annotated[str, Limit(_is_time, "is not a time")]
AttemptNumber = Annotated[int, between(1, 9999)]
Count = Annotated[int, between(0, 1e15)]
# It becomes an argument of the scheduler's programs, and part of a file's name.
JobId = Annotated[str, like(r"[0-9A-Za-z][^\s/\x00-\x20\x7f]{0,199}", "is not a job id")]
# It becomes an option of the scheduler's programs; several may be named, with commas.
ClusterName = Annotated[str, like(r"(?!-)[^\x00-\x20\x7f]{0,1000}", "is not the name of a cluster")]
# A file in a folder that is known, and a folder in it: never a way out.
FileName = Annotated[str, like(r"(?!\.)[^/\x00-\x1f\x7f]{1,255}", "is not the name of a file")]
SchedulerName = Literal["local", "slurm", "pbs", "practice-slurm", "practice-pbs"]
# Of a run, where the user has given one; also an argument of commands.
RunName = Annotated[str, like(r"[A-Za-z0-9][A-Za-z0-9._-]{0,59}", "is not a name of a run")]
Sha256 = Annotated[str, like(r"[0-9a-f]{64}", "is not a SHA-256")]
PotentialName = Annotated[str, like(r"potential_gen_[0-9]{2,6}(_r[0-9]{1,6})?",
                                    "is not the name of a potential")]  # fmt: skip


def misfit(content: object, shape: Any) -> str | None:
    """Say what of a JSON value is not as its type says, by its keys; None if all of it is."""
    return _check_of(shape)(content)


@cache
def _check_of(shape: Any) -> Check:
    origin, inner = get_origin(shape), get_args(shape)
    if shape is Any or shape is object:
        return lambda _: None
    if is_typeddict(shape):
        return _record(shape, shape.__required_keys__)
    if is_dataclass(shape):
        return _record(shape, [field.name for field in fields(shape)])
    if origin is Annotated:
        return _bounded(inner[0], inner[1:])
    if origin in (Union, types.UnionType):
        return _one_of([_check_of(one) for one in inner])
    if origin is Literal:
        words = f" is not one of {', '.join(map(str, inner))}"
        return lambda value: None if value in inner else words
    if origin is list:
        return _list(_check_of(inner[0]))
    if isinstance(origin, type) and issubclass(origin, Mapping):
        return _mapping(_check_of(inner[1]))
    return _PLAIN[shape]


def _integer(value: Any) -> str | None:
    if type(value) is not int:
        return " is not a whole number"
    return None if -LARGEST_INTEGER < value < LARGEST_INTEGER else " is too large a number"


def _number(value: Any) -> str | None:
    if type(value) not in (int, float):
        return " is not a number"
    return None if -LARGEST < value < LARGEST else " is too large a number"


_PLAIN: dict[Any, Check] = {
    str: lambda value: None if type(value) is str else " is not text",
    bool: lambda value: None if type(value) is bool else " is neither true nor false",
    int: _integer,
    float: _number,
    type(None): lambda value: None if value is None else " is not null",
}


def _record(shape: Any, keys: Iterable[str]) -> Check:
    hints = get_type_hints(shape, include_extras=True)
    required = tuple(sorted(keys))
    checks = [(key, _check_of(kind)) for key, kind in hints.items()]

    def check(value: Any) -> str | None:
        if type(value) is not dict:
            return " is not a mapping of keys to values"
        for key in required:
            if key not in value:
                return f".{key} is missing"
        for key, inner in checks:
            if key in value and (problem := inner(value[key])) is not None:
                return f".{key}{problem}"
        return None

    return check


def _bounded(kind: Any, bounds: tuple[Any, ...]) -> Check:
    plain = _check_of(kind)
    held = [_check_of(bound.shape) for bound in bounds if isinstance(bound, Holds)]
    limits = [bound for bound in bounds if isinstance(bound, Limit)]

    def check(value: Any) -> str | None:
        problem = plain(value)
        for inner in held:
            problem = problem or inner(value)
        if problem is None:
            for limit in limits:
                if not limit.within(value):
                    return f" {limit.words}"
        return problem

    return check


def _one_of(checks: list[Check]) -> Check:
    def check(value: Any) -> str | None:
        problem = None
        for inner in checks:
            found = inner(value)
            if found is None:
                return None
            problem = problem or found
        return problem

    return check


def _list(inner: Check) -> Check:
    def check(value: Any) -> str | None:
        if type(value) is not list:
            return " is not a list"
        for number, item in enumerate(value):
            if (problem := inner(item)) is not None:
                return f"[{number}]{problem}"
        return None

    return check


def _mapping(inner: Check) -> Check:
    def check(value: Any) -> str | None:
        if type(value) is not dict:
            return " is not a mapping of keys to values"
        for key, item in value.items():
            if (problem := inner(item)) is not None:
                return f".{key[:40]}{problem}"
        return None

    return check
