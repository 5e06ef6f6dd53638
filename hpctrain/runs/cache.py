"""What is kept of each run in ``runs/.cache``; losing such a file costs time only."""

from __future__ import annotations

import contextlib
import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import orjson

from hpctrain.files import write_atomically
from hpctrain.records import BadFile, read_bytes

MOST = 256 << 20  # bytes of what is kept of all runs


def read_kept(path: Path, version: object) -> dict[str, Any]:
    """Return what is kept, by run; nothing of what is damaged, or another version kept."""
    try:
        kept = _parse(read_bytes(path, MOST) or b"{}")
    except (BadFile, ValueError, RecursionError):
        return {}
    if not isinstance(kept, dict) or kept.get("version") != version:
        return {}
    runs = kept.get("runs")
    if not isinstance(runs, dict):
        return {}
    return {run_id: one for run_id, one in runs.items() if isinstance(one, dict)}


def _parse(content: bytes) -> Any:
    try:
        return orjson.loads(content)
    except orjson.JSONDecodeError:
        return json.loads(content)  # NaN is a number here: the trainer's errors may be


def write_kept(path: Path, version: object, runs: Mapping[str, Any], folder: Path) -> None:
    """Keep it for the runs that are still in ``folder``; where that is not possible, do without."""
    there = {run_id: kept for run_id, kept in runs.items() if (folder / run_id).is_dir()}
    with contextlib.suppress(OSError):
        path.parent.mkdir(parents=True, exist_ok=True)
        content = {"version": version, "runs": there}
        write_atomically(path, json.dumps(content, separators=(",", ":")))
