"""What differs between runs that are shown one below the other. Pure."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

import orjson

from hpctrain.runs.manifest import SIDES, Manifest

# In a cell of a table: the value of a long list or path says little there.
_LONGEST = 12
_OVERRIDES = "training.overrides."


@dataclass(frozen=True)
class Change:
    """One setting that is another one than in the run before."""

    key: str
    was: Any
    now: Any


def asked_for(manifest: Manifest) -> str:
    """Return what was asked for, as JSON: settings by their whole names, data, and parents."""
    settings, data = manifest["settings"], manifest["dataset"]
    flat = {f"training.{key}": value for key, value in settings["training"].items()}
    flat |= _flat("training.overrides", flat.pop("training.overrides", None) or {})
    flat |= {f"data.{key}": value for key, value in settings["data"].items()}
    sides = [data[side] for side in SIDES]
    flat["data.structures"] = sum(side["structures"] for side in sides if side is not None)
    flat["data.rows"] = data["rows_fingerprint"]
    flat["from"] = ", ".join(parent["name"] for parent in manifest.get("parents", [])) or None
    flat["evaluator"] = manifest["evaluator"]
    return json.dumps(flat, separators=(",", ":"), ensure_ascii=False)


def changes(before: str, now: str) -> list[Change]:
    """List what differs between two runs; settings that only one version has are left out."""
    if before == now or not before or not now:
        return []
    one, other = _parse(before), _parse(now)
    found = [
        Change(key, one.get(key), other.get(key))
        for key in [*other, *(key for key in one if key not in other)]
        if one.get(key) != other.get(key)
        and ((key in one and key in other) or key.startswith(_OVERRIDES))
    ]
    # Which rows they are is said by their number, where that tells them apart.
    if any(change.key == "data.structures" for change in found):
        found = [change for change in found if change.key != "data.rows"]
    return found


@lru_cache(maxsize=2)  # each run is compared with the one before it, and with the one after it
def _parse(asked: str) -> dict[str, Any]:
    settings: dict[str, Any] = orjson.loads(asked)
    return settings


def in_words(found: list[Change]) -> str:
    """Write a change in a few words, and how many more there are: ``cutoff 6 → 5.5 +2``."""
    if not found:
        return ""
    first, more = found[0], f" +{len(found) - 1}" if len(found) > 1 else ""
    key = first.key.removeprefix("training.").removeprefix("data.").removeprefix("overrides.")
    if first.key == "data.rows":
        return f"other rows{more}"
    return f"{key} {_short(first.was)} → {_short(first.now)}{more}"


def _flat(prefix: str, value: Mapping[str, Any]) -> dict[str, Any]:
    flat: dict[str, Any] = {}
    for key, inner in value.items():
        name = f"{prefix}.{key}"
        flat |= _flat(name, inner) if isinstance(inner, dict) else {name: inner}
    return flat


def _short(value: Any) -> str:
    if value is None:
        return "none"
    if isinstance(value, float):
        return f"{value:g}"
    text = value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)
    return text if len(text) <= _LONGEST else f"{text[: _LONGEST - 1]}…"
