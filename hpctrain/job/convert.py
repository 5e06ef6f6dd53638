"""extxyz to the trainer's own pickles, in the trainer's own environment.

A pickle written by one pandas or numpy cannot always be read by another: it is made where it is
read. Called as: python convert.py FILE.extxyz FILE.pckl.gzip
"""

from __future__ import annotations

import os
import sys

import ase.io
import pandas
from ase import Atoms


def convert(source, target):
    """Columns ``ase_atoms``, ``energy`` (eV, total), ``forces`` ([n, 3], eV/Å), ``name``."""
    rows = {"ase_atoms": [], "energy": [], "forces": [], "name": []}
    for atoms in ase.io.iread(source, ":", format="extxyz"):
        rows["energy"].append(float(atoms.calc.results["energy"]))
        rows["forces"].append(atoms.calc.results["forces"])
        rows["name"].append(str(atoms.info.get("db_id", len(rows["name"]))))
        rows["ase_atoms"].append(
            Atoms(numbers=atoms.numbers, positions=atoms.positions, cell=atoms.cell, pbc=atoms.pbc)
        )
    temporary = "{}.{}".format(target, os.getpid())
    pandas.DataFrame(rows).to_pickle(
        temporary, compression={"method": "gzip", "compresslevel": 1}, protocol=4
    )
    os.replace(temporary, target)
    return len(rows["name"])


if __name__ == "__main__":
    print(convert(sys.argv[1], sys.argv[2]), "structures:", sys.argv[2])
