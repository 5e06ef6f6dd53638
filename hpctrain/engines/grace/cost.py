"""The time and memory of a training: a rough estimate, from a few that were measured.

One core of a busy machine, TensorFlow without its compiler (jit_compile: False).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from hpctrain.engines.facts import Task

RANGE = 3.0  # the truth is within a factor of three for what was measured
_MOST_CORES = 16  # more were not measured, and help little
_BASE_BYTES = 0.9e9  # Python and TensorFlow


@dataclass(frozen=True)
class Measured:
    """Core-seconds per neighbour and epoch, core-seconds before the first epoch, and bytes."""

    per_neighbour: float
    start: float
    graph_bytes: float


# 628 atoms with 55 neighbours each, batches of 16 structures. 2layer was measured in float32, and
# is told as 1layer behaves from there to float64: 1.8 times the time.
_MEASURED = {
    ("fs", "small"): Measured(1.3e-4, 52.0, 0.7e9),
    ("fs", "medium"): Measured(1.3e-4, 60.0, 0.9e9),
    ("1layer", "small"): Measured(2.5e-4, 45.0, 0.8e9),
    ("2layer", "small"): Measured(1.2e-3, 90.0, 3.5e9),
}


def estimate(task: Task, preset: str, size: str, epochs: int) -> dict[str, Any] | None:
    """Estimate seconds per epoch and in all, and bytes at most; None for what was not measured."""
    measured = _MEASURED.get((preset, size))
    if measured is None:
        return None
    cores = min(task.cores, _MOST_CORES)
    pairs = task.atoms * task.neighbours
    seconds = pairs * measured.per_neighbour / cores
    memory = _BASE_BYTES + measured.graph_bytes + 200.0 * pairs
    return {
        "atoms": task.atoms,
        "neighbours_per_atom": round(task.neighbours, 1),
        "preset": preset,
        "size": size,
        "cores": task.cores,
        "seconds_before": _range(measured.start),
        "seconds_per_iteration": _range(seconds),
        "seconds": _range(measured.start + seconds * epochs),
        "memory_bytes": {"likely": memory, "from": memory / 1.5, "to": memory * 1.5},
        "rough": True,
    }


def _range(value: float) -> dict[str, float]:
    return {"likely": value, "from": value / RANGE, "to": value * RANGE}
