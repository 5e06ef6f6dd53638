"""The molecules in the data: structures of atoms that are all bonded, and nothing around them.

A molecule in a periodic box is one too, if its images are beyond the potential's cutoff.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from dataclasses import dataclass, field
from typing import Any, Dict, List, Sequence, Tuple

import numpy as np
from ase.data import covalent_radii
from ase.neighborlist import neighbor_list
from ase.optimize import BFGS

from .data import Labelled
from .result import NotReached, Skipped, Unphysical
from .subject import Clock, Potential, PotentialCalculator, Subject

# Larger ones take too long; of each kind of molecule the commonest are looked at.
ATOMS, MOLECULES = 60, 4
# Structures among which molecules are looked for.
LOOKED_AT = 1000
# Parts of the sum of the covalent radii: up to the first a bond; beyond the second, apart.
BONDED, APART = 1.3, 2.0
# eV/Å, steps and Å of the relaxation; what comes near (eV/Å) is at rest.
FORCE, STEPS, LONGEST_STEP = 1e-3, 600, 0.1
NEAR = 0.01

Bond = Tuple[int, int]


@dataclass
class Molecule:
    """Structures of one molecule: ``frames``, by label energy; and as the potential relaxes it.

    ``rest`` is None where the potential does not bring it to rest; ``trouble`` says what happened.
    """

    name: str
    frames: List[Labelled]
    bonds: List[Bond]
    rest: Any = None
    trouble: str = ""
    falls_apart: bool = False
    relaxed: bool = field(default=False, repr=False)

    def relax(self, potential: Potential, clock: Clock) -> None:
        """Bring the structure of lowest label energy to rest, once."""
        if self.relaxed:
            return
        atoms = self.frames[0].atoms.copy()
        atoms.calc = PotentialCalculator(potential)
        try:
            for _ in BFGS(atoms, logfile=None, maxstep=LONGEST_STEP).irun(FORCE, STEPS):
                clock.check(f"{self.name} was relaxed")
                if len(_pieces(atoms, APART)) > 1:
                    self.trouble, self.falls_apart = "falls apart as it relaxes", True
                    break
            else:
                self._judge(atoms)
        except Unphysical as problem:
            self.trouble, self.falls_apart = str(problem), True
        self.relaxed = True

    def _judge(self, atoms: Any) -> None:
        left = float(np.abs(atoms.get_forces()).max())
        atoms.calc = None
        if left > NEAR:
            self.trouble = f"is not at rest after {STEPS} steps"
            return
        self.rest = atoms
        if bonds_of(atoms) != self.bonds:
            self.trouble = "has other bonds at rest than in the data"


def molecules(subject: Subject) -> List[Molecule]:
    """List the molecules in the data, the commonest first; raise Skipped where there are none."""
    if subject.molecules is None:
        subject.molecules = _find_molecules(subject)
    return list(subject.molecules)


def _find_molecules(subject: Subject) -> List[Molecule]:
    groups: Dict[Any, List[Labelled]] = defaultdict(list)
    clock = subject.clock.half()
    for looked, (side, number) in enumerate(subject.every()):
        if clock.up() or looked == LOOKED_AT:
            break
        if not 2 <= subject.sides[side].atoms_in(number) <= ATOMS:
            continue
        one = subject.sides[side].read(number)
        if np.isnan(one.energy) or not _is_one_piece(one.atoms):
            continue
        free = _free(one.atoms, subject.potential.cutoff)
        if free is None:
            continue
        labelled = Labelled(one.id, one.kind, free, one.energy, one.forces, None)
        groups[_graph(free)].append(labelled)
    if not groups:
        if clock.up():
            raise NotReached("time ran out while molecules were looked for in the data")
        raise Skipped("the data hold no molecule: bonded atoms with nothing around them")
    names = Counter(formula for formula, _ in groups)
    found = []
    for number, ((formula, _), frames) in enumerate(
        sorted(groups.items(), key=lambda one: -len(one[1]))[:MOLECULES], start=1
    ):
        frames.sort(key=lambda one: one.energy)
        name = f"{formula} {number}" if names[formula] > 1 else formula
        found.append(Molecule(name, frames, bonds_of(frames[0].atoms)))
    return found


def bonds_of(atoms: Any) -> List[Bond]:
    """List the pairs of bonded atoms, each once."""
    first, second = neighbor_list("ij", atoms, BONDED * covalent_radii[atoms.numbers])
    return sorted({(int(i), int(j)) for i, j in zip(first, second) if i < j})  # noqa: B905 (3.8)


def floats(atoms: Any, cutoff: float) -> bool:
    """Say whether nothing of a periodic structure reaches its own images within the cutoff (Å)."""
    return _free(atoms, cutoff) is not None


def _free(atoms: Any, cutoff: float) -> Any:
    """Return the structure as it is without its cell; None if it goes on in its images."""
    if not any(atoms.pbc):
        bare = atoms.copy()
        bare.set_cell(None)
        return bare
    pairs = neighbor_list("ijS", atoms, cutoff)
    placed = _unwrap(len(atoms), *pairs)
    if placed is None:
        return None
    bare = atoms.copy()
    bare.set_positions(atoms.positions + placed @ np.array(atoms.cell))
    bare.set_pbc(False)
    bare.set_cell(None)
    return bare


def _is_one_piece(atoms: Any) -> bool:
    """Say whether all atoms are bonded and go on in no image: quick, for most are not."""
    pairs = neighbor_list("ijS", atoms, BONDED * covalent_radii[atoms.numbers])
    return _unwrap(len(atoms), *pairs) is not None


def _unwrap(count: int, first: Any, second: Any, shifts: Any) -> Any:
    """Return in which image [n, 3] each atom is beside its neighbours.

    None if an atom is its own neighbour's neighbour in another image, or some are beyond reach of
    the others: where those are is not known.
    """
    neighbours: Dict[int, List[Tuple[int, Any]]] = defaultdict(list)
    for i, j, shift in zip(first.tolist(), second.tolist(), shifts):  # noqa: B905 (Python 3.8)
        neighbours[i].append((j, shift))
    images: Dict[int, Any] = {0: np.zeros(3, dtype=int)}
    waiting = [0]
    while waiting:
        here = waiting.pop()
        for other, shift in neighbours[here]:
            image = images[here] + shift
            if other not in images:
                images[other] = image
                waiting.append(other)
            elif (images[other] != image).any():
                return None
    return np.array([images[atom] for atom in range(count)]) if len(images) == count else None


def _pieces(atoms: Any, reach: float) -> List[List[int]]:
    """List the atoms of each piece, held together by distances up to so many sums of radii."""
    pairs = neighbor_list("ij", atoms, reach * covalent_radii[atoms.numbers])
    return components(len(atoms), list(zip(*pairs)))  # noqa: B905 (Python 3.8)


def components(count: int, pairs: Sequence[Any]) -> List[List[int]]:
    """List the parts of a graph of so many nodes."""
    piece = list(range(count))
    for i, j in pairs:
        old, new = piece[int(i)], piece[int(j)]
        if old != new:
            piece = [new if one == old else one for one in piece]
    return [[atom for atom in range(count) if piece[atom] == name] for name in sorted(set(piece))]


def pieces_apart(atoms: Any) -> int:
    """Count the pieces into which a molecule has come apart."""
    return len(_pieces(atoms, APART))


def _graph(atoms: Any) -> Tuple[str, Any]:
    """Return the formula and what each atom is bonded to: alike for the same molecule."""
    symbols = atoms.get_chemical_symbols()
    around: Dict[int, List[str]] = defaultdict(list)
    for i, j in bonds_of(atoms):
        around[i].append(symbols[j])
        around[j].append(symbols[i])
    of_atoms = sorted((symbols[i], tuple(sorted(around[i]))) for i in range(len(atoms)))
    return atoms.get_chemical_formula(), tuple(of_atoms)
