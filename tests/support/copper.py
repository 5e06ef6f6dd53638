"""Rattled copper with EMT's labels, written in the ways in which people have their data."""

from __future__ import annotations

import gzip
from collections.abc import Callable, Sequence
from functools import cache
from pathlib import Path
from typing import Any

import ase.db
import ase.io
import numpy as np
import pandas as pd
from ase import Atoms
from ase.build import bulk
from ase.calculators.emt import EMT
from ase.calculators.singlepoint import SinglePointCalculator


def labelled(atoms: Atoms) -> Atoms:
    """With EMT's labels, kept as results."""
    work = atoms.copy()
    work.calc = EMT()
    atoms.calc = SinglePointCalculator(
        atoms, energy=float(work.get_potential_energy()), forces=work.get_forces()
    )
    return atoms


@cache
def _copper() -> tuple[tuple[Any, Any, float, Any], ...]:
    draw, found = np.random.default_rng(1), []
    for _ in range(24):
        atoms = bulk("Cu", a=4.1, cubic=True)
        atoms.positions += draw.normal(0, 0.1, atoms.positions.shape)
        labelled(atoms)
        found.append(
            (atoms.numbers, atoms.positions, atoms.get_potential_energy(), atoms.get_forces())
        )
    return tuple(found)


def copper(alone: bool = True) -> list[Atoms]:
    """24 cells of four atoms, and one atom alone."""
    made = []
    for numbers, positions, energy, forces in _copper():
        atoms = Atoms(numbers=numbers, positions=positions, cell=[4.1] * 3, pbc=True)
        atoms.calc = SinglePointCalculator(atoms, energy=energy, forces=forces)
        made.append(atoms)
    if alone:
        made.append(labelled(Atoms("Cu", cell=[20] * 3, pbc=True)))
    return made


def as_text(
    made: Sequence[Atoms],
    *,
    energy: str = "energy",
    forces: str = "forces",
    word: Callable[[Atoms], str] = lambda _: "Cu",
    species: str = "species:S:1",
    number: str = "{:.9f}",
    lattice: Callable[[Any], Any] = lambda cell: cell,
    head: Callable[[int, Atoms], str] = lambda _n, _a: "",
    without_forces: bool = False,
) -> str:
    """Extended xyz, with labels under any names; ``without_forces``: the single atom."""
    text = []
    for place, atoms in enumerate(made):
        bare = without_forces and len(atoms) == 1
        cell = " ".join(map(str, np.ravel(lattice(atoms.cell.array))))
        properties = f"{species}:pos:R:3" + ("" if bare else f":{forces}:R:3")
        value = number.format(atoms.get_potential_energy())
        text.append(
            f'{len(atoms)}\nLattice="{cell}" Properties={properties} {energy}={value} '
            f'pbc="T T T" {head(place, atoms)}\n'
        )
        for position, force in zip(atoms.positions, atoms.get_forces(), strict=True):
            numbers = [*position] if bare else [*position, *force]
            text.append(f"{word(atoms)} {' '.join(f'{value:.9f}' for value in numbers)}\n")
    return "".join(text)


def write_database(path: Path, made: Sequence[Atoms], **keys: Any) -> None:
    """An ASE database."""
    with ase.db.connect(path) as database:
        for atoms in made:
            database.write(atoms, **keys)


def write_table(path: Path, made: Sequence[Atoms]) -> None:
    """Pacemaker's table."""
    rows = [
        {
            "ase_atoms": Atoms(a.symbols, a.positions, cell=a.cell, pbc=a.pbc),
            "energy": a.get_potential_energy(),
            "forces": a.get_forces(),
        }
        for a in made
    ]
    pd.DataFrame(rows).to_pickle(path, compression="gzip", protocol=4)


def write_packed(path: Path, text: str) -> None:
    """Text, compressed."""
    path.write_bytes(gzip.compress(text.encode()))
