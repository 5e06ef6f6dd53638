"""What a job asks for, added up, and what it costs at most. Pure."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from hpctrain.sites.profile import SiteProfile


@dataclass(frozen=True)
class Demand:
    """A job in numbers; None: the site decides, and its profile does not say how.

    ``memory_mb`` is MiB on one node. ``seconds`` is the walltime. Cores are cores, also where the
    scheduler counts hardware threads.
    """

    nodes: int
    cores: int | None
    gpus: int
    memory_mb: float | None
    seconds: int | None


@dataclass(frozen=True)
class Cost:
    """The most that a training costs, with all attempts that follow by themselves.

    ``hours`` are core-hours, or GPU-hours (``of``: "core" or "gpu"), of what the job holds;
    ``units`` is what the centre charges, in its own ``unit``. None: not known, and ``unknown`` says
    why.
    """

    of: str
    hours: float | None
    attempts: int
    units: float | None = None
    unit: str | None = None
    unknown: str | None = None

    def words(self) -> str:
        """Write the cost in a line."""
        if self.hours is None:
            return f"unknown: {self.unknown}"
        what = {"gpu": "GPU-hours", "core": "core-hours"}[self.of]
        text = f"at most {_number(self.hours)} {what}"
        if self.units == 0:
            text += ", not charged"
        elif self.units is not None:
            text += f", charged as {_number(self.units)} {self.unit or 'units'}"
        return text if self.attempts == 1 else f"{text} in {self.attempts} attempts"


def _number(value: float) -> str:
    return f"{value:,.0f}" if value >= 100 else f"{value:.3g}"


def threads_per_core(site: SiteProfile) -> int:
    """Return how many of the scheduler's CPUs a core is: more than 1 where it counts threads."""
    cores, threads = site.node.cores, site.node.threads
    return threads // cores if cores and threads and threads > cores else 1


def demand(site: SiteProfile) -> Demand:
    """Add up what the profile (of one target) asks for."""
    from hpctrain.fields import walltime_seconds
    from hpctrain.sites.words import megabytes

    nodes = site.nodes or 1
    tasks = site.tasks or 1
    cores = site.cores * tasks if site.cores is not None else None
    memory = megabytes(site.memory) if site.memory is not None else None
    if memory is not None and site.memory_style == "mem-per-cpu":
        memory *= (cores or 1) * threads_per_core(site) / nodes
    if memory is not None and site.memory_style == "mem-per-gpu":
        memory *= max(site.gpus, 1) / nodes
    walltime = site.walltime or site.limits.default_walltime
    return Demand(nodes, cores, site.gpus, memory, walltime_seconds(walltime) if walltime else None)


def memory_given(site: SiteProfile) -> float | None:
    """Return the MiB that the job has on one node; None where the profile does not say.

    That is what it asks for, all of a whole node, or what comes with its cores.
    """
    from hpctrain.sites.words import megabytes

    asked = demand(site)
    if asked.memory_mb is not None:
        return asked.memory_mb
    if site.memory_style == "mem-zero" or site.node_sharing == "whole":
        return megabytes(site.node.memory) if site.node.memory else None
    share = site.limits.default_memory_per_core
    if share and asked.cores:
        return megabytes(share) * asked.cores / asked.nodes
    return None


def count_held(site: SiteProfile) -> tuple[str, float | None]:
    """Return ``("gpu" or "core", how many the job holds)``; whole nodes are held in full."""
    asked = demand(site)
    node = site.node
    whole = site.node_sharing == "whole"
    if asked.gpus or (whole and node.gpus):
        if whole and node.gpus:
            return "gpu", float(node.gpus * asked.nodes)
        return "gpu", float(asked.gpus)
    if whole:
        return "core", float(node.cores * asked.nodes) if node.cores else None
    return "core", None if asked.cores is None else float(asked.cores)


def cost(site: SiteProfile) -> Cost:
    """Return the most that a training with this profile (of one target) costs."""
    asked = demand(site)
    of, count = count_held(site)
    attempts = 1 if site.continuation == "manual" else site.max_attempts
    if asked.seconds is None:
        return Cost(
            of, None, attempts, unknown="no walltime is set; the cluster's default limit applies"
        )
    if count is None:
        cores = "how many cores a node has" if site.node_sharing == "whole" else "how many cores"
        return Cost(of, None, attempts, unknown=f"the profile does not say {cores}")
    hours = count * asked.seconds / 3600 * attempts
    charge = site.charge
    if charge is None:
        return Cost(of, hours, attempts)
    if charge.by == "nothing":
        return Cost(of, hours, attempts, 0.0)
    charged = _count_charged(site, of, count)
    units = None
    if charged is not None:
        units = charged * charge.rate * charge.factor * asked.seconds / 3600 * attempts
    words = (
        charge.unit or {"node": "node-hours", "core": "core-hours", "gpu": "GPU-hours"}[charge.by]
    )
    return Cost(of, hours, attempts, units, words)


def _count_charged(site: SiteProfile, of: str, count: float) -> float | None:
    """Count the nodes, cores or GPUs that are charged."""
    from hpctrain.sites.words import megabytes

    asked, charge = demand(site), site.charge
    assert charge is not None
    memory = None if asked.memory_mb is None else asked.memory_mb * asked.nodes
    shares: list[float] = []
    if charge.by == "node":
        return float(asked.nodes) if site.node_sharing == "whole" else None
    if charge.by == "gpu":
        if charge.cores_per_gpu and asked.cores:
            shares.append(math.ceil(asked.cores / charge.cores_per_gpu))
        if charge.memory_per_gpu and memory is not None:
            shares.append(math.ceil(memory / megabytes(charge.memory_per_gpu)))
        return max([count, *shares]) if of == "gpu" else None
    cores = count if of == "core" else (float(asked.cores) if asked.cores else None)
    if cores is None:
        return None
    if charge.memory_per_core and memory is not None:
        shares.append(math.ceil(memory / megabytes(charge.memory_per_core)))
    if charge.memory_share and memory is not None and site.node.memory and site.node.cores:
        shares.append(site.node.cores * memory / megabytes(site.node.memory))
    cores = max([cores, *shares])
    return cores if charge.step is None else math.ceil(cores / charge.step) * float(charge.step)
