"""The words of a job script that put the trainer into its container."""

from __future__ import annotations

from pathlib import Path

from hpctrain.errors import HpctrainError
from hpctrain.sites.hardware import gpu_maker
from hpctrain.sites.profile import SiteProfile

# Intel's GPUs are devices like any other.
_GPU_OPTIONS = {"NVIDIA": ["--nv"], "AMD": ["--rocm"], "Intel": []}
# Packages of the home folder, which the container sees, are not those of the image.
ENVIRONMENT = {"PYTHONNOUSERSITE": "1"}


def container_words(profile: SiteProfile, folder: Path) -> list[str]:
    """Return the words before the trainer's command; none where it is in no container.

    The container sees the run's ``folder`` and what the profile binds, and the GPUs if any are
    asked for. Raises HpctrainError where the folder's path cannot be bound.
    """
    trainer = profile.trainer
    if trainer.container is None:
        return []
    if "," in str(folder) or ":" in str(folder):
        raise HpctrainError(
            f"{folder} has a comma or a colon, and {trainer.runtime} cannot bind such a folder",
            "move the project to a folder without",
        )
    words = [trainer.runtime, "exec"]
    if profile.gpus or profile.require_gpu:
        words += _GPU_OPTIONS[gpu_maker(profile.node.gpu) or "NVIDIA"]
    for bind in (str(folder), *trainer.binds):
        words += ["--bind", bind]
    return [*words, "--pwd", str(folder), trainer.container]
