"""What the checks load of GRACE's: potentials as calculators, and the predictions of the product.

Python 3.8 and later, in the trainer's environment.
"""

from __future__ import annotations

import os
from typing import Any, Callable, Dict, List, Tuple

import numpy as np
from ase.calculators.calculator import all_changes

from ..checks.subject import Potential


def load(path: str) -> Potential:
    """Load a potential from the folder of an exported model, or the .yaml of the preset FS."""
    if path.endswith(".yaml"):
        from pyace.asecalc import PyGRACEFSCalculator

        calculator = PyGRACEFSCalculator(path)
        return Potential(calculator, list(calculator.basis.elements_name), float(calculator.cutoff))
    calculator = load_model(path)
    return Potential(calculator, list(calculator.element_map), float(calculator.cutoff))


def load_model(path: str) -> Any:
    """Load an exported model as ASE's calculator."""
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "2")
    from tensorpotential.calculator import TPCalculator

    return TPCalculator(path)


def load_without_repulsion(path: str) -> Potential | None:  # noqa: ARG001 GRACE adds none
    """Return the potential as it was fitted, where something was put on afterwards: never here."""
    return None


def load_grades(yaml: str, active_set: str) -> Callable[[Any], Any]:
    """Load what gives the extrapolation grade of each atom of a structure, once it is asked.

    Of the preset FS: it needs the .yaml and its active set.
    """
    calculators: List[Any] = []

    def grades(atoms: Any) -> Any:
        if not calculators:
            from pyace.asecalc import PyGRACEFSCalculator

            calculator = PyGRACEFSCalculator(yaml)
            calculator.set_active_set(active_set)
            calculators.append(calculator)
        calculators[0].calculate(atoms, ("energy",), all_changes)
        return np.array(calculators[0].results["gamma"], dtype=float)

    return grades


def read_predictions(path: str) -> Dict[str, Tuple[float, Any]] | None:
    """Read the predictions that evaluate.py made: energy (eV, without the free atoms) and forces,
    by id. None where the table does not tell the ids."""
    import pandas

    table = pandas.read_pickle(path, compression="gzip")
    if "name" not in table.columns:
        return None
    return {
        str(row.id_): (float(row.energy_pred), row.forces_pred)
        for row in table.rename(columns={"name": "id_"}).itertuples()
    }
