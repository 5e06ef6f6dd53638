"""Check of the errors against the labels, by kind, with the largest ones by name."""

from __future__ import annotations

from collections import defaultdict
from typing import Any, Dict, List, NamedTuple

import numpy as np

from .data import SEED
from .result import NotReached, Skipped, result, verdict_on
from .subject import Subject

# Error as a part of the labels' own spread: 1 - its square is the part that is explained,
# 96 % and 75 %. A spread below these (eV/atom, eV/Å) counts as that much.
LIMITS = (0.2, 0.5)
SPREAD = (0.02, 0.1)
POINTS = {"energies": 2000, "forces": 4000}
LARGEST = 10
BINS = 40


def parity(subject: Subject) -> dict[str, Any]:
    """Compare energies and forces of both sides; the verdict is about the test structures."""
    # Test first: if the time is up, it is the training structures that were not all computed.
    sides = {name: _rows(subject, name) for name in ("test", "train") if name in subject.sides}
    errors = {name: _errors(rows, len(subject.sides[name])) for name, rows in sides.items() if rows}
    if not errors:
        raise NotReached("no structure was computed") if sides else Skipped("there are no labels")
    judged_on = next(iter(errors))
    part = max(part for part in errors[judged_on]["of_spread"].values() if part is not None)
    words = "; ".join(f"{name}: {_words(side)}" for name, side in errors.items())
    return result(
        verdict_on(part, *LIMITS), words, part, "of the labels' spread", LIMITS,
        judged_on=judged_on, **errors,
    )  # fmt: skip


class _Row(NamedTuple):
    """A structure without its positions: energies in eV per atom, forces [n, 3] in eV/Å."""

    id: str
    kind: str
    label: float
    energy: float
    label_forces: Any
    forces: Any


def _rows(subject: Subject, name: str) -> List[_Row]:
    """Compute as many structures as there is time for."""
    structures, rows = subject.sides[name], []
    for number in structures.shuffled():
        if subject.clock.up():
            break
        here, one = subject.predicted(name, number), structures.read(number)
        rows.append(
            _Row(
                one.id,
                one.kind,
                one.energy / len(one.atoms),
                here.energy / len(one.atoms),
                one.forces,
                here.forces,
            )
        )
    return rows


def _errors(rows: List[_Row], of: int) -> Dict[str, Any]:
    """Return the errors of one side; of energies null where the free atoms are unknown."""
    kinds: Dict[str, List[_Row]] = defaultdict(list)
    for row in rows:
        kinds[row.kind].append(row)
    order = np.random.RandomState(SEED)
    energies, forces = _energy_errors(rows), _force_errors(rows)
    known = bool(np.isfinite(energies).all())
    return {
        "structures": len(rows),
        "of": of,
        **_rmses(rows, known),
        "of_spread": {
            "energies": _part(energies, [row.label for row in rows], SPREAD[0]) if known else None,
            "forces": _part(forces, _flat([row.label_forces for row in rows]), SPREAD[1]),
        },
        "kinds": {
            kind: {
                "structures": len(some),
                **_rmses(some, known),
                "energies": _sample(
                    order, POINTS["energies"] // len(kinds),
                    [row.label for row in some], [row.energy for row in some],
                ) if known else [],
                "forces": _sample(
                    order, POINTS["forces"] // len(kinds),
                    _flat([row.label_forces for row in some]), _flat([row.forces for row in some]),
                ),
            }
            for kind, some in sorted(kinds.items())
        },
        "largest_energy_errors": [
            {"id": row.id, "kind": row.kind, "error_mev_per_atom": 1000 * (row.energy - row.label)}
            for row in sorted(rows, key=lambda row: -abs(row.energy - row.label))[:LARGEST] if known
        ],
        "largest_force_errors": [
            {"id": row.id, "kind": row.kind, "error_ev_per_a": _largest_force_error(row)}
            for row in sorted(rows, key=_largest_force_error, reverse=True)[:LARGEST]
        ],
        "energy_error_histogram": _histogram(1000 * energies) if known else None,
        "force_error_histogram": _histogram(forces),
    }  # fmt: skip


def _words(side: Dict[str, Any]) -> str:
    energy = side["rmse_energy_mev_per_atom"]
    energies = "energies unknown" if energy is None else f"{energy:.1f} meV/atom"
    return (
        f"{energies}, {side['rmse_force_ev_per_a']:.4f} eV/Å on {side['structures']} of "
        f"{side['of']} structures"
    )


def _energy_errors(rows: List[_Row]) -> Any:
    return np.array([row.energy - row.label for row in rows])


def _force_errors(rows: List[_Row]) -> Any:
    return _flat([row.forces - row.label_forces for row in rows])


def _largest_force_error(row: _Row) -> float:
    """Return the largest error of an atom, as the length of a vector."""
    return float(np.linalg.norm(row.forces - row.label_forces, axis=1).max())


def _flat(arrays: List[Any]) -> Any:
    return np.concatenate([array.ravel() for array in arrays])


def _rmses(rows: List[_Row], known: bool) -> Dict[str, float | None]:
    return {
        "rmse_energy_mev_per_atom": 1000 * _rms(_energy_errors(rows)) if known else None,
        "rmse_force_ev_per_a": _rms(_force_errors(rows)),
    }


def _rms(values: Any) -> float:
    return float(np.sqrt(np.mean(np.square(values))))


def _part(errors: Any, labels: Any, least: float) -> float:
    """Return the error as a part of the labels' spread."""
    return _rms(errors) / max(float(np.std(labels)), least)


def _sample(order: Any, number: int, labels: Any, predicted: Any) -> List[List[float]]:
    """Choose pairs of label and prediction, at most so many."""
    chosen = np.sort(order.permutation(len(labels))[:number])
    pairs: List[List[float]] = np.column_stack([labels, predicted])[chosen].round(5).tolist()
    return pairs


def _histogram(errors: Any) -> Dict[str, List[float]]:
    """Count the errors by size, of either sign."""
    limit = max(float(np.abs(errors).max()), 1e-9)
    counts, edges = np.histogram(errors, bins=BINS, range=(-limit, limit))
    return {"edges": [round(float(edge), 6) for edge in edges], "counts": counts.tolist()}
