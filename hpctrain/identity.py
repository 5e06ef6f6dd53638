"""The identity of a process: whether a number still stands for the process that it once did."""

from __future__ import annotations

import os
from pathlib import Path
from typing import TypedDict


class Process(TypedDict):
    """What tells a process from another one of the same number, later or elsewhere."""

    host: str
    boot: str
    pid: int
    start: str


def process_fields(pid: int | str) -> list[str]:
    """Return /proc/PID/stat from field 3 on; nothing for a process that is gone or a zombie."""
    try:
        fields = Path(f"/proc/{pid}/stat").read_text(errors="replace").rpartition(")")[2].split()
    except OSError:
        return []
    return [] if not fields or fields[0] in "ZX" else fields


def identity(pid: int) -> Process:
    """Return what tells a process from another one of the same number, later or elsewhere."""
    boot = Path("/proc/sys/kernel/random/boot_id").read_text().strip()
    start = (process_fields(pid) or [""] * 20)[19]
    return {"host": os.uname().nodename, "boot": boot, "pid": pid, "start": start}


def whereabouts(process: Process) -> str:
    """Return ``here`` (alive), ``gone``, or ``elsewhere``: on a machine that cannot be asked."""
    now = identity(process["pid"])
    alike = (process["boot"], process["start"]) == (now["boot"], now["start"])
    if process["start"] and alike:
        return "here"
    return "gone" if process["host"] == now["host"] else "elsewhere"
