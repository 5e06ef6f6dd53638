"""The first draft of a site profile, from what a live cluster says of itself. Pure."""

from __future__ import annotations

import re
from pathlib import Path

from hpctrain.schedulers.cluster import LiveCluster, LiveQueue
from hpctrain.schedulers.times import clock

# A target with less than this is for trying out, and taken only when it is named.
SHORT_S = 3600
# Python and TensorFlow alone take a GB; a core that brings less of it is too little.
LITTLE_MB = 1000


def draft(name: str, scheduler: str, cluster: LiveCluster, schema: Path, today: str) -> str:
    """Write the text of ``NAME.yaml``; what only a person knows stands there as comments."""
    commands = "scontrol, sinfo and sacctmgr" if "slurm" in scheduler else "qstat -Q and pbsnodes"
    queues = sorted(
        (queue for queue in cluster.queues if queue.is_open),
        key=lambda queue: (not queue.default, _is_short(queue), bool(queue.gpus), queue.name),
    )
    closed = [queue.name for queue in cluster.queues if not queue.is_open]
    lines = [
        f"# yaml-language-server: $schema={schema}",
        f"# {name}: a draft of {today}, from what {commands} say. Read it over: prices and",
        "# rules stand in the centre's documentation only. The keys are in docs/sites.md.",
        f"description: {name}",
        f"scheduler: {scheduler}",
        f'checked: "{today}"',
        "",
        *_account_lines(cluster),
        *(f"# Not told: {reason}" for reason in cluster.untold),
        "# Where the trainer is installed; without it, the Python that hpctrain runs in:",
        "# trainer: {python: /path/to/env/bin/python}",
        "",
        "# Those to try first come first.",
        "targets:",
    ]
    for queue in queues:
        lines += _targets(queue, scheduler)
    if closed:
        lines += ["", f"# Closed when this was written: {', '.join(closed)}"]
    return "\n".join(lines) + "\n"


def _account_lines(cluster: LiveCluster) -> list[str]:
    if not cluster.accounts:
        return ["# account: NAME                # who pays, where the cluster wants to know"]
    if len(cluster.accounts) == 1:
        return [f"account: {_quote(cluster.accounts[0])}"]
    return [
        f"# Your accounts: {', '.join(cluster.accounts)}",
        f"# account: {_quote(cluster.accounts[0])}",
    ]


def _targets(queue: LiveQueue, scheduler: str) -> list[str]:
    """Write a target for jobs without GPUs, and where there are any, one for jobs with."""
    name = _target_name(queue.name)
    lines = _target(name, queue, scheduler, [])
    gpus = {kind: count for kind, count in queue.gpus.items() if count}
    kinds = sorted(filter(None, gpus))
    if len(kinds) > 1 and "pbs" not in scheduler:
        for kind in kinds:
            asks = _gpu_lines({kind: gpus[kind]}, pbs=False)
            target = _target_name(f"{name}-{kind}")
            lines += _target(target, queue, scheduler, asks, gpus[kind])
    elif gpus:
        asks = _gpu_lines(gpus, "pbs" in scheduler)
        lines += _target(f"{name}-gpu", queue, scheduler, asks, max(gpus.values()))
    return lines


def _target(
    name: str, queue: LiveQueue, scheduler: str, asks: list[str], gpus: int | None = None
) -> list[str]:
    lines = [f"  {name}:"]
    if queue.default and gpus is None:
        lines.append("    # where jobs go that name none")
    if _is_short(queue):
        lines.append("    choice: by-name                # short: for trying out")
    lines.append(f"    {'queue' if 'pbs' in scheduler else 'partition'}: {_quote(queue.name)}")
    lines += asks
    lines.append("    cores: 1                       # ask for what your training uses")
    memory = f"{queue.memory_mb}M" if queue.memory_mb else None
    node = _pairs(cores=queue.cores, memory=memory, gpus=gpus)
    lines += [f"    node: {node}"] if node else []
    limits = _pairs(
        max_walltime=_time(queue.max_walltime_s),
        default_walltime=_time(queue.default_walltime_s),
        min_nodes=queue.min_nodes if (queue.min_nodes or 0) > 1 else None,
        max_nodes=queue.max_nodes,
        max_cores=queue.max_cores,
        default_memory_per_core=f"{queue.core_memory_mb}M" if queue.core_memory_mb else None,
    )
    if queue.core_memory_mb and queue.core_memory_mb < LITTLE_MB:
        lines.append("    memory: 4G                     # without it, a core brings too little")
    lines += [f"    limits: {limits}"] if limits else []
    if queue.features:
        lines.append(f"    # features for constraint: {', '.join(sorted(queue.features))}")
    return lines


def _gpu_lines(gpus: dict[str, int], pbs: bool) -> list[str]:
    if pbs:
        return ["    # PBS does not tell which queues reach the nodes with GPUs", "    gpus: 1"]
    kinds = sorted(kind for kind in gpus if kind)
    if len(kinds) == 1:
        return ["    gpus: 1", "    gpu_dialect: gres-typed", f"    gpu_type: {_quote(kinds[0])}"]
    return ["    gpus: 1", "    gpu_dialect: gres"]


def _is_short(queue: LiveQueue) -> bool:
    return queue.max_walltime_s is not None and queue.max_walltime_s < SHORT_S


def _time(seconds: int | None) -> str | None:
    """Write a limit, unless it is none: a profile takes no walltime of more than ten years."""
    from hpctrain.fields import LONGEST_DAYS

    return f'"{clock(seconds)}"' if seconds and seconds <= LONGEST_DAYS * 86400 else None


def _pairs(**facts: object) -> str:
    inside = ", ".join(f"{key}: {value}" for key, value in facts.items() if value is not None)
    return f"{{{inside}}}" if inside else ""


def _target_name(name: str) -> str:
    """Turn a queue's name into one that ``--target`` takes."""
    return re.sub(r"[^A-Za-z0-9._+-]", "-", name).lstrip("._+-")[:60] or "target"


def _quote(word: str) -> str:
    """Put quotes where YAML would read something else than text."""
    return word if re.fullmatch(r"[A-Za-z_][A-Za-z0-9_.-]*", word) and word.lower() not in (
        "yes", "no", "on", "off", "true", "false", "null", "y", "n"
    ) else f'"{word}"'  # fmt: skip
