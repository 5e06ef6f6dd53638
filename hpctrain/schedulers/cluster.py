"""A live cluster, as its scheduler describes it; site profiles are compared with it."""

from __future__ import annotations

from collections.abc import Generator
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from hpctrain.process import Reply


@dataclass(frozen=True)
class LiveQueue:
    """One partition (Slurm) or queue (PBS).

    Numbers are of its largest node; None is "not told", or no limit. Times are seconds, memory is
    MiB; ``gpus`` are those of one node, by type. ``core_memory_mb`` is what a core brings to a job
    that asks for no memory.
    """

    name: str
    default: bool = False
    is_open: bool = True
    max_walltime_s: int | None = None
    default_walltime_s: int | None = None
    min_nodes: int | None = None
    max_nodes: int | None = None
    max_cores: int | None = None
    nodes: int | None = None
    cores: int | None = None
    memory_mb: int | None = None
    core_memory_mb: int | None = None
    gpus: dict[str, int] = field(default_factory=dict)
    features: frozenset[str] = frozenset()


@dataclass(frozen=True)
class LiveCluster:
    """A cluster: its queues, and what users are told of its QOS and accounts.

    ``qos`` (with the longest walltime of each) and ``accounts`` (the user's) are None where nobody
    would tell; ``untold`` says why.
    """

    queues: tuple[LiveQueue, ...]
    qos: dict[str, int | None] | None = None
    accounts: tuple[str, ...] | None = None
    untold: tuple[str, ...] = ()

    def queue(self, name: str) -> LiveQueue | None:
        """Find a queue by its name."""
        return next((queue for queue in self.queues if queue.name == name), None)


if TYPE_CHECKING:
    ClusterConversation = Generator[list[str], Reply, LiveCluster]
