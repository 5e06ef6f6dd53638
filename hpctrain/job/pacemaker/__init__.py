"""Pacemaker's side of the job: an :class:`~..trainer.Trainer`, and a loader for the checks."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from ..checks.loader import Loader
    from ..trainer import Trainer
    from . import engine, potential

    # A type checker sees here whether they are.
    trainer: Trainer = engine
    loader: Loader = potential
