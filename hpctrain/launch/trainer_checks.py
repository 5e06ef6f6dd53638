"""What of the trainer on a site is known before the data are read."""

from __future__ import annotations

import shutil
from pathlib import Path

from hpctrain.engines import engine_of
from hpctrain.errors import HpctrainError
from hpctrain.schedulers.base import Scheduler
from hpctrain.settings import ProjectConfig
from hpctrain.sites.profile import SiteProfile


def check_python(profile: SiteProfile, scheduler: Scheduler, engine: str) -> None:
    """Refuse a trainer's Python that is missing here; of other machines it cannot be known."""
    python, container = profile.trainer.python, profile.trainer.container
    if scheduler.is_this_machine and container is not None:
        _check_container(container, profile.trainer.runtime)
    elif scheduler.is_this_machine and python and shutil.which(python) is None:
        raise HpctrainError(
            f"trainer.python of the site is {python}, which is not a program on this machine",
            f"name the Python of the environment that {engine_of(engine).title} is installed in",
        )


def _check_container(image: str, runtime: str) -> None:
    if shutil.which(runtime) is None:
        raise HpctrainError(
            f"trainer.runtime of the site is {runtime}, which is not a program on this machine",
            "install it, or name the other: apptainer or singularity",
        )
    if "://" not in image and not Path(image).exists():
        raise HpctrainError(
            f"trainer.container of the site is {image}, which is not on this machine",
            "name the whole path of the image",
        )


def check_walltime(profile: SiteProfile, scheduler: Scheduler, notes: list[str]) -> None:
    """Refuse, or note, that a job which cannot know when it ends is killed in the middle."""
    if profile.walltime is not None or scheduler.tells_the_end or scheduler.is_this_machine:
        return
    if profile.continuation != "manual":
        raise HpctrainError(
            f"continuation: {profile.continuation} needs a walltime: {scheduler.name} does not "
            "tell a job when it will end",
            "set walltime in the site, or add --walltime HH:MM:SS",
        )
    notes.append(
        f"no walltime: {scheduler.name} does not tell a job when it will end, so the training is "
        "killed there, and goes on from its last checkpoint; --walltime lets it end in time"
    )


def choose_evaluator(config: ProjectConfig, profile: SiteProfile, notes: list[str]) -> str:
    """Return what computes energies and forces in the training; the notes learn why."""
    own = profile.trainer.python is None and profile.trainer.container is None
    evaluator, said = engine_of(config.training.engine).choose_evaluator(
        config.training, profile.trainer.evaluator, own=own
    )
    notes += said
    return evaluator
