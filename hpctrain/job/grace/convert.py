"""From extxyz to the tables that gracemaker reads: ``python -m job.grace.convert B FROM TO …``.

gracemaker reads extxyz itself, but takes no stress at all where a single structure has none. In a
table each structure has a weight of its own, 0 without a label. That of the others is 1 / 6B, with
B structures in a batch: the loss of the stresses then is a sum over the batch
(``normalize_by_samples: false``). Divided by the weights in the batch, as the trainer would have
it, it is 0/0 where a batch has no stress. Python 3.8 and later, in the trainer's environment.
"""

from __future__ import annotations

import os
import sys
from typing import Any, Dict, Iterator

import ase.io
import numpy as np
import pandas
from ase import Atoms


def read_rows(source: str, batch: int) -> Iterator[Dict[str, Any]]:
    """Read the rows of the table: eV, eV/Å, and eV/Å^3 with ASE's signs and order."""
    for number, atoms in enumerate(ase.io.iread(source, ":", format="extxyz"), start=1):
        results = atoms.calc.results if atoms.calc else {}
        lacks = [label for label in ("energy", "forces") if label not in results]
        if lacks:
            raise ValueError(f"{source}, structure {number} has no {' and no '.join(lacks)}")
        plain = Atoms(
            numbers=atoms.numbers, positions=atoms.positions, cell=atoms.cell, pbc=atoms.pbc
        )
        stress = results.get("stress") if all(atoms.pbc) else None
        yield {
            "ase_atoms": plain,
            "energy": float(results["energy"]),
            "forces": np.array(results["forces"], dtype=float),
            "stress": np.zeros(6) if stress is None else np.array(stress, dtype=float),
            "virial_weight": 0.0 if stress is None else 1.0 / (6 * batch),
            "name": str(atoms.info.get("db_id", number)),
        }


def main(batch: str, *names: str) -> int:
    """Convert each file into the one named after it."""
    for source, target in zip(names[::2], names[1::2]):  # noqa: B905 (Python 3.8)
        try:
            table = pandas.DataFrame(list(read_rows(source, int(batch))))
        except ValueError as problem:
            print(problem)
            return 1
        temporary = f"{target}.{os.getpid()}"
        table.to_pickle(temporary, compression="gzip")
        os.replace(temporary, target)
        labelled = int((table["virial_weight"] > 0).sum()) if len(table) else 0
        print(
            f"{target}: {len(table)} structures of {source}, {labelled} with stresses", flush=True
        )
    return 0


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
