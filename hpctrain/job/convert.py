"""extxyz to the trainer's own pickles, in the trainer's own environment.

A pickle written by one pandas or numpy cannot always be read by another: it is made where it is
read. Called as: python convert.py FILE.extxyz FILE.pckl.gzip [FILE.extxyz FILE.pckl.gzip]...
"""

from __future__ import annotations

import os
import sys
from typing import Any

import ase.io
import pandas
from ase import Atoms


class Unreadable(Exception):
    """Which structure of which file cannot be used, and why."""


def convert(source: str, target: str) -> int:
    """Columns ``ase_atoms``, ``energy`` (eV, total), ``forces`` ([n, 3], eV/Å), ``name``."""
    rows: dict[str, list[Any]] = {"ase_atoms": [], "energy": [], "forces": [], "name": []}
    try:
        for atoms in ase.io.iread(source, ":", format="extxyz"):
            results = atoms.calc.results if atoms.calc else {}
            lacks = [label for label in ("energy", "forces") if label not in results]
            if lacks:
                raise ValueError("it has no " + " and no ".join(lacks))
            rows["energy"].append(float(results["energy"]))
            rows["forces"].append(results["forces"])
            rows["name"].append(str(atoms.info.get("db_id", len(rows["name"]))))
            rows["ase_atoms"].append(
                Atoms(numbers=atoms.numbers, positions=atoms.positions,
                      cell=atoms.cell, pbc=atoms.pbc)
            )  # fmt: skip
    except Exception as error:  # ase has many errors for a damaged file
        number = len(rows["ase_atoms"]) + 1
        raise Unreadable(
            f"{source}, structure {number} cannot be read: {error or type(error).__name__}"
        ) from error
    if not rows["name"]:
        raise Unreadable(f"{source} holds no structure")
    temporary = f"{target}.{os.getpid()}"
    try:
        pandas.DataFrame(rows).to_pickle(
            temporary, compression={"method": "gzip", "compresslevel": 1}, protocol=4
        )
        os.replace(temporary, target)
    finally:
        if os.path.exists(temporary):
            os.unlink(temporary)
    return len(rows["name"])


def main(names: list[str]) -> int:
    for source, target in zip(names[::2], names[1::2]):  # noqa: B905 (Python 3.8)
        try:
            print(f"{target}: {convert(source, target)} structures of {source}", flush=True)
        except Unreadable as problem:
            print(problem)
            return 1
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
