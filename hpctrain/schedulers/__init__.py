"""The schedulers that hpctrain can speak to, by the name that a site's profile gives them."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from hpctrain.errors import HpctrainError
from hpctrain.schedulers.base import Scheduler


def scheduler_of(name: str, queue: Path, clusters: str | None = None) -> Scheduler:
    """Return the translator for a profile's ``scheduler``.

    ``queue`` is the folder of the site local; the practice clusters have theirs beside it.
    ``clusters`` are the clusters of a Slurm that have to be named to be asked, joined by commas.
    """
    if name == "local":
        from hpctrain.schedulers.local import LocalScheduler

        return LocalScheduler(str(queue))
    if name == "slurm":
        from hpctrain.schedulers.slurm.scheduler import SlurmScheduler

        return SlurmScheduler(clusters)
    if name == "pbs":
        from hpctrain.schedulers.pbs.scheduler import PbsScheduler

        return PbsScheduler()
    if name in ("practice-slurm", "practice-pbs"):
        from hpctrain.schedulers.practice import PracticeScheduler

        real = scheduler_of(name.removeprefix("practice-"), queue)
        return PracticeScheduler(real, str(queue.with_name(f".{name}")))
    raise HpctrainError(
        f"there is no scheduler '{name}' (there are: local, slurm, pbs, practice-slurm, "
        "practice-pbs)"
    )


def scheduler_for(name: str, queue: Path, directives: Sequence[str]) -> Scheduler:
    """Return the translator for a profile, with the clusters that its extra directives name."""
    clusters = scheduler_of(name, queue).clusters_named(directives)
    return scheduler_of(name, queue, clusters)
