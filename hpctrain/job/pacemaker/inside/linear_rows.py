"""The rows of the linear start's equations: what each function adds to energies and forces.

Here they come from pyace, which copies the derivatives of all functions anew for each neighbour of
each atom, nine tenths of its time (ACECalculator::compute, python-ace 0.4.0rc1). The same rows in
a sixth of the time are linear_quick's. Python 3.8 and later, NumPy and pyace of the trainer's
environment.
"""

from __future__ import annotations

import os
import re
from concurrent.futures import ThreadPoolExecutor
from contextlib import nullcontext
from typing import Any, Callable, Iterator, Sequence

from .linear_quick import environment

# From structures to the energies per atom [structures, functions] and the force components
# [3 atoms, functions] of a coefficient of 1.
Rows = Callable[[Sequence[Any]], "tuple[Any, Any]"]

# More threads would wait for each other: a quarter of the work holds Python's lock.
MOST_THREADS = 4
# Structures are taken together up to so many atoms: enough for NumPy, and little enough that all
# threads have work.
ATOMS_TOGETHER = 64
# The force components of one round, unless one block has more.
ROUND_BYTES = 64 * 2**20
# A structure of about this size shows whether two ways agree: an isolated atom would not.
ATOMS_COMPARED = 8


def threads() -> int:
    """Return how many threads to use, of the cores that the job was given."""
    try:
        import threadpoolctl  # noqa: F401 without it BLAS would start its own in each
    except ImportError:
        return 1
    given = re.match(r"[1-9][0-9]*", os.environ.get("OMP_NUM_THREADS", ""))
    return min(int(given.group()) if given else len(os.sched_getaffinity(0)), MOST_THREADS)


def difference(rows: Rows, reference: Rows, structures: Sequence[Any]) -> float:
    """Return the largest relative difference, over one small structure with each element."""
    import numpy as np

    chosen: dict[str, Any] = {}
    for atoms in sorted(structures, key=lambda one: abs(len(one) - ATOMS_COMPARED)):
        for element in set(atoms.get_chemical_symbols()):
            chosen.setdefault(element, atoms)
    found = [0.0]
    for atoms in chosen.values():
        for one, other in zip(rows([atoms]), reference([atoms])):  # noqa: B905 (Python 3.8)
            largest = max(np.abs(other).max(), np.finfo(float).tiny)
            found.append(np.abs(one - other).max() / largest)
    return float(np.max(found))


def in_rounds(
    rows: Rows, structures: Sequence[Any], functions: int, workers: int
) -> Iterator[tuple[int, Any, Any]]:
    """Yield how many structures are next, and their rows, until all have been."""
    import numpy as np

    with ThreadPoolExecutor(workers) as pool:
        for blocks in _rounds(list(_blocks(structures)), functions, 8 * workers):
            # Whoever takes the rows has BLAS with all its threads again.
            with _one_thread_of_blas() if workers > 1 else nullcontext():
                energies, forces = zip(*pool.map(rows, blocks))  # noqa: B905 (Python 3.8)
            yield sum(map(len, blocks)), np.concatenate(energies), np.concatenate(forces)


def _blocks(structures: Sequence[Any]) -> Iterator[list[Any]]:
    """Yield structures that are taken together."""
    block: list[Any] = []
    for atoms in structures:
        if block and sum(map(len, block)) + len(atoms) > ATOMS_TOGETHER:
            yield block
            block = []
        block.append(atoms)
    yield block


def _rounds(blocks: list[list[Any]], functions: int, most: int) -> Iterator[list[list[Any]]]:
    """Yield at most so many blocks at a time, whose force components take ROUND_BYTES at most."""
    chosen: list[list[Any]] = []
    size = 0
    for block in blocks:
        more = 24 * functions * sum(map(len, block))
        if chosen and (size + more > ROUND_BYTES or len(chosen) == most):
            yield chosen
            chosen, size = [], 0
        chosen.append(block)
        size += more
    yield chosen


def _one_thread_of_blas() -> Any:
    """Return a context in which BLAS starts no threads."""
    from threadpoolctl import threadpool_limits

    return threadpool_limits(1, user_api="blas")


class PyaceRows:
    """pyace's own way to the rows."""

    def __init__(self, basis: Any, cutoff: float) -> None:
        import numpy as np
        from pyace import ACEBEvaluator, ACECalculator

        self.basis, self.cutoff = basis, cutoff
        self.evaluator = ACEBEvaluator(self.basis)
        self.calculator = ACECalculator(self.evaluator)
        both = zip(self.basis.basis_rank1, self.basis.basis)  # noqa: B905 (Python 3.8)
        self.first = np.cumsum([0, *(len(one) + len(more) for one, more in both)])

    def __call__(self, structures: Sequence[Any]) -> tuple[Any, Any]:
        import numpy as np

        energies = np.zeros((len(structures), self.first[-1]))
        forces = []
        for atoms, energy in zip(structures, energies):  # noqa: B905 (Python 3.8)
            around = environment(atoms, self.basis, self.cutoff)
            self.calculator.compute(around, compute_projections=True, compute_b_grad=True)
            per_atom = zip(around.species_type, self.calculator.projections)  # noqa: B905 (3.8)
            for element, values in per_atom:
                begin = self.first[element]
                energy[begin : begin + len(values)] += values
            energy /= len(atoms)
            of_functions = np.array(self.calculator.forces_bfuncs)  # [atoms, functions, 3]
            forces.append(of_functions.transpose(0, 2, 1).reshape(3 * len(atoms), -1))
        return energies, np.concatenate(forces)
