"""Trainers, seen from the login node: settings to their input, their output to numbers.

A new trainer is a folder here, a folder in ``job/``, and two lines in this file.
"""

from __future__ import annotations

from functools import cache

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
