"""What the checks look at: the potential, the structures, and how long there is."""

from __future__ import annotations

import time
from dataclasses import dataclass, field
from typing import Any, Dict, Iterator, Mapping, Sequence, Tuple

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

    @classmethod
    def load(cls, path: Any) -> Potential:
        """From a .yace, a .yaml, or a BBasisConfiguration."""
        from pyace import PyACECalculator

        calculator = PyACECalculator(path)
        calculator.compute_projections = False  # of no use here, and a third of the time
        return cls(calculator, list(calculator.basis.elements_name), float(calculator.cutoff))

    def compute(self, atoms: Any) -> Computed:
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


class Clock:
    """The time that is left to the check at work; it may be given less than there is."""

    def __init__(self, seconds: float) -> None:
        self._began = time.monotonic()
        self._end = self._began + seconds
        self._until = self._end

    def share(self, part: float) -> None:
        """Give the next check this part of what is left."""
        now = time.monotonic()
        self._until = now + max(0.0, self._end - now) * part

    def half(self) -> Clock:
        """For what a check has to look up first: half of what it may take."""
        return Clock(max(0.0, self._until - time.monotonic()) / 2)

    def passed(self) -> float:
        return time.monotonic() - self._began

    def up(self) -> bool:
        return time.monotonic() >= self._until

    def check(self, doing: str) -> None:
        if self.up():
            raise NotReached(f"the time was up while {doing}")


@dataclass
class Subject:
    """Everything that a check may look at.

    ``predictions`` are the trainer's own on the test structures, by id: total energy in eV and
    forces; ``told`` are errors that were measured with this file before (see evaluate.py).
    ``bare`` is the potential without its core repulsion, as it was fitted, or None.
    """

    potential: Potential
    sides: Mapping[str, Structures]
    clock: Clock
    predictions: Mapping[str, Tuple[float, Any]] | None = None
    told: Mapping[str, Any] | None = None
    bare: Potential | None = None
    evaluator: str | None = None
    phases: Any = None  # see verify_phases.py: looked for once
    _computed: Dict[Tuple[str, int], Computed] = field(default_factory=dict)

    def side(self, name: str) -> Structures:
        if name not in self.sides or not len(self.sides[name]):
            raise Skipped(f"there are no {name} structures")
        return self.sides[name]

    def predicted(self, side: str, number: int) -> Computed:
        """What the potential says of a structure; of the first ones computed once."""
        if (side, number) in self._computed:
            return self._computed[side, number]
        computed = self.potential.compute(self.sides[side].read(number).atoms)
        if len(self._computed) < KEPT:
            self._computed[side, number] = computed
        return computed

    def every(self) -> Iterator[Tuple[str, int]]:
        """Side and number of every structure, the test structures first, in a fair order."""
        for side in sorted(self.sides):
            for number in self.sides[side].shuffled():
                yield side, number

    def __len__(self) -> int:
        return sum(len(structures) for structures in self.sides.values())
