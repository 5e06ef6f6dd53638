"""Which checkpoint an attempt goes on from. Standard library only, Python 3.8 and later.

The trainer's side leaves folders ``checkpoint/NNNNNN`` that are renamed into place, so that one
with a number for a name was whole.
"""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any, Callable, Dict

from . import evidence


def newest_checkpoint(attempt: Path, can_be_read: Callable[[Path], object]) -> Path | None:
    """Find the newest checkpoint of an attempt that can be read, or None if it came to none.

    A lost node may leave the newest one torn: the one before it is kept too.
    """
    found = [
        entry
        for entry in (attempt / "checkpoint").glob("*")
        if re.match(r"[0-9]{6,}$", entry.name) and can_be_read(entry)
    ]
    return max(found, key=lambda entry: int(entry.name), default=None)


def newest_of_run(attempts: Path, can_be_read: Callable[[Path], object]) -> Path | None:
    """Find the checkpoint to go on from: of the last attempt that came to one."""
    numbered = [entry for entry in attempts.glob("*") if entry.name.isdigit()]
    for attempt in sorted(numbered, key=lambda entry: int(entry.name), reverse=True):
        found = newest_checkpoint(attempt, can_be_read)
        if found:
            return found
    return None


def read_state(checkpoint: Path) -> Dict[str, Any]:
    """Read a checkpoint's state.json; empty if it cannot be read."""
    return evidence.read_json(checkpoint / "state.json")
