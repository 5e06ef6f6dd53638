"""Check that a short run of molecular dynamics conserves energy, and nothing flies apart."""

from __future__ import annotations

from typing import Any, Dict, List, Tuple

import numpy as np
from ase import units
from ase.data import covalent_radii
from ase.neighborlist import neighbor_list

from .dynamics import COLDEST, LIMITS, Task, heat, run
from .molecules import floats, molecules, pieces_apart
from .result import NotReached, Skipped, result, worst
from .subject import Subject

STEPS = 1000
# fs; the second for an atom of mass 1, longer with the root of the mass. Half of what is usual: the
# drift is to tell of the potential, and at 3000 K collisions are integrated badly with 1 fs.
LONGEST_STEP, LIGHT_STEP = 0.5, 0.125
ATOMS = 32
# Structures among which a hot one is looked for.
LOOKED_AT = 2000
# K. Above it no crystal or melt is simulated.
HOTTEST = 3000.0
# Of a molecule: twice the step, for a picosecond with hydrogen in it; and above this temperature
# bonds may break.
FREE_STEPS, LONGEST_FREE_STEP, FREE_STEP = 4000, 1.0, 0.25
HOTTEST_FREE = 1000.0
# Parts of the sum of the covalent radii.
COLLISION = 0.5


def nve(subject: Subject) -> dict[str, Any]:
    """Run the hottest structure with a cell, and the commonest molecule without one."""
    outcomes: List[Dict[str, Any]] = []
    missed: List[str] = []
    clocks = [subject.clock.half() if _has_molecules(subject) else subject.clock, subject.clock]
    for choose, clock in zip((_periodic, _molecule), clocks):  # noqa: B905 (Python 3.8)
        try:
            outcomes.append(run(subject.potential, clock, choose(subject)))
        except Skipped:
            continue
        except NotReached as reason:
            missed.append(str(reason))
    if not outcomes and missed:
        raise NotReached(missed[0])
    if not outcomes:
        raise Skipped("there is no structure with a cell below the hottest temperature, and no "
                      "molecule")  # fmt: skip
    drifts = [one["value"] for one in outcomes if one["value"] is not None]
    data = outcomes[0]["data"]
    if len(outcomes) == 2:
        data = {**data, "molecule": outcomes[1]["data"]}
    return result(
        worst([*(one["verdict"] for one in outcomes), *("warn" for _ in missed)]),
        "; ".join([*(one["seen"] for one in outcomes), *missed]),
        max(drifts, default=None), "meV/atom/ps", LIMITS, **data,
    )  # fmt: skip


def _has_molecules(subject: Subject) -> bool:
    try:
        return bool(molecules(subject))
    except (Skipped, NotReached):
        return False


def _periodic(subject: Subject) -> Task:
    """Choose a hot structure, its velocities as hot as its positions: 3/2 kT is its excess."""
    one, excess = _hot(subject)
    temperature = float(np.clip(excess / (1.5 * units.kB), COLDEST, HOTTEST))
    atoms = _repeat(one.atoms)
    heat(atoms, temperature)
    return Task(one, atoms, temperature, STEPS, LIGHT_STEP, LONGEST_STEP,
                lambda atoms: _trouble(atoms, subject.potential.cutoff))  # fmt: skip


def _molecule(subject: Subject) -> Task:
    """Choose the middle frame of the commonest molecule, at the temperature of the data.

    That is by how far its energy is above the rest: kT/2 for each vibration.
    """
    molecule = molecules(subject)[0]
    molecule.relax(subject.potential, subject.clock)
    one = molecule.frames[len(molecule.frames) // 2]
    temperature = COLDEST
    if molecule.rest is not None:
        excess = (
            subject.potential.compute(one.atoms).energy
            - subject.potential.compute(molecule.rest).energy
        )
        vibrations = max(3 * len(one.atoms) - 6, 1)
        temperature = float(np.clip(2 * excess / (vibrations * units.kB), COLDEST, HOTTEST_FREE))
    atoms = one.atoms.copy()
    heat(atoms, temperature)
    # Of few atoms the velocities are by chance much hotter or colder than asked for.
    chance = atoms.get_temperature()
    atoms.set_momenta(atoms.get_momenta() * np.sqrt(temperature / chance))
    return Task(one, atoms, temperature, FREE_STEPS, FREE_STEP, LONGEST_FREE_STEP, _free_trouble)


def _free_trouble(atoms: Any) -> str:
    first, _, distances = neighbor_list("ijd", atoms, COLLISION * covalent_radii[atoms.numbers])
    if len(first):
        return f"atoms fall into each other: {distances.min():.2f} Å"
    if pieces_apart(atoms) > 1:
        return "the molecule falls apart"
    return ""


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
        for excess, one in sorted(hot, key=lambda pair: (pair[0], pair[1].id), reverse=True):
            # A molecule in a box is run without it.
            if not floats(one.atoms, subject.potential.cutoff):
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


def _trouble(atoms: Any, cutoff: float) -> str:
    first, second, distances = neighbor_list("ijd", atoms, cutoff)
    radii = covalent_radii[atoms.numbers]
    if (distances < COLLISION * (radii[first] + radii[second])).any():
        return f"atoms fall into each other: {distances.min():.2f} Å"
    if len(set(first.tolist())) < len(atoms):
        return "an atom has left all others"
    return ""
