"""The reasons why a job does not fit where it is to go, in words. Pure."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import TYPE_CHECKING

from hpctrain.sites.demand import Demand, demand

if TYPE_CHECKING:
    from hpctrain.sites.facts import Limits
    from hpctrain.sites.profile import SiteProfile


def misfits(site: SiteProfile, *, asks_for_gpus: bool = False) -> list[str]:
    """List why a job with this profile (of one target) would be refused, or never run.

    ``asks_for_gpus``: the target's own text does, so it has some, whatever else is known of it.
    """
    asked = demand(site)
    return [
        *_gpus(site, asked, asks_for_gpus),
        *_time(site, asked),
        *_size(site, asked),
        *_memory(site, asked),
        *_rules(site),
    ]


def longest(limits: Limits, nodes: int) -> str | None:
    """Return the longest walltime for so many nodes."""
    for step in limits.max_walltime_by_nodes:
        if step.max_nodes is None or nodes <= step.max_nodes:
            return step.max_walltime
    return limits.max_walltime


def _gpus(site: SiteProfile, asked: Demand, asks_for_gpus: bool) -> Iterator[str]:
    per_node, most = site.node.gpus, site.limits.max_gpus
    if site.target is None:
        return  # a profile without targets describes no nodes
    wanted = f"the job asks for {_count(asked.gpus, 'GPU')}"
    if asked.gpus and not (asks_for_gpus or has_gpus(site)):
        known = site.node.cores or site.node.memory
        none = "has none" if known else "names none (if it has some, write gpus: 1 there)"
        yield f"{wanted}, and it {none}"
        return
    if per_node and asked.gpus > per_node * asked.nodes:
        have = "a node has" if asked.nodes == 1 else f"{asked.nodes} nodes have"
        yield f"{wanted}, and {have} {per_node * asked.nodes}"
    if most and asked.gpus > most:
        yield f"{wanted}, and a job may have {most}"


def has_gpus(site: SiteProfile) -> bool:
    """Say whether this is a target with GPUs; their number need not be established."""
    return bool(site.node.gpus or site.node.gpu or site.limits.max_gpus)


def _time(site: SiteProfile, asked: Demand) -> Iterator[str]:
    from hpctrain.fields import walltime_seconds

    limits = site.limits
    if site.walltime is None or asked.seconds is None:
        return
    most = longest(limits, asked.nodes)
    if most is not None and asked.seconds > walltime_seconds(most):
        of = f" for {_count(asked.nodes, 'node')}" if limits.max_walltime_by_nodes else ""
        yield f"{site.walltime} is requested, and the longest walltime{of} is {most}"
    if limits.min_walltime and asked.seconds < walltime_seconds(limits.min_walltime):
        yield f"{site.walltime} is requested, and the shortest walltime is {limits.min_walltime}"


def _size(site: SiteProfile, asked: Demand) -> Iterator[str]:
    limits, node = site.limits, site.node
    if limits.min_nodes and asked.nodes < limits.min_nodes:
        yield f"jobs here have at least {limits.min_nodes} nodes, and this one has {asked.nodes}"
    if limits.max_nodes and asked.nodes > limits.max_nodes:
        yield f"{asked.nodes} nodes are requested, and a job may have {limits.max_nodes}"
    if asked.cores is None:
        return
    usable = node.usable_cores or node.cores or node.threads
    if usable and asked.cores > usable * asked.nodes:
        kept = f" ({node.cores} less those kept for the system)" if node.usable_cores else ""
        yield (
            f"{asked.cores} cores are requested, and jobs can use {usable}{kept} of a node: "
            "it would never start"
        )
    if limits.max_cores and asked.cores > limits.max_cores:
        yield f"{asked.cores} cores are requested, and a job may have {limits.max_cores}"
    if limits.cores_multiple_of and asked.cores % limits.cores_multiple_of:
        yield f"cores are given in multiples of {limits.cores_multiple_of}, not {asked.cores}"
    exact = site.cores_per_gpu if site.cores_per_gpu_rule == "exact" else None
    if exact and asked.gpus and asked.cores != exact * asked.gpus:
        yield (
            f"{_count(asked.gpus, 'GPU')} come with {exact * asked.gpus} cores exactly, and "
            f"{asked.cores} are requested"
        )


def _memory(site: SiteProfile, asked: Demand) -> Iterator[str]:
    from hpctrain.sites.words import megabytes

    limits, node = site.limits, site.node
    if site.memory is not None and site.memory_style in ("omit", "forbidden", "mem-zero"):
        how = {
            "omit": "memory comes with the cores or GPUs here",
            "forbidden": "jobs that ask for memory are refused here",
            "mem-zero": "a job has all memory of its node here",
        }
        yield f"{site.memory} is requested, and {how[site.memory_style]}"
    if asked.memory_mb is None:
        if limits.min_memory:
            yield f"it is for jobs that ask for {limits.min_memory} or more"
        return
    for most in (limits.max_memory, node.memory):
        if most and asked.memory_mb > megabytes(most):
            yield f"{site.memory} is requested ({site.memory_style}), and a node has {most}"
            break
    if limits.min_memory and asked.memory_mb < megabytes(limits.min_memory):
        yield f"it is for jobs that ask for {limits.min_memory} or more, not for {site.memory}"


def _rules(site: SiteProfile) -> Iterator[str]:
    limits = site.limits
    if site.no_chaining and site.continuation != "manual":
        yield f"continuation: {site.continuation} breaks a rule of the site: {site.no_chaining}"
    if site.continuation == "chain":
        for most, whose in (
            (limits.submitted_per_user, "a user may have"),
            (limits.submitted_per_project, "a project may have"),
            (limits.submissions_per_minute, "may be submitted in a minute:"),
        ):
            if most and site.max_attempts > most:
                jobs = f"{site.max_attempts} jobs at once (max_attempts)"
                yield f"a chain is {jobs}, and {whose} {most}"
    if site.trainer.container is not None and site.continuation in ("resubmit", "requeue"):
        yield (
            f"continuation: {site.continuation} needs the scheduler's commands, which are not in "
            "the trainer's container: choose chain or manual"
        )
    rule = site.account_rule
    if rule.pattern and site.account and not re.fullmatch(rule.pattern, site.account):
        yield f"account: {site.account} is not of the form that accounts have here: {rule.pattern}"


def _count(number: int, what: str) -> str:
    return f"{number} {what}" if number == 1 else f"{number} {what}s"
