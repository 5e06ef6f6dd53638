"""The last step of an attempt: the checks, for as long as there is time. Python >= 3.8.

The potential is finished: whatever happens here is told in the result, and costs nothing but the
checks that were not made.
"""

from __future__ import annotations

import json
import time
from pathlib import Path
from typing import Any, Mapping

from .ending import Terminated, TimeIsUp
from .steps import Failure, Steps, in_words, module
from .trainer import Outcome, Trainer

FILE = "verification.json"
# Beside the limit of the settings: a minute, and a tenth of what the training took.
LEAST_S, PART = 60.0, 0.1
# Loading the trainer's library takes about a second, and the last check may have to end.
START_S, GRACE_S = 5.0, 20.0


def seconds_for(limit_s: float, trained_s: float, left_s: float) -> float:
    """Return how long the checks may take, of what is left of the walltime."""
    return min(limit_s, LEAST_S + PART * trained_s, left_s - START_S - GRACE_S)


def verify(
    run: Path,
    settings: Mapping[str, Any],
    engine: Trainer,
    outcome: Outcome,
    trained_s: float,
    steps: Steps,
) -> dict[str, Any]:
    """Make the checks; return their ``verdict`` if there is one, and the ``problem`` if any.

    And how many checks were ``made``, ``of`` how many.
    """
    if settings["verification_s"] <= 0:
        return {"verdict": None, "problem": "switched off: training.verify_minutes is 0"}
    seconds = seconds_for(settings["verification_s"], trained_s, steps.ending.left())
    if seconds < START_S:
        return {"verdict": None, "problem": "there was no time for it before the walltime"}
    try:
        _run_checks(run, settings, engine, outcome, seconds, steps)
        problem = None
    except (Failure, TimeIsUp, Terminated) as reason:
        problem = str(reason)
    except Exception as error:  # noqa: BLE001 the potential is finished, whatever this was
        problem = in_words(error)
    try:
        content = json.loads((steps.folder / FILE).read_text(encoding="utf-8"))
        found = {key: content[key] for key in ("verdict", "made", "of")}
    except (OSError, ValueError, KeyError):
        found = {"verdict": None}
    return {**found, "problem": problem}


def _run_checks(
    run: Path,
    settings: Mapping[str, Any],
    engine: Trainer,
    outcome: Outcome,
    seconds: float,
    steps: Steps,
) -> None:
    request = {
        "engine": settings["engine"],
        "potential": outcome.files[0],
        "sides": {side: str(run / f"{side}.extxyz") for side in ("train", "test")},
        "free_atoms": outcome.evaluation["reference_energies"],
        "shift": outcome.evaluation["shift"],
        "predictions": ".",
        "known_errors": None,
        "variant": engine.variant(settings),
        "seconds": seconds,
        "out": FILE,
    }
    limit = time.monotonic() + START_S + seconds + GRACE_S

    def watch(_: int) -> None:
        if time.monotonic() > limit or steps.ending.over():
            raise TimeIsUp(f"did not end within {seconds:.0f} s and was stopped")

    steps.run("verify", module("checks.main", json.dumps(request)), meanwhile=watch)
