"""Is the file the potential that was trained? Its errors, and the evaluators' agreement."""

from __future__ import annotations

from typing import Any, Iterator, List, Tuple

import numpy as np

from .result import Skipped, found, judged, worst
from .subject import Computed, Subject

# As a part of the error itself; and below these errors (meV/atom, eV/Å) it does not matter.
RMSE_LIMITS = (1e-3, 1e-2)
RMSE_FLOORS = (0.01, 1e-5)
# meV/atom and eV/Å; both evaluators compute in double precision.
ENERGY_LIMITS = (0.01, 1.0)
FORCE_LIMITS = (1e-4, 1e-2)


def reproduces_test_rmse(subject: Subject) -> dict[str, Any]:
    """The file's errors on the test structures against those that were told of it."""
    if subject.predictions is None:
        return _as_told(subject)
    file, trainer, touched = [], [], 0
    for number, predicted in _predicted(subject):
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
    return _compared(_rmse(file), _rmse(trainer), where)


def _as_told(subject: Subject) -> dict[str, Any]:
    """Against errors that were measured with the file once, on the first test structures."""
    if subject.told is None:
        raise Skipped("neither the trainer's predictions nor earlier errors of the file are here")
    structures = subject.side("test")
    count = int(subject.told["structures"])
    if count > len(structures):
        raise Skipped(f"{count} structures were measured, and only {len(structures)} are here")
    rows = []
    for number in range(count):
        subject.clock.check("the test structures were computed")
        here = subject.predicted("test", number)
        rows.append((structures.read(number), here.energy, here.forces))
    told = (subject.told["rmse_energy_mev_per_atom"], subject.told["rmse_force_ev_per_a"])
    return _compared(_rmse(rows), told, f"on {count} test structures, as the card tells")


def _rmse(rows: List[Tuple[Any, float, Any]]) -> Tuple[float, float]:
    energies = [1000 * (energy - one.energy) / len(one.atoms) for one, energy, _ in rows]
    forces = np.vstack([predicted - one.forces for one, _, predicted in rows])
    return float(np.sqrt(np.mean(np.square(energies)))), float(np.sqrt(np.mean(forces**2)))


def _compared(file: Tuple[float, float], told: Tuple[float, float], where: str) -> dict[str, Any]:
    if not np.isfinite([*file, *told]).all():
        raise Skipped("without the free atoms' energies no error of an energy is known")
    value = max(abs(file[i] - told[i]) / max(told[i], RMSE_FLOORS[i]) for i in range(2))
    return found(
        judged(value, *RMSE_LIMITS),
        f"{file[0]:.4g} meV/atom and {file[1]:.4g} eV/Å, told were {told[0]:.4g} and "
        f"{told[1]:.4g}, {where}",
        value, "relative", RMSE_LIMITS,
    )  # fmt: skip


def evaluators_agree(subject: Subject) -> dict[str, Any]:
    """The trainer's predictions against pyace's, on the fit as it was before the core repulsion."""
    if subject.evaluator is not None and subject.evaluator != "tensorpot":
        raise Skipped(f"trained with {subject.evaluator}: there is no second evaluator")
    if subject.predictions is None:
        raise Skipped("the trainer's own predictions are only in the run's folder")
    if subject.bare is None:
        raise Skipped("the potential's .yaml, from which the core repulsion is taken, is not here")
    energies, forces = [], []
    for number, (energy, force) in _predicted(subject):
        atoms = subject.side("test").read(number).atoms
        here = subject.bare.compute(atoms)
        energies.append(1000 * abs(here.energy - energy) / len(atoms))
        forces.append(float(np.abs(here.forces - force).max()))
    if not energies:
        subject.clock.check("the test structures were computed")
        raise Skipped("the trainer has kept no predictions of these structures")
    return found(
        worst([judged(max(energies), *ENERGY_LIMITS), judged(max(forces), *FORCE_LIMITS)]),
        f"on {len(energies)} test structures the largest differences are {max(energies):.1e} "
        f"meV/atom and {max(forces):.1e} eV/Å",
        max(energies), "meV/atom", ENERGY_LIMITS,
        force_ev_per_a=max(forces), force_limits=list(FORCE_LIMITS),
    )  # fmt: skip


def _predicted(subject: Subject) -> Iterator[Tuple[int, Tuple[float, Any]]]:
    """The test structures of which the trainer has kept its predictions: it drops free atoms.

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
