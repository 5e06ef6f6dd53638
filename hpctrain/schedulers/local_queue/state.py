"""The state of a job, from the queue's folder and this machine's processes."""

from __future__ import annotations

import contextlib
import errno
import json
import os
import stat
import time
from pathlib import Path
from typing import Any

from hpctrain.identity import identity, process_fields, whereabouts

Json = dict[str, Any]
ACTIVE = ("QUEUED", "RUNNING", "STOPPING")
# In nobody's way: somebody must let it go, or another job must end.
WAITING = ("HELD", "DEPENDS")
MOST, MOST_OF_WORDS = 4 << 20, 1 << 16  # bytes of a record, and of a file of some words
LARGEST = 1e12  # no time and no number in a record comes near it
# The modules of records and their shapes would take longer to import than this program runs.
_NUMBER, _TEXT = (int, float, type(None)), (str, type(None))
_KINDS: dict[str, type | tuple[type, ...]] = {
    "name": str, "comment": _TEXT, "output": str, "script": str, "cwd": str, "state": str,
    "reason": _TEXT, "begins_in": str, "walltime_s": _NUMBER, "grace_s": _NUMBER,
    "elapsed_s": _NUMBER, "exit_code": _NUMBER, "submitted": _NUMBER, "ended": _NUMBER,
    "started": _NUMBER, "monotonic": _NUMBER, "not_before": _NUMBER, "signal": _NUMBER,
    "cores": int, "room": int, "group": int, "session": int, "supervisor": dict, "facts": dict,
    "after": list, "arguments": list,
    # What a practice cluster keeps of the request.
    "partition": _TEXT, "queue": _TEXT, "user": _TEXT, "limit_s": _NUMBER, "letters": dict,
    "lists": dict, "variables": dict, "attributes": dict, "words": _TEXT,
}  # fmt: skip
LOST = "its supervisor ended and left no result (it was killed, or the machine restarted)"


def sync(folder: Path) -> None:
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def write(path: Path, record: Json) -> None:
    """Write a record by rename, and see it onto the disk."""
    new = path.with_suffix(".new")
    with new.open("w", encoding="ascii") as file:
        json.dump(record, file)
        file.flush()
        os.fsync(file.fileno())
    new.replace(path)
    sync(path.parent)


def read(path: Path) -> Json:
    """Read a record; it is empty where there is none, and a damaged one is a ValueError."""
    text = _read_regular(path, MOST)
    if text is None:
        return {}
    try:
        record = json.loads(text)
    except RecursionError:
        raise ValueError(f"{path} is nested too deeply") from None
    if not isinstance(record, dict):
        raise ValueError(f"{path} is no record")
    facts = record.get("facts")
    inner = facts.items() if isinstance(facts, dict) else ()
    for key, value in [*record.items(), *inner]:
        kind = _KINDS.get(key)
        number = isinstance(value, int | float)
        if (kind and not isinstance(value, kind)) or (number and not abs(value) < LARGEST):
            raise ValueError(f"{path} is damaged: {key} is not as it should be")
    return record


def read_words(path: Path) -> str:
    """Read a file of a few words; empty where there is none, and where there is no such file."""
    try:
        return (_read_regular(path, MOST_OF_WORDS) or b"").decode("utf-8")
    except (OSError, ValueError):
        return ""


def _read_regular(path: Path, most: int) -> bytes | None:
    """Read the beginning of a file; a link is not followed, and a FIFO not waited for."""
    try:
        descriptor = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC)
    except (FileNotFoundError, NotADirectoryError):
        return None
    except OSError as error:
        if error.errno not in (errno.ELOOP, errno.ENXIO):
            raise
        raise ValueError(f"{path} is not a regular file") from None
    try:
        if not stat.S_ISREG(os.fstat(descriptor).st_mode):
            raise ValueError(f"{path} is not a regular file")
        return os.read(descriptor, most)
    finally:
        os.close(descriptor)


def is_id(text: str) -> bool:
    """Say whether a name is a job's number."""
    return text.isascii() and text.isdecimal() and not text.startswith("0")


