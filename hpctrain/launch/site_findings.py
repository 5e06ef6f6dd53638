"""Differences between a site profile and the live cluster: wrong ones, and mere ones. Pure."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

from hpctrain.schedulers.cluster import LiveCluster, LiveQueue
from hpctrain.schedulers.times import clock
from hpctrain.sites.demand import threads_per_core
from hpctrain.sites.misfits import has_gpus
from hpctrain.sites.words import megabytes
from hpctrain.yamlfile import nearest

if TYPE_CHECKING:
    from hpctrain.sites.profile import SiteProfile

# Memory that a node has less of for jobs than the figure that is written about it.
ROUNDING = 1.08


@dataclass(frozen=True)
class Finding:
    """One difference.

    ``wrong``: jobs would be refused, or never run; ``differs``: the profile could say more, or
    says less than there is; ``unknown``: it could not be compared.
    """

    target: str | None
    severity: Literal["wrong", "differs", "unknown"]
    words: str


def compare(profile: SiteProfile, cluster: LiveCluster) -> Iterator[Finding]:
    """Compare one target with the cluster; ``profile`` is that of the target."""
    target = profile.target

    def wrong(words: str) -> Finding:
        return Finding(target, "wrong", words)

    named = profile.partition or profile.queue
    kind = "queue" if profile.queue else "partition"
    queues: list[LiveQueue] = []
    for name in (named or "").split(","):
        queue = cluster.queue(name.partition("@")[0])
        if name and queue is None:
            names = [queue.name for queue in cluster.queues]
            yield wrong(f"there is no {kind} {name}{nearest(name, names)}")
        elif queue is not None:
            queues.append(queue)
            if not queue.is_open:
                yield Finding(target, "differs", f"the {kind} {name} is closed at the moment")
    if named is None:
        queues = [queue for queue in cluster.queues if queue.default]
    for queue in queues[:1]:
        yield from _compare_limits(profile, queue)
        yield from _compare_node(profile, queue)
    if profile.constraint:
        features = {word for queue in queues or cluster.queues for word in queue.features}
        for word in re.findall(r"[A-Za-z_][\w.-]*", profile.constraint):
            if features and word not in features:
                yield wrong(f"no node there has the feature {word}")
    yield from _compare_qos_and_account(profile, cluster)


def _compare_limits(profile: SiteProfile, queue: LiveQueue) -> Iterator[Finding]:
    from hpctrain.fields import walltime_seconds
    from hpctrain.sites.misfits import longest

    target, limits = profile.target, profile.limits
    most = longest(limits, profile.nodes or 1)
    if most is not None and queue.max_walltime_s is not None:
        seconds, real = walltime_seconds(most), queue.max_walltime_s
        if seconds > real:
            yield Finding(target, "wrong", f"max_walltime is {most}, and {queue.name} allows "
                          f"{clock(real)}")  # fmt: skip
        elif seconds < real and profile.qos is None and not limits.max_walltime_by_nodes:
            yield Finding(target, "differs", f"max_walltime is {most}, and {queue.name} allows "
                          f"{clock(real)}")  # fmt: skip
    if most is None and queue.max_walltime_s is not None:
        words = f"max_walltime is not set; {queue.name} allows {clock(queue.max_walltime_s)}"
        yield Finding(target, "differs", words)
    for what, said, allowed in (
        ("max_nodes", limits.max_nodes, queue.max_nodes),
        ("max_cores", limits.max_cores, queue.max_cores),
    ):
        if said and allowed and said > allowed:
            yield Finding(target, "wrong", f"{what} is {said}, and {queue.name} allows {allowed}")
    nodes = profile.nodes or 1
    if queue.min_nodes and queue.min_nodes > nodes:
        words = f"{queue.name} takes jobs of {queue.min_nodes} nodes and more, not of {nodes}"
        yield Finding(target, "wrong", words)


def _compare_node(profile: SiteProfile, queue: LiveQueue) -> Iterator[Finding]:
    target, node = profile.target, profile.node
    cores = node.threads or node.cores
    if cores and queue.cores and (node.usable_cores or node.cores or cores) > queue.cores:
        words = f"node.cores is {node.cores or cores}, and nodes there have {queue.cores}"
        yield Finding(target, "wrong", words)
    asked = (profile.cores or 0) * threads_per_core(profile)
    if queue.cores and asked > queue.cores:
        words = f"{asked} cores are requested, and nodes there have {queue.cores}"
        yield Finding(target, "wrong", words)
    if node.memory and queue.memory_mb and megabytes(node.memory) > queue.memory_mb * ROUNDING:
        words = f"node.memory is {node.memory}, and nodes there have {queue.memory_mb}M"
        yield Finding(target, "wrong", words)
    yield from _compare_memory(profile, queue)
    if not (has_gpus(profile) or profile.gpus) or queue.cores is None:
        return
    if not queue.gpus and "implicit" not in (profile.gpu_dialect or ""):
        yield Finding(target, "wrong", f"{queue.name} has no GPUs that can be asked for")
    elif profile.gpu_type and queue.gpus and profile.gpu_type.lower() not in _lower(queue.gpus):
        kinds = ", ".join(sorted(filter(None, queue.gpus))) or "no kind"
        yield Finding(
            target, "wrong", f"gpu_type is {profile.gpu_type}, and {queue.name} has {kinds}"
        )
    elif node.gpus and queue.gpus and node.gpus > _most_gpus(profile, queue):
        most = _most_gpus(profile, queue)
        yield Finding(target, "wrong", f"node.gpus is {node.gpus}, and nodes there have {most}")


def _compare_memory(profile: SiteProfile, queue: LiveQueue) -> Iterator[Finding]:
    """Tell what a job gets that asks for no memory, where that is said nowhere in the profile."""
    share = queue.core_memory_mb
    comes_along = profile.memory_style != "mem" or profile.node_sharing == "whole"
    if share is None or profile.memory is not None or comes_along or "memory" in profile.ask:
        return
    said = profile.limits.default_memory_per_core
    if said is None or megabytes(said) > share:
        words = f"no memory is requested, and a core brings {share}M: set memory"
        yield Finding(profile.target, "differs", words)


def _compare_qos_and_account(profile: SiteProfile, cluster: LiveCluster) -> Iterator[Finding]:
    from hpctrain.fields import walltime_seconds

    target = profile.target
    if profile.qos and cluster.qos is not None:
        # sacctmgr prints names in lower case, and Slurm takes either.
        limits = {name.lower(): limit for name, limit in cluster.qos.items()}
        if profile.qos.lower() not in limits:
            words = f"there is no QOS {profile.qos}{nearest(profile.qos, list(cluster.qos))}"
            yield Finding(target, "wrong", words)
        limit, most = limits.get(profile.qos.lower()), profile.limits.max_walltime
        if limit is not None and most is not None and walltime_seconds(most) > limit:
            words = f"max_walltime is {most}, and the QOS {profile.qos} allows {clock(limit)}"
            yield Finding(target, "wrong", words)
    # Slurm's accounts are lower case, and it takes either.
    accounts = {account.lower(): account for account in cluster.accounts or ()}
    if profile.account and accounts and profile.account.lower() not in accounts:
        known = nearest(profile.account, list(accounts.values()))
        words = f"{profile.account} is not one of your accounts{known}"
        yield Finding(target, "wrong", words)


def _most_gpus(profile: SiteProfile, queue: LiveQueue) -> int:
    """Return how many GPUs a node has, of the kind that is asked for if one is."""
    kind = (profile.gpu_type or "").lower()
    return _lower(queue.gpus).get(kind) or max(queue.gpus.values())


def _lower(gpus: dict[str, int]) -> dict[str, int]:
    return {kind.lower(): count for kind, count in gpus.items()}
