"""JSON held against the TypedDict that says what is in it."""

from __future__ import annotations

import types
from collections.abc import Iterator, Mapping
from typing import Any, Literal, Union, get_args, get_origin, get_type_hints, is_typeddict


def mismatches(kind: Any, value: Any, name: str = "") -> list[str]:
    """List what of a JSON value is not as its type says: wrong kinds, and keys of other names."""
    return list(_walk(kind, value, name))


def _walk(kind: Any, value: Any, name: str) -> Iterator[str]:
    origin = get_origin(kind)
    if kind is Any:
        return
    if is_typeddict(kind):
        yield from _walk_typed_dict(kind, value, name)
    elif origin in (Union, types.UnionType):
        if all(mismatches(one, value) for one in get_args(kind)):
            yield f"{name}: {value!r} is not one of {kind}"
    elif origin is Literal:
        if value not in get_args(kind):
            yield f"{name}: {value!r} is not one of {kind}"
    elif origin is list:
        if not isinstance(value, list):
            yield f"{name}: {value!r} is not a list"
            return
        for number, item in enumerate(value):
            yield from _walk(get_args(kind)[0], item, f"{name}[{number}]")
    elif origin is dict or (isinstance(origin, type) and issubclass(origin, Mapping)):
        if not isinstance(value, dict):
            yield f"{name}: {value!r} is no object"
            return
        for key, item in value.items():
            yield from _walk(get_args(kind)[1], item, f"{name}.{key}")
    elif kind is float:
        if isinstance(value, bool) or not isinstance(value, (int, float)):
            yield f"{name}: {value!r} is not a number"
    elif not isinstance(value, kind):
        yield f"{name}: {value!r} is not {kind.__name__}"


def _walk_typed_dict(kind: Any, value: Any, name: str) -> Iterator[str]:
    if not isinstance(value, dict):
        yield f"{name}: {value!r} is no object"
        return
    hints = get_type_hints(kind)
    yield from (f"{name}.{key} is missing" for key in sorted(kind.__required_keys__ - set(value)))
    for key, item in value.items():
        if key not in hints:
            yield f"{name}.{key} is not in {kind.__name__}"
        else:
            yield from _walk(hints[key], item, f"{name}.{key}")
