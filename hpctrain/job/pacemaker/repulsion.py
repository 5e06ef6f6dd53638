"""The core repulsion of a potential: where it begins for each pair of elements.

Below ``r_in`` of its nearest neighbour the whole energy of an atom changes from ACE to ZBL, over
0.1 Å. Pacemaker's own ``repulsion: auto`` puts ``r_in`` at the shortest distance of the *training*
structures, and numbers the elements by those that occur in a bond (0.4.0rc1, generalfit.py and
atomicenvironment.py): test structures that are more compressed are then computed by ZBL, and where
an element occurs only as an isolated atom every pair after it gets another pair's distance. Here it
is below all labelled structures, by the names of the elements, and where the energy rises all the
way inward: not where the fit by itself falls, nor where ZBL is below the fit. Python 3.8 and later,
in the trainer's environment.
"""

from __future__ import annotations

from itertools import combinations_with_replacement
from typing import TYPE_CHECKING, Any, Dict, Mapping, Sequence

if TYPE_CHECKING:
    from ..checks.distances import Nearest, Pair

# How far below the shortest labelled distance, as a part of it; the next where a curve falls. First
# farther: the change from ACE to ZBL is steep, and molecular dynamics does not keep its energy in
# it (copper at 1200 K, meV per atom and ps: 280 with 0.02, 2 with 0.04, 0.1 with 0.08, 0.004 with
# 0.15). They count from the covalent radii where these are shorter: a pair that the data hold only
# far apart may come nearer. Last those where the fit itself falls a little below the data.
FAR, NEAR = (0.15, 0.3, 0.45, 0.6, 0.7, 0.8, 0.9), (0.1, 0.05, 0.02)
MARGINS = (*FAR, *NEAR)
# eV by which it may, as in the check of dimers.
FALL = 0.05
# Å over which ACE changes to ZBL. One for all pairs: the evaluator looks for the neighbour that is
# deepest within by r - (r_in - delta_in), which is right for equal delta_in only.
DELTA = 0.1
# How far a structure is compressed to look at a pair, and how large it may be: of larger ones only
# two atoms are looked at. Points on a curve.
COMPRESSED, MOST_ATOMS = 0.75, 100
POINTS = 20


def place(trainer: Any, potential: Any) -> Dict[str, Any]:
    """Put the repulsion into the potential; return what was placed where, by pair."""
    from ..checks.distances import find_nearest

    elements = sorted({e for block in potential.funcspecs_blocks for e in block.elements_vec})
    tables = [data for data in (trainer.fitting_data, trainer.test_data) if data is not None]
    structures = (atoms for data in tables for atoms in data["ase_atoms"])
    cutoff = float(trainer.cutoff)
    nearest = find_nearest(structures, cutoff)
    margins = _choose_margins(potential, elements, nearest, cutoff)
    found = limits(elements, nearest, margins, cutoff)
    _put(potential, elements, found)
    return {
        "structures": sum(map(len, tables)),
        "delta_in": DELTA,
        "pairs": {f"{a}-{b}": one for (a, b), one in found.items()},
    }


def limits(
    elements: Sequence[str],
    nearest: Mapping[Pair, Nearest],
    margins: Mapping[Pair, float],
    cutoff: float,
) -> Dict[Pair, Dict[str, Any]]:
    """Return ``r_in`` (Å) of each pair of elements, and the shortest distance in the data.

    A pair that the data do not hold within the cutoff has the sum of the covalent radii (Cordero et
    al., Dalton Trans. 2008, 2832, as in ASE): nothing is known of how its atoms bond. It is not
    beyond the cutoff, where atoms begin to see each other.
    """
    from ..checks.dimers import sum_of_radii

    found: Dict[Pair, Dict[str, Any]] = {}
    for pair in combinations_with_replacement(sorted(elements), 2):
        radii = sum_of_radii(*pair)
        if pair in nearest:
            known, margin = nearest[pair][0], margins[pair]
            r_in = (1 - margin) * (known if margin in NEAR else min(known, radii))
            shortest = round(known, 6)
        else:
            r_in = min(radii, cutoff)
            shortest = None
        found[pair] = {"r_in": round(r_in, 4), "shortest": shortest}
    return found


def _put(potential: Any, elements: Sequence[str], found: Mapping[Pair, Mapping[str, Any]]) -> None:
    from pyace.generalfit import setup_zbl_inner_core_repulsion

    numbers = {element: number for number, element in enumerate(elements)}
    by_number = {(numbers[a], numbers[b]): one["r_in"] for (a, b), one in found.items()}
    setup_zbl_inner_core_repulsion(potential, by_number, dr_in=DELTA)


def _choose_margins(
    potential: Any, elements: Sequence[str], nearest: Mapping[Pair, Nearest], cutoff: float
) -> Dict[Pair, float]:
    """Choose the first margin of each pair with which no energy falls inward, else the best."""
    from .potential import load

    chosen: Dict[Pair, float] = {}
    falls: Dict[Pair, Dict[float, float]] = {pair: {} for pair in nearest}
    for margin in MARGINS:
        left = [pair for pair in nearest if pair not in chosen]
        if not left:
            break
        margins = {**dict.fromkeys(left, margin), **chosen}
        _put(potential, elements, limits(elements, nearest, margins, cutoff))
        loaded = load(potential)
        for pair in left:
            falls[pair][margin] = _largest_fall(loaded, pair, *nearest[pair])
        chosen.update({pair: margin for pair in left if falls[pair][margin] <= FALL})
    return {**{pair: min(of_pair, key=of_pair.__getitem__) for pair, of_pair in falls.items()},
            **chosen}  # fmt: skip


def _largest_fall(loaded: Any, pair: Pair, shortest: float, atoms: Any) -> float:
    """Return by how much the energy falls inward (eV): of two atoms, or of a compressed structure.

    ``atoms`` is a structure with the shortest distance (Å) of the pair.
    """
    import numpy as np
    from ase import Atoms

    from ..checks.dimers import BOND, INNERMOST, fall_inward, sum_of_radii
    from ..checks.result import Unphysical

    radii = sum_of_radii(*pair)
    distances = np.linspace(min(INNERMOST * radii, 0.5 * shortest), shortest, 3 * POINTS)
    curves = [(distances, [Atoms(pair, [[0, 0, 0], [0, 0, r]]) for r in distances.tolist()])]
    if len(atoms) <= MOST_ATOMS:
        parts = np.linspace(COMPRESSED, 1.0, POINTS)
        curves.append((parts * shortest, [_scaled(atoms, part) for part in parts.tolist()]))
    largest = 0.0
    for along, structures in curves:
        try:
            energies = np.array([loaded.compute(one).energy for one in structures])
        except Unphysical:
            return float("inf")
        largest = max(largest, fall_inward(along, energies, shortest, BOND * radii)[0])
    return largest


def _scaled(atoms: Any, part: float) -> Any:
    scaled = atoms.copy()
    scaled.set_cell(part * atoms.cell, scale_atoms=False)
    scaled.set_positions(part * atoms.get_positions())
    return scaled
