"""The steps of an attempt: convert, train, make the .yace, evaluate, verify. Python >= 3.8."""

from __future__ import annotations

import contextlib
import json
import os
import time
from pathlib import Path
from typing import Any, Iterator, Mapping

from . import environment, evidence, gpus, verification
from .ending import Terminated, TimeIsUp
from .steps import Failure, Steps, in_words, module, say, tool


class Phases:
    """The phases of an attempt: the heartbeat names the present one, ``seconds`` their lengths."""

    def __init__(self, heartbeat: evidence.Heartbeat) -> None:
        self.seconds: dict[str, float] = {}
        self._heartbeat = heartbeat

    @contextlib.contextmanager
    def enter(self, phase: str) -> Iterator[None]:
        """Note how long a phase takes, also if it fails."""
        self._heartbeat.enter(phase)
        start = time.monotonic()
        try:
            yield
        finally:
            self.seconds[phase] = round(time.monotonic() - start, 3)


def train(
    run: Path,
    settings: Mapping[str, Any],
    engine: Any,
    steps: Steps,
    phases: Phases,
    result: dict[str, Any],
) -> None:
    """Do the steps of an attempt; the result learns what there is to tell of them."""
    folder, own = steps.folder, settings["engine"]
    count = environment.cores(settings["cores"], settings["threads_per_core"])
    environment.set_threads(count, settings["keep_variables"])
    given = environment.describe(count)
    evidence.write_json(str(folder / "environment.json"), given)
    problem = environment.fault(settings["evaluator"])
    if problem:
        raise Failure(problem)
    wanted = gpus.are_wanted(settings)
    with gpus.Question(steps, wanted) as question, phases.enter("convert"):
        steps.run("convert",
                  module(f"{own}.convert", str(run / "train.extxyz"), "train.pckl.gzip",
                         str(run / "test.extxyz"), "test.pckl.gzip"))  # fmt: skip
        seen = question.answer()
    if wanted:
        _note_gpus(settings, seen, given, folder, result)
    start = engine.begin(run, folder, result["attempt"])
    result.update(start.facts)
    if start.message:
        say(f"attempt {result['attempt']}: {start.message}")
    if start.parent:
        with phases.enter("start_from"):
            steps.run("start_from", module(f"{own}.start_from", str(start.parent),
                                           str(run / "job" / "input.json")))  # fmt: skip
    if settings["choose_basis_size"]:
        if not engine.basis_size(run):
            with phases.enter("basis_size"):
                steps.run(
                    "basis_size", module(f"{own}.inside.basis_size", str(settings["bfgs_up_to"]))
                )
        result["basis_size"] = engine.basis_size(run)
    with phases.enter("train"):
        _run_pacemaker(run, start.arguments, settings, steps)
    notes = evidence.read_json(folder / "continuation.json")
    keys = {"best": "best", "stopped": "stopped_early", "repulsion": "repulsion"}
    for name, key in keys.items():
        if notes.get(key):
            result[name] = notes[key]
    with phases.enter("finish"):
        steps.run("pace_yaml2yace", (tool("pace_yaml2yace"), "output_potential.yaml"))
        steps.run("evaluate", module(f"{own}.evaluate"))
    result["potential"] = json.loads((folder / "evaluation.json").read_text(encoding="utf-8"))
    result["files"] = {
        name: _facts_of(folder / name)
        for name in ("output_potential.yaml", "output_potential.yace")
    }
    # From here on the potential is finished: nothing that follows may raise.
    if settings["active_set"]:
        with phases.enter("active_set"):
            problem = _make_active_set(steps)
    else:
        problem = "switched off (training.active_set)"
    result["active_set"] = {"made": not problem, "why": problem}
    if not problem:
        result["files"]["output_potential.asi"] = _facts_of(folder / "output_potential.asi")
    with phases.enter("verify"):
        result["verification"] = verification.verify(
            run, settings, result["potential"], phases.seconds["train"], steps
        )


def _note_gpus(
    settings: Mapping[str, Any],
    seen: list[str] | None,
    given: dict[str, Any],
    folder: Path,
    result: dict[str, Any],
) -> None:
    """Note which GPUs the trainer sees, and a warning if it sees none, for whoever looks."""
    given["trainer_gpus"] = seen
    try:
        warning = gpus.warning(settings, seen, given["gpus"])
        if warning:
            result["warnings"] = given["warnings"] = [warning]
            say(f"attempt {result['attempt']}: warning: {warning}")
    finally:
        with contextlib.suppress(OSError):
            evidence.write_json(str(folder / "environment.json"), given)


def _facts_of(path: Path) -> dict[str, Any]:
    return {"sha256": evidence.sha256(str(path)), "bytes": path.stat().st_size}


def _make_active_set(steps: Steps) -> str | None:
    """Make output_potential.asi, or say why there is none: the potential is whole without it."""

    def watch() -> None:
        if steps.ending.over():
            raise Failure("the walltime ends before it was there")

    try:
        # The structures that the trainer trained on, as it saved them.
        steps.run(
            "pace_activeset",
            (tool("pace_activeset"), "-d", "fitting_data_info.pckl.gzip", "output_potential.yaml"),
            meanwhile=watch,
        )
    except (Failure, Terminated, OSError) as problem:
        return in_words(problem) if isinstance(problem, OSError) else str(problem)
    if not (steps.folder / "output_potential.asi").is_file():
        return "pace_activeset ended without an error and without output_potential.asi"
    return None


def _run_pacemaker(
    run: Path, arguments: tuple[str, ...], settings: Mapping[str, Any], steps: Steps
) -> None:
    """Run the trainer to its end, or to the walltime's: then it is asked to stop."""
    folder, ending = steps.folder, steps.ending
    asked = ""

    def watch() -> None:
        nonlocal asked
        due = ending.due()
        if due and not asked:
            with contextlib.suppress(OSError):  # it is tried again in a moment
                (folder / "stop").touch()
                asked = due
        if due and ending.over():
            raise TimeIsUp(f"{asked or due}, the trainer did not end in time and was stopped")

    due = ending.due()
    if due:
        raise TimeIsUp(f"{due}, before the training began")
    path = [str(run / "job" / "pacemaker" / "on_path"), os.environ["PYTHONPATH"]]
    variables = {
        "PYTHONPATH": os.pathsep.join(path),
        "HPCTRAIN_PATIENCE": str(settings["patience"]),
        "HPCTRAIN_START": settings["start"],
    }
    steps.run("pacemaker", (tool("pacemaker"), "input.yaml", *arguments),
              variables=variables, meanwhile=watch)  # fmt: skip
    if evidence.read_json(folder / "continuation.json").get("stopped"):
        raise TimeIsUp(asked or "stopped before its end")
    if not (folder / "output_potential.yaml").is_file():
        raise Failure("pacemaker ended without an error and without output_potential.yaml")
    if not _has_trained(folder):
        raise Failure(
            "pacemaker wrote output_potential.yaml, but trained nothing: neither metrics.txt nor "
            "log.txt has an iteration"
        )


def _has_trained(folder: Path) -> bool:
    """Say whether the trainer's table has a row, or its log an iteration.

    "Fitting done" and an output file are there also if nothing was fitted.
    """
    rows = sum(1 for line in _lines(folder / "metrics.txt") if line.strip()) - 1
    return rows > 0 or any("Iteration" in line for line in _lines(folder / "log.txt"))


def _lines(path: Path) -> Iterator[str]:
    """Read the lines of a file; none if it is not there."""
    if path.is_file():
        with open(str(path), encoding="utf-8", errors="replace") as file:
            yield from file
