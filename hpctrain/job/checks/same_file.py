"""Checks that the file is the potential that was trained: its errors, and both evaluators."""

from __future__ import annotations

from typing import Any, Iterator, List, Tuple

import numpy as np

from .result import Skipped, result, verdict_on, worst
from .subject import Computed, Subject

# As a part of the error itself; and below these errors (meV/atom, eV/Å) it does not matter.
RMSE_LIMITS = (1e-3, 1e-2)
RMSE_FLOORS = (0.01, 1e-5)
# meV/atom and eV/Å; both evaluators compute in double precision.
ENERGY_LIMITS = (0.01, 1.0)
FORCE_LIMITS = (1e-4, 1e-2)


def reproduces_test_rmse(subject: Subject) -> dict[str, Any]:
    """Compare the file's errors on the test structures with those measured before."""
    if subject.predictions is None:
        return _reproduces_known_errors(subject)
    file, trainer, touched = [], [], 0
    for number, predicted in _with_predictions(subject):
        here = subject.predicted("test", number)
        one = subject.side("test").read(number)
        if subject.bare is not None and _differ(here, subject.bare.compute(one.atoms)):
            touched += 1
            continue
        file.append((one, here.energy, here.forces))
        trainer.append((one, *predicted))
    if not file:
        subject.clock.check("the test structures were computed")
        raise Skipped("the core repulsion acts in every test structure, and came after the fit")
    left_out = f"; {touched} left out, where the core repulsion acts" if touched else ""
    where = f"on {len(file)} test structures{left_out}"
    return _compare(_rmse(file), _rmse(trainer), where)


def _reproduces_known_errors(subject: Subject) -> dict[str, Any]:
    """Compare with errors that were measured with the file once, on the first test structures."""
    if subject.known_errors is None:
        raise Skipped("neither the trainer's predictions nor earlier errors of the file are here")
    structures = subject.side("test")
    count = int(subject.known_errors["structures"])
    if count > len(structures):
        raise Skipped(f"{count} structures were measured, and only {len(structures)} are here")
    rows = []
    for number in range(count):
        subject.clock.check("the test structures were computed")
        here = subject.predicted("test", number)
        rows.append((structures.read(number), here.energy, here.forces))
    known = subject.known_errors
    before = (known["rmse_energy_mev_per_atom"], known["rmse_force_ev_per_a"])
    return _compare(_rmse(rows), before, f"on {count} test structures, as the card tells")


def _rmse(rows: List[Tuple[Any, float, Any]]) -> Tuple[float, float]:
    energies = [1000 * (energy - one.energy) / len(one.atoms) for one, energy, _ in rows]
    forces = np.vstack([predicted - one.forces for one, _, predicted in rows])
    return float(np.sqrt(np.mean(np.square(energies)))), float(np.sqrt(np.mean(forces**2)))


def _compare(file: Tuple[float, float], before: Tuple[float, float], where: str) -> dict[str, Any]:
    if not np.isfinite([*file, *before]).all():
        raise Skipped("without the free atoms' energies no error of an energy is known")
    value = max(abs(file[i] - before[i]) / max(before[i], RMSE_FLOORS[i]) for i in range(2))
    return result(
        verdict_on(value, *RMSE_LIMITS),
        f"{file[0]:.4g} meV/atom and {file[1]:.4g} eV/Å, told were {before[0]:.4g} and "
        f"{before[1]:.4g}, {where}",
        value, "relative", RMSE_LIMITS,
    )  # fmt: skip


def evaluators_agree(subject: Subject) -> dict[str, Any]:
    """Compare the trainer's predictions with pyace's, on the fit before its core repulsion."""
    if subject.evaluator is not None and subject.evaluator != "tensorpot":
        raise Skipped(f"trained with {subject.evaluator}: there is no second evaluator")
    if subject.predictions is None:
        raise Skipped("the trainer's own predictions are only in the run's folder")
    if subject.bare is None:
        raise Skipped("the potential's .yaml, from which the core repulsion is taken, is not here")
    energies, forces = [], []
    for number, (energy, force) in _with_predictions(subject):
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


def _with_predictions(subject: Subject) -> Iterator[Tuple[int, Tuple[float, Any]]]:
    """Walk through the test structures of which the trainer kept its predictions: no free atoms.

    As many as there is time for what is done with them.
    """
    assert subject.predictions is not None
    structures = subject.side("test")
    for number in structures.shuffled():
        if subject.clock.up():
            return
        known = subject.predictions.get(structures.read(number).id)
        if known is not None:
            yield number, known


def _differ(one: Computed, other: Computed) -> bool:
    return bool(np.abs(one.forces - other.forces).max() > 1e-6)
