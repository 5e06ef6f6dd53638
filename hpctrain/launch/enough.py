"""Whether a job has the memory and the time that its training is expected to take."""

from __future__ import annotations

import math
import os
from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING, Any

from hpctrain.sites.demand import demand, memory_given, threads_per_core
from hpctrain.text import duration

if TYPE_CHECKING:
    from hpctrain.launch.prepare import Prepared
    from hpctrain.sites.profile import SiteProfile

_MIB = 2.0**20


def expect(prepared: Prepared) -> dict[str, Any] | None:
    """Estimate what a training takes, and list as ``shortfalls`` what its job may lack of that.

    None where nothing was measured (GPUs, some trainers), or the neighbours were not counted.
    """
    from hpctrain.engines import engine_of
    from hpctrain.engines.facts import Task
    from hpctrain.runs.manifest import known_side

    profile, manifest = prepared.profile, prepared.manifest
    neighbours = manifest.get("check", {}).get("neighbours_per_atom")
    if profile.gpus or neighbours is None:
        return None
    training, train = manifest["settings"]["training"], known_side(manifest["dataset"], "train")
    cores = profile.cores
    if cores is None:
        cores = (os.cpu_count() or 1) if prepared.scheduler.is_this_machine else 1
    task = Task(
        structures=train["structures"],
        atoms=train["atoms"],
        neighbours=neighbours,
        elements=len(manifest["dataset"]["elements"]),
        cores=cores,
    )
    expected = engine_of(training["engine"]).cost(
        task, training, manifest["evaluator"], manifest["input"]
    )
    if expected is None:
        return None
    return {**expected, "shortfalls": shortfalls(expected, profile)}


def shortfalls(estimate: Mapping[str, Any], profile: SiteProfile) -> list[str]:
    """Warn of a job (of one target) that may have too little for the training of ``estimate``.

    ``estimate`` is rough, and says from where to where: of the memory the upper end counts, since a
    job with too little dies; of the time the likely one, since a training can go on.
    """
    return [*_memory(estimate["memory_bytes"], profile), *_time(estimate["seconds"], profile)]


def _memory(bytes_: Mapping[str, float], profile: SiteProfile) -> Iterator[str]:
    given = memory_given(profile)
    if given is None or bytes_["to"] <= given * _MIB:
        return
    likely, upper = (_gigabytes(bytes_[key]) for key in ("likely", "to"))
    yield (
        f"memory: the training may take {likely} GB, perhaps {upper}, and the job has "
        f"{_gigabytes(given * _MIB)} GB; {_ask_for(bytes_['to'] / _MIB, profile)}"
    )


def _ask_for(megabytes: float, profile: SiteProfile) -> str:
    """Say how to ask for that much memory here."""
    asked = demand(profile)
    if profile.node_sharing == "whole" or profile.memory_style == "mem-zero":
        return "it has all memory of its node: choose a target with larger nodes"
    if profile.memory_style in ("omit", "forbidden"):
        return "it comes with the cores: ask for more with --set site.cores=N"
    count = 1
    if profile.memory_style == "mem-per-cpu":
        count = (asked.cores or 1) * threads_per_core(profile)
    elif profile.memory_style == "mem-per-gpu":
        count = max(asked.gpus, 1)
    per = {"mem-per-cpu": ", for each core", "mem-per-gpu": ", for each GPU"}
    each = math.ceil(megabytes * asked.nodes / count)
    memory = f"{math.ceil(each / 1024)}G" if each > 1024 else f"{math.ceil(each / 100) * 100}M"
    return f"ask for more: --memory {memory}{per.get(profile.memory_style, '')}"


def _time(seconds: Mapping[str, float], profile: SiteProfile) -> Iterator[str]:
    from hpctrain.fields import walltime_seconds

    walltime = demand(profile).seconds
    if walltime is None:
        return
    attempts = 1 if profile.continuation == "manual" else profile.max_attempts
    usable = (walltime - walltime_seconds(profile.margin)) * attempts
    if seconds["likely"] <= usable:
        return
    has = duration(walltime) if attempts == 1 else f"{attempts} times {duration(walltime)}"
    whose = "the job has" if profile.walltime else "a job that asks for no walltime has"
    how = "a longer --walltime"
    if attempts > 1:
        how += ", or a larger max_attempts"
    elif profile.no_chaining is None:
        how += ", or --set site.continuation=resubmit, by which it goes on by itself"
    how += "; or go on with hpctrain resume"
    yield (
        f"time: the training may take {duration(seconds['likely'])} "
        f"({duration(seconds['from'])} to {duration(seconds['to'])}), and {whose} {has}: {how}"
    )


def _gigabytes(bytes_: float) -> str:
    return f"{bytes_ / 1e9:.2g}" if bytes_ < 100e9 else f"{bytes_ / 1e9:.0f}"
