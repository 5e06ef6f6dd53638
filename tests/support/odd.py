"""Strategies for hypothesis: labelled structures such as nobody means to have, and all have."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import ase.db
import numpy as np
from ase import Atoms
from ase.calculators.singlepoint import SinglePointCalculator
from ase.constraints import FixAtoms, FixCartesian
from ase.db.core import str_represents
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays

# Larger ones overflow when ASE writes a row: it sums their squares, and cells have a volume.
FINITE = st.floats(-1e100, 1e100)


def _is_text(value: str) -> bool:
    """ASE refuses to write texts that could be numbers or truth values."""
    return not any(str_represents(value, kind) for kind in (bool, int, float))


TEXT = (
    st.text(st.characters(exclude_categories=["Cs"]), max_size=12)
    | st.sampled_from(
        ["", "t", "nan", "0x7", 'a "quoted" word', "it's", "two\nlines", "\r", "_JSON 1", "[1, 2]",
         "{a}", "back\\slash", "\\", '\\"', "ä=ö", "energy=1", 'pbc="F F F"', "\u2028", "# 1"]
    )
).filter(_is_text)  # fmt: skip


def _table(*shape: int, elements: Any = FINITE) -> Any:
    return arrays.arrays(np.float64, shape, elements=elements)


@st.composite
def _cells(draw: st.DrawFn, periodic: bool) -> Any:
    """A cell that is periodic needs a volume; any other may be anything."""
    if not periodic:
        return draw(st.just(np.zeros((3, 3))) | _table(3, 3))
    edges = draw(_table(3, elements=st.floats(1.0, 1e4)))
    return np.diag(edges) + np.tril(draw(_table(3, 3, elements=st.floats(-1e3, 1e3))), -1)


@st.composite
def structures(draw: st.DrawFn) -> Atoms:
    """With energy and forces, and perhaps stress, tags, momenta, charges, moments, constraints."""
    n = draw(st.integers(2, 12))  # an atom alone is a reference only
    pbc = draw(st.tuples(st.booleans(), st.booleans(), st.booleans()))
    atoms = Atoms(
        numbers=draw(st.lists(st.integers(1, 118), min_size=n, max_size=n)),
        positions=draw(_table(n, 3)),
        cell=draw(_cells(any(pbc))),
        pbc=pbc,
    )
    maybe = st.booleans()
    if draw(maybe):
        atoms.set_tags(draw(st.lists(st.integers(-9, 9), min_size=n, max_size=n)))
    if draw(maybe):
        atoms.set_initial_magnetic_moments(draw(_table(n)))
    if draw(maybe):
        atoms.set_initial_charges(draw(_table(n)))
    if draw(maybe):
        atoms.set_masses(draw(_table(n, elements=st.floats(1, 300))))
    if draw(maybe):
        atoms.set_constraint(
            draw(st.sampled_from([FixAtoms([0]), FixCartesian(0, (True, False, True))]))
        )
    labels: dict[str, Any] = {"energy": draw(FINITE), "forces": draw(_table(n, 3))}
    if draw(maybe):
        labels["stress"] = draw(_table(6))
    if draw(maybe):
        labels |= {"magmom": draw(FINITE), "magmoms": draw(_table(n)), "dipole": draw(_table(3))}
    atoms.calc = SinglePointCalculator(atoms, **labels)
    return atoms


KEYS = st.fixed_dictionaries(
    {},
    optional={
        "config_type": TEXT | st.integers(-5, 5) | st.floats(-5, 5) | st.booleans(),
        "generation": st.integers(-5, 10**6),
        "note": TEXT,
        "_x": FINITE,
    },
)
ROWS = st.lists(st.tuples(structures(), KEYS), min_size=2, max_size=5)


def written(path: Path, rows: list[tuple[Atoms, dict[str, Any]]]) -> Path:
    """A database of ASE's; the ending of its name decides which."""
    with ase.db.connect(path) as db:
        for atoms, keys in rows:
            db.write(atoms, key_value_pairs=keys, data={"note": "ä"})
    return path
