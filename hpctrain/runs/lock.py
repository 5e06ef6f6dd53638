"""The lock of a project: one command at a time, on shared file systems too.

No flock: over NFS it holds or not, as the servers please. A lock is a file with the next number in
``runs/.lock``; link() gives a number to one process only, and the file with the highest number is
the lock. It is not removed when it is released, only marked, so that numbers only grow: a process
that still has an old idea of the highest number finds a higher one and steps back.
"""

from __future__ import annotations

import contextlib
import json
import os
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TypedDict, cast

from hpctrain.errors import HpctrainError
from hpctrain.files import write_text
from hpctrain.identity import Process, identity, whereabouts
from hpctrain.interrupts import hold_interrupts
from hpctrain.records import BadFile, read_record

POLL_S = 0.05
WAIT_S = 300.0
# A holder on another machine cannot be asked whether it lives. What is done under the lock takes
# seconds, and each scheduler command a minute at most: after this long it is dead.
ELSEWHERE_S = 1800.0


class _Record(TypedDict, total=False):
    released: bool
    host: str
    boot: str
    pid: int
    start: str
    command: str
    time: float


class Locked(HpctrainError):
    """The error that another command is at work on the project."""


@contextlib.contextmanager
def hold_lock(
    runs: Path,
    command: str,
    *,
    wait_s: float = WAIT_S,
    say: Callable[[str], None] = lambda _: None,
) -> Iterator[None]:
    """Hold the project's lock; Locked, naming the holder, if it is not free within ``wait_s``.

    ``say`` is told once that there is somebody to wait for, and of a lock left by a dead process.
    """
    folder = runs / ".lock"
    folder.mkdir(parents=True, exist_ok=True)
    mine = _acquire(folder, command, wait_s, say)
    try:
        yield
    finally:
        # Whoever goes on after Ctrl-C, as a notebook does, must not be in its own way.
        with hold_interrupts():
            _release(mine, {**_own_record(command), "released": True})


def _acquire(folder: Path, command: str, wait_s: float, say: Callable[[str], None]) -> Path:
    end = time.monotonic() + wait_s
    told = False
    while True:
        highest = _highest(folder)
        holder = _read(folder / str(highest)) if highest else {"released": True}
        if not holder.get("released"):
            who = _name_of(holder)
            if _is_dead(folder / str(highest), holder):
                say(f"taking over the lock of {who}, which has died")
            elif time.monotonic() > end:
                raise Locked(
                    f"{who} is running in this project",
                    "try again when it has ended; nothing was changed",
                )
            else:
                if not told:
                    say(f"waiting for {who}")
                told = True
                time.sleep(POLL_S)
                continue
        mine = folder / str(highest + 1)
        if _take(mine, _own_record(command)) and _highest(folder) == highest + 1:
            for number in _numbers(folder):
                if number <= highest:
                    (folder / str(number)).unlink(missing_ok=True)
            return mine


def _own_record(command: str) -> _Record:
    mine = {**identity(os.getpid()), "command": command, "time": time.time()}
    return cast("_Record", mine)


def _numbers(folder: Path) -> list[int]:
    return [int(entry.name) for entry in folder.iterdir() if entry.name.isdecimal()]


def _highest(folder: Path) -> int:
    return max(_numbers(folder), default=0)


def _take(path: Path, record: _Record) -> bool:
    """Give the record this name; False if the name is taken."""
    temporary = path.with_name(f".{path.name}.{record['host']}.{record['pid']}")
    try:
        write_text(temporary, json.dumps(record))
        os.link(temporary, path)
    except FileExistsError:
        # NFS may say so after its first answer got lost: then the link is there, and it is ours.
        return temporary.stat().st_nlink == 2
    finally:
        temporary.unlink(missing_ok=True)
    return True


def _release(path: Path, record: _Record) -> None:
    temporary = path.with_name(f".{path.name}.{record['host']}.{record['pid']}")
    try:
        temporary.write_text(json.dumps(record), encoding="utf-8")
        temporary.replace(path)
    except OSError:
        # A full disk has no room for another file: then in the room of this one.
        with contextlib.suppress(OSError):
            temporary.unlink(missing_ok=True)
            with path.open("r+b", buffering=0) as file:
                file.write(json.dumps({"released": True}).ljust(path.stat().st_size).encode())


def _read(path: Path) -> _Record:
    """Read the record of a lock; a file that has just gone was followed by a higher number."""
    try:
        record = read_record(path, _Record)
    except BadFile:
        return {}
    return {"released": True} if record is None else record


def _is_dead(path: Path, holder: _Record) -> bool:
    try:
        where = whereabouts(cast("Process", holder))
    except KeyError:
        where = "elsewhere"  # a damaged record tells nothing
    if where != "elsewhere":
        return where == "gone"
    # By the file server's clock on both sides: machines disagree about the time.
    probe = path.with_name(f".probe.{os.uname().nodename}.{os.getpid()}")
    try:
        probe.touch()
        return probe.stat().st_mtime - path.stat().st_mtime > ELSEWHERE_S
    except FileNotFoundError:
        return False
    finally:
        probe.unlink(missing_ok=True)


def _name_of(holder: _Record) -> str:
    return (
        f"'{holder.get('command', 'a command')}' "
        f"(process {holder.get('pid', '?')} on {holder.get('host', '?')})"
    )
