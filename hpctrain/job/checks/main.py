"""The checks of a potential before it is archived, one after the other: docs/verification.md.

Called as: python -m job.checks.main REQUEST, a JSON object with ``potential`` (its file or folder,
beside which are the others of the same potential), ``engine``, ``sides`` (train and test: extxyz),
``free_atoms`` (eV by element; null: those of the data), ``shift`` (eV/atom), ``predictions`` (the
folder of the attempt that has the trainer's own), ``known_errors`` (of the file, measured before),
``variant`` (what was chosen within the trainer), ``seconds`` and ``out``. What is not known is
null.

The file is written anew before and after each check: whatever ends this process, what was found
until then is there, and what was not reached is told as skipped. Python >= 3.8.
"""

from __future__ import annotations

import json
import sys
import traceback
from pathlib import Path
from typing import Any, Dict, Mapping, Tuple

from .bonds import bonds
from .data import FreeAtoms, Structures, isolated_atoms
from .dimers import dimers
from .elastic import elastic
from .forces import finite_differences
from .loader import Check, Loader, loader_of
from .motion import nve
from .parity import parity
from .phonons import phonons
from .report import Report, skipped
from .result import NotReached, Skipped, Unphysical, result
from .same_file import reproduces_test_rmse
from .subject import Clock, Subject
from .vibrations import vibrations
from .volume import energy_volume

# In the order in which they are made, the trainer's own behind the first: what may have to leave
# something out comes last, with all the time that is left. Each of the others may take half of it.
FIRST: Dict[str, Check] = {"reproduces_test_rmse": reproduces_test_rmse}
CHECKS: Dict[str, Check] = {
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


def read_subject(request: Mapping[str, Any], loader: Loader) -> Subject:
    """Load what the request names."""
    path, folder = request["potential"], request["predictions"]
    known = request["free_atoms"] or {}
    if not known:
        for side in request["sides"].values():
            known.update(isolated_atoms(side))
    free_atoms = FreeAtoms(known, request["shift"] or 0.0)
    sides = {side: Structures(file, free_atoms) for side, file in request["sides"].items()}
    return Subject(
        loader.load(path),
        sides,
        Clock(request["seconds"]),
        None if folder is None else loader.predictions(folder),
        request["known_errors"],
        loader.bare(path),
        request["variant"],
        loader.grades(path),
        Path(path).suffix or Path(path).name,
    )


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


def verify(subject: Subject, out: str, own: Mapping[str, Tuple[str, Check]]) -> Dict[str, Any]:
    """Make all checks, the trainer's ``own`` too; return what the file ``out`` then says."""
    report = Report(out, subject.clock, {name: title for name, (title, _) in own.items()})
    checks = {**FIRST, **{name: check for name, (_, check) in own.items()}, **CHECKS}
    last = list(checks)[-1]
    for name, check in checks.items():
        subject.clock.share(1.0 if name == last else HALF)
        report.begin(name)
        report.end(name, make(check, subject))
    return report.content()


def main() -> int:
    """Check the potential that the first argument describes."""
    request = json.loads(sys.argv[1])
    loader = loader_of(request)
    verify(read_subject(request, loader), request["out"], loader.CHECKS)
    return 0


if __name__ == "__main__":
    sys.exit(main())
