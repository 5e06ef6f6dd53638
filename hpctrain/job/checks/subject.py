"""The subject of the checks: a potential, the structures, and how long there is."""

from __future__ import annotations

import time
from dataclasses import dataclass, field
from typing import Any, Callable, Dict, Iterator, List, Mapping, Sequence, Tuple

import numpy as np
from ase.calculators.calculator import all_changes

from .data import KEPT, Structures
from .result import NotReached, Skipped, Unphysical


@dataclass(frozen=True)
class Computed:
    """``energy`` in eV, ``forces`` [n, 3] in eV/Å, ``stress`` [6] in eV/Å^3, or None."""

    energy: float
    forces: Any
    stress: Any


class Potential:
    """A potential as an ASE calculator computes it; Unphysical where it gives no numbers."""

    def __init__(self, calculator: Any, elements: Sequence[str], cutoff: float) -> None:
        self._calculator = calculator
        self.elements = list(elements)
        self.cutoff = cutoff

    def compute(self, atoms: Any) -> Computed:
        """Compute a structure; raise Unphysical where what comes of it is no number."""
        try:
            self._calculator.calculate(atoms, ("energy", "forces", "stress"), all_changes)
        except Exception as error:  # the library raises whatever it likes
            raise Unphysical(
                f"{atoms.get_chemical_formula()} cannot be computed: {error or type(error)}"
            ) from error
        results = self._calculator.results
        energy, forces = float(results["energy"]), np.array(results["forces"], dtype=float)
        if not (np.isfinite(energy) and np.isfinite(forces).all()):
            raise Unphysical(
                f"the energy or a force of {atoms.get_chemical_formula()} is not a number"
            )
        stress = results.get("stress")
        return Computed(energy, forces, None if stress is None else np.array(stress, dtype=float))


def grades_of(load: Callable[[], Any], active_set: str) -> Callable[[Any], Any]:
    """Return what gives the extrapolation grade of each atom of a structure.

    ``load`` makes the calculator, with the active set, once it is asked.
    """
    calculators: List[Any] = []

    def grades(atoms: Any) -> Any:
        if not calculators:
            calculator = load()
            calculator.set_active_set(active_set)
            calculators.append(calculator)
        calculators[0].calculate(atoms, ("energy",), all_changes)
        return np.array(calculators[0].results["gamma"], dtype=float)

    return grades


class PotentialCalculator:
    """A potential as the calculator that ase's dynamics and relaxations ask.

    ``calls`` counts how often it was computed, which took ``seconds`` of a core: others who use the
    machine do not count.
    """

    def __init__(self, potential: Potential) -> None:
        self._potential = potential
        self._known: Tuple[Any, Computed] | None = None
        self.calls, self.seconds = 0, 0.0

    def _of(self, atoms: Any) -> Computed:
        if self._known is None or not np.array_equal(self._known[0], atoms.positions):
            began = time.process_time()
            self._known = atoms.positions.copy(), self._potential.compute(atoms)
            self.seconds += time.process_time() - began
            self.calls += 1
        return self._known[1]

    def get_forces(self, atoms: Any) -> Any:
        """Return the forces [n, 3] in eV/Å."""
        return self._of(atoms).forces

    def get_potential_energy(self, atoms: Any, **_: Any) -> float:
        """Return the energy in eV."""
        return self._of(atoms).energy


class Clock:
    """The time that is left to the check at work, which may be given a part of it."""

    def __init__(self, seconds: float) -> None:
        self._began = time.monotonic()
        self._end = self._began + seconds
        self._until = self._end

    def share(self, part: float) -> None:
        """Give the next check this part of what is left."""
        now = time.monotonic()
        self._until = now + max(0.0, self._end - now) * part

    def half(self) -> Clock:
        """Return a clock for half of what the check may take: for what it has to look up first."""
        return Clock(max(0.0, self._until - time.monotonic()) / 2)

    def passed(self) -> float:
        """Return the seconds since the clock began."""
        return time.monotonic() - self._began

    def up(self) -> bool:
        """Say whether the time of the check at work is over."""
        return time.monotonic() >= self._until

    def check(self, doing: str) -> None:
        """Raise NotReached if the time is up."""
        if self.up():
            raise NotReached(f"time ran out while {doing}")


@dataclass
class Subject:
    """Everything that a check may look at.

    ``predictions`` are the trainer's own on the labelled structures, by id: total energy in eV and
    forces; ``known_errors`` were measured with this file before. ``bare`` is the potential without
    its core repulsion, as it was fitted, or None. ``variant`` is what was chosen within the
    trainer. ``grades`` gives the extrapolation grade of each atom of a structure; None without an
    active set. ``file`` is what the potential's file is called.
    """

    potential: Potential
    sides: Mapping[str, Structures]
    clock: Clock
    predictions: Mapping[str, Tuple[float, Any]] | None = None
    known_errors: Mapping[str, Any] | None = None
    bare: Potential | None = None
    variant: str | None = None
    grades: Callable[[Any], Any] | None = None
    file: str = "file"
    phases: Any = None  # see phases.py: looked for once
    molecules: Any = None  # see molecules.py: looked for once
    _computed: Dict[Tuple[str, int], Computed] = field(default_factory=dict)

    def side(self, name: str) -> Structures:
        """Return the structures of one side; raise Skipped if there are none."""
        if name not in self.sides or not len(self.sides[name]):
            raise Skipped(f"there are no {name} structures")
        return self.sides[name]

    def predicted(self, side: str, number: int) -> Computed:
        """Return what the potential says of a structure; the first ones are kept."""
        if (side, number) in self._computed:
            return self._computed[side, number]
        computed = self.potential.compute(self.sides[side].read(number).atoms)
        if len(self._computed) < KEPT:
            self._computed[side, number] = computed
        return computed

    def every(self) -> Iterator[Tuple[str, int]]:
        """Walk through side and number of every structure, test first, in a fair order."""
        for side in sorted(self.sides):
            for number in self.sides[side].shuffled():
                yield side, number

    def __len__(self) -> int:
        return sum(len(structures) for structures in self.sides.values())
