"""The schedulers hpctrain can speak to, by the name that a site profile gives them."""

from __future__ import annotations

from pathlib import Path

from hpctrain.errors import HpctrainError
from hpctrain.schedulers.base import Scheduler


def scheduler_of(name: str, queue: Path) -> Scheduler:
    """The translator for a profile's ``scheduler``; ``queue`` is the folder of the site local."""
    if name == "local":
        from hpctrain.schedulers.local import LocalScheduler

        return LocalScheduler(str(queue))
    if name == "slurm":
        from hpctrain.schedulers.slurm import SlurmScheduler

        return SlurmScheduler()
    raise HpctrainError(f"there is no scheduler '{name}' (there are: local, slurm)")