def ids(queue: Path) -> list[int]:
    """List the numbers of all jobs, in order."""
    if not queue.exists():
        return []
    return sorted(int(entry.name) for entry in queue.iterdir() if is_id(entry.name))


def group_alive(running: Json) -> bool:
    """Say whether a process of the script's group still lives."""
    wanted = [str(running["group"]), str(running["session"])]
    pids = (entry.name for entry in Path("/proc").iterdir() if is_id(entry.name))
    return any(process_fields(pid)[2:4] == wanted for pid in pids)


def signal_group(group: int, *numbers: int) -> None:
    """Send these signals to a process group, as long as it is there."""
    for number in numbers:
        with contextlib.suppress(OSError):
            os.killpg(group, number)


def orphaned(job: Json, running: Json) -> bool:
    """Say whether the script outlived its killed supervisor: then it trains on, and is not lost."""
    same_boot = job["supervisor"]["boot"] == identity(os.getpid())["boot"]
    return bool(running) and same_boot and group_alive(running)


def obstacle(folder: Path, job: Json) -> Json | None:
    """Return why the job may not start, however much room there is, as ``state`` and ``reason``."""
    if (folder / "hold").exists():
        return {"state": "HELD", "reason": "held"}
    if time.time() < job.get("not_before", 0):
        return {"state": "HELD", "reason": "waits for its time"}
    for kind, number in job.get("after", ()):
        other = job_row(folder.parent / str(number))
        if other is None:
            return {"state": "NEVER", "reason": f"there is no job {number} to wait for"}
        if other["state"] in (*ACTIVE, *WAITING, "ELSEWHERE", "UNKNOWN"):
            return {"state": "DEPENDS", "reason": f"waits for job {number}"}
        if job.get("after_begun") and other["state"] == "CANCELLED" and other["elapsed_s"] is None:
            return {"state": "DEPENDS", "reason": f"job {number} was cancelled before it began"}
        if kind != "afterany" and (kind == "afterok") != (other["state"] == "COMPLETED"):
            return {"state": "NEVER", "reason": f"job {number} did not end as {kind} wants"}
    return None


def job_state(folder: Path, job: Json) -> Json:
    """Return a job's state, why, and for how long it has run."""
    # Asked before the files are read: a supervisor that ends in between has left its last word.
    supervisor = whereabouts(job["supervisor"])
    names = ("ended.json", "running.json", "stopping.json")
    ended, running, stopping = (read(folder / name) for name in names)
    if ended:
        return {key: ended[key] for key in ("state", "reason", "elapsed_s", "exit_code")}
    if supervisor == "elsewhere":
        host = job["supervisor"]["host"]
        return {"state": "ELSEWHERE", "reason": f"runs on {host}; ask there"}
    orphan = supervisor == "gone" and orphaned(job, running)
    if supervisor == "gone" and not orphan:
        wanted = (folder / "cancel").exists()
        return {"state": "CANCELLED" if wanted else "LOST", "reason": LOST}
    if not running:
        return obstacle(folder, job) or {"state": "QUEUED", "reason": "waits for its turn"}
    elapsed_s = time.monotonic() - running["monotonic"]
    if stopping:
        return {"state": "STOPPING", "reason": stopping["reason"], "elapsed_s": elapsed_s}
    reason = "its supervisor was killed: no walltime, no exit code" if orphan else ""
    return {"state": "RUNNING", "reason": reason, "elapsed_s": elapsed_s}


def job_row(folder: Path) -> Json | None:
    """Return what the list shows of one job; None when there is no such job, or no more."""
    shown: Json = {"id": folder.name, "name": "", "comment": ""}
    shown |= {"state": "UNKNOWN", "reason": "its files cannot be read"}
    shown |= {"elapsed_s": None, "walltime_s": None, "exit_code": None, "cores": 1}
    with contextlib.suppress(KeyError, TypeError, ValueError, AttributeError, OverflowError):
        job = read(folder / "job.json")
        shown |= {key: job[key] for key in ("name", "comment", "walltime_s")}
        shown |= {"cores": job.get("cores", 1), "cwd": job.get("cwd")}
        shown |= job_state(folder, job)
    return shown if (folder / "job.json").exists() else None
