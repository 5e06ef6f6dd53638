"""Which Python of this machine has the trainer, for everything that is computed here."""

from __future__ import annotations

import shutil
import sys
from collections.abc import Iterable

from hpctrain.engines.base import Engine
from hpctrain.errors import HpctrainError
from hpctrain.potentials.card import Card
from hpctrain.process import Run as RunProgram
from hpctrain.project import Project
from hpctrain.sites import load


def find_trainer(
    project: Project | None, engine: Engine, cards: Iterable[Card], program: RunProgram
) -> str:
    """Return the first Python of this machine that can load a trainer's potentials.

    Tried are that of the site ``local``, those that the potentials of the cards were trained
    with, and hpctrain's own. HpctrainError says why none of them can.
    """
    local = load.load("local", project.folder if project else None).profile.trainer
    named = [None if local.container else local.python]
    named += map(_python_of, cards)
    faults = []
    for python in dict.fromkeys([*filter(None, named), sys.executable]):
        fault = _fault(python, engine, program)
        if fault is None:
            return python
        faults.append(f"{python}: {fault}")
    raise HpctrainError(
        f"the trainer is not on this machine ({'; '.join(faults)})",
        f"name a Python that {engine.title} is installed in: trainer.python of the site local",
    )


def _python_of(card: Card) -> str | None:
    """Return the Python that a potential was trained with, where its card says so."""
    trainer = card["run"]["site"]["profile"].get("trainer")
    if not isinstance(trainer, dict) or trainer.get("container") is not None:
        return None  # a Python inside a container is none of this machine's
    python = trainer.get("python")
    return python if isinstance(python, str) else None


def _fault(python: str, engine: Engine, program: RunProgram) -> str | None:
    """Say why a Python cannot load potentials; None if it can."""
    if shutil.which(python) is None:
        return "not on this machine"
    reply = program((python, "-c", f"import {', '.join(engine.modules)}"))
    if reply.code == 0:
        return None
    said = (reply.problem or reply.err.strip()).splitlines()
    return said[-1] if said else f"exit code {reply.code}"
