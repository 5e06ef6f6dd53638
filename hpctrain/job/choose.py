"""The candidates whose labels add most to an active set: grades, and the choice.

Called in the folder of a choice, as: python -m job.NAME.select, which hands over what loads a
potential of that trainer. It reads request.json and candidates.jsonl, one structure a line, writes
progress.json meanwhile, and choice.json at the end. Each structure is read once. Python 3.8 and
later, in the trainer's environment.
"""

from __future__ import annotations

import json
import math
import os
import time
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass
from multiprocessing import get_context
from pathlib import Path
from typing import Any, Callable, Dict, Iterator, List, Protocol, Sequence, Tuple

from . import evidence
from .maxvol import Candidate, Known, Pool, add, complete

REQUEST, CANDIDATES, PROGRESS, RESULT = (
    "request.json", "candidates.jsonl", "progress.json", "choice.json"
)  # fmt: skip
SAY_EVERY_S = 0.5
# Structures that a process takes at a time.
TOGETHER = 16
Part = Tuple[int, int, int]  # first structure, where it begins in the file, how many


class Basis(Protocol):
    """A potential, as far as its basis functions go: they are what an active set is made of."""

    @property
    def elements(self) -> Sequence[str]:
        """Return its elements, in the order of their numbers."""

    @property
    def cutoff(self) -> float:
        """Return the cutoff (Å)."""

    def functions(self, atoms: Any) -> Tuple[Any, Any]:
        """Return the elements of the atoms [n], as numbers, and a list of their functions [m].

        ``atoms`` are periodic in all directions or in none.
        """


@dataclass(frozen=True)
class Graded:
    """A graded candidate; ``problem`` says in words why there is no grade.

    ``grade`` is the largest of its atoms, that of ``atom`` (from 0), as LAMMPS computes it.
    ``rows`` are coefficients of the atoms that would go into the set, by which its ``volume`` would
    grow (the logarithm); None where none would.
    """

    index: int
    grade: float
    atom: int
    rows: Dict[int, Any] | None
    volume: float = 0.0
    problem: str | None = None


class Grader:
    """Computes grades: of one potential and its active set."""

    def __init__(self, basis: Basis, active_set: str) -> None:
        import numpy as np

        self.basis = basis
        self.elements = list(basis.elements)
        with np.load(active_set) as inverses:
            missing = sorted(set(self.elements) - set(inverses))
            if missing:
                raise ValueError(f"the active set has no {', '.join(missing)}")
            self.known: Dict[int, Known] = {
                number: complete(inverses[name]) for number, name in enumerate(self.elements)
            }
        self.ranks = {number: known.rank for number, known in self.known.items()}

    def functions(self, structure: Dict[str, Any]) -> Tuple[Any, Any]:
        """Return the elements of the atoms [n], and their functions, a list of [m] each."""
        from ase import Atoms

        atoms = Atoms(
            numbers=structure["numbers"], positions=structure["positions"],
            cell=structure["cell"], pbc=structure["pbc"],
        )  # fmt: skip
        return self.basis.functions(_periodic_in_all_or_none(atoms, self.basis.cutoff))

    def grade(self, index: int, structure: Dict[str, Any]) -> Graded:
        """Grade a structure, and find which of its atoms would go into the set."""
        import numpy as np

        try:
            species, functions = self.functions(structure)
        except Exception as error:  # noqa: BLE001  it raises what it likes; the others go on
            return Graded(index, math.nan, 0, None, problem=str(error) or type(error).__name__)
        grades = np.zeros(len(species))
        coefficients = {}
        for element, known in self.known.items():
            mine = np.flatnonzero(species == element)
            if len(mine):
                of_atoms = np.array([functions[atom] for atom in mine])
                grades[mine] = np.abs(of_atoms @ known.inverse).max(axis=1)
                coefficients[element] = of_atoms @ known.coefficients
        finite = np.isfinite(grades).all()
        if not finite or not all(np.isfinite(one).all() for one in coefficients.values()):
            words = "its functions are not finite numbers: atoms may be on top of each other"
            return Graded(index, math.nan, 0, None, problem=words)
        gain = add(coefficients, {}, self.ranks)
        rows = {element: coefficients[element][rows] for element, rows in gain.rows.items()}
        atom = int(np.argmax(grades))
        return Graded(index, float(grades[atom]), atom, rows or None, gain.volume)


