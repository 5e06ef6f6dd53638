"""The programs that an attempt runs, and how they end. Standard library only, Python >= 3.8."""

from __future__ import annotations

import contextlib
import ctypes
import errno
import os
import shutil
import signal
import subprocess
import sys
import time
from dataclasses import dataclass, field
from pathlib import Path
from typing import Callable, Mapping, Set

from .ending import ENDING_SIGNALS, Ending

# How long the trainer, and all it started, may take to end once it was asked to.
TERMINATION_S = 10.0
# Behind a launcher the scheduler's warning reaches every process of the job, and would end them.
DEAF = ("/bin/sh", "-c", 'trap "" USR1; exec "$@"', "sh")


class Failure(Exception):
    """Why the attempt failed, in words for the user; ``signal`` if a step was ended by one."""

    def __init__(self, reason: str, signal_name: str | None = None) -> None:
        super().__init__(reason)
        self.signal = signal_name


def in_words(error: Exception) -> str:
    """Put an error in words; what the file system says needs no name of an exception."""
    if isinstance(error, OSError) and error.errno in (errno.ENOSPC, errno.EDQUOT):
        return f"the disk, or its quota, is full ({error.filename or error.strerror})"
    if isinstance(error, OSError) and error.filename and error.strerror:
        return f"{error.filename}: {error.strerror}"
    return f"{type(error).__name__}: {error}"


def say(words: str) -> None:
    """Print a line into the job's output; a disk that is full is no reason to end."""
    line = f"hpctrain: {words}\n".encode("utf-8", "replace")
    with contextlib.suppress(OSError):
        # Not by print: what it could not write it would try again at the end, and fail there.
        os.write(1, line)


def tool(name: str) -> str:
    """Find a program of the trainer's environment: beside its Python, else on the PATH."""
    beside = Path(sys.executable).parent / name
    found = str(beside) if beside.is_file() else shutil.which(name)
    if found is None:
        raise Failure(f"{name} is neither beside {sys.executable} nor on the PATH of the job")
    return found


def module(name: str, *arguments: str) -> tuple[str, ...]:
    """Return the command that runs a module of this package as a process of its own."""
    return (sys.executable, "-m", f"job.{name}", *arguments)


@dataclass(frozen=True)
class Steps:
    """The steps of one attempt: programs that run in its folder until it has to end.

    ``explain`` makes the reason for the user of what a program printed last. ``beside`` are
    processes of the job that are no part of a step, and outlive it.
    """

    folder: Path
    ending: Ending
    explain: Callable[[str], str]
    beside: Set[int] = field(default_factory=set)

    def run(
        self,
        name: str,
        argv: tuple[str, ...],
        *,
        variables: Mapping[str, str] | None = None,
        meanwhile: Callable[[int], None] = lambda _: None,
    ) -> None:
        """Run one step; what it prints goes to NAME.out. Raises Failure, or as Ending.check.

        ``meanwhile`` is called while it runs, with the number of its process. When this returns or
        raises, nothing that the step started is left.
        """
        self.ending.check()
        path = self.folder / f"{name}.out"
        with open(str(path), "ab") as out:
            # In the job's own process group: a scheduler that kills the group gets all of it.
            child = subprocess.Popen(
                (*DEAF, *argv), cwd=str(self.folder), stdin=subprocess.DEVNULL,
                stdout=out, stderr=subprocess.STDOUT, env={**os.environ, **(variables or {})},
            )  # fmt: skip
        try:
            code = _wait(child, self.ending, meanwhile)
        finally:
            _end_all(child, self.beside)
        if code == 0:
            return
        reason = self.explain(_tail(path)) or "it printed nothing"
        killed = _signal_of(code) == signal.SIGKILL
        raise Failure(f"{name} {_manner(code)}: {reason}", "SIGKILL" if killed else None)


def _tail(path: Path) -> str:
    with open(str(path), "rb") as file:
        file.seek(max(0, path.stat().st_size - 20000))
        return file.read().decode("utf-8", "replace")


def _wait(child: subprocess.Popen[bytes], ending: Ending, meanwhile: Callable[[int], None]) -> int:
    while True:
        ending.check()
        meanwhile(child.pid)
        with contextlib.suppress(subprocess.TimeoutExpired):
            code = child.wait(0.2)
            break
    if _signal_of(code) in ENDING_SIGNALS:
        # Who ends a job may reach the trainer first, and this process a moment later.
        limit = time.monotonic() + 1.0
        while time.monotonic() < limit:
            ending.check()
            time.sleep(0.05)
    return code


def _signal_of(code: int) -> int:
    """Return the signal that ended a process: its parent sees -n, a shell says 128 + n."""
    return -code if code < 0 else code - 128 if code > 128 else 0


def _manner(code: int) -> str:
    number = _signal_of(code)
    if number == signal.SIGKILL:
        return "was killed (often: out of memory)"
    if code < 0 or number in ENDING_SIGNALS:
        with contextlib.suppress(ValueError):
            return f"was ended by {signal.Signals(number).name}"
        return f"was ended by signal {number}"
    return f"failed (exit code {code})"


def adopt_orphans() -> None:
    """Make this process the parent of what a trainer leaves behind, so that it can be found."""
    with contextlib.suppress(OSError, AttributeError):
        set_child_subreaper = 36
        ctypes.CDLL(None).prctl(set_child_subreaper, 1, 0, 0, 0)


def _end_all(child: subprocess.Popen[bytes], beside: Set[int]) -> None:
    """End a step and everything that it started: with SIGTERM first, then with SIGKILL."""

    def left() -> set[int]:
        return _descendants(os.getpid(), beside)

    def ended() -> bool:
        child.poll()
        return not left() and child.returncode is not None

    for number, patience_s in ((signal.SIGTERM, TERMINATION_S), (signal.SIGKILL, 2.0)):
        if ended():
            return
        for pid in left() | ({child.pid} if child.returncode is None else set()):
            with contextlib.suppress(OSError):
                os.kill(pid, number)
        limit = time.monotonic() + patience_s
        while not ended() and time.monotonic() < limit:
            time.sleep(0.05)


def _descendants(top: int, without: Set[int]) -> set[int]:
    """List the processes that descend from one and have not ended, ``without`` some and theirs."""
    children: dict[int, list[int]] = {}
    for entry in os.listdir("/proc") if os.path.isdir("/proc") else ():
        with contextlib.suppress(OSError, ValueError, IndexError):
            with open(f"/proc/{int(entry)}/stat", encoding="utf-8", errors="replace") as stat:
                state, parent = stat.read().rpartition(")")[2].split()[:2]
            if state not in "ZX" and int(entry) not in without:
                children.setdefault(int(parent), []).append(int(entry))
    found: set[int] = set()
    new = children.get(top, [])
    while new:
        found.update(new)
        new = [pid for parent in new for pid in children.get(parent, [])]
    return found
