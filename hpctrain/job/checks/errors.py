"""The errors of a potential on labelled structures, as evaluation.json has them."""

from __future__ import annotations

from typing import Any, Dict

import numpy as np

from .shares import explained, rms


class Unusable(Exception):
    """The potential cannot be used: why, in words for the user."""


def errors(energies: Any, labels: Any, forces: Any, known: Any) -> Dict[str, Any]:
    """Compare predicted energies [n], eV/atom, and forces [m, 3], eV/Å, with their labels.

    In meV/atom, and eV/Å per force component. Unusable if a prediction is no number.
    """
    of_energies, of_forces = energies - labels, forces - known
    if not (np.isfinite(of_energies).all() and np.isfinite(of_forces).all()):
        raise Unusable("the potential predicts energies or forces that are not numbers")
    return {
        "rmse_energy_mev_per_atom": 1000.0 * rms(of_energies),
        "rmse_force_ev_per_a": rms(of_forces),
        "structures": len(of_energies),
        "mae_energy_mev_per_atom": 1000.0 * float(np.abs(of_energies).mean()),
        "max_energy_mev_per_atom": 1000.0 * float(np.abs(of_energies).max()),
        "r2_energy": explained(of_energies, labels),
        "mae_force_ev_per_a": float(np.abs(of_forces).mean()),
        "max_force_ev_per_a": float(np.abs(of_forces).max()),
        "r2_force": explained(of_forces, known),
    }


def errors_of_table(table: Any) -> Dict[str, Any]:
    """Compare the predictions of a trainer's table with its labels."""
    atoms = table["NUMBER_OF_ATOMS"].to_numpy(dtype=float)
    energies, labels = (
        table[key].to_numpy(dtype=float) / atoms for key in ("energy_pred", "energy_corrected")
    )
    forces, known = (np.vstack(table[key].to_list()) for key in ("forces_pred", "forces"))
    return errors(energies, labels, forces, known)
