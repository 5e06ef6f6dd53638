"""What the user should know of a run besides its state."""

from __future__ import annotations

import math
from pathlib import Path

from hpctrain.runs.history import History
from hpctrain.runs.place import original, other_place
from hpctrain.runs.result import Environment, JobSettings, Result
from hpctrain.runs.run import Run
from hpctrain.runs.state.curves import growing_files
from hpctrain.runs.state.verdict import DEAD_S, IN_THE_QUEUE, SchedulerWord, Verdict

# Longer than any iteration that was ever seen to take; then it may hang.
STALLED_S = 1800.0


def list_warnings(
    run: Run,
    history: History,
    state: str,
    attempt: int,
    phase: str | None,
    eta: float | None,
    word: SchedulerWord,
    now: float,
) -> list[str]:
    """List what the user should know of a run that is running."""
    found: list[str] = []
    if state in IN_THE_QUEUE | {"unknown"}:
        if history.folder != str(run.folder):
            found += _where_it_works(run, state)
        found += _what_a_chain_lacks(run, history)
    if phase is None:
        return found
    folder, view = run.attempt(attempt), word.view
    silent = age(folder / "heartbeat.json", now)
    if silent is not None and silent > DEAD_S:
        found.append(
            f"the job has given no sign of life for {silent / 60:.0f} min, though the scheduler "
            f"says it runs: hpctrain logs {run.run_id}"
        )
    written = [age(folder / name, now) for name in growing_files(run).paths]
    last = min((seconds for seconds in written if seconds is not None), default=None)
    if phase == "train" and last is not None and last > STALLED_S:
        found.append(
            f"the trainer has written nothing for {last / 60:.0f} min, it may hang: "
            f"hpctrain logs {run.run_id}"
        )
    if eta is None or view is None or view.walltime_s is None or view.elapsed_s is None:
        return found
    settings = run.try_read(run.folder / "job" / "settings.json", JobSettings) or {}
    margin = float(settings.get("margin_s") or 0.0)
    more = math.ceil((eta - (view.walltime_s - view.elapsed_s - margin))
                     / max(1.0, view.walltime_s - margin))  # fmt: skip
    if more > 0:
        words = (
            f"will not finish in this walltime: about {more} more attempt{'s' * (more > 1)} "
            "as long as this one"
        )
        allowed = settings.get("max_attempts")
        if settings.get("continuation", "manual") == "manual":
            words += f", each begun with: hpctrain resume {run.run_id}"
        elif isinstance(allowed, int) and run.count_begun() + more > allowed:
            words += f", and max_attempts is {allowed}"
        found.append(words)
    return found


def warnings_of_job(run: Run, folder: Path, found: Verdict, result: Result | None) -> list[str]:
    """List what the job warns of: in its result, and while it runs in its environment.json.

    Once it is collected, the card says it.
    """
    told: list[str] | None = None
    if found.state == "collected":
        return []
    if result is not None:
        told = list(result.get("warnings") or [])
        problem = (result.get("on_end") or {}).get("problem")
        if problem:
            told.append(f"on_end, the command at the end: {problem}")
    elif found.state == "running":
        told = (run.try_read(folder / "environment.json", Environment) or {}).get("warnings")
    return told or []


def _where_it_works(run: Run, state: str) -> list[str]:
    """Say that the job works in another folder, where this one was copied or moved."""
    place = other_place(run)
    if place is None:
        return []
    if original(run) is not None:
        return [f"this folder is a copy: its job works in {place}"]
    if state in ("queued", "held"):
        return [
            f"its job will look for {place}, which is not there any more: hpctrain cancel "
            f"{run.run_id}, hpctrain resume {run.run_id}"
        ]
    return []


def _what_a_chain_lacks(run: Run, history: History) -> list[str]:
    """Say how much of a chain was submitted, if that is not all of it."""
    profile, until = run.manifest["site"]["profile"], history.until
    if until is None and profile.get("continuation") == "chain":
        until = int(profile.get("max_attempts") or 0)  # a run of an older version
    there = [number for number in history.job_ids if number >= history.first]
    if until is None or not there or max(there) >= until:
        return []
    why = "interrupted"
    if history.refused:
        why = f"refused: {history.refused}"
    return [
        f"{len(there)} of {until - history.first + 1} attempts were submitted ({why}); when they "
        f"have ended: hpctrain resume {run.run_id}"
    ]


def age(path: Path, now: float) -> float | None:
    """Return the seconds since a file was written; None if it is not there."""
    try:
        return max(0.0, now - path.stat().st_mtime)
    except OSError:
        return None
