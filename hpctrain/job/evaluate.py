"""After the fit: does the potential load, and what are its errors? Writes evaluation.json.

Runs in the attempt's folder, in the trainer's environment. The pickles read here were made by the
trainer a moment ago, in this folder.
"""

from __future__ import annotations

import json
import sys
from pathlib import Path

import ase.io
import numpy as np
import pandas
import yaml
from evidence import write_json

# The check that the .yace loads and predicts runs on one core: a sample of this size is enough.
CHECKED_STRUCTURES = 200


def errors_of(predictions):
    """RMSE from the trainer's own predictions: meV/atom, and eV/Å per force component."""
    atoms = predictions["NUMBER_OF_ATOMS"].to_numpy(dtype=float)
    energies = (predictions["energy_pred"] - predictions["energy_corrected"]).to_numpy(dtype=float)
    forces = np.vstack(predictions["forces_pred"].to_list()) - np.vstack(
        predictions["forces"].to_list()
    )
    return _errors(energies / atoms, forces)


def _errors(energies_per_atom, forces):
    return {
        "rmse_energy_mev_per_atom": 1000.0 * float(np.sqrt(np.mean(np.square(energies_per_atom)))),
        "rmse_force_ev_per_a": float(np.sqrt(np.mean(np.square(forces)))),
        "structures": len(energies_per_atom),
    }


def reference_energies(potential_yaml):
    """Energies of the free atoms (eV) and the shift (eV/atom) that the fit subtracted.

    E_DFT = E_potential + sum of the free atoms' energies - shift * atoms.
    """
    metadata = yaml.safe_load(Path(potential_yaml).read_text(encoding="utf-8")).get("metadata", {})
    energies = json.loads(metadata.get("reference_energy", "{}"))
    shift = energies.pop("shift", 0.0)
    return energies, shift


def errors_of_file(potential, energies, shift, structures):
    """The archived file itself, through ASE, against DFT."""
    from pyace import PyACECalculator

    calculator = PyACECalculator(potential)
    energy_errors, force_errors = [], []
    for atoms in structures:
        labels = atoms.calc.results
        atoms.calc = calculator
        free_atoms = sum(energies[symbol] for symbol in atoms.get_chemical_symbols())
        predicted = atoms.get_potential_energy() + free_atoms - shift * len(atoms)
        energy_errors.append((predicted - labels["energy"]) / len(atoms))
        force_errors.append(atoms.get_forces() - labels["forces"])
    return _errors(np.array(energy_errors), np.vstack(force_errors))


def main():
    run = Path(__file__).resolve().parent.parent
    energies, shift = reference_energies("output_potential.yaml")
    sample = ase.io.read(str(run / "test.extxyz"), ":{}".format(CHECKED_STRUCTURES))
    found = {
        "reference_energies": energies,
        "shift": shift,
        "train": errors_of(pandas.read_pickle("train_pred.pckl.gzip", compression="gzip")),
        "test": errors_of(pandas.read_pickle("test_pred.pckl.gzip", compression="gzip")),
        "yace": errors_of_file("output_potential.yace", energies, shift, sample),
    }
    numbers = [found["yace"][key] for key in ("rmse_energy_mev_per_atom", "rmse_force_ev_per_a")]
    if not np.isfinite(numbers).all():
        print("The potential loads, but predicts energies or forces that are no numbers.")
        return 1
    write_json("evaluation.json", found)
    return 0


if __name__ == "__main__":
    sys.exit(main())
