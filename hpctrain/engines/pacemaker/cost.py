"""The time and memory of a training: a rough estimate, from a few that were measured.

See docs/preflight.md.
"""

from __future__ import annotations

from itertools import pairwise
from typing import Any

from hpctrain.engines.facts import Task
from hpctrain.engines.pacemaker.input import DENSITIES

# Measured: 555 and 2,775 atoms with 55 neighbours each, 30 to 300 functions, two shared cores.
_TENSORPOT_S = 12.7e-6  # core-seconds per neighbour and iteration, whatever the functions
_TENSORPOT_FUNCTION_S = 0.105e-6  # … and for each function
_PYACE_S = 1.1e-6  # core-seconds per neighbour and iteration, times functions to the 1.6
_BASE_BYTES = 0.95e9  # Python and TensorFlow with its graph
_PYACE_BASE_BYTES = 0.25e9
_BATCH_BYTES = 3e3  # per neighbour in a batch
_BATCH_FUNCTION_BYTES = 40.0  # … and for each function
_NEIGHBOUR_BYTES = 100.0
_MOST_CORES = 16  # more were not measured, and help little
RANGE = 3.0  # the truth is within a factor of three for what was measured


# Coefficients of the radial functions of a pair of elements, by the functions of a block; counted
# with python-ace 0.4.0rc1, of one element and of several (2, 3 and 5 agree to 10 %).
_RADIAL_ONE = ((20, 105), (40, 144), (80, 240), (160, 288), (320, 336), (640, 360))
_RADIAL = ((10, 25), (20, 72), (40, 127), (80, 200), (160, 258), (320, 304))


def expected_parameters(functions: int, elements: int) -> int:
    """Return about how many parameters a basis of the usual shape has, by functions per element."""
    table = _RADIAL_ONE if elements == 1 else _RADIAL
    block = functions / 2 ** (elements - 1)
    pairs = elements * (elements + 1) // 2
    return round(DENSITIES * functions * elements + pairs * _interpolate(table, block))


def functions_within(parameters: float, elements: int) -> int:
    """Return the largest number of functions per element with at most so many parameters.

    Not fewer than one for each block of elements.
    """
    least = most = int(2 ** (elements - 1))
    while expected_parameters(most + 1, elements) <= parameters:
        most += 1
    # One that is easily said.
    return max(least, most - most % (10 if most >= 30 else 1))


def _interpolate(table: tuple[tuple[int, int], ...], at: float) -> float:
    if at <= table[0][0]:
        return table[0][1] * at / table[0][0]
    for (left, low), (right, high) in pairwise(table):
        if at <= right:
            return low + (high - low) * (at - left) / (right - left)
    return table[-1][1]


def estimate(
    task: Task,
    *,
    functions: int,
    batch_size: int,
    iterations: int,
    evaluator: str,
    optimizer: str,
) -> dict[str, Any]:
    """Estimate seconds per iteration and in all, and bytes at most, with the range of each.

    ``optimizer`` is what the input names.
    """
    pairs = task.atoms * task.neighbours
    parameters = expected_parameters(functions, task.elements)
    if evaluator == "pyace":
        work = pairs * _PYACE_S * functions**1.6
        memory = _PYACE_BASE_BYTES
    else:
        work = pairs * (_TENSORPOT_S + _TENSORPOT_FUNCTION_S * functions)
        share = min(1.0, batch_size / max(task.structures, 1))
        memory = _BASE_BYTES + share * pairs * batch_bytes(functions)
    memory += pairs * _NEIGHBOUR_BYTES
    optimiser = 0.0
    if optimizer == "BFGS":
        # The dense matrix and what an update of it needs beside it; 4e9 products a second.
        memory += 3 * 8 * parameters**2
        optimiser = 10 * parameters**2 / 4e9
    cores = min(task.cores, _MOST_CORES)
    seconds = work / cores + optimiser
    return {
        "atoms": task.atoms,
        "neighbours_per_atom": round(task.neighbours, 1),
        "functions_per_element": functions,
        "parameters": parameters,
        "evaluator": evaluator,
        "cores": task.cores,
        "seconds_per_iteration": _range(seconds),
        "seconds": _range(seconds * iterations),
        "memory_bytes": {"likely": memory, "from": memory / 1.5, "to": memory * 1.5},
        "rough": True,
    }


def batch_bytes(functions: int) -> float:
    """Return the memory that a batch takes for each of its neighbours, with tensorpot."""
    return _BATCH_BYTES + _BATCH_FUNCTION_BYTES * functions


def _range(value: float) -> dict[str, float]:
    return {"likely": value, "from": value / RANGE, "to": value * RANGE}
