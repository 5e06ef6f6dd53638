"""Torque's ``qstat``, from its manual and from memory, not held to recordings.

It knows neither ``-F`` nor ``-E``, ``-x`` is XML, and there is no substate. A job that is over is C
and has an ``exit_status``; that a job was deleted shows in it alone.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from hpctrain.schedulers.practice_cluster.pbs import text
from hpctrain.schedulers.practice_cluster.pbs.attributes import Attribute
from hpctrain.schedulers.practice_cluster.pbs.server import Job

STATES = {"F": "C", "Q": "Q", "H": "H", "R": "R", "E": "E", "W": "W"}
RENAMED = {"Exit_status": "exit_status", "Submit_arguments": "submit_args", "obittime": "comp_time",
           "stime": "start_time", "Submit_Host": "submit_host"}  # fmt: skip
UNKNOWN = ("substate", "Stageout_status", "run_count", "history_timestamp", "project", "jobdir",
           "exec_vnode")  # fmt: skip


def of(job: Job, attributes: Sequence[Attribute]) -> Iterator[Attribute]:
    """Yield a job's attributes as Torque has them."""
    for name, resource, value in attributes:
        if name == "job_state":
            yield name, "", STATES[value]
        elif name not in UNKNOWN and resource not in ("select", "place", "cpupercent"):
            yield RENAMED.get(name, name), resource, value
    if job.finished and job.exit_status is None:
        yield "exit_status", "", "271"


def format_jobs(
    jobs: Sequence[Job], all_of: Sequence[tuple[str, Sequence[Attribute]]], xml: bool, full: bool
) -> str:
    """Return what ``qstat`` prints."""
    mine = [
        (name, list(of(job, attributes)))
        for job, (name, attributes) in zip(jobs, all_of, strict=True)
    ]
    if xml:
        return as_xml(mine)
    return text.as_text(mine) if full else text.as_table(mine)


def escape(text: str) -> str:
    """Escape a text for XML."""
    return text.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")


def as_xml(jobs: Sequence[tuple[str, Sequence[Attribute]]]) -> str:
    """Return what ``qstat -x`` prints."""
    found = []
    for name, attributes in jobs:
        out = f"<Job_Id>{name}</Job_Id>"
        for key, values in text.group(attributes):
            inner = "".join(
                f"<{resource}>{escape(value)}</{resource}>" if resource else escape(value)
                for resource, value in values
            )
            out += f"<{key}>{inner}</{key}>"
        found.append(f"<Job>{out}</Job>")
    return f"<Data>{''.join(found)}</Data>\n" if found else ""
