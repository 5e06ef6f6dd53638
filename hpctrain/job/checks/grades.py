"""The extrapolation grades of labelled structures: how far they are from the training set."""

from __future__ import annotations

import traceback
from typing import Any, Dict, List

import numpy as np

from .subject import Clock, Subject

# Structures of which a page shows the grades.
MOST = 2000


def grades(subject: Subject, side: str, clock: Clock) -> Dict[str, Any] | None:
    """Grade a fair sample of a side, as far as there is time; None without an active set.

    ``points`` are the grade of a structure, the largest of its atoms, and the largest error of a
    force in it (eV/Å); ``outside`` counts the grades above 1.
    """
    if subject.grades is None:
        return None
    structures = subject.sides[side]
    points: List[List[float]] = []
    highest: Dict[str, Any] = {"grade": -1.0}
    try:
        for number in structures.shuffled()[:MOST]:
            if clock.up():
                break
            one = structures.read(number)
            of_atoms = subject.grades(one.atoms.copy())
            grade = float(of_atoms.max())
            if grade > highest["grade"]:
                highest = {"id": one.id, "kind": one.kind, "grade": grade,
                           "atom": int(of_atoms.argmax())}  # fmt: skip
            errors = np.linalg.norm(subject.predicted(side, number).forces - one.forces, axis=1)
            points.append([float(f"{grade:.5g}"), round(float(errors.max()), 5)])
    except Exception as error:  # noqa: BLE001 the library raises what it likes; errors come next
        traceback.print_exc()
        return {"problem": f"{type(error).__name__}: {error}"}
    if not points:
        return {"problem": "the time was up before the first structure"}
    return {
        "structures": len(points),
        "of": len(structures),
        "outside": sum(grade > 1 for grade, _ in points),
        "highest": highest,
        "points": points,
    }
