"""Which process is this, and is it still there? A number alone could be another one tomorrow."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

Json = dict[str, Any]


def process_fields(pid: int | str) -> list[str]:
    """Field 3 and the next of /proc/PID/stat; none for no process, or one that only waits to be
    reaped."""
    try:
        fields = Path(f"/proc/{pid}/stat").read_text(errors="replace").rpartition(")")[2].split()
    except OSError:
        return []
    return [] if not fields or fields[0] in "ZX" else fields


def identity(pid: int) -> Json:
    """A number alone could be another process tomorrow, or on another machine."""
    boot = Path("/proc/sys/kernel/random/boot_id").read_text().strip()
    start = (process_fields(pid) or [""] * 20)[19]
    return {"host": os.uname().nodename, "boot": boot, "pid": pid, "start": start}


def whereabouts(process: Json) -> str:
    """``here`` (alive), ``gone``, or ``elsewhere``: on a machine that cannot be asked from here."""
    now = identity(process["pid"])
    if process["start"] and all(process[key] == now[key] for key in ("boot", "start")):
        return "here"
    return "gone" if process["host"] == now["host"] else "elsewhere"
