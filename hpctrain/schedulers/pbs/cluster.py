"""PBS's queues and nodes: what is asked, and how the answers are read.

This is for OpenPBS and PBS Professional, which know ``-F json``. They do not tell nodes apart by
queue, so that every queue gets the numbers of the largest node.
"""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

from hpctrain.errors import SiteUnreachable
from hpctrain.schedulers.cluster import LiveCluster, LiveQueue
from hpctrain.schedulers.times import seconds

if TYPE_CHECKING:
    from hpctrain.process import Reply
    from hpctrain.schedulers.cluster import ClusterConversation

_KIB = {"b": 1 / 1024, "kb": 1, "mb": 1024, "gb": 1024**2, "tb": 1024**3}


def ask() -> ClusterConversation:
    """Ask for queues, which must be told, and for nodes, which may be kept from users."""
    queues = _read((yield ["qstat", "-Q", "-f", "-F", "json"]), "Queue")
    untold: list[str] = []
    reply = yield ["pbsnodes", "-a", "-F", "json"]
    try:
        nodes = [node.get("resources_available", {}) for node in _read(reply, "nodes").values()]
    except SiteUnreachable as reason:
        nodes = []
        untold.append(reason.message)
    largest = _largest(nodes)
    found = tuple(_queue(name, queue, largest) for name, queue in queues.items())
    return LiveCluster(found, untold=tuple(untold))


def _largest(nodes: list[dict[str, Any]]) -> dict[str, Any]:
    cores = max((_number(node.get("ncpus")) or 0 for node in nodes), default=0)
    memory = max((megabytes(str(node.get("mem", ""))) for node in nodes), default=0)
    gpus = max((_number(node.get("ngpus")) or 0 for node in nodes), default=0)
    return {
        "cores": cores or None,
        "memory_mb": memory or None,
        "gpus": {"": gpus} if gpus else {},
        "nodes": len(nodes) or None,
    }


def _queue(name: str, told: dict[str, Any], largest: dict[str, Any]) -> LiveQueue:
    most, least = told.get("resources_max", {}), told.get("resources_min", {})
    given = told.get("resources_default", {})
    return LiveQueue(
        name=name,
        is_open=told.get("enabled") == "True" and told.get("started") == "True",
        max_walltime_s=seconds(str(most.get("walltime"))),
        default_walltime_s=seconds(str(given.get("walltime"))),
        min_nodes=_number(least.get("nodect")),
        max_nodes=_number(most.get("nodect")),
        max_cores=_number(most.get("ncpus")),
        **largest,
    )


def megabytes(text: str) -> int:
    """Return the MiB of ``8gb``; 0 of what is no size."""
    number = text.rstrip("abcdefghijklmnopqrstuvwxyz")
    unit = text[len(number) :]
    return int(int(number) * _KIB[unit] / 1024) if number.isdigit() and unit in _KIB else 0


def _number(value: object) -> int | None:
    return int(str(value)) if str(value).isdigit() else None


def _read(reply: Reply, key: str) -> dict[str, dict[str, Any]]:
    if reply.code == 0:
        try:
            found: dict[str, dict[str, Any]] = json.loads(reply.out)[key]
            return found
        except (ValueError, KeyError, TypeError):
            pass
    lines = [line.strip() for line in reply.err.splitlines() if line.strip()]
    said = reply.problem or (lines[-1] if lines else "its answer cannot be read")
    raise SiteUnreachable(f"{' '.join(reply.argv)}: {said}")
