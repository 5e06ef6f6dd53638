"""A short run of molecular dynamics at constant energy, and what is told of it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Callable, Dict

import numpy as np
from ase import units
from ase.md.verlet import VelocityVerlet

from .data import Labelled
from .result import NotReached, Unphysical, result, verdict_on
from .subject import Clock, Potential, PotentialCalculator

# meV per atom and ps.
LIMITS = (1.0, 10.0)
LEAST = 100
# Every so many steps a point is kept; and the distances, which cost more, are looked at.
LOOK, LOOK_AROUND = 10, 100
# K. Below it nothing moves.
COLDEST = 300.0
# Times the temperature at the start.
RUNAWAY = 4.0


@dataclass(frozen=True)
class Task:
    """A run to make: from which structure, how hot (K), and how it may go wrong.

    ``step`` in fs for an atom of mass 1; at most ``longest``.
    """

    one: Labelled
    atoms: Any
    temperature: float
    steps: int
    step: float
    longest: float
    trouble: Callable[[Any], str]


def run(potential: Potential, clock: Clock, task: Task) -> Dict[str, Any]:
    """Make a run, as long as there is time; a value of None where it went wrong."""
    atoms, one = task.atoms, task.one
    step = min(task.longest, task.step * float(np.sqrt(min(atoms.get_masses()))))
    atoms.calc = calculator = PotentialCalculator(potential)
    times, energies, temperatures = [], [], []
    trouble = ""
    try:
        for number, _ in enumerate(VelocityVerlet(atoms, step * units.fs).irun(task.steps)):
            if number % LOOK == 0:
                times.append(number * step)
                energies.append(float(atoms.get_total_energy()) / len(atoms))
                temperatures.append(float(atoms.get_temperature()))
                if temperatures[-1] > RUNAWAY * max(temperatures[0], COLDEST):
                    trouble = f"the temperature rises to {temperatures[-1]:.0f} K"
                elif number % LOOK_AROUND == 0:
                    trouble = task.trouble(atoms)
                if trouble or clock.up():
                    break
    except Unphysical as problem:
        trouble = str(problem)
    done = times[-1] if times else 0.0
    if not trouble and done < LEAST * step:
        raise NotReached(f"the time was up after {done:.0f} fs of molecular dynamics")
    where = f"{len(atoms)} atoms of {one.id} ({one.kind}) at {task.temperature:.0f} K"
    where += f", {done:.0f} fs" if any(atoms.pbc) else f" without a cell, {done:.0f} fs"
    data = {
        "time_fs": times, "energy_ev_per_atom": [round(value, 7) for value in energies],
        "temperature_k": [round(value, 2) for value in temperatures],
        "id": one.id, "kind": one.kind, "atoms": len(atoms), "time_step_fs": step,
        "us_per_atom_and_step": _cost(calculator, len(atoms)),
    }  # fmt: skip
    if trouble:
        return result("fail", f"{where}: {trouble}", None, "meV/atom/ps", LIMITS, **data)
    drift = 1e6 * abs(float(np.polyfit(times, energies, 1)[0]))
    return result(
        verdict_on(drift, *LIMITS), f"{where}: the energy drifts by {drift:.2g} meV/atom/ps",
        drift, "meV/atom/ps", LIMITS, **data,
    )  # fmt: skip


def _cost(calculator: PotentialCalculator, atoms: int) -> float | None:
    """Return what energy, forces and stress cost, µs per atom and step on one core."""
    if not calculator.calls:
        return None
    return round(1e6 * calculator.seconds / calculator.calls / atoms, 3)


def heat(atoms: Any, temperature: float) -> None:
    """Give the atoms Maxwell and Boltzmann's velocities, always the same, without a drift."""
    order = np.random.RandomState(1)
    masses = atoms.get_masses()[:, None]
    momenta = order.standard_normal((len(atoms), 3)) * np.sqrt(masses * units.kB * temperature)
    momenta -= masses * momenta.sum(axis=0) / masses.sum()
    atoms.set_momenta(momenta)
