"""The errors of a finished potential, which has to load for it; written into evaluation.json.

Runs in the attempt's folder, in the trainer's environment, on the tables that convert.py made
there. Of the preset FS the .yaml is measured, in C++ (LAMMPS computes the same); and the exported
model on a sample, to see that both agree. With a file that names potentials and a set of structures
(``hpctrain potentials diff``) it prints their errors on it instead.
"""

from __future__ import annotations

import ast
import json
import re
import sys
from pathlib import Path
from typing import Any, Callable, Dict, List, Sequence

import numpy as np
import pandas

from ..checks.errors import Unusable, errors_of_table
from ..checks.shares import rms
from ..checks.subject import Potential
from ..evidence import read_json, write_json
from . import plan, potential
from .product import FS, MODEL

# The check that both files of a potential agree.
COMPARED = 10
TABLES = {"train": "train.pkl.gz", "test": "test.pkl.gz"}


def reference_energies(mapping: Dict[str, Any], log: str) -> Dict[str, float]:
    """Return the energies of the free atoms (eV) that were subtracted before the fit.

    E_DFT = E_potential + sum of them. Those of ``auto`` stand in the log only.
    """
    given = (mapping.get("data") or {}).get("reference_energy")
    if isinstance(given, dict):
        return {str(name): float(value) for name, value in given.items()}
    found = re.findall(
        r"reference_energy=auto: computed single-atom energies \(eV\): (\{.*\})", log
    )
    if given == "auto" and found:
        return {str(name): float(value) for name, value in ast.literal_eval(found[-1]).items()}
    raise Unusable(
        "the reference energies by element are not known: without them the energies of this "
        "potential cannot be compared with anything"
    )


def predict(calculator: Potential, table: Any, energies: Dict[str, float]) -> Any:
    """Return a table of structures with what the potential says of each.

    The largest structure first: an exported model is compiled anew for each that is larger.
    """
    rows: List[Dict[str, Any]] = [{} for _ in range(len(table))]
    sizes = [len(atoms) for atoms in table["ase_atoms"]]
    for place in sorted(range(len(rows)), key=lambda place: -sizes[place]):
        row = table.iloc[place]
        atoms = row["ase_atoms"]
        found = calculator.compute(atoms)
        labelled = row["virial_weight"] > 0 and found.stress is not None
        free = sum(energies[symbol] for symbol in atoms.get_chemical_symbols())
        rows[place] = {
            "name": row["name"], "NUMBER_OF_ATOMS": len(atoms),
            "energy_corrected": row["energy"] - free, "energy_pred": found.energy,
            "forces": row["forces"], "forces_pred": found.forces,
            "stress": row["stress"] if labelled else None,
            "stress_pred": found.stress if labelled else None,
        }  # fmt: skip
    return pandas.DataFrame(rows)


def errors(table: Any) -> Dict[str, Any]:
    """Compare predictions with their labels: meV/atom, eV/Å per component, and meV/Å^3."""
    found = errors_of_table(table)
    labelled = table[table["stress"].notna()]
    if len(labelled):
        off = np.vstack(labelled["stress_pred"].to_list()) - np.vstack(labelled["stress"].to_list())
        found["rmse_stress_mev_per_a3"] = 1000.0 * rms(off)
    return found


def agreement(first: Potential, second: Potential, structures: Sequence[Any]) -> Dict[str, float]:
    """Return by how much two files of one potential differ at most: eV/atom and eV/Å."""
    energy = force = 0.0
    for atoms in structures:
        one, other = first.compute(atoms), second.compute(atoms)
        energy = max(energy, abs(one.energy - other.energy) / len(atoms))
        force = max(force, float(np.abs(one.forces - other.forces).max()))
    return {"energy_ev_per_atom": energy, "force_ev_per_a": force, "structures": len(structures)}


def parameters(log: str) -> Dict[str, int] | None:
    """Return how many parameters were fitted, as the log tells; None where it does not."""
    found = re.findall(r"Number of trainable parameters: (\d+)", log)
    return {"parameters": int(found[-1])} if found else None


def compare(request_file: str, load: Callable[[str], Potential] = potential.load) -> int:
    """Print the errors of several potentials on one set of structures, as JSON."""
    from .convert import read_rows

    request = json.loads(Path(request_file).read_text(encoding="utf-8"))
    table = pandas.DataFrame(list(read_rows(request["structures"], 1)))
    found = {
        name: errors(predict(load(one["potential"]), table, one["reference_energies"]))
        for name, one in request["potentials"].items()
    }
    print(json.dumps(found))
    return 0


def main() -> int:
    """Write evaluation.json for the potential in the current folder."""
    mapping = read_json(Path(__file__).resolve().parents[2] / "job" / "input.json")
    file = plan.output(Path(), mapping.get("seed", 1)) / "log.txt"
    log = file.read_text(encoding="utf-8", errors="replace") if file.is_file() else ""
    tables = {side: pandas.read_pickle(file) for side, file in TABLES.items()}
    try:
        energies = reference_energies(mapping, log)
        main_file = potential.load(MODEL)
        found: Dict[str, Any] = {
            "reference_energies": energies, "shift": 0.0, "basis": parameters(log)
        }  # fmt: skip
        for side, table in tables.items():
            predicted = predict(main_file, table, energies)
            predicted.to_pickle(potential.PREDICTIONS.format(side), compression="gzip")
            found[side] = errors(predicted) if len(predicted) else None
        # These are of the very files that are archived: nothing else was loaded.
        found["file"] = found["test"] or found["train"]
        if Path(FS).is_file():
            sample = list(tables["test"]["ase_atoms"])[:COMPARED]
            found["files_agree"] = agreement(main_file, potential.load_model(MODEL), sample)
    except Unusable as problem:
        print(problem)
        return 1
    write_json("evaluation.json", found)
    return 0


if __name__ == "__main__":
    sys.exit(compare(sys.argv[1]) if sys.argv[1:] else main())
