"""Outputs of CP2K, for which ASE has no reader: energy and forces of a single structure."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np

from hpctrain.data.sources.label_names import Raw
from hpctrain.data.sources.species import read_species
from hpctrain.data.sources.values import NoNumber, to_floats

MAGIC = b"CP2K| "
HARTREE = 27.211386245988  # eV, CODATA 2018
BOHR = 0.529177210903  # Å
ENERGY = "CP2K's total energy of the force evaluation, with smearing a free energy"
SEVERAL = (
    "an output of CP2K with several steps, whose positions are in other files: write energies and "
    "forces as extxyz, in eV and eV/Å"
)
# As versions up to 2022 print it, and later ones.
_TOTAL = re.compile(r" ENERGY\| Total FORCE_EVAL .* energy [\[(](?:a\.u\.|hartree)[\])]:?\s+(\S+)")
_VECTOR = re.compile(r" CELL\| Vector ([abc]) \[angstrom\]:?\s+(\S+)\s+(\S+)\s+(\S+)")
_PERIODIC = re.compile(r" (?:CELL|POISSON)\|\s*Periodicity\s+([XYZ]+|NONE)\s*$")
_COORDINATES = re.compile(r" MODULE QUICKSTEP:\s+ATOMIC COORDINATES IN angstrom", re.IGNORECASE)
_ATOM = re.compile(r"\s+\d+\s+\d+\s+([A-Z][a-z]?)\S*\s+\d+\s+(\S+)\s+(\S+)\s+(\S+)")
_FORCES = re.compile(r" ATOMIC FORCES in \[a\.u\.\]| FORCES\| Atomic forces \[hartree/bohr\]")
_FORCE = re.compile(
    r"(?: FORCES\|)?\s+\d+\s+(?:\d+\s+[A-Z][a-z]?\S*\s+)?([-+.\dEe]+)\s+(\S+)\s+(\S+)"
)
_BETWEEN = 4  # lines, at most, between a heading and its table


def read_cp2k(path: Path, name: str) -> Iterator[tuple[int, Raw]]:
    """Read the structure of an output, called ``name`` in errors."""
    energies: list[str] = []
    cell: dict[str, tuple[str, ...]] = {}
    atoms: list[tuple[str, ...]] = []
    forces: list[tuple[str, ...]] = []
    periodic, converged = "XYZ", True
    with path.open(encoding="utf-8", errors="replace") as file:
        for line in file:
            if found := _TOTAL.match(line):
                energies.append(found[1])
            elif found := _VECTOR.match(line):
                cell.setdefault(found[1], found.groups()[1:])
            elif found := _PERIODIC.match(line):
                periodic = found[1]
            elif not atoms and _COORDINATES.match(line):
                atoms = _table(file, _ATOM)
            elif _FORCES.match(line):
                forces = _table(file, _FORCE)
            elif "SCF run NOT converged" in line:
                converged = False
    fault = None
    if not (atoms and energies):
        fault = "an output of CP2K without a finished calculation"
    elif len(energies) > 1:
        fault = SEVERAL
    elif not converged:
        fault = "an output of CP2K whose SCF has not converged"
    try:
        yield 1, _to_raw(name, energies, cell, atoms, forces, periodic, fault)
    except (NoNumber, ValueError) as error:
        fault = f"an output of CP2K with a number that cannot be read: {error}"
        yield 1, _to_raw(name, [], {}, [], [], periodic, fault)


def _table(lines: Iterator[str], pattern: re.Pattern[str]) -> list[tuple[str, ...]]:
    """Read the rows of a table that begins in one of the next lines, up to the first other line."""
    rows: list[tuple[str, ...]] = []
    for _ in range(_BETWEEN):
        for line in lines:
            found = pattern.match(line)
            if found is None:
                break
            rows.append(found.groups())
        if rows:
            break
    return rows


def _to_raw(
    name: str,
    energies: list[str],
    cell: dict[str, tuple[str, ...]],
    atoms: list[tuple[str, ...]],
    forces: list[tuple[str, ...]],
    periodic: str,
    fault: str | None,
) -> Raw:
    numbers, _ = read_species([symbol for symbol, *_ in atoms])
    vectors = [to_floats(cell[axis]) for axis in "abc"] if len(cell) == 3 else np.zeros((3, 3))
    results: dict[str, Any] = {}
    if energies:
        results["energy"] = results["free_energy"] = to_floats(energies[-1:])[0] * HARTREE
    if forces:
        results["forces"] = np.array([to_floats(row) for row in forces]) * (HARTREE / BOHR)
    return Raw(
        name,
        np.array(numbers, dtype=np.int64),
        np.array([to_floats(row) for _, *row in atoms]).reshape(-1, 3),
        np.array(vectors),
        ("X" in periodic, "Y" in periodic, "Z" in periodic) if len(cell) == 3 else (False,) * 3,
        results,
        {},
        free_energy=ENERGY if energies else None,
        fault=fault,
    )
