"""The jobs of a practice Slurm, in Slurm's words."""

from __future__ import annotations

import os
import pwd
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from hpctrain.schedulers.local_queue.state import ids, job_row, read

Json = dict[str, Any]
NODE = "practice"
CLUSTER = "practice"
CORES = 4
MEMORY_MB = 16000
GPUS = 2
GPU_TYPE = "a100"
FEATURES = ("practice", "gpu")
ACCOUNT = "materials"
QOS = ("normal", "long")
# Longest, and what a job without --time gets: seconds.
PARTITIONS = {"cpu": (86400.0, 3600.0), "short": (600.0, 600.0)}
DOWN = "Unable to contact slurm controller (connect failure)"
MIN_JOB_AGE_S = 300.0
KILL_WAIT_S = 30.0

ENGINE = {
    "QUEUED": "PENDING",
    "HELD": "PENDING",
    "DEPENDS": "PENDING",
    "NEVER": "PENDING",
    "STOPPING": "COMPLETING",
    "LOST": "NODE_FAIL",
}
REASONS = {
    "HELD": "JobHeldUser",
    "DEPENDS": "Dependency",
    "NEVER": "DependencyNeverSatisfied",
    "TIMEOUT": "TimeLimit",
    "LOST": "NodeDown",
}
SHORT = {
    "PENDING": "PD", "RUNNING": "R", "COMPLETING": "CG", "COMPLETED": "CD", "FAILED": "F",
    "CANCELLED": "CA", "TIMEOUT": "TO", "NODE_FAIL": "NF",
}  # fmt: skip
# Slurm's other states: asked for, but never seen here.
OTHERS = {
    "BF", "DL", "OOM", "PR", "RQ", "RS", "RV", "S", "BOOT_FAIL", "DEADLINE", "OUT_OF_MEMORY",
    "PREEMPTED", "REQUEUED", "RESIZING", "REVOKED", "SUSPENDED", "CF", "CONFIGURING",
}  # fmt: skip
OVER = ("COMPLETED", "FAILED", "CANCELLED", "TIMEOUT", "NODE_FAIL")


@dataclass
class Job:
    """One job; ``state`` and ``reason`` are squeue's, ``ended`` is in seconds since the epoch."""

    number: int
    folder: Path
    name: str
    comment: str | None
    facts: Json
    state: str
    reason: str
    elapsed_s: float
    limit_s: float
    code: str
    submitted: float
    ended: float | None
    held: bool
    ran: bool
    by: int
    work_dir: str

    @property
    def purged(self) -> bool:
        """Say whether the controller has forgotten it."""
        return self.ended is not None and time.time() - self.ended >= MIN_JOB_AGE_S


def job_of(folder: Path) -> Job | None:
    """Return the job in a folder; None if there is none."""
    shown = job_row(folder)
    if shown is None:
        return None
    try:
        record, end = read(folder / "job.json"), read(folder / "ended.json")
    except ValueError:
        record, end = {}, {}
    facts: Json = record.get("facts") or {}
    engine, wanted = str(shown["state"]), folder / "cancel"
    state = ENGINE.get(engine, engine)
    reason = REASONS.get(engine, "None")
    # Its supervisor has given up on it; a job of Slurm's stays until somebody cancels it.
    if engine == "NEVER" and wanted.exists():
        state = "CANCELLED"
    if engine in ("ELSEWHERE", "UNKNOWN"):
        reason = shown["reason"]
    ran = (folder / "running.json").exists()
    # What can never run is held too, so that the engine lets it alone.
    held = (folder / "hold").exists() and not facts.get("reason")
    code = _code(state, shown, end)
    if state == "FAILED":
        # Seen: a script that a signal ended is called a failed launch.
        reason = "NonZeroExitCode" if code.endswith(":0") else "JobLaunchFailure"
    if facts.get("reason") and not ran:
        reason = facts["reason"]
    elif state == "CANCELLED" and held and not ran:
        reason = "JobHeldUser"  # the last reason for waiting stays
    elif state == "CANCELLED" and record.get("after") and not ran:
        reason = "Dependency"
    ended = None
    if state in OVER:
        ended = float(end.get("ended") or 0) if engine != "NEVER" else None
        ended = ended or _changed(wanted) or _changed(folder) or 0.0
    return Job(
        number=int(folder.name),
        folder=folder,
        name=shown["name"],
        comment=facts.get("comment"),
        facts=facts,
        state=state,
        reason=reason,
        elapsed_s=shown["elapsed_s"] or 0.0,
        limit_s=facts.get("limit_s") or 0.0,
        code=code,
        submitted=float(record.get("submitted") or 0.0),
        ended=ended,
        held=held,
        ran=ran,
        by=_owner(wanted),
        work_dir=str(record.get("begins_in") or record.get("cwd") or ""),
    )


def _code(state: str, shown: Json, end: Json) -> str:
    """Return sacct's exit code and signal."""
    if state != "FAILED":
        return "0:0"  # of what was made to end, whatever its script said
    if shown["exit_code"] is None:
        return "0:53"  # seen where the output could not be written
    return f"0:{end['signal']}" if end.get("signal") else f"{shown['exit_code']}:0"


def _changed(path: Path) -> float:
    try:
        return path.stat().st_mtime
    except OSError:
        return 0.0


def _owner(path: Path) -> int:
    try:
        return path.stat().st_uid
    except OSError:
        return os.getuid()


def jobs_in(cluster: Path) -> Iterator[Job]:
    """Yield all jobs, by number; of those that wait for room, the first has another reason."""
    first = True
    for number in ids(cluster / "jobs"):
        job = job_of(cluster / "jobs" / str(number))
        if job is None:
            continue
        if job.state == "PENDING" and job.reason == "None":
            job.reason = "Resources" if first else "Priority"
            first = False
        yield job


def job_at(cluster: Path, word: str) -> Job | None:
    """Return the job of that number, unless the controller has forgotten it."""
    if not (word.isascii() and word.isdecimal()):
        return None
    job = job_of(cluster / "jobs" / str(int(word)))
    return None if job is None or job.purged else job


def read_states(text: str) -> tuple[set[str], str]:
    """Read a list of states, short or long, as long names; and return one that is neither."""
    long = {short: name for name, short in SHORT.items()}
    words = {word.strip().upper() for word in text.split(",") if word}
    strange = [word for word in words if word not in (*long, *SHORT, *OTHERS)]
    return {long.get(word, word) for word in words}, "".join(strange[:1])


def user_name() -> str:
    """Return the caller's name."""
    try:
        return pwd.getpwuid(os.getuid()).pw_name
    except KeyError:
        return str(os.getuid())
