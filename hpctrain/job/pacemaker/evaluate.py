"""The errors of a finished potential, which has to load for it; written into evaluation.json.

Runs in the attempt's folder, in the trainer's environment. The pickles read here were made by the
trainer a moment ago, in this folder. With a file that names potentials and a set of structures
(``hpctrain potentials diff``) it prints their errors on it instead.
"""

from __future__ import annotations

import json
import sys
from itertools import islice
from pathlib import Path
from typing import Any, Sequence

import numpy as np
import pandas
import yaml

from ..checks.errors import Unusable, errors, errors_of_table
from ..evidence import read_json, write_json
from .convert import Row, Unreadable, read_rows

# The check that the .yace loads and predicts runs on one core: a sample of this size is enough.
CHECKED_STRUCTURES = 200


def errors_of(file: str) -> dict[str, Any] | None:
    """Return the errors of the trainer's own predictions; None without its file.

    In meV/atom, and eV/Å per force component.
    """
    if not Path(file).is_file():
        return None
    predictions = pandas.read_pickle(file, compression="gzip")
    return errors_of_table(predictions)


def reference_energies(potential_yaml: str) -> tuple[dict[str, float], float]:
    """Read the energies of the free atoms (eV) and the shift (eV/atom) that the fit subtracted.

    E_DFT = E_potential + sum of the free atoms' energies - shift * atoms.
    """
    content = yaml.safe_load(Path(potential_yaml).read_text(encoding="utf-8"))
    energies = json.loads(content.get("metadata", {}).get("reference_energy", "null"))
    if not isinstance(energies, dict):
        raise Unusable(
            f"{potential_yaml} does not tell the reference energies by element: without them "
            "its energies cannot be compared with anything"
        )
    shift = float(energies.pop("shift", 0.0))
    return energies, shift


def errors_of_file(
    potential: str, energies: dict[str, float], shift: float, structures: Sequence[Row]
) -> dict[str, Any]:
    """Return the errors of the archived file itself, through ASE, against DFT."""
    from pyace import PyACECalculator

    calculator = PyACECalculator(potential)
    # The labels count from the free atoms, as what was fitted does: R² is of that.
    predicted, known, forces, known_forces = [], [], [], []
    for atoms, energy, labels, _ in structures:
        atoms.calc = calculator
        free_atoms = sum(energies[symbol] for symbol in atoms.get_chemical_symbols())
        predicted.append(atoms.get_potential_energy() / len(atoms))
        known.append((energy - free_atoms) / len(atoms) + shift)
        forces.append(atoms.get_forces())
        known_forces.append(labels)
    return errors(np.array(predicted), np.array(known), np.vstack(forces), np.vstack(known_forces))


def basis(potential_yaml: str) -> dict[str, int] | None:
    """Count the basis functions, over all elements, and the parameters that were fitted.

    None where the library does not tell: it is for information only.
    """
    try:
        from pyace.basis import BBasisConfiguration

        potential = BBasisConfiguration(potential_yaml)
        return {
            "functions": potential.total_number_of_functions,
            "parameters": len(potential.get_all_coeffs()),
        }
    except Exception as error:  # noqa: BLE001 whatever it is, the potential is finished
        print(f"the basis functions are not counted: {error!r}")
        return None


def compare(request_file: str) -> int:
    """Print the errors of several potentials on one set of structures, as JSON."""
    request = json.loads(Path(request_file).read_text(encoding="utf-8"))
    structures = list(read_rows(request["structures"]))
    found = {
        name: errors_of_file(one["potential"], one["reference_energies"], one["shift"], structures)
        for name, one in request["potentials"].items()
    }
    print(json.dumps(found))
    return 0


def is_as_fitted(folder: Path) -> bool:
    """Say whether no core repulsion acts in a labelled structure: the file has the fit's errors.

    So it is where it was placed below all labelled distances, or where none was asked for.
    """
    notes = read_json(folder / "continuation.json")
    placed = notes.get("repulsion", {})
    return placed is None or bool(placed.get("pairs"))


def errors_on(side: str, run: Path, energies: dict[str, float], shift: float) -> Any:
    """Return the errors of the archived file on one side; None without the trainer's predictions.

    The trainer's predictions are of the fit, before its core repulsion: where that might act, the
    file itself is measured, on the structures that the trainer took.
    """
    table = f"{side}_pred.pckl.gzip"
    known = errors_of(table)
    if known is None or is_as_fitted(Path()):
        return known
    names = pandas.read_pickle(table, compression="gzip").get("name")
    taken = None if names is None else set(map(str, names))
    rows = read_rows(str(run / f"{side}.extxyz"))
    structures = [row for row in rows if taken is None or row[-1] in taken]
    return errors_of_file("output_potential.yace", energies, shift, structures)


def main() -> int:
    """Write evaluation.json for the potential in the current folder."""
    run = Path(__file__).resolve().parents[2]
    try:
        energies, shift = reference_energies("output_potential.yaml")
        sample = list(islice(read_rows(str(run / "test.extxyz")), CHECKED_STRUCTURES))
        found = {
            "reference_energies": energies,
            "shift": shift,
            "train": errors_on("train", run, energies, shift),
            "test": errors_on("test", run, energies, shift),
            "yace": errors_of_file("output_potential.yace", energies, shift, sample),
            "basis": basis("output_potential.yaml"),
        }
    except (Unusable, Unreadable) as problem:
        print(problem)
        return 1
    write_json("evaluation.json", found)
    return 0


if __name__ == "__main__":
    sys.exit(compare(sys.argv[1]) if sys.argv[1:] else main())
