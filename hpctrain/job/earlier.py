"""Whether an earlier attempt of the same run is still training. Standard library, Python >= 3.8."""

from __future__ import annotations

import contextlib
import os
import time
from pathlib import Path
from typing import Any, Callable, Mapping, Tuple

from . import continuation, evidence

# Signs of life come every 15 s. One that is older than this is the last.
DEAD_S = 60.0


def process() -> dict[str, Any]:
    """Return what claim.json says of this process: which it is, on which machine."""
    mine: dict[str, Any] = {"host": os.uname().nodename, "pid": os.getpid()}
    with contextlib.suppress(OSError):
        # In a container the numbers of processes are others.
        mine["namespace"] = os.readlink("/proc/self/ns/pid")
    return mine


def find_living(
    run: Path, attempt: int, job_id: str | None, check: Callable[[], None]
) -> tuple[int, str] | None:
    """Find an earlier attempt that is alive, and say how that is known; None if all have ended.

    The clocks of nodes differ, so ages are by the first heartbeat of this attempt, which was
    written just now on the same file system. A sign of life that is fresh may be the last of a job
    that was killed a moment ago; then the next is waited for. ``check`` is called meanwhile.
    """
    for number in range(attempt - 1, 0, -1):
        folder = continuation.folder_of(run, number)
        claim = evidence.read_json(folder / "claim.json")
        if not claim or os.path.exists(str(folder / "result.json")):
            continue
        if job_id is not None and claim.get("job_id") == job_id:
            continue  # this job: the scheduler has put it back into the queue
        runs = _runs_here(claim)
        if runs is False:
            continue
        age = _wait_for_life(folder, continuation.folder_of(run, attempt), runs is True, check)
        if age is not None:
            job = f", job {claim['job_id']}," if claim.get("job_id") else ""
            return number, (f"attempt {number}{job} is training: its heartbeat is {age:.0f} s old")
    return None


def _runs_here(claim: Mapping[str, Any]) -> bool | None:
    """Say whether the process is there; None if it is another machine's."""
    mine = process()
    if any(claim.get(key) != mine.get(key) for key in ("host", "namespace")):
        return None
    try:
        os.kill(int(claim["pid"]), 0)
    except ProcessLookupError:
        return False
    except (OSError, KeyError, ValueError, TypeError, OverflowError):
        return None
    return True


def _wait_for_life(folder: Path, own: Path, runs: bool, check: Callable[[], None]) -> float | None:
    """Wait for another heartbeat, unless its process ``runs``; return the age of the one before.

    None if none comes.
    """
    first = _look(folder)
    if first is None:
        return None
    now = _look(own)
    age = max(0.0, (now[0] if now else time.time()) - first[0])
    if runs and age < DEAD_S:
        return age
    began = time.monotonic()
    while age + time.monotonic() - began < DEAD_S:
        check()
        if os.path.exists(str(folder / "result.json")):
            return None
        now = _look(folder)
        if now is not None and now != first:
            return age
        time.sleep(0.2)
    return None


def _look(folder: Path) -> Tuple[float, Any] | None:
    """Read the last sign of life: when it was given, and its number; None if there is none."""
    path = folder / "heartbeat.json"
    with contextlib.suppress(OSError):
        return path.stat().st_mtime, evidence.read_json(path).get("beats")
    return None
