"""Check that a short run of molecular dynamics keeps its energy, and nothing flies apart."""

from __future__ import annotations

from typing import Any, List, Tuple

import numpy as np
from ase import units
from ase.data import covalent_radii
from ase.md.verlet import VelocityVerlet
from ase.neighborlist import neighbor_list

from .result import NotReached, Skipped, Unphysical, result, verdict_on
from .subject import Subject

# meV per atom and ps.
LIMITS = (1.0, 10.0)
STEPS, LEAST = 1000, 100
# fs; the second for an atom of mass 1, longer with the root of the mass. Half of what is usual: the
# drift is to tell of the potential, and at 3000 K collisions are integrated badly with 1 fs.
LONGEST_STEP, LIGHT_STEP = 0.5, 0.125
# Every so many steps a point is kept; and the distances, which cost more, are looked at.
LOOK, LOOK_AROUND = 10, 100
ATOMS = 32
# Structures among which a hot one is looked for.
LOOKED_AT = 2000
# K. Below it nothing moves; above it no crystal or melt is simulated.
COLDEST, HOTTEST = 300.0, 3000.0
# Times the temperature at the start, and parts of the sum of the covalent radii.
RUNAWAY, COLLISION = 4.0, 0.5


def nve(subject: Subject) -> dict[str, Any]:
    """Run from a hot structure, its velocities as hot as its positions: 3/2 kT is its excess."""
    one, excess = _hot(subject)
    temperature = float(np.clip(excess / (1.5 * units.kB), COLDEST, HOTTEST))
    atoms = _repeat(one.atoms)
    _heat(atoms, temperature)
    step = min(LONGEST_STEP, LIGHT_STEP * float(np.sqrt(min(atoms.get_masses()))))
    calculator = _Calculator(subject.potential)
    atoms.calc = calculator
    times, energies, temperatures = [], [], []
    trouble = ""
    try:
        for number, _ in enumerate(VelocityVerlet(atoms, step * units.fs).irun(STEPS)):
            if number % LOOK == 0:
                times.append(number * step)
                energies.append(float(atoms.get_total_energy()) / len(atoms))
                temperatures.append(float(atoms.get_temperature()))
                if temperatures[-1] > RUNAWAY * max(temperatures[0], COLDEST):
                    trouble = f"the temperature rises to {temperatures[-1]:.0f} K"
                elif number % LOOK_AROUND == 0:
                    trouble = _trouble(atoms, subject.potential.cutoff)
                if trouble or subject.clock.up():
                    break
    except Unphysical as problem:
        trouble = str(problem)
    done = times[-1] if times else 0.0
    if not trouble and done < LEAST * step:
        raise NotReached(f"the time was up after {done:.0f} fs of molecular dynamics")
    where = f"{len(atoms)} atoms of {one.id} ({one.kind}) at {temperature:.0f} K, {done:.0f} fs"
    data = {
        "time_fs": times, "energy_ev_per_atom": [round(value, 7) for value in energies],
        "temperature_k": [round(value, 2) for value in temperatures],
        "id": one.id, "kind": one.kind, "atoms": len(atoms), "time_step_fs": step,
    }  # fmt: skip
    if trouble:
        return result("fail", f"{where}: {trouble}", None, "meV/atom/ps", LIMITS, **data)
    drift = 1e6 * abs(float(np.polyfit(times, energies, 1)[0]))
    return result(
        verdict_on(drift, *LIMITS), f"{where}: the energy drifts by {drift:.2g} meV/atom/ps",
        drift, "meV/atom/ps", LIMITS, **data,
    )  # fmt: skip


class _Calculator:
    """A potential as the calculator that ase's dynamics ask."""

    def __init__(self, potential: Any) -> None:
        self._potential = potential
        self._known: Tuple[Any, Any] | None = None

    def _of(self, atoms: Any) -> Any:
        if self._known is None or not np.array_equal(self._known[0], atoms.positions):
            self._known = atoms.positions.copy(), self._potential.compute(atoms)
        return self._known[1]

    def get_forces(self, atoms: Any) -> Any:
        return self._of(atoms).forces

    def get_potential_energy(self, atoms: Any, **_: Any) -> float:
        return float(self._of(atoms).energy)


def _hot(subject: Subject) -> Tuple[Any, float]:
    """Find the periodic structure with the highest energy not above the hottest temperature.

    Over the lowest of its composition, in eV per atom; test structures before training ones.
    """
    lowest: dict[str, float] = {}
    rows: List[Tuple[str, str, Any, float]] = []
    clock = subject.clock.half()
    for side, number in subject.every():
        if clock.up() or len(rows) == LOOKED_AT:
            break
        one = subject.sides[side].read(number)
        if all(one.atoms.pbc) and not np.isnan(one.energy):
            energy = one.energy / len(one.atoms)
            formula = one.atoms.get_chemical_formula(empirical=True)
            lowest[formula] = min(energy, lowest.get(formula, np.inf))
            rows.append((side, formula, one, energy))
    for side in ("test", "train"):
        known = [(energy - lowest[formula], one)
                 for where, formula, one, energy in rows if where == side]  # fmt: skip
        hot = [(excess, one) for excess, one in known if excess <= 1.5 * units.kB * HOTTEST]
        if hot:
            excess, one = max(hot, key=lambda pair: (pair[0], pair[1].id))
            return one, excess
    subject.clock.check("a hot structure was looked for")
    raise Skipped("there is no periodic structure below the hottest temperature")


def _repeat(atoms: Any) -> Any:
    """Repeat a cell along its shortest side until there are enough atoms."""
    times = [1, 1, 1]
    lengths = atoms.cell.lengths()
    while len(atoms) * np.prod(times) < ATOMS:
        times[int(np.argmin(lengths * times))] += 1
    return atoms * tuple(times)


def _heat(atoms: Any, temperature: float) -> None:
    """Give the atoms Maxwell and Boltzmann's velocities, always the same, without a drift."""
    order = np.random.RandomState(1)
    masses = atoms.get_masses()[:, None]
    momenta = order.standard_normal((len(atoms), 3)) * np.sqrt(masses * units.kB * temperature)
    momenta -= masses * momenta.sum(axis=0) / masses.sum()
    atoms.set_momenta(momenta)


def _trouble(atoms: Any, cutoff: float) -> str:
    first, second, distances = neighbor_list("ijd", atoms, cutoff)
    radii = covalent_radii[atoms.numbers]
    if (distances < COLLISION * (radii[first] + radii[second])).any():
        return f"atoms fall into each other: {distances.min():.2f} Å"
    if len(set(first.tolist())) < len(atoms):
        return "an atom has left all others"
    return ""
