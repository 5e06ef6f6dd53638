"""Runs whose folder is gone while their job is not.

``runs/.submitted`` lists what was submitted in the project: a folder may be deleted at any time,
and names alone do not tell this project's jobs from those of another one with the same name.
"""

from __future__ import annotations

import contextlib
import json
import os
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from hpctrain.files import now, timestamp
from hpctrain.records import BadFile, open_to_append, parse, read_lines
from hpctrain.runs.submitter import Place, Submitter, read_submitter
from hpctrain.shapes import FileName, SchedulerName, Time, misfit

LISTING = ".submitted"
# Of the list, in bytes: a line has some two hundred.
_LONGEST_LINE, _MOST = 1 << 16, 64 << 20


class _Listed(Place):
    run_id: FileName
    time: Time
    scheduler: SchedulerName


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
    told = {"run_id": run_id, "runs": str(runs.absolute()), "time": now(), **facts}
    with contextlib.suppress(OSError, BadFile):
        descriptor = open_to_append(runs / LISTING)
        try:
            os.write(descriptor, (json.dumps(told) + "\n").encode())
        finally:
            os.close(descriptor)


def strike_off(runs: Path, run_id: str) -> None:
    """Note that no job of a run is left."""
    list_run(runs, run_id, over=True)


def gone_runs(runs: Path) -> list[Gone]:
    """List the runs whose folder is gone, and of which a job may be left."""
    found: dict[str, Gone] = {}
    try:
        there = {entry.name for entry in os.scandir(runs)}
        for line in read_lines(runs / LISTING, _LONGEST_LINE, _MOST):
            facts = _facts(line)
            run_id = facts.get("run_id")
            # In a copy of the project, the run's folder may be where it was made.
            if run_id in there or facts.get("runs") != str(runs.absolute()):
                continue
            if facts.get("over") is True:
                found.pop(str(run_id), None)
            elif misfit(facts, _Listed) is None:
                found[facts["run_id"]] = Gone(
                    facts["run_id"],
                    facts["scheduler"],
                    facts.get("clusters"),
                    read_submitter(facts, Submitter()),
                    timestamp(facts["time"]),
                )
    except (OSError, BadFile):
        return []
    return list(found.values())


def _facts(line: bytes | None) -> dict[str, Any]:
    """Read a line of the list; nothing from one that is torn or damaged."""
    with contextlib.suppress(ValueError):
        facts = parse(line or b"")
        return facts if isinstance(facts, dict) else {}
    return {}
