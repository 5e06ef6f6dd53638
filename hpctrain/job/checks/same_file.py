"""The check that the file is the potential that was trained: it has the same errors."""

from __future__ import annotations

from typing import Any, Iterator, List, Sequence, Tuple

import numpy as np

from .result import Skipped, result, verdict_on
from .subject import Clock, Computed, Subject

# As a part of the error itself; and below these errors (meV/atom, eV/Å) it does not matter.
RMSE_LIMITS = (1e-3, 1e-2)
RMSE_FLOORS = (0.01, 1e-5)
# eV/atom and eV/Å: more is no rounding of the file's splines.
APART = (1e-5, 1e-4)
MOST_NAMED = 10
_SIDES = {"test": "test structures", "train": "training structures"}


def reproduces_test_rmse(subject: Subject) -> dict[str, Any]:
    """Compare the file's errors on the labelled structures with those of the fit.

    The test structures first, then as many training structures as there is time for.
    """
    if subject.predictions is None:
        return _reproduces_known_errors(subject)
    found, words, touched = [], [], []
    for side in ("test", "train"):
        file, trainer = [], []
        clock = subject.clock if side == "test" else subject.clock.half()
        for number, predicted in with_predictions(subject, side, clock):
            here, one = subject.predicted(side, number), subject.side(side).read(number)
            if _apart(here, *predicted, one.atoms) and _repulsion_acts(subject, here, one.atoms):
                touched.append(one.id)
            file.append((one, here.energy, here.forces))
            trainer.append((one, *predicted))
        if file:
            found.append((_rmse(file), _rmse(trainer), f"on {len(file)} {_SIDES[side]}"))
    if not found:
        subject.clock.check("the test structures were computed")
        raise Skipped("the trainer has kept no predictions of these structures")
    if touched:
        rows = ", ".join(touched[:MOST_NAMED]) + ", …" * (len(touched) > MOST_NAMED)
        words.append(f"the core repulsion, added after the fit, acts in {len(touched)} of them: "
                     f"row {rows}")  # fmt: skip
    return _compare(subject.file, found, words)


def _reproduces_known_errors(subject: Subject) -> dict[str, Any]:
    """Compare with errors that were measured with the file once, on the first test structures."""
    if subject.known_errors is None:
        raise Skipped(
            "neither the trainer's predictions nor earlier errors of the file are available"
        )
    structures = subject.side("test")
    count = int(subject.known_errors["structures"])
    if count > len(structures):
        raise Skipped(f"{count} structures were measured, and only {len(structures)} are here")
    rows = []
    for number in range(count):
        subject.clock.check("the test structures were computed")
        here = subject.predicted("test", number)
        rows.append((structures.read(number), here.energy, here.forces))
    known = subject.known_errors
    before = (known["rmse_energy_mev_per_atom"], known["rmse_force_ev_per_a"])
    return _compare(subject.file, [(_rmse(rows), before, f"on {count} test structures")])


def _rmse(rows: List[Tuple[Any, float, Any]]) -> Tuple[float, float]:
    energies = [1000 * (energy - one.energy) / len(one.atoms) for one, energy, _ in rows]
    forces = np.vstack([predicted - one.forces for one, _, predicted in rows])
    return float(np.sqrt(np.mean(np.square(energies)))), float(np.sqrt(np.mean(forces**2)))


def _compare(
    name: str,
    found: List[Tuple[Tuple[float, float], Tuple[float, float], str]],
    words: Sequence[str] = (),
) -> dict[str, Any]:
    """Compare RMSEs of the file with those measured before, for each set of structures."""
    if not np.isfinite([number for file, before, _ in found for number in (*file, *before)]).all():
        raise Skipped(
            "without the energies of the free atoms, errors of energies cannot be computed"
        )
    value = max(
        abs(file[i] - before[i]) / max(before[i], RMSE_FLOORS[i])
        for file, before, _ in found
        for i in range(2)
    )
    said = [
        f"the {name} has {file[0]:.4g} meV/atom and {file[1]:.4g} eV/Å {where}; the training "
        f"measured {before[0]:.4g} and {before[1]:.4g}"
        for file, before, where in found
    ]
    return result(
        verdict_on(value, *RMSE_LIMITS), "; ".join([*said, *words]), value, "relative", RMSE_LIMITS
    )


def with_predictions(
    subject: Subject, side: str, clock: Clock
) -> Iterator[Tuple[int, Tuple[float, Any]]]:
    """Walk through the structures of which the trainer kept its predictions: no free atoms.

    As many as there is time for what is done with them.
    """
    assert subject.predictions is not None
    structures = subject.sides.get(side)
    if structures is None:
        return
    for number in structures.shuffled():
        if clock.up():
            return
        known = subject.predictions.get(structures.read(number).id)
        if known is not None:
            yield number, known


def _repulsion_acts(subject: Subject, here: Computed, atoms: Any) -> bool:
    """Say whether the file differs from the potential as it was fitted."""
    if subject.bare is None:
        return False
    bare = subject.bare.compute(atoms)
    return _apart(here, bare.energy, bare.forces, atoms)


def _apart(here: Computed, energy: float, forces: Any, atoms: Any) -> bool:
    off = abs(here.energy - energy) / len(atoms), float(np.abs(here.forces - forces).max())
    return off[0] > APART[0] or off[1] > APART[1]
