"""Who submits a run, and on which cluster; and whether whoever asks now is the same.

A queue shows a user's own jobs on its own cluster. That it does not show a job proves something
only where the user and the cluster are those of the submission.
"""

from __future__ import annotations

import os
import pwd
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypedDict

from hpctrain.process import Run as RunProgram
from hpctrain.process import converse
from hpctrain.schedulers.base import Scheduler
from hpctrain.shapes import ClusterName, Count


class Place(TypedDict, total=False):
    """What events and the list of submissions say of the user and the cluster."""

    uid: Count | None
    user: str | None
    host: str | None
    cluster: ClusterName | None
    clusters: ClusterName | None


@dataclass(frozen=True)
class Submitter:
    """A user on a machine, and the name of the cluster that answers there.

    What is None is not known: runs of older versions did not record it.
    """

    uid: int | None = None
    user: str | None = None
    host: str | None = None
    cluster: str | None = None

    def facts(self) -> Place:
        """Return what events record of it."""
        return {"user": self.user, "uid": self.uid, "cluster": self.cluster}


def read_submitter(event: Mapping[str, Any], before: Submitter) -> Submitter:
    """Read the submitter that an event tells of; what it does not tell is as ``before``."""
    uid, user = event.get("uid"), event.get("user")
    host, cluster = event.get("host"), event.get("cluster")
    return Submitter(
        uid if isinstance(uid, int) else before.uid,
        user if isinstance(user, str) else before.user,
        host if isinstance(host, str) else before.host,
        cluster if isinstance(cluster, str) else before.cluster,
    )


def owned_by(submitter: Submitter, file: Path) -> Submitter:
    """Fill in the user of a run whose events do not name one: the owner of a file of it."""
    if submitter.uid is not None:
        return submitter
    try:
        uid = file.stat().st_uid
    except OSError:
        return submitter
    return Submitter(uid, name_of(uid), submitter.host, submitter.cluster)


def who_asks(scheduler: Scheduler, program: RunProgram) -> Submitter:
    """Ask the scheduler which cluster it is, and say who asks."""
    conversation = scheduler.identity()
    cluster = None if conversation is None else converse(conversation, program)
    return Submitter(os.getuid(), name_of(os.getuid()), os.uname().nodename, cluster)


def name_of(uid: int) -> str:
    """Return a user's name, or the number where there is none."""
    try:
        return pwd.getpwuid(uid).pw_name
    except KeyError:
        return str(uid)


def stranger(submitter: Submitter, asks: Submitter) -> str | None:
    """Say why whoever asks is not known to be the submitter of a run; None where it is."""
    if submitter.uid is not None and submitter.uid != asks.uid:
        return f"you are {asks.user}, and {submitter.user or submitter.uid} submitted it"
    if submitter.cluster is None:
        if submitter.host in (None, asks.host):
            return None
        return (
            f"it was submitted on {submitter.host}, the name of the cluster was not recorded, and "
            f"this is {asks.host}"
        )
    if asks.cluster is None:
        return (
            f"it was submitted on the cluster {submitter.cluster}, and which one answers here "
            "cannot be found out"
        )
    if not is_same_cluster(submitter.cluster, asks.cluster):
        return f"this is the cluster {asks.cluster}, and it was submitted on {submitter.cluster}"
    return None


def is_same_cluster(one: str, other: str) -> bool:
    """Compare the names of two clusters; a server may be called with or without its domain."""
    one, other = one.lower(), other.lower()
    return one == other or one.startswith(f"{other}.") or other.startswith(f"{one}.")
