"""The steps of an attempt: convert, train, convert again, evaluate, active set. Python >= 3.8."""

from __future__ import annotations

import contextlib
import json
import os
import sys
import time
from pathlib import Path
from typing import Any, Iterator, Mapping

from . import continuation as going_on
from . import environment, evidence
from . import verification as last_look
from .ending import Ending, Terminated, TimeIsUp
from .steps import Failure, call, plain, tool


def train(
    run: Path,
    folder: Path,
    settings: Mapping[str, Any],
    heartbeat: evidence.Heartbeat,
    seconds: dict[str, float],
    ending: Ending,
    result: dict[str, Any],
) -> None:
    """The steps of an attempt; the result learns what there is to tell of them."""
    count = environment.cores(settings["cores"])
    environment.set_threads(count, settings["keep_variables"])
    evidence.write_json(str(folder / "environment.json"), environment.describe(count))
    problem = environment.fault(settings["evaluator"])
    if problem:
        raise Failure(problem)
    with timed(seconds, "convert", heartbeat):
        call(folder, "convert",
             (sys.executable, str(run / "job" / "convert.py"), str(run / "train.extxyz"),
              "train.pckl.gzip", str(run / "test.extxyz"), "test.pckl.gzip"), ending)  # fmt: skip
    start = going_on.begin(run, folder, result["attempt"])
    result.update(start.told)
    if start.words:
        print(f"hpctrain: attempt {result['attempt']}: {start.words}", flush=True)
    if start.parent:
        with timed(seconds, "start_from", heartbeat):
            call(folder, "start_from",
                 (sys.executable, str(run / "job" / "start_from.py"), str(start.parent),
                  str(run / "job" / "input.json")), ending)  # fmt: skip
    with timed(seconds, "train", heartbeat):
        _pacemaker(run, folder, start.arguments, settings, ending)
    told = going_on.read(folder / "continuation.json")
    for name, key in (("best", "best"), ("stopped", "stopped_early")):
        if told.get(key):
            result[name] = told[key]
    with timed(seconds, "finish", heartbeat):
        call(folder, "pace_yaml2yace", (tool("pace_yaml2yace"), "output_potential.yaml"), ending)
        call(folder, "evaluate", (sys.executable, str(run / "job" / "evaluate.py")), ending)
    result["potential"] = json.loads((folder / "evaluation.json").read_text(encoding="utf-8"))
    result["files"] = {
        name: _told(folder / name) for name in ("output_potential.yaml", "output_potential.yace")
    }
    # From here on the potential is finished: nothing that follows may raise.
    if settings["active_set"]:
        with timed(seconds, "active_set", heartbeat):
            problem = _active_set(folder, ending)
    else:
        problem = "switched off (training.active_set)"
    result["active_set"] = {"made": not problem, "why": problem}
    if not problem:
        result["files"]["output_potential.asi"] = _told(folder / "output_potential.asi")
    with timed(seconds, "verify", heartbeat):
        result["verification"] = last_look.look(
            run, folder, settings, result["potential"], seconds["train"], ending
        )


def _told(path: Path) -> dict[str, Any]:
    return {"sha256": evidence.sha256(str(path)), "bytes": path.stat().st_size}


def _active_set(folder: Path, ending: Ending) -> str | None:
    """Make output_potential.asi, or say why there is none: the potential is whole without it."""

    def watch() -> None:
        if ending.over():
            raise Failure("the walltime ends before it was there")

    try:
        # The structures that the trainer trained on, as it saved them.
        call(folder, "pace_activeset",
             (tool("pace_activeset"), "-d", "fitting_data_info.pckl.gzip", "output_potential.yaml"),
             ending, meanwhile=watch)  # fmt: skip
    except (Failure, Terminated, OSError) as problem:
        return plain(problem) if isinstance(problem, OSError) else str(problem)
    if not (folder / "output_potential.asi").is_file():
        return "pace_activeset ended without an error and without output_potential.asi"
    return None


def _pacemaker(
    run: Path,
    folder: Path,
    arguments: tuple[str, ...],
    settings: Mapping[str, Any],
    ending: Ending,
) -> None:
    """Run the trainer to its end, or to the walltime's: then it is asked to stop."""
    asked = ""

    def watch() -> None:
        nonlocal asked
        due = ending.due()
        if due and not asked:
            with contextlib.suppress(OSError):  # the next look tries again
                (folder / "stop").touch()
                asked = due
        if due and ending.over():
            raise TimeIsUp(f"{asked or due}, the trainer did not end in time and was ended")

    due = ending.due()
    if due:
        raise TimeIsUp(f"{due}, before the training began")
    # It imports continuation.py, which lies beside this file.
    path = os.pathsep.join(filter(None, [str(run / "job"), os.environ.get("PYTHONPATH")]))
    variables = {"PYTHONPATH": path, "HPCTRAIN_PATIENCE": str(settings["patience"]),
                 "HPCTRAIN_START": settings["start"]}  # fmt: skip
    call(folder, "pacemaker", (tool("pacemaker"), "input.yaml", *arguments), ending,
         variables=variables, meanwhile=watch)  # fmt: skip
    if going_on.read(folder / "continuation.json").get("stopped"):
        raise TimeIsUp(asked or "stopped before its end")
    if not (folder / "output_potential.yaml").is_file():
        raise Failure("pacemaker ended without an error and without output_potential.yaml")
    if not _has_trained(folder):
        raise Failure("pacemaker wrote output_potential.yaml, but trained nothing: neither "
                      "metrics.txt nor log.txt tells of an iteration")  # fmt: skip


def _has_trained(folder: Path) -> bool:
    """Is there a row in the trainer's table, or an iteration in its log?

    "Fitting done" and an output file are there also if nothing was fitted.
    """
    rows = sum(1 for line in _lines(folder / "metrics.txt") if line.strip()) - 1
    return rows > 0 or any("Iteration" in line for line in _lines(folder / "log.txt"))


def _lines(path: Path) -> Iterator[str]:
    """The lines of a file, none if it is not there."""
    if path.is_file():
        with open(str(path), encoding="utf-8", errors="replace") as file:
            yield from file


@contextlib.contextmanager
def timed(seconds: dict[str, float], phase: str, heartbeat: evidence.Heartbeat) -> Iterator[None]:
    """Note how long a phase took, also if it failed."""
    heartbeat.enter(phase)
    start = time.monotonic()
    try:
        yield
    finally:
        seconds[phase] = round(time.monotonic() - start, 3)
