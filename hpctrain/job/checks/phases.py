"""The crystals in the data, recognised by the data themselves, not by names.

Candidates are periodic cells whose label forces vanish and whose primitive cell is small. Cells of
the same crystal, at other volumes or of another shape, have the same distances between neighbours
in units of the cube root of the volume per atom, and so they are put together. What was put
together is a phase if it was computed at three volumes or more, or if its stress is a pressure, the
same in all directions, by its label or by its symmetry: a crystal that was strained on purpose is
neither.
"""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, replace
from typing import Any, Dict, List, Tuple

import numpy as np
from ase.neighborlist import neighbor_list
from scipy.optimize import linprog

from .data import Labelled
from .molecules import floats
from .primitive import is_isotropic, primitive
from .result import NotReached, Skipped
from .subject import Subject

# A larger primitive cell is none that the elastic constants and phonons of could be had cheaply;
# in larger cells none is looked for.
ATOMS, LARGEST = 12, 256
# eV per atom by which the primitive cell may differ from the cell it is of, by the potential: what
# the tolerance of its places may cost.
SAME = 1e-3
PHASES = 12
# At rest: eV/Å, and GPa between directions and in shear.
FORCE, SHEAR = 0.02, 0.3
VOLUMES = 3
HULL = 1e-6  # eV per atom
# eV per atom by which a structure that is no phase has to be lower: strained cells of the same
# crystal are a little, and cells computed with other k-points.
LOWER = 5e-3
# Distances (in units of the cube root of the volume per atom) that are compared, and how closely.
REACH, CLOSE = 2.2, 0.01
GPA = 160.21766  # eV/Å^3


@dataclass
class Phase:
    """A crystal: its primitive cell, and the labels at all its volumes.

    ``curve``: volume in Å^3 and energy in eV, both per atom, by volume. ``ground_state``: no other
    phase and no other structure of the data, and no mixture of them, has a lower energy.
    """

    name: str
    cell: Any
    curve: List[Tuple[float, float]]
    ground_state: bool = False

    @property
    def energy(self) -> float:
        """Return the lowest energy among the labels, eV per atom."""
        return min(energy for _, energy in self.curve)

    def at(self, volume: float) -> Any:
        """Scale the cell to a volume per atom; fractional coordinates and shape are kept."""
        atoms = self.cell.copy()
        scale = (volume * len(atoms) / atoms.get_volume()) ** (1 / 3)
        atoms.set_cell(atoms.cell * scale, scale_atoms=True)
        return atoms


def phases(subject: Subject) -> List[Phase]:
    """List the crystals in the data, the lowest of each composition first."""
    if subject.phases is None:
        subject.phases = _find_phases(subject)
    return list(subject.phases)


def _find_phases(subject: Subject) -> List[Phase]:
    groups: List[Tuple[Any, List[Labelled]]] = []
    lowest: Dict[str, Labelled] = {}
    clock = subject.clock.half()
    for side, number in subject.every():
        if clock.up():
            break
        if subject.sides[side].atoms_in(number) > LARGEST:
            continue
        one = subject.sides[side].read(number)
        if np.isnan(one.energy):
            continue
        composition = one.atoms.get_chemical_formula(empirical=True)
        if composition not in lowest or _per_atom(one) < _per_atom(lowest[composition]):
            lowest[composition] = one
        if not all(one.atoms.pbc) or np.abs(one.forces).max() > FORCE:
            continue
        one = _reduce(subject, one)
        if len(one.atoms) > ATOMS or floats(one.atoms, subject.potential.cutoff):
            continue
        distances = fingerprint(one.atoms)
        for known, members in groups:
            if _are_alike(known, distances):
                members.append(one)
                break
        else:
            groups.append((distances, [one]))
    found = [_phase(members) for _, members in groups if _is_phase(members)]
    if not found:
        if clock.up():
            raise NotReached("time ran out while crystals were looked for in the data")
        raise Skipped(
            f"the data hold no crystal at rest with up to {ATOMS} atoms in its primitive cell"
        )
    _mark_ground_states(found, list(lowest.values()))
    _number_equal_names(found)
    return sorted(found, key=lambda phase: (not phase.ground_state, -len(phase.curve)))[:PHASES]


