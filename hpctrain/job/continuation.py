"""Whether an attempt begins, and whether another follows. Standard library, Python >= 3.8."""

from __future__ import annotations

import json
import os
from datetime import datetime
from pathlib import Path
from typing import Any, Mapping

from . import evidence

EVENTS_MOST = 64 << 20  # bytes


def folder_of(run: Path, attempt: int) -> Path:
    """Return the folder of an attempt."""
    return run / "attempts" / f"{attempt:02d}"


def last_event(run: Path, attempt: int, event: str) -> dict[str, Any]:
    """Return the last event of its kind that hpctrain wrote of an attempt; empty if none."""
    found: dict[str, Any] = {}
    try:
        lines = evidence.read_text(run / "events.jsonl", EVENTS_MOST).split("\n")
    except OSError:
        return found
    for line in lines:
        try:
            content = json.loads(line)
        except (ValueError, RecursionError):
            continue
        if isinstance(content, dict) and (content.get("event"), content.get("attempt")) == (
            event, attempt,
        ):  # fmt: skip
            found = content
    return found


def why_not_begin(run: Path, attempt: int, job_id: str | None) -> str | None:
    """Say why this attempt is not to begin at all, or return None."""
    if (run / "cancel").exists():
        return f"the run was cancelled; hpctrain resume {run.name} takes it up again"
    earlier = [number for number in range(1, attempt) if _has_begun(run, number)]
    results = {n: evidence.read_json(folder_of(run, n) / "result.json") for n in earlier}
    earlier = [number for number in earlier if not results[number].get("gives_way_to")]
    for number in earlier:
        if results[number].get("state") == "completed":
            return f"attempt {number} has completed the training"
    settings = evidence.read_json(run / "job" / "settings.json")
    if not earlier or settings.get("continuation") != "chain":
        return None
    # A job of a chain begins however the one before it ended, and then it may be wrong to.
    number = earlier[-1]
    last = results[number]
    if not last or last.get("continues"):
        return None
    if evidence.read_json(folder_of(run, number) / "claim.json").get("job_id") == job_id:
        return None  # the scheduler has put it back into the queue
    if _time_of(last_event(run, attempt, "submitting")) > _number(last.get("ended")):
        return None  # it was resumed by somebody who knew
    return f"attempt {number} is the last of its chain: {last.get('reason')}"


def _has_begun(run: Path, attempt: int) -> bool:
    return (folder_of(run, attempt) / "claim.json").exists()


def count_begun(run: Path, attempt: int) -> int:
    """Count the attempts up to this one that began to train: what max_attempts bounds.

    Those that were cancelled in the queue, ended before the trainer, or gave way to another do not
    count.
    """
    begun = [number for number in range(1, attempt + 1) if _has_begun(run, number)]
    results = [evidence.read_json(folder_of(run, number) / "result.json") for number in begun]
    return sum(
        result.get("begun") is not False and not result.get("gives_way_to") for result in results
    )


def _number(value: object) -> float:
    return float(value) if isinstance(value, (int, float)) else 0.0


def _time_of(event: Mapping[str, Any]) -> float:
    try:
        return datetime.fromisoformat(str(event["time"])).timestamp()
    except (KeyError, ValueError):
        return 0.0


def _done(told: Mapping[str, Any]) -> tuple[int, int]:
    return told.get("iterations") or 0, told.get("steps") or 0


def obstacle(
    run: Path, attempt: int, settings: Mapping[str, Any], result: Mapping[str, Any]
) -> str | None:
    """Say why the training does not go on by itself after this attempt, or return None."""
    resume = f"hpctrain resume {run.name}"
    if os.path.exists(str(run / "cancel")):  # unlike Path's, it raises nothing
        return "it was cancelled"
    # An iteration may be longer than a walltime: then its steps tell that the training goes on.
    if _done(result) <= _done(result.get("from") or {}):
        return (
            "no iteration was completed in this attempt, and the next one would complete none "
            f"either: give it a longer walltime or more cores, then {resume}"
        )
    if settings["continuation"] == "manual":
        return f"to go on: {resume}"
    if count_begun(run, attempt) >= settings["max_attempts"]:
        return f"max_attempts is {settings['max_attempts']}; to go on: {resume}"
    if settings["continuation"] == "chain" and not last_event(run, attempt + 1, "submitted"):
        return f"the next attempt was not submitted ahead; to go on: {resume}"
    return None
