"""What is kept of each run in ``runs/.cache``; losing such a file costs time only."""

from __future__ import annotations

import contextlib
import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from hpctrain.files import read_json, write_atomically


def read_kept(path: Path, version: object) -> dict[str, Any]:
    """Return what is kept, by run; nothing of what another version kept."""
    kept = read_json(path) or {}
    runs = kept.get("runs") if kept.get("version") == version else None
    return runs if isinstance(runs, dict) else {}


def write_kept(path: Path, version: object, runs: Mapping[str, Any], folder: Path) -> None:
    """Keep it for the runs that are still in ``folder``; where that is not possible, do without."""
    there = {run_id: kept for run_id, kept in runs.items() if (folder / run_id).is_dir()}
    with contextlib.suppress(OSError):
        path.parent.mkdir(parents=True, exist_ok=True)
        content = {"version": version, "runs": there}
        write_atomically(path, json.dumps(content, separators=(",", ":")))
