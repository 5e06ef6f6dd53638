"""The shortest distance of each pair of elements in structures. Python 3.8 and later."""

from __future__ import annotations

import contextlib
import importlib
from itertools import combinations_with_replacement
from typing import Any, Dict, Iterable, Tuple

import numpy as np

# The symbols of two elements, in alphabetical order.
Pair = Tuple[str, str]
# The shortest distance (Å) of a pair, and a structure that has it.
Nearest = Tuple[float, Any]


def find_nearest(structures: Iterable[Any], cutoff: float) -> Dict[Pair, Nearest]:
    """Find the shortest distance of each pair of elements that occurs within the cutoff (Å)."""
    nearest: Dict[Pair, Nearest] = {}
    for atoms in structures:
        symbols = np.array(atoms.get_chemical_symbols())
        elements = sorted(set(symbols.tolist()))
        pairs = list(combinations_with_replacement(elements, 2))
        # No farther than what could still be shorter: with time, to the nearest neighbours.
        radius = max(nearest[pair][0] if pair in nearest else cutoff for pair in pairs)
        first, second, distances = _search(atoms, radius)
        for pair in pairs:
            of_pair = (symbols[first] == pair[0]) & (symbols[second] == pair[1])
            if of_pair.any():
                shortest = float(distances[of_pair].min())
                if pair not in nearest or shortest < nearest[pair][0]:
                    nearest[pair] = (shortest, atoms)
    return nearest


def _search(atoms: Any, radius: float) -> Any:
    """Return the first and second atoms and the distances (Å) of all pairs within the radius.

    By matscipy, which is quicker, where the trainer's environment has it. It fails without a
    cell (1.3.1).
    """
    if all(atoms.pbc):
        with contextlib.suppress(ImportError):
            matscipy: Any = importlib.import_module("matscipy.neighbours")
            return matscipy.neighbour_list("ijd", atoms, radius)
    from ase.neighborlist import neighbor_list

    return neighbor_list("ijd", atoms, radius)
