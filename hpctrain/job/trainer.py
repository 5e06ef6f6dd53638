"""The trainer's own side of the job: a package beside this file, reached by the engine's name.

Python 3.8 and later, standard library only.
"""

from __future__ import annotations

import importlib
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Dict, Mapping, Tuple

# Settings that do not name an engine are of the time when there was one.
PACEMAKER = "pacemaker"


@dataclass(frozen=True)
class Start:
    """Where an attempt begins: what the trainer is told, and what the result tells.

    ``message`` is for people. ``parent`` is the potential that start.yaml, one of the
    ``arguments``, is to be made from first.
    """

    arguments: Tuple[str, ...] = ()
    facts: Dict[str, Any] = field(default_factory=dict)
    message: str = ""
    parent: Path | None = None


def engine_name(settings: Mapping[str, Any]) -> str:
    """Return the name of the engine, which is also that of its package."""
    return str(settings.get("engine") or PACEMAKER)


def import_module_of(engine: str, module: str) -> Any:
    """Import a module of the engine's package, for example ``engine`` or ``potential``."""
    return importlib.import_module(f".{engine}.{module}", __package__)
