"""Slurm's partitions, nodes, QOS and accounts: what is asked, and how the answers are read."""

from __future__ import annotations

import getpass
import re
from dataclasses import replace
from typing import TYPE_CHECKING

from hpctrain.errors import SiteUnreachable
from hpctrain.schedulers.cluster import LiveCluster, LiveQueue
from hpctrain.schedulers.times import seconds

if TYPE_CHECKING:
    from hpctrain.process import Reply
    from hpctrain.schedulers.cluster import ClusterConversation

NODES = "%P|%D|%c|%m|%G|%f"
_FIELD = re.compile(r"(\w+)=(\S*)")
# gpu:4, gpu:a100:4(S:0-1), gpu:1g.10gb:7: kinds may begin with a digit, as those of MIG slices do.
_GPU = re.compile(r"(?:^|,)gpu(?::([^:,()\s]+))?:(\d+)(?=[,(]|$)")
_CORE_MEMORY = re.compile(r"^DefMemPerCPU\s*=\s*(\d+)", re.MULTILINE)
_CLUSTER = re.compile(r"^ClusterName\s*=\s*(\S+)", re.MULTILINE)


def ask() -> ClusterConversation:
    """Ask for partitions, which must be told, and for QOS and accounts, which need not be."""
    partitions = [*map(partition, _lines((yield ["scontrol", "--oneliner", "show", "partition"])))]
    # --exact: one row for each kind of node, instead of numbers with a + behind them.
    reply = yield ["sinfo", "--noheader", "--exact", f"--format={NODES}"]
    kinds = [line.split("|", 5) for line in _lines(reply) if line.count("|") >= 5]
    queues = tuple(_with_nodes(queue, kinds) for queue in partitions if queue is not None)
    untold: list[str] = []
    show = ["sacctmgr", "--noheader", "--parsable2", "show"]
    said = yield [*show, "qos", "format=Name,MaxWall"]
    qos = None
    if (rows := _rows(said, untold)) is not None:
        qos = {row[0]: seconds(row[1]) for row in rows if len(row) > 1}
        if not qos:
            # There is always one, "normal": users may not read the database here.
            qos = None
            untold.append("sacctmgr show qos: nothing; the QOS could not be looked at")
    # One database may serve several clusters, and knows this one by its name.
    config = (yield ["scontrol", "show", "config"]).out
    if share := _CORE_MEMORY.search(config):
        # What is said of a partition comes before.
        queues = tuple(
            replace(queue, core_memory_mb=queue.core_memory_mb or int(share[1])) for queue in queues
        )
    cluster = _CLUSTER.search(config)
    where = [f"user={getpass.getuser()}", *([f"cluster={cluster[1]}"] if cluster else [])]
    said = yield [*show, "associations", *where, "format=Account,QOS"]
    accounts = None
    if (rows := _rows(said, untold)) is not None:
        accounts = tuple(sorted({row[0] for row in rows if row[0]})) or None
        if accounts is None:
            untold.append("sacctmgr show associations: nothing; accounts could not be looked at")
    return LiveCluster(queues, qos, accounts, tuple(untold))


def partition(line: str) -> LiveQueue | None:
    """Read one line of ``scontrol --oneliner show partition``."""
    fields = dict(_FIELD.findall(line))
    if "PartitionName" not in fields:
        return None
    most = fields.get("MaxNodes", "")
    return LiveQueue(
        name=fields["PartitionName"],
        default=fields.get("Default") == "YES",
        is_open=fields.get("State", "UP") == "UP",
        max_walltime_s=seconds(fields.get("MaxTime")),
        default_walltime_s=seconds(fields.get("DefaultTime")),
        min_nodes=int(fields["MinNodes"]) if fields.get("MinNodes", "").isdigit() else None,
        max_nodes=int(most) if most.isdigit() else None,
        core_memory_mb=int(share) if (share := fields.get("DefMemPerCPU", "")).isdigit() else None,
        nodes=int(fields["TotalNodes"]) if fields.get("TotalNodes", "").isdigit() else None,
    )


def _with_nodes(queue: LiveQueue, kinds: list[list[str]]) -> LiveQueue:
    mine = [kind for kind in kinds if kind[0].rstrip("*") == queue.name]
    gpus: dict[str, int] = {}
    for kind in mine:
        for name, count in _GPU.findall(kind[4]):
            gpus[name] = max(gpus.get(name, 0), int(count))
    features = {word for kind in mine for word in kind[5].split(",") if word and word != "(null)"}
    return replace(
        queue,
        cores=max((int(kind[2]) for kind in mine if kind[2].isdigit()), default=None),
        memory_mb=max((int(kind[3]) for kind in mine if kind[3].isdigit()), default=None),
        gpus=gpus,
        features=frozenset(features),
    )


def _lines(reply: Reply) -> list[str]:
    if reply.code != 0:
        said = reply.problem or reply.err.strip().splitlines()[:1] or [f"exit code {reply.code}"]
        raise SiteUnreachable(f"{reply.argv[0]}: {said if isinstance(said, str) else said[0]}")
    return [line for line in reply.out.splitlines() if line.strip()]


def _rows(reply: Reply, untold: list[str]) -> list[list[str]] | None:
    try:
        return [line.split("|") for line in _lines(reply)]
    except SiteUnreachable as reason:
        untold.append(reason.message)
        return None
