"""The steps of an attempt: prepare, train, make the potential of it, verify. Python >= 3.8."""

from __future__ import annotations

import contextlib
import os
import time
from itertools import groupby
from pathlib import Path
from typing import Any, Callable, Iterable, Iterator, Mapping

from . import environment, evidence, gpus, verification
from .ending import Terminated, TimeIsUp
from .steps import Failure, Steps, in_words, say, tool
from .trainer import Start, Step, Trainer


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
    engine: Trainer,
    steps: Steps,
    phases: Phases,
    result: dict[str, Any],
) -> None:
    """Do the steps of an attempt; the result learns what there is to tell of them."""
    folder = steps.folder
    count = environment.cores(settings["cores"], settings["threads_per_core"])
    environment.set_threads(count, settings["keep_variables"])
    given = environment.describe(count, engine.PACKAGES)
    evidence.write_json(str(folder / "environment.json"), given)
    problem = engine.fault(settings)
    if problem:
        raise Failure(problem)
    _run_first(run, settings, engine, given, steps, phases, result)
    start = engine.begin(run, folder, result["attempt"], settings)
    result.update(start.facts)
    if start.message:
        say(f"attempt {result['attempt']}: {start.message}")
    _run_all(start.steps, steps, phases)
    result.update(engine.chosen(run, settings))
    with phases.enter("train"):
        _run_trainer(run, start, settings, engine, steps)
    result.update(engine.notes(folder))
    after = engine.after(run, settings)
    _run_all((step for step in after if step.needed), steps, phases)
    outcome = engine.outcome(folder)
    result["potential"] = outcome.evaluation
    result["files"] = {name: evidence.facts_of(folder / name) for name in outcome.files}
    # From here on the potential is finished: nothing that follows may raise.
    for step in after:
        if not step.needed:
            _try(step, steps, phases, result)
    with phases.enter("verify"):
        result["verification"] = verification.verify(
            run, settings, engine, outcome, phases.seconds["train"], steps
        )


def _run(step: Step, steps: Steps, meanwhile: Callable[[int], None] = lambda _: None) -> None:
    program, *arguments = step.argv
    found = program if os.sep in program else tool(program)
    steps.run(step.name, (found, *arguments), variables=step.variables, meanwhile=meanwhile)


def _run_all(todo: Iterable[Step], steps: Steps, phases: Phases) -> None:
    for phase, together in groupby(todo, key=lambda step: step.phase):
        with phases.enter(phase):
            for step in together:
                _run(step, steps)


def _run_first(
    run: Path,
    settings: Mapping[str, Any],
    engine: Trainer,
    given: dict[str, Any],
    steps: Steps,
    phases: Phases,
    result: dict[str, Any],
) -> None:
    """Do what comes first, and ask meanwhile which GPUs the trainer sees."""
    todo = engine.before(run, settings)
    library = engine.gpu_library(settings) if gpus.are_wanted(settings) else None
    if not todo and library is None:
        return
    phase = todo[0].phase if todo else "gpus"
    with gpus.Question(steps, library) as question, phases.enter(phase):
        for step in todo:
            _run(step, steps)
        seen = question.answer()
    if library is None:
        return
    given["trainer_gpus"] = seen
    try:
        warning = gpus.warning(settings, library.name, seen, given["gpus"])
        if warning:
            result["warnings"] = given["warnings"] = [warning]
            say(f"attempt {result['attempt']}: warning: {warning}")
    finally:
        with contextlib.suppress(OSError):  # for whoever looks
            evidence.write_json(str(steps.folder / "environment.json"), given)


def _try(step: Step, steps: Steps, phases: Phases, result: dict[str, Any]) -> None:
    """Do a step that the potential is whole without; the result tells why it has made nothing."""
    problem: str | None = step.left_out
    if not problem:
        with phases.enter(step.phase):
            problem = _problem_of(step, steps)
    result[step.phase] = {"made": not problem, "why": problem}
    if not problem:
        result["files"][step.makes] = evidence.facts_of(steps.folder / step.makes)


def _problem_of(step: Step, steps: Steps) -> str | None:
    def watch(_: int) -> None:
        if steps.ending.over():
            raise Failure("the walltime ends before it was there")

    try:
        _run(step, steps, watch)
    except (Failure, Terminated, OSError) as problem:
        return in_words(problem) if isinstance(problem, OSError) else str(problem)
    if not (steps.folder / step.makes).exists():
        return f"{step.name} ended without an error and without {step.makes}"
    return None


def _run_trainer(
    run: Path, start: Start, settings: Mapping[str, Any], engine: Trainer, steps: Steps
) -> None:
    """Run the trainer to its end, or to the walltime's: then it is asked to stop."""
    folder, ending = steps.folder, steps.ending
    asked = ""

    def watch(pid: int) -> None:
        nonlocal asked
        due = ending.due()
        if due and not asked:
            with contextlib.suppress(OSError):  # it is tried again in a moment
                engine.ask_to_stop(folder, pid)
                asked = due
        if due and ending.over():
            raise TimeIsUp(f"{asked or due}, the trainer did not end in time and was stopped")

    due = ending.due()
    if due:
        raise TimeIsUp(f"{due}, before the training began")
    _run(engine.training(run, start, settings), steps, watch)
    if engine.stopped(folder):
        raise TimeIsUp(asked or "stopped before its end")
    problem = engine.problem(folder)
    if problem:
        raise Failure(problem)
