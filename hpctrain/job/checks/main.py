"""The checks of a potential before it is archived, one after the other: docs/verification.md.

Called as: python -m job.checks.main REQUEST, a JSON object with ``yace`` and ``yaml`` (the
potential's files), ``engine``, ``sides`` (train and test: extxyz), ``free_atoms`` (eV by element;
null: those of the data), ``shift`` (eV/atom), ``predictions`` (the trainer's own, pickles),
``known_errors`` (of the file, measured before), ``evaluator``, ``seconds`` and ``out``, and
``active_set`` (its file). What is not known is null.

The file is written anew before and after each check: whatever ends this process, what was found
until then is there, and what was not reached is told as skipped. Python >= 3.8.
"""

from __future__ import annotations

import json
import sys
import traceback
from pathlib import Path
from typing import Any, Callable, Dict, Mapping

from ..trainer import engine_name, import_module_of
from .bonds import bonds
from .data import FreeAtoms, Structures, isolated_atoms
from .dimers import dimers
from .elastic import elastic
from .forces import finite_differences
from .motion import nve
from .parity import parity
from .phonons import phonons
from .report import Report, skipped
from .result import NotReached, Skipped, Unphysical, result
from .same_file import evaluators_agree, reproduces_test_rmse
from .subject import Clock, Subject
from .vibrations import vibrations
from .volume import energy_volume

Check = Callable[[Subject], Dict[str, Any]]
# In the order in which they are made: what may have to leave something out comes last, with all
# the time that is left. Each of the others may take half of it.
CHECKS: Dict[str, Check] = {
    "reproduces_test_rmse": reproduces_test_rmse,
    "evaluators_agree": evaluators_agree,
    "finite_differences": finite_differences,
    "dimers": dimers,
    "bonds": bonds,
    "energy_volume": energy_volume,
    "elastic": elastic,
    "phonons": phonons,
    "vibrations": vibrations,
    "nve": nve,
    "parity": parity,
}
HALF = 0.5


def read_subject(request: Mapping[str, Any]) -> Subject:
    """Load what the request names."""
    # Late, and by name: each engine has a module like it.
    engine = import_module_of(engine_name(request), "potential")
    known = request["free_atoms"] or {}
    if not known:
        for path in request["sides"].values():
            known.update(isolated_atoms(path))
    free_atoms = FreeAtoms(known, request["shift"] or 0.0)
    sides = {side: Structures(path, free_atoms) for side, path in request["sides"].items()}
    yaml, predictions = _existing(request["yaml"]), _read_predictions(request, engine)
    active_set = _existing(request.get("active_set"))
    return Subject(
        engine.load(request["yace"]),
        sides,
        Clock(request["seconds"]),
        predictions,
        request["known_errors"],
        engine.load_without_repulsion(yaml) if yaml else None,
        request["evaluator"],
        engine.load_grades(yaml, active_set) if yaml and active_set else None,
    )


def _read_predictions(request: Mapping[str, Any], engine: Any) -> Dict[str, Any] | None:
    """Read the trainer's predictions of both sides, by id; None where there are none."""
    found: Dict[str, Any] = {}
    for path in filter(None, map(_existing, request["predictions"] or ())):
        found.update(engine.read_predictions(path) or {})
    return found or None


def _existing(path: str | None) -> str | None:
    return path if path is not None and Path(path).is_file() else None


def make(check: Check, subject: Subject) -> Dict[str, Any]:
    """Make a check and return its result; without one, why it was skipped.

    A potential that cannot be computed, or gives no numbers, has failed. A check that breaks has
    said nothing about the potential: it is skipped, and that is a warning.
    """
    try:
        return check(subject)
    except Unphysical as problem:
        return result("fail", str(problem))
    except Skipped as reason:
        return skipped(str(reason), "not applicable")
    except NotReached as reason:
        return skipped(str(reason), "time")
    except Exception as error:  # noqa: BLE001 it must not cost the other checks, nor the potential
        traceback.print_exc()
        return skipped(f"the check itself failed: {type(error).__name__}: {error}", "crash")


def verify(subject: Subject, out: str) -> Dict[str, Any]:
    """Make all checks; return what the file ``out`` then says."""
    report = Report(out, subject.clock)
    last = list(CHECKS)[-1]
    for name, check in CHECKS.items():
        subject.clock.share(1.0 if name == last else HALF)
        report.begin(name)
        report.end(name, make(check, subject))
    return report.content()


def main() -> int:
    """Check the potential that the first argument describes."""
    request = json.loads(sys.argv[1])
    verify(read_subject(request), request["out"])
    return 0


if __name__ == "__main__":
    sys.exit(main())
