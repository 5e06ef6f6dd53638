"""Durations as Slurm and PBS write them."""

from __future__ import annotations

import re

# Slurm parts days from hours with a dash, PBS with a colon; PBS may tell seconds alone.
_DURATION = re.compile(r"(?:(?:(?:([0-9]+)[-:])?([0-9]+):)?([0-9]+):)?([0-9]+)")


def seconds(text: str | None) -> int | None:
    """Read ``[D-]H:M:S``, ``M:S`` or seconds; return None for UNLIMITED, INVALID and all else."""
    match = _DURATION.fullmatch(text or "")
    if match is None:
        return None
    days, hours, minutes, rest = (int(part or 0) for part in match.groups())
    return ((days * 24 + hours) * 60 + minutes) * 60 + rest


def clock(seconds: float, *, days: bool = True) -> str:
    """Write ``[D-]HH:MM:SS``; without ``days``, which PBS does not know, as ``HHH:MM:SS``."""
    minutes, second = divmod(round(seconds), 60)
    hours, minute = divmod(minutes, 60)
    day, hour = divmod(hours, 24) if days else (0, hours)
    text = f"{hour:02d}:{minute:02d}:{second:02d}"
    return f"{day}-{text}" if day else text
