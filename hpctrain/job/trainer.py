"""The trainer's own side of the job: a package beside this file, reached by the engine's name.

``job/NAME/engine.py`` is a module that fulfils :class:`Trainer`; what the checks need of it is in
``job/NAME/potential.py`` (see checks/loader.py). Python 3.8 and later, standard library only.
"""

from __future__ import annotations

import importlib
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any, Dict, Mapping, Protocol, Sequence, Tuple, cast

if TYPE_CHECKING:
    from .gpus import Library

# Settings and requests that name no engine are of the time when there was one.
FIRST = "pacemaker"


@dataclass(frozen=True)
class Step:
    """A program that an attempt runs in its folder; what it prints goes to NAME.out.

    A first word of ``argv`` without a slash is a program of the trainer's environment. ``phase`` is
    what the heartbeat says meanwhile: steps in a row may share one. A step that is not ``needed``
    may fail without harm: the result tells, by the name of its phase, whether there is the file
    that it ``makes``, and if not, why; ``left_out`` says why it is not even tried.
    """

    name: str
    argv: Tuple[str, ...]
    phase: str
    variables: Mapping[str, str] = field(default_factory=dict)
    needed: bool = True
    makes: str = ""
    left_out: str = ""


@dataclass(frozen=True)
class Start:
    """Where an attempt begins: what the trainer is told, and ``facts`` for the result.

    ``message`` is for people. ``steps`` are done before the training.
    """

    arguments: Tuple[str, ...] = ()
    facts: Mapping[str, Any] = field(default_factory=dict)
    message: str = ""
    steps: Tuple[Step, ...] = ()


@dataclass(frozen=True)
class Outcome:
    """A finished potential: what evaluating it told, and its ``files``, the potential itself first.

    ``evaluation`` has ``reference_energies`` (eV by element) and ``shift`` (eV/atom), which the
    checks need, and the errors. A file may be a folder.
    """

    evaluation: Mapping[str, Any]
    files: Tuple[str, ...]


class Trainer(Protocol):
    """What an attempt asks of a trainer, in this order. ``folder`` is the attempt's.

    ``settings`` are those of job/settings.json: the driver's, and the engine's own.
    """

    @property
    def PACKAGES(self) -> Tuple[str, ...]:  # noqa: N802
        """Packages whose versions environment.json tells."""

    @property
    def SETTINGS(self) -> Tuple[str, ...]:  # noqa: N802
        """Its own settings, without which it cannot begin."""

    @property
    def NEWER(self) -> Mapping[str, Any]:  # noqa: N802
        """Its own settings that older versions did not write, and what they are then."""

    def fault(self, settings: Mapping[str, Any]) -> str | None:
        """Say why the trainer cannot work in this environment, or return None. Takes a moment."""

    def imports(self, settings: Mapping[str, Any]) -> str:
        """Return lines of Python that a test job tries: they fail where a training would."""

    def gpu_library(self, settings: Mapping[str, Any]) -> Library | None:
        """Return the library that knows which GPUs the trainer sees; None where it uses none."""

    def before(self, run: Path, settings: Mapping[str, Any]) -> Sequence[Step]:
        """List what is done with the run's data first; of one phase, beside that question."""

    def begin(self, run: Path, folder: Path, attempt: int, settings: Mapping[str, Any]) -> Start:
        """Make the folder ready: from a checkpoint, a parent, or anew; Failure if it cannot be."""

    def chosen(self, run: Path, settings: Mapping[str, Any]) -> Dict[str, Any]:
        """Return what the steps of the start have chosen, for the result."""

    def training(self, run: Path, start: Start, settings: Mapping[str, Any]) -> Step:
        """Return the training itself, whose phase is ``train``."""

    def ask_to_stop(self, folder: Path, pid: int) -> None:
        """Ask the training, a process, to end so that it can go on: once, by a file or a signal.

        OSError is another try a moment later.
        """

    def stopped(self, folder: Path) -> bool:
        """Say whether a training with exit code 0 has ended because it was asked to."""

    def problem(self, folder: Path) -> str | None:
        """Say why a training that ended with exit code 0 is none, or return None."""

    def notes(self, folder: Path) -> Dict[str, Any]:
        """Return what the training has told of itself, for the result: best, stopped."""

    def after(self, run: Path, settings: Mapping[str, Any]) -> Sequence[Step]:
        """List the steps that make a potential of what was trained; then those not needed."""

    def outcome(self, folder: Path) -> Outcome:
        """Return what the needed steps have made."""

    def variant(self, settings: Mapping[str, Any]) -> str | None:
        """Return what was chosen within the trainer: the checks and the card tell it."""

    def iterations(self, folder: Path) -> int | None:
        """Count the iterations of the whole training that are kept; None without a checkpoint."""

    def steps(self, folder: Path) -> int | None:
        """Count the kept steps of a training that goes on within an iteration; None for others."""

    def progress(self, run: Path, done: int | None) -> str:
        """Say how much of the training is done."""

    def explain(self, said: str) -> str:
        """Make the reason for the user of what a step printed last."""


def engine_name(settings: Mapping[str, Any]) -> str:
    """Return the name of the engine, which is also that of its package."""
    return str(settings.get("engine") or FIRST)


def import_module_of(engine: str, module: str) -> Any:
    """Import a module of the engine's package, for example ``engine`` or ``potential``."""
    return importlib.import_module(f".{engine}.{module}", __package__)


def trainer_of(settings: Mapping[str, Any]) -> Trainer:
    """Import the trainer that the settings name."""
    return cast("Trainer", import_module_of(engine_name(settings), "engine"))
