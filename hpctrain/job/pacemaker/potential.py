"""What the checks load of Pacemaker's: potentials as calculators, and the trainer's predictions.

Python 3.8 and later, in the trainer's environment.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any, Callable, Dict, Mapping, Tuple

from ..checks.loader import Check
from ..checks.subject import Potential, grades_of
from .evaluators import evaluators_agree

CHECKS: Mapping[str, Tuple[str, Check]] = {
    "evaluators_agree": ("tensorpot and pyace agree", evaluators_agree),
}


def load(path: Any) -> Potential:
    """Load a potential from a .yace, a .yaml, or a BBasisConfiguration."""
    from pyace import PyACECalculator

    calculator = PyACECalculator(path)
    calculator.compute_projections = False  # of no use here, and a third of the time
    return Potential(calculator, list(calculator.basis.elements_name), float(calculator.cutoff))


def bare(path: str) -> Potential | None:
    """Load a potential as it was fitted, from the .yaml beside it; None without that."""
    yaml = Path(path).with_suffix(".yaml")
    return load_without_repulsion(str(yaml)) if yaml.is_file() else None


def grades(path: str) -> Callable[[Any], Any] | None:
    """Load what gives extrapolation grades, from .yaml and .asi; None without them."""
    yaml, active_set = (Path(path).with_suffix(suffix) for suffix in (".yaml", ".asi"))
    found = yaml.is_file() and active_set.is_file()
    return load_grades(str(yaml), str(active_set)) if found else None


def predictions(folder: str) -> Dict[str, Tuple[float, Any]] | None:
    """Read the trainer's own predictions of both sides; None where there are none."""
    found: Dict[str, Tuple[float, Any]] = {}
    for side in ("test", "train"):
        table = Path(folder) / f"{side}_pred.pckl.gzip"
        if table.is_file():
            found.update(read_predictions(str(table)) or {})
    return found or None


def load_without_repulsion(path: str) -> Potential:
    """Load a .yaml as it was fitted: Pacemaker puts the core repulsion on afterwards."""
    from pyace.basis import BBasisConfiguration

    fitted = BBasisConfiguration(path)
    for block in fitted.funcspecs_blocks:
        if block.inner_cutoff_type == "zbl":
            # Pacemaker's own values before (generalfit.py, setup_zbl_inner_core_repulsion).
            block.core_rep_parameters = [0.0, 0.0]
            block.r_in = block.delta_in = 0.0
            block.inner_cutoff_type = "distance"
            block.rho_cut, block.drho_cut = 100000.0, 250.0
    return load(fitted)


def load_grades(yaml: str, active_set: str) -> Callable[[Any], Any]:
    """Load what gives the extrapolation grade of each atom of a structure, once it is asked.

    It needs the .yaml: python-ace refuses a .yace.
    """

    def load_it() -> Any:
        from pyace import PyACECalculator

        return PyACECalculator(yaml)

    return grades_of(load_it, active_set)


def read_predictions(path: str) -> Dict[str, Tuple[float, Any]] | None:
    """Read the trainer's own predictions: energy (eV, without the free atoms) and forces, by id.

    None where the table does not tell the ids. The pickle was made in this environment, a moment
    ago.
    """
    import pandas

    table = pandas.read_pickle(path, compression="gzip")
    if "name" not in table.columns:
        return None
    return {
        str(row.id_): (float(row.energy_pred), row.forces_pred)
        for row in table.rename(columns={"name": "id_"}).itertuples()
    }