def _periodic_in_all_or_none(atoms: Any, cutoff: float) -> Any:
    """Return the same neighbourhoods in a cell that is periodic in all directions or in none.

    Where some are not, there is room for the cutoff (Å); and a left-handed cell is the same
    lattice with all vectors negated.
    """
    import numpy as np

    if atoms.pbc.any() and not atoms.pbc.all():
        cell = atoms.cell.copy()
        cell[~atoms.pbc] = 0.0
        cell = cell.complete()
        for axis in np.flatnonzero(~atoms.pbc):
            along = atoms.positions @ cell[axis]  # of length 1
            cell[axis] *= np.ptp(along) + cutoff + 1.0
        atoms.cell, atoms.pbc = cell, True
    if np.linalg.det(atoms.cell.array) < 0:
        atoms.cell = -atoms.cell.array
    return atoms


_grader: List[Grader] = []  # forked processes have it from the one that made it


def _grade_part(part: Part) -> List[Graded]:
    first, begin, count = part
    with open(CANDIDATES, "rb") as file:
        file.seek(begin)
        return [_grader[0].grade(first + n, json.loads(file.readline())) for n in range(count)]


def _parts(path: str) -> List[Part]:
    """Cut the file into parts that one process takes at a time."""
    parts: List[Part] = []
    begin = first = count = place = 0
    with open(path, "rb") as file:
        for line in file:
            place += len(line)
            count += 1
            if count == TOGETHER:
                parts.append((first, begin, count))
                begin, first, count = place, first + count, 0
    return [*parts, (first, begin, count)] if count else parts


def _graded(parts: List[Part], workers: int) -> Iterator[List[Graded]]:
    """Yield the graded candidates in their order, part by part."""
    if workers <= 1 or len(parts) <= 1:
        yield from map(_grade_part, parts)
        return
    # Where a process is killed, for want of memory, this raises; a multiprocessing.Pool would wait.
    with ProcessPoolExecutor(min(workers, len(parts)), get_context("fork")) as processes:
        yield from processes.map(_grade_part, parts)


def _cores(asked: int | None) -> int:
    usable = len(os.sched_getaffinity(0))
    return min(asked, usable) if asked else usable


def select(load: Callable[[str], Basis], request: Dict[str, Any]) -> Dict[str, Any]:
    """Grade the candidates, and choose; return what choice.json says."""
    began = time.time()
    grader = Grader(load(request["potential"]), request["active_set"])
    _grader[:] = [grader]
    parts = _parts(CANDIDATES)
    total = sum(count for *_, count in parts)
    pool = Pool(request["wanted"], grader.ranks)
    grades: List[float | None] = []
    atoms: Dict[int, int] = {}
    problems: Dict[str, str] = {}
    extrapolating, said = 0, 0.0
    for part in _graded(parts, _cores(request.get("cores"))):
        for one in part:
            grades.append(None if one.problem else float(f"{one.grade:.6g}"))
            if one.problem:
                problems[str(one.index)] = one.problem
            elif one.rows is not None:
                extrapolating += 1
                pool.add(Candidate(one.index, one.rows, one.volume))
                atoms[one.index] = one.atom
        if time.time() - said > SAY_EVERY_S:
            said = time.time()
            evidence.write_json(PROGRESS, {"done": len(grades), "of": total})
    chosen = [
        {
            "index": one.candidate.index,
            "grade": grades[one.candidate.index],
            "atom": atoms[one.candidate.index],
            "adds": one.gain.volume,
            "swaps": one.gain.swaps,
            "unseen": one.gain.unseen,
        }
        for one in pool.choose()
    ]
    return {
        "schema": "hpctrain.choice/1",
        "elements": {
            name: {"functions": len(grader.known[number].inverse), "known": grader.ranks[number]}
            for number, name in enumerate(grader.elements)
        },
        "grades": grades,
        "problems": problems,
        "extrapolating": extrapolating,
        "chosen": chosen,
        "reduced": pool.reduced,
        "seconds": time.time() - began,
    }


def main(load: Callable[[str], Basis]) -> int:
    """Write choice.json; return the exit code. ``load`` loads a potential of the trainer."""
    # Before numpy is imported: each of several processes has one thread.
    os.environ["OMP_NUM_THREADS"] = os.environ["OPENBLAS_NUM_THREADS"] = "1"
    os.environ["MKL_NUM_THREADS"] = "1"
    request = json.loads(Path(REQUEST).read_text(encoding="utf-8"))
    evidence.write_json(RESULT, select(load, request))
    return 0