def _reduce(subject: Subject, one: Labelled) -> Labelled:
    """Return the crystal in its primitive cell, if that has the same energy per atom."""
    reduced = primitive(one.atoms)
    if len(reduced) == len(one.atoms):
        return one
    energies = [subject.potential.compute(atoms).energy / len(atoms) for atoms in
                (one.atoms, reduced)]  # fmt: skip
    if abs(energies[0] - energies[1]) > SAME:
        return one
    return replace(one, atoms=reduced, energy=one.energy * len(reduced) / len(one.atoms))


def _phase(members: List[Labelled]) -> Phase:
    smallest = min(members, key=lambda one: (len(one.atoms), one.energy / len(one.atoms)))
    curve = sorted(
        (one.atoms.get_volume() / len(one.atoms), one.energy / len(one.atoms)) for one in members
    )
    kind = Counter(one.kind for one in members).most_common(1)[0][0]
    formula = smallest.atoms.get_chemical_formula(empirical=True)
    return Phase(f"{formula} {kind}", smallest.atoms, curve)


def _per_atom(one: Labelled) -> float:
    return one.energy / len(one.atoms)


def _mark_ground_states(found: List[Phase], lowest: List[Labelled]) -> None:
    """Mark those on the convex hull: the least energy of their atoms, shared among structures.

    Of those that are no phases there is the lowest of each composition.
    """
    every = [phase.cell for phase in found] + [one.atoms for one in lowest]
    energies = [phase.energy for phase in found] + [_per_atom(one) + LOWER for one in lowest]
    elements = sorted({symbol for cell in every for symbol in cell.symbols})
    shares = np.array([[cell.symbols.count(e) / len(cell) for cell in every] for e in elements])
    for number, phase in enumerate(found):
        best = linprog(energies, A_eq=shares, b_eq=shares[:, number])
        phase.ground_state = bool(phase.energy <= best.fun + HULL)


def _number_equal_names(found: List[Phase]) -> None:
    """Give those of the same name a number, by energy."""
    names = Counter(phase.name for phase in found)
    for name in [name for name, count in names.items() if count > 1]:
        same = sorted((one for one in found if one.name == name), key=lambda one: one.energy)
        for number, phase in enumerate(same, start=1):
            phase.name = f"{name} {number}"


def _is_phase(members: List[Labelled]) -> bool:
    volumes = {round(one.atoms.get_volume() / len(one.atoms), 2) for one in members}
    return len(volumes) >= VOLUMES or any(_is_pressure(one) for one in members)


def _is_pressure(one: Labelled) -> bool:
    if one.stress is None:
        return is_isotropic(one.atoms)
    gpa = GPA * np.asarray(one.stress)
    gpa = gpa if gpa.shape == (6,) else gpa.reshape(9)[[0, 4, 8, 5, 2, 1]]
    return bool(np.ptp(gpa[:3]) < SHEAR and np.abs(gpa[3:]).max() < SHEAR)


def fingerprint(atoms: Any) -> Dict[Tuple[int, int], Any]:
    """Return distances by pair of elements, sorted, per atom of the first; for any cell the same.

    In units of the cube root of the volume per atom, out to REACH of them.
    """
    unit = (atoms.get_volume() / len(atoms)) ** (1 / 3)
    first, second, distances = neighbor_list("ijd", atoms, (REACH + 2 * CLOSE) * unit)
    numbers = atoms.numbers
    table: Dict[Tuple[int, int], Any] = {}
    for pair in {(int(a), int(b)) for a in numbers for b in numbers}:
        chosen = (numbers[first] == pair[0]) & (numbers[second] == pair[1])
        share = np.sort(distances[chosen] / unit)
        # As many values as one atom has neighbours, whatever the size of the cell.
        table[pair] = share[:: int((numbers == pair[0]).sum())]
    return table


def _are_alike(one: Dict[Tuple[int, int], Any], other: Dict[Tuple[int, int], Any]) -> bool:
    if one.keys() != other.keys():
        return False
    for pair, distances in one.items():
        # What is at the edge of the reach may be there or not.
        inner = max((distances < REACH).sum(), (other[pair] < REACH).sum())
        mine, theirs = distances[:inner], other[pair][:inner]
        if len(mine) != len(theirs) or (np.abs(mine - theirs) > CLOSE).any():
            return False
    return True
