"""What a training has taken, over all its attempts: core-hours and GPU-hours."""

from __future__ import annotations

from typing import TypedDict

from hpctrain.runs.result import Environment
from hpctrain.runs.run import Run
from hpctrain.shapes import Count


class Spent(TypedDict):
    """Hours of what the attempts held from their start to their end, not in the queue.

    ``attempts`` of ``of`` are counted: those that told how long they took, and with how many cores.
    """

    core_hours: float
    gpu_hours: float
    attempts: Count
    of: Count


def spent(run: Run) -> Spent:
    """Add up what the attempts have told; a job that was killed has told nothing."""
    numbers, seconds, of_gpus, counted = run.attempts(), 0.0, 0.0, 0
    gpus = run.manifest["site"]["profile"].get("gpus") or 0
    for number in numbers:
        result = run.result_if_whole(number) or {}
        environment = run.try_read(run.attempt(number) / "environment.json", Environment) or {}
        total, cores = (result.get("seconds") or {}).get("total"), environment.get("cores")
        if total is not None and cores is not None:
            seconds, of_gpus, counted = seconds + total * cores, of_gpus + total * gpus, counted + 1
    return {"core_hours": round(seconds / 3600, 4), "gpu_hours": round(of_gpus / 3600, 4),
            "attempts": counted, "of": len(numbers)}  # fmt: skip
