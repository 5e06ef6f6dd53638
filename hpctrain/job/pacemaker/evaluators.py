"""The check that both evaluators agree: the trainer's own, tensorpot, and pyace, which all use."""

from __future__ import annotations

from typing import Any

import numpy as np

from ..checks.result import Skipped, result, verdict_on, worst
from ..checks.same_file import with_predictions
from ..checks.subject import Subject

# meV/atom and eV/Å; both evaluators compute in double precision.
ENERGY_LIMITS = (0.01, 1.0)
FORCE_LIMITS = (1e-4, 1e-2)


def evaluators_agree(subject: Subject) -> dict[str, Any]:
    """Compare the trainer's predictions with pyace's, on the fit before its core repulsion."""
    if subject.variant is not None and subject.variant != "tensorpot":
        raise Skipped(f"trained with {subject.variant}: there is no second evaluator")
    if subject.predictions is None:
        raise Skipped("the trainer's own predictions are only in the folder of the run")
    if subject.bare is None:
        raise Skipped("the potential's .yaml, from which the core repulsion is taken, is not here")
    energies, forces = [], []
    for number, (energy, force) in with_predictions(subject, "test", subject.clock):
        atoms = subject.side("test").read(number).atoms
        here = subject.bare.compute(atoms)
        energies.append(1000 * abs(here.energy - energy) / len(atoms))
        forces.append(float(np.abs(here.forces - force).max()))
    if not energies:
        subject.clock.check("the test structures were computed")
        raise Skipped("the trainer has kept no predictions of these structures")
    return result(
        worst([verdict_on(max(energies), *ENERGY_LIMITS), verdict_on(max(forces), *FORCE_LIMITS)]),
        f"on {len(energies)} test structures the largest differences are {max(energies):.1e} "
        f"meV/atom and {max(forces):.1e} eV/Å",
        max(energies), "meV/atom", ENERGY_LIMITS,
        force_ev_per_a=max(forces), force_limits=list(FORCE_LIMITS),
    )  # fmt: skip
