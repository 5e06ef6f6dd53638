"""What can be done to the jobs of a queue: put one in, hold, release, cancel."""

from __future__ import annotations

import contextlib
import errno
import os
import signal
import sys
import time
from pathlib import Path

from hpctrain.identity import identity, whereabouts
from hpctrain.schedulers.local_queue.state import (
    ACTIVE,
    WAITING,
    Json,
    ids,
    is_id,
    job_row,
    orphaned,
    read,
    signal_group,
    sync,
    write,
)
from hpctrain.schedulers.local_queue.supervisor import supervise


class NotTaken(Exception):
    """The error that there is no job, with the reason."""


def put(queue: Path, job: Json, *, held: bool = False) -> int:
    """Put a job in and return its number; when this has returned, it is looked after.

    ``job`` holds ``name comment output arguments walltime_s grace_s script cwd``, and may hold:
    ``cores`` of the ``room`` that all jobs share (1 of 1: one job after the other), ``after``
    (pairs of afterany, afterok or afternotok, and a job's number), ``after_begun`` (a job that was
    cancelled before it began is waited for all the same), ``environment`` (all of it;
    without, the caller's), ``umask``, ``begins_in`` (a folder; without, the caller's),
    ``not_before`` (a time), ``warning`` (a signal for the script alone, and how many seconds
    before its walltime is over), ``notes`` (for TIMEOUT and CANCELLED, a file and what is appended
    to it before the script is told to end), ``moves`` (pairs of paths: what is moved where at the
    end), and ``facts``, which are only kept. In paths and notes, ``%j`` is the job's number; in
    notes, ``%t`` is the time.
    """
    queue.mkdir(parents=True, exist_ok=True)
    draft = queue / f".new-{os.uname().nodename}-{os.getpid()}-{time.time_ns()}"
    draft.mkdir()
    pid, release_it = _start(draft)
    if not pid:
        raise NotTaken(f"no supervisor could be started; see {draft}")
    if held:
        (draft / "hold").touch()
    write(draft / "job.json", {**job, "submitted": time.time(), "supervisor": identity(pid)})
    number = move_in(draft, queue)
    with contextlib.suppress(OSError):
        sync(queue)
    os.close(release_it)
    return number


def nudge(job: Json) -> None:
    """Let a job's supervisor look now, not at its next poll."""
    if whereabouts(job["supervisor"]) == "here":
        with contextlib.suppress(OSError):
            os.kill(job["supervisor"]["pid"], signal.SIGCHLD)


def hold(folder: Path) -> None:
    (folder / "hold").touch()


def release(folder: Path) -> None:
    (folder / "hold").unlink(missing_ok=True)


def cancel(folder: Path) -> bool:
    """End a job, now or before it begins; False if there is no such job."""
    shown = job_row(folder) if is_id(folder.name) else None
    if shown is None:
        return False
    if shown["state"] in (*ACTIVE, *WAITING, "ELSEWHERE", "UNKNOWN"):
        again = (folder / "cancel").exists()
        (folder / "cancel").touch()
        with contextlib.suppress(KeyError, TypeError, ValueError):
            job, running = read(folder / "job.json"), read(folder / "running.json")
            nudge(job)
            # Nobody else is left to stop it: the first time it may tidy up, then no more.
            if whereabouts(job["supervisor"]) == "gone" and orphaned(job, running):
                signal_group(running["group"], signal.SIGKILL if again else signal.SIGTERM)
    return True


def _start(draft: Path) -> tuple[int, int]:
    """Start a detached supervisor; return its number and the pipe end that holds it back.

    The number is 0 if none could be started.
    """
    reported, report = os.pipe()
    hold, release = os.pipe()
    middle = os.fork()
    if not middle:
        os.setsid()
        if os.fork():
            os._exit(0)
        os.close(release)
        sys.exit(supervise(draft, report, hold))
    os.close(report)
    os.close(hold)
    with contextlib.suppress(ChildProcessError):
        os.waitpid(middle, 0)
    return int(os.read(reported, 32) or 0), release


def move_in(draft: Path, queue: Path) -> int:
    """Give the draft the next id, and return it."""
    # A folder with something in it cannot be renamed over: of two submits, one takes the next id.
    # So an id has its job.json from its first instant, and every lower id is there before it.
    number = max(ids(queue), default=0) + 1
    while True:
        try:
            draft.rename(queue / str(number))
            return number
        except OSError as error:
            if error.errno not in (errno.ENOTEMPTY, errno.EEXIST, errno.ENOTDIR):
                raise
        number += 1
