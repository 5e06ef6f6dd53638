"""What an attempt has to do with those before it. Standard library only, Python >= 3.8."""

from __future__ import annotations

import json
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any, Mapping

from . import evidence
from .pacemaker import plan
from .steps import Failure


def read(path: Path) -> dict[str, Any]:
    """A JSON object; empty if it is not there or damaged."""
    try:
        content = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return {}
    return content if isinstance(content, dict) else {}


def folder_of(run: Path, attempt: int) -> Path:
    return run / "attempts" / f"{attempt:02d}"


def submitted(run: Path, attempt: int, event: str = "submitted") -> dict[str, Any]:
    """The last event of an attempt's submission by hpctrain; empty if there is none."""
    found: dict[str, Any] = {}
    try:
        lines = (run / "events.jsonl").read_text(encoding="utf-8", errors="replace").split("\n")
    except OSError:
        return found
    for line in lines:
        try:
            content = json.loads(line)
        except ValueError:
            continue
        if isinstance(content, dict) and (content.get("event"), content.get("attempt")) == (
            event, attempt,
        ):  # fmt: skip
            found = content
    return found


def needless(run: Path, attempt: int, job_id: str | None) -> str | None:
    """Why this attempt is not to begin at all, or None."""
    if (run / "cancel").exists():
        return f"the run was cancelled; hpctrain resume {run.name} takes it up again"
    earlier = [number for number in range(1, attempt) if _begun(run, number)]
    results = {number: read(folder_of(run, number) / "result.json") for number in earlier}
    for number in earlier:
        if results[number].get("state") == "completed":
            return f"attempt {number} has completed the training"
    if not earlier or read(run / "job" / "settings.json").get("continuation") != "chain":
        return None
    # A job of a chain begins however the one before it ended, and then it may be wrong to.
    number = earlier[-1]
    last = results[number]
    if not last or last.get("continues"):
        return None
    if read(folder_of(run, number) / "claim.json").get("job_id") == job_id:
        return None  # the scheduler has put it back into the queue
    if _since(submitted(run, attempt, "submitting")) > float(last.get("ended") or 0):
        return None  # whoever resumed it knew
    return f"attempt {number} is the last of its chain: {last.get('reason')}"


def _begun(run: Path, attempt: int) -> bool:
    return (folder_of(run, attempt) / "claim.json").exists()


def _since(event: Mapping[str, Any]) -> float:
    try:
        return datetime.fromisoformat(str(event["time"])).timestamp()
    except (KeyError, ValueError):
        return 0.0


@dataclass(frozen=True)
class Start:
    """Where an attempt begins: ``arguments`` for pacemaker, and what the result says of it.

    ``parent`` is the potential that start.yaml, among the arguments, is to be made from first.
    """

    arguments: tuple[str, ...]
    told: dict[str, Any]
    words: str
    parent: Path | None = None


def begin(run: Path, folder: Path, attempt: int) -> Start:
    """Make the attempt's folder ready: from the newest checkpoint of the run, if there is one."""
    source = plan.newest_of_run(run / "attempts") if attempt > 1 else None
    if source is None:
        text = (run / "input.yaml").read_text(encoding="utf-8")
        (folder / "input.yaml").write_text(text, encoding="utf-8")
        words = "no earlier attempt has left a checkpoint; it begins from the start"
        parent = run / "parent.yaml"
        if parent.is_file():
            return Start(("-p", "start.yaml"), {}, words if attempt > 1 else "", parent)
        return Start((), {}, words if attempt > 1 else "")
    state, asked = plan.read_state(source), read(run / "job" / "input.json")
    way = plan.plan_continuation(asked, state)
    if way.reason:
        raise Failure(f"it cannot go on from {source}: {way.reason}")
    plan.prepare(folder, source, way)
    # JSON is YAML too.
    evidence.write_json(str(folder / "input.yaml"), plan.changed(asked, way.input_changes))
    before = int(source.parent.parent.name)
    told = {"attempt": before, "checkpoint": source.name, "iterations": state.get("total")}
    words = f"goes on after iteration {state.get('total')} of attempt {before}"
    return Start(way.arguments, {"from": told}, words)


def iterations(folder: Path) -> int | None:
    """Iterations of the whole training that are kept; None if there is no checkpoint."""
    newest = plan.newest_checkpoint(folder)
    total = plan.read_state(newest or folder / "resume").get("total")
    return int(total) if isinstance(total, int) else None


def how_far(run: Path, done: int | None) -> str:
    """How much of the training is done, in words."""
    asked = read(run / "job" / "input.json")
    fit = asked.get("fit") or {}
    several = fit.get("ladder_step") is not None or int(fit.get("fit_cycles") or 1) > 1
    of = f" of {fit['maxiter']}" if "maxiter" in fit and not several else ""
    return f"{done or 0}{of} iterations are done"


def obstacle(run: Path, folder: Path, attempt: int, settings: Mapping[str, Any]) -> str | None:
    """Why the training does not go on by itself after this attempt, or None."""
    resume = f"hpctrain resume {run.name}"
    if (run / "cancel").exists():
        return "it was cancelled"
    if (iterations(folder) or 0) <= int(plan.read_state(folder / "resume").get("total") or 0):
        return ("no iteration was completed in this attempt, and the next would fare no better: "
                f"give it a longer walltime or more cores, then {resume}")  # fmt: skip
    if settings["continuation"] == "manual":
        return f"to go on: {resume}"
    if attempt >= settings["max_attempts"]:
        return f"max_attempts is {settings['max_attempts']}; to go on: {resume}"
    if settings["continuation"] == "chain" and not submitted(run, attempt + 1):
        return f"the next attempt was not submitted ahead; to go on: {resume}"
    return None
