"""squeue of a practice Slurm."""

from __future__ import annotations

import os
import pwd
import re
from collections.abc import Callable
from pathlib import Path

from hpctrain.schedulers.practice_cluster.slurm.jobs import (
    DOWN,
    NODE,
    SHORT,
    Job,
    job_at,
    jobs_in,
    read_states,
    user_name,
)
from hpctrain.schedulers.practice_cluster.slurm.options import Refusal, parse

SQUEUE = {
    "me": "", "noheader": "h", "states=": "t", "format=": "o", "jobs=": "j", "user=": "u",
    "json!": "", "Format!": "O", "long!": "l", "name!": "n", "partition!": "p", "account!": "A",
    "sort!": "S", "start!": "", "steps!": "s", "array!": "r", "iterate!": "i", "qos!": "q",
    "clusters!": "M",
}  # fmt: skip
DEFAULT_FORMAT = "%.18i %.9P %.8j %.8u %.2t %.10M %.6D %R"
_FIELD = re.compile(r"%(\.?)(\d*)(.)")


def clock(seconds: float) -> str:
    """Write ``[D-][H:]MM:SS``."""
    minutes, rest = divmod(int(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    days, hours = divmod(hours, 24)
    if days:
        return f"{days}-{hours:02d}:{minutes:02d}:{rest:02d}"
    return f"{hours}:{minutes:02d}:{rest:02d}" if hours else f"{minutes}:{rest:02d}"


def _place(job: Job) -> str:
    return NODE if job.ran else f"({job.reason})"


QUEUE_FIELDS: dict[str, tuple[str, Callable[[Job], str]]] = {
    "i": ("JOBID", lambda job: str(job.number)),
    "T": ("STATE", lambda job: job.state),
    "t": ("ST", lambda job: SHORT.get(job.state, job.state)),
    "r": ("REASON", lambda job: job.reason),
    "M": ("TIME", lambda job: clock(job.elapsed_s)),
    "l": ("TIME_LIMIT", lambda job: clock(job.limit_s) if job.limit_s else "UNLIMITED"),
    "j": ("NAME", lambda job: job.name),
    "k": ("COMMENT", lambda job: "(null)" if job.comment is None else job.comment),
    "Z": ("WORK_DIR", lambda job: job.work_dir),
    "P": ("PARTITION", lambda job: str(job.facts.get("partition", ""))),
    "u": ("USER", lambda _: user_name()),
    "D": ("NODES", lambda job: str(job.facts.get("nodes", 1))),
    "R": ("NODELIST(REASON)", _place),
}


# "ENVIRONMENT VARIABLES" of squeue(1): what they do not name is not shown.
FILTERS = {"SQUEUE_PARTITION": "P", "SQUEUE_NAMES": "j", "SQUEUE_USERS": "u"}


def squeue(cluster: Path, words: list[str], down: bool) -> list[str]:
    """Return the lines of squeue."""
    found, rest = parse("squeue", words, SQUEUE)
    if rest:
        raise Refusal(1, f"squeue: error: Unrecognized option: {rest[0]}")
    layout = found.get("format", DEFAULT_FORMAT)
    unknown = [field for _, _, field in _FIELD.findall(layout) if field not in QUEUE_FIELDS]
    if unknown:
        raise Refusal(1, f"squeue: fatal: the practice cluster does not know %{unknown[0]}")
    states = found.get("states", "PENDING,RUNNING,COMPLETING")
    every = states.lower() == "all"
    shown, bad = read_states("" if every else states)
    if bad:
        raise Refusal(1, f"squeue: error: Invalid job state specified: {bad}")
    if down:
        raise Refusal(1, f"slurm_load_jobs error: {DOWN}")
    jobs = [job for job in jobs_in(cluster) if not job.purged]
    if "user" in found and not _is_me(found["user"]):
        jobs = []
    if "jobs" in found:
        numbers = found["jobs"].split(",")
        for word in numbers:
            if not word.isdecimal():
                raise Refusal(1, f"squeue: error: Invalid job id: {word}")
        # One unknown id is an error; of several, the unknown ones are silently left out.
        if len(numbers) == 1 and job_at(cluster, numbers[0]) is None:
            raise Refusal(1, "slurm_load_jobs error: Invalid job id specified")
        jobs = [job for job in jobs if str(job.number) in numbers]
    jobs = [job for job in jobs if every or job.state in shown]
    for variable, field in FILTERS.items():
        if wanted := os.environ.get(variable):
            jobs = [job for job in jobs if QUEUE_FIELDS[field][1](job) in wanted.split(",")]
    # Its own order: by partition and the state's name, and what is held last.
    jobs.sort(key=lambda job: (str(job.facts.get("partition", "")), job.state, job.held))

    def line(text: Callable[[str], str]) -> str:
        def put(match: re.Match[str]) -> str:
            right, width, field = match.groups()
            value = text(field)
            if not width:
                return value
            size = int(width)
            return value[:size].rjust(size) if right else value[:size].ljust(size)

        return _FIELD.sub(put, layout)

    head = [] if "noheader" in found else [line(lambda field: QUEUE_FIELDS[field][0])]
    return head + [line(lambda field, job=job: QUEUE_FIELDS[field][1](job)) for job in jobs]  # type: ignore[misc]


def _is_me(user: str) -> bool:
    if user.isdecimal():
        return int(user) == os.getuid()
    try:
        return pwd.getpwnam(user).pw_uid == os.getuid()
    except KeyError:
        # Seen: an error, no row, and exit code 0.
        raise Refusal(0, f"squeue: error: Invalid user: {user}", "") from None
