"""Looks at a potential before it is archived, and writes what it found: docs/verification.md.

Called as: python verify.py REQUEST, a JSON object with ``yace`` and ``yaml`` (its files),
``sides`` (train and test: extxyz), ``free_atoms`` (eV by element; null: those of the data),
``shift`` (eV/atom), ``predictions`` (the trainer's own, a pickle), ``told`` (errors of the file
that are known already), ``evaluator``, ``seconds`` and ``out``. What is not known is null.

The file is written anew before and after each check: whatever ends this process, what was found
until then is there, and what was not reached is told as skipped. Python >= 3.8.
"""

from __future__ import annotations

import json
import sys
import traceback
from pathlib import Path
from typing import Any, Callable, Dict, Mapping

import pandas

from .data import FreeAtoms, Structures, isolated_atoms
from .dimers import dimers
from .elastic import elastic
from .forces import finite_differences
from .motion import nve
from .parity import parity
from .phonons import phonons
from .report import Report, skipped
from .result import NotReached, Skipped, Unphysical, found
from .same_file import evaluators_agree, reproduces_test_rmse
from .subject import Clock, Potential, Subject
from .volume import energy_volume

Check = Callable[[Subject], Dict[str, Any]]
# In the order in which they are made: what may have to leave something out comes last, with all
# the time that is left. Each of the others may take half of it.
CHECKS: Dict[str, Check] = {
    "reproduces_test_rmse": reproduces_test_rmse,
    "evaluators_agree": evaluators_agree,
    "finite_differences": finite_differences,
    "dimers": dimers,
    "energy_volume": energy_volume,
    "elastic": elastic,
    "phonons": phonons,
    "nve": nve,
    "parity": parity,
}
HALF = 0.5


def subject_of(request: Mapping[str, Any]) -> Subject:
    known = request["free_atoms"] or {}
    if not known:
        for path in request["sides"].values():
            known.update(isolated_atoms(path))
    free_atoms = FreeAtoms(known, request["shift"] or 0.0)
    sides = {side: Structures(path, free_atoms) for side, path in request["sides"].items()}
    return Subject(
        Potential.load(request["yace"]),
        sides,
        Clock(request["seconds"]),
        _predictions(request["predictions"]),
        request["told"],
        _bare(request["yaml"]),
        request["evaluator"],
    )


def _predictions(path: str | None) -> Dict[str, Any] | None:
    """The trainer's own, by id. The pickle was made in this environment, a moment ago."""
    if path is None or not Path(path).is_file():
        return None
    table = pandas.read_pickle(path, compression="gzip")
    if "name" not in table.columns:
        return None
    return {
        str(row.name_): (float(row.energy_pred), row.forces_pred)
        for row in table.rename(columns={"name": "name_"}).itertuples()
    }


def _bare(path: str | None) -> Potential | None:
    """The potential as it was fitted: Pacemaker puts the core repulsion on afterwards."""
    if path is None or not Path(path).is_file():
        return None
    from pyace.basis import BBasisConfiguration

    fitted = BBasisConfiguration(path)
    for block in fitted.funcspecs_blocks:
        if block.inner_cutoff_type == "zbl":
            # Pacemaker's own values before (generalfit.py, setup_zbl_inner_core_repulsion).
            block.core_rep_parameters = [0.0, 0.0]
            block.r_in = block.delta_in = 0.0
            block.inner_cutoff_type = "distance"
            block.rho_cut, block.drho_cut = 100000.0, 250.0
    return Potential.load(fitted)


def outcome(check: Check, subject: Subject) -> Dict[str, Any]:
    """What a check found; what it could not find is told, and why.

    A potential that cannot be computed, or gives no numbers, has failed. A check that breaks has
    said nothing about the potential: it is skipped, and that is a warning.
    """
    try:
        return check(subject)
    except Unphysical as problem:
        return found("fail", str(problem))
    except Skipped as reason:
        return skipped(str(reason), "not applicable")
    except NotReached as reason:
        return skipped(str(reason), "time")
    except Exception as error:  # noqa: BLE001 it must not cost the other checks, nor the potential
        traceback.print_exc()
        return skipped(f"the check broke: {type(error).__name__}: {error}", "crash")


def verify(subject: Subject, out: str) -> Dict[str, Any]:
    report = Report(out, subject.clock)
    last = list(CHECKS)[-1]
    for name, check in CHECKS.items():
        subject.clock.share(1.0 if name == last else HALF)
        report.begin(name)
        report.end(name, outcome(check, subject))
    return report.content()


def main() -> int:
    request = json.loads(sys.argv[1])
    verify(subject_of(request), request["out"])
    return 0


if __name__ == "__main__":
    sys.exit(main())
