"""What the checks load of GRACE's: potentials as calculators, and the predictions of the product.

A potential is the folder of an exported model. Of the preset FS there is a .yaml beside it, the
same potential (evaluate.py measures by how much they differ), and it is taken: in C++, without
TensorFlow, and in double precision. Python 3.8 and later, in the trainer's environment.
"""

from __future__ import annotations

import importlib.util
import os
from pathlib import Path
from typing import Any, Callable, Dict, Mapping, Tuple

from ..checks.loader import Check
from ..checks.subject import Potential, grades_of

# Checks of its own, by name, with what is checked in words.
CHECKS: Mapping[str, Tuple[str, Check]] = {}
PREDICTIONS = "{}_pred.pckl.gzip"


def load(path: str) -> Potential:
    """Load a potential: the .yaml beside an exported model, where there is one, else the model."""
    yaml = Path(path).with_suffix(".yaml")
    if yaml.is_file() and importlib.util.find_spec("pyace"):
        return load_fs(str(yaml))
    return load_model(path)


def load_model(path: str) -> Potential:
    """Load an exported model."""
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "2")
    from tensorpotential.calculator import TPCalculator

    calculator = TPCalculator(path)
    return Potential(calculator, list(calculator.element_map), float(calculator.cutoff))


def load_fs(path: str) -> Potential:
    """Load the .yaml of the preset FS."""
    from pyace.asecalc import PyGRACEFSCalculator

    calculator = PyGRACEFSCalculator(path)
    return Potential(calculator, list(calculator.basis.elements_name), float(calculator.cutoff))


def bare(path: str) -> Potential | None:  # noqa: ARG001 nothing is added after the fit
    """Return None: a potential of GRACE is as it was fitted."""
    return None


def grades(path: str) -> Callable[[Any], Any] | None:
    """Load what gives extrapolation grades, from .yaml and .asi; None without them."""
    yaml, active_set = (Path(path).with_suffix(suffix) for suffix in (".yaml", ".asi"))
    found = yaml.is_file() and active_set.is_file() and importlib.util.find_spec("pyace")
    if not found:
        return None

    def load_it() -> Any:
        from pyace.asecalc import PyGRACEFSCalculator

        return PyGRACEFSCalculator(str(yaml))

    return grades_of(load_it, str(active_set))


def predictions(folder: str) -> Dict[str, Tuple[float, Any]] | None:
    """Read the predictions that evaluate.py made, by id; None where there are none.

    Energies in eV, without the free atoms, and forces. The pickles were made in this environment,
    a moment ago.
    """
    import pandas

    found: Dict[str, Tuple[float, Any]] = {}
    for side in ("test", "train"):
        table = Path(folder) / PREDICTIONS.format(side)
        if table.is_file():
            rows = pandas.read_pickle(str(table), compression="gzip")
            names, energies, forces = rows["name"], rows["energy_pred"], rows["forces_pred"]
            found.update(zip(map(str, names), zip(map(float, energies), forces)))  # noqa: B905
    return found or None
