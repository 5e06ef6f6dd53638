"""``qstat -Q -f -F json`` and ``pbsnodes -a -F json``: the queues and the node.

Recorded: qstat_Q_json, pbsnodes_json. Other ways to ask for queues and nodes are not imitated.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import Any

from hpctrain.schedulers.practice_cluster.pbs.resources import NODE, QUEUES, SHORT, clock
from hpctrain.schedulers.practice_cluster.pbs.server import Server
from hpctrain.schedulers.practice_cluster.pbs.text import VERSION
from hpctrain.schedulers.practice_cluster.pbs.usage import SERVER, Refusal, refusal

STATES = ("Transit", "Queued", "Held", "Waiting", "Running", "Exiting", "Begun")
LETTERS = {"Q": "Queued", "H": "Held", "W": "Waiting", "R": "Running", "E": "Exiting"}


def queues(server: Server, words: Sequence[str]) -> str:
    """Return what ``qstat -Q -f -F json`` prints."""
    if list(words) != ["-Q", "-f", "-F", "json"]:
        raise refusal("qstat", 2, f"the practice cluster does not imitate {' '.join(words)}")
    server.reach("qstat")
    return _json(server, "Queue", {name: _queue(server, name) for name in QUEUES})


def nodes(server: Server, words: Sequence[str]) -> str:
    """Return what ``pbsnodes -a -F json`` prints."""
    if list(words) != ["-a", "-F", "json"]:
        raise refusal("pbsnodes", 2, f"the practice cluster does not imitate {' '.join(words)}")
    if (server.folder / "down").exists():
        complaint = f"pbsnodes: cannot connect to server {SERVER}, error=15010"
        raise Refusal(1, f"Connection refused\n{complaint}\n")
    taken = NODE["ncpus"] - server.free()
    node = {
        "Mom": SERVER,
        "ntype": "PBS",
        "state": "free" if taken < NODE["ncpus"] else "job-busy",
        "resources_available": {"arch": "linux", "host": SERVER, **NODE, "vnode": SERVER},
        "resources_assigned": {"ncpus": taken},
        "resv_enable": "True",
        "sharing": "default_shared",
    }
    return _json(server, "nodes", {SERVER: node})


def _queue(server: Server, name: str) -> dict[str, Any]:
    jobs = [job for job in server.all() if job.facts["queue"] == name and not job.finished]
    states = [LETTERS.get(job.state) for job in jobs]
    found: dict[str, Any] = {
        "queue_type": "Execution",
        "total_jobs": len(jobs),
        "state_count": "".join(f"{state}:{states.count(state)} " for state in STATES),
    }
    if name == "short":
        found["resources_max"] = {
            "ncpus": SHORT["ncpus"],
            "walltime": clock(SHORT["walltime"]),
        }
    return found | {
        "enabled": "False" if name == "disabled" else "True",
        "started": "False" if name == "stopped" else "True",
    }


def _json(server: Server, key: str, content: dict[str, Any]) -> str:
    head = {"timestamp": int(server.now), "pbs_version": VERSION, "pbs_server": SERVER}
    return json.dumps({**head, key: content}, indent="\t", separators=(",", ":\t")) + "\n"
