"""Trainers, seen from the login node: settings to their input, their output to numbers.

A new trainer is a folder here, a folder in ``job/``, and two lines in this file.
"""

from __future__ import annotations

from collections.abc import Mapping
from functools import cache
from typing import Any

from hpctrain.engines.base import Engine
from hpctrain.errors import HpctrainError

NAMES = ("pacemaker", "grace")
# What runs, cards and settings mean that name none: they are of the time when there was one.
DEFAULT = "pacemaker"


@cache
def engine_of(name: str) -> Engine:
    """Return the trainer of a name; HpctrainError where there is none."""
    if name == "pacemaker":
        from hpctrain.engines.pacemaker.engine import PacemakerEngine

        return PacemakerEngine()
    if name == "grace":
        from hpctrain.engines.grace.engine import GraceEngine

        return GraceEngine()
    raise HpctrainError(f"there is no trainer '{name}' (there are: {', '.join(NAMES)})")


def engine_of_settings(training: Mapping[str, Any]) -> Engine:
    """Return the trainer of settings as run.json and cards have them; older ones name none."""
    return engine_of(str(training.get("engine") or DEFAULT))


def engine_of_suffix(suffix: str) -> Engine | None:
    """Return the trainer whose potentials have files of a suffix, best as the potential itself."""
    engines = [engine_of(name) for name in NAMES]
    known = [one for one in engines if suffix in suffixes_of(one)]
    return min(known, key=lambda one: suffixes_of(one).index(suffix), default=None)


def suffixes_of(engine: Engine) -> tuple[str, ...]:
    """Return the suffixes of a trainer's files, the potential itself first."""
    return tuple(artefact.suffix for artefact in engine.artefacts)


def all_suffixes() -> tuple[str, ...]:
    """Return the suffixes of every trainer's files."""
    found = [suffix for name in NAMES for suffix in suffixes_of(engine_of(name))]
    return tuple(dict.fromkeys(found))
