"""Runs whose folder is gone while their job is not.

``runs/.submitted`` lists what was submitted in the project: a folder may be deleted at any time,
and names alone do not tell this project's jobs from those of another one with the same name.
"""

from __future__ import annotations

import contextlib
import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from hpctrain.files import now, timestamp
from hpctrain.runs.submitter import Submitter, read_submitter

LISTING = ".submitted"


@dataclass(frozen=True)
class Gone:
    """A run that was submitted, and whose folder is gone; ``submitted`` is in seconds."""

    run_id: str
    scheduler: str
    clusters: str | None
    submitter: Submitter
    submitted: float


@dataclass(frozen=True)
class Stray:
    """A job of a run whose folder is gone, and the command that ends it."""

    run_id: str
    job_id: str
    state: str
    command: str


def list_run(runs: Path, run_id: str, **facts: Any) -> None:
    """Add a run to the list, or more about it; the list is a help, and nothing depends on it."""
    with contextlib.suppress(OSError), (runs / LISTING).open("a", encoding="utf-8") as file:
        told = {"run_id": run_id, "runs": str(runs.absolute()), "time": now(), **facts}
        file.write(json.dumps(told) + "\n")


def strike_off(runs: Path, run_id: str) -> None:
    """Note that no job of a run is left."""
    list_run(runs, run_id, over=True)


def gone_runs(runs: Path) -> list[Gone]:
    """List the runs whose folder is gone, and of which a job may be left."""
    try:
        lines = (runs / LISTING).read_text(encoding="utf-8", errors="replace").splitlines()
        there = {entry.name for entry in runs.iterdir()}
    except OSError:
        return []
    found: dict[str, Gone] = {}
    for line in lines:
        with contextlib.suppress(ValueError):
            facts = json.loads(line)
            if not isinstance(facts, dict) or str(facts.get("run_id")) in there:
                continue
            if facts.get("runs") != str(runs.absolute()):
                continue  # a copy: the run's folder may be where it was made
            run_id, clusters = str(facts.get("run_id")), facts.get("clusters")
            if facts.get("over"):
                found.pop(run_id, None)
                continue
            found[run_id] = Gone(
                run_id,
                str(facts.get("scheduler")),
                clusters if isinstance(clusters, str) else None,
                read_submitter(facts, Submitter()),
                timestamp(str(facts.get("time"))),
            )
    return list(found.values())
