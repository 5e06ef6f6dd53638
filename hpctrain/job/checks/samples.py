"""What a page draws of the errors: a sample of points, and the structures with the largest ones."""

from __future__ import annotations

from typing import Any, Dict, List, Sequence

import numpy as np
from ase.data import covalent_radii
from ase.neighborlist import neighbor_list

from .shares import Row, flat
from .subject import Subject

# Points of a side, in equal parts for each kind.
POINTS = {"energies": 2000, "forces": 4000}
# The shortest distance of a structure is looked for up to here first (Å); most have one.
NEAR = 3.0
# Of the largest errors so many are drawn; larger structures would be a blot.
DRAWN, ATOMS = 3, 200


def points(
    subject: Subject, side: str, rows: Sequence[Row], kinds: int, known: bool, order: Any
) -> Dict[str, Any]:
    """Choose points of one kind at random.

    ``energies`` are pairs of label and prediction (eV/atom), with ``ids`` and ``nearest``, the
    shortest distance (Å), of the same structures; ``forces`` are components, label and prediction;
    ``norms`` are of atoms: |F| of the label and |ΔF| (eV/Å).
    """
    chosen = choose(order, POINTS["energies"] // kinds, len(rows)) if known else []
    labels, predicted = (
        flat([getattr(row, key) for row in rows]) for key in ("label_forces", "forces")
    )
    components = choose(order, POINTS["forces"] // kinds, len(labels))
    atoms = choose(order, POINTS["forces"] // kinds, len(labels) // 3)
    norms = [
        np.linalg.norm(vectors.reshape(-1, 3)[atoms], axis=1)
        for vectors in (labels, predicted - labels)
    ]
    return {
        "energies": [[_round(rows[n].label), _round(rows[n].energy)] for n in chosen],
        "ids": [rows[n].id for n in chosen],
        "nearest": [_nearest(subject, side, rows[n]) for n in chosen],
        "forces": np.column_stack([labels, predicted])[components].round(5).tolist(),
        "norms": np.column_stack(norms).round(5).tolist(),
    }


def choose(order: Any, number: int, count: int) -> List[int]:
    """Choose at most so many of ``count`` places, in their order."""
    chosen: List[int] = np.sort(order.permutation(count)[:number]).tolist()
    return chosen


def largest(
    subject: Subject, side: str, rows: Sequence[Row], key: str, number: int
) -> List[Dict[str, Any]]:
    """List the rows with the largest errors of ``energies`` or ``forces``; the first are drawn."""
    size = energy_error if key == "energies" else force_error
    found: List[Dict[str, Any]] = []
    for row in sorted(rows, key=size, reverse=True)[:number]:
        known = np.isfinite(row.label)
        one = {
            "id": row.id,
            "kind": row.kind,
            "atoms": len(row.forces),
            "error_mev_per_atom": 1000 * (row.energy - row.label) if known else None,
            "label_ev_per_atom": _round(row.label) if known else None,
            "error_ev_per_a": force_error(row),
            "atom": int(np.argmax(_norms(row))),
        }
        if len(found) < DRAWN and len(row.forces) <= ATOMS:
            one["structure"] = _structure(subject.sides[side].read(row.number).atoms, row)
        found.append(one)
    return found


def energy_error(row: Row) -> float:
    """Return the size of the error of an energy, eV per atom."""
    return abs(row.energy - row.label)


def force_error(row: Row) -> float:
    """Return the largest error of an atom, as the length of a vector."""
    return float(_norms(row).max())


def _norms(row: Row) -> Any:
    return np.linalg.norm(row.forces - row.label_forces, axis=1)


def _structure(atoms: Any, row: Row) -> Dict[str, Any]:
    return {
        "symbols": atoms.get_chemical_symbols(),
        "radii": [float(covalent_radii[number]) for number in atoms.numbers],
        "positions": atoms.positions.round(3).tolist(),
        "cell": np.array(atoms.cell).round(3).tolist(),
        "pbc": [bool(one) for one in atoms.pbc],
        "force_errors": _norms(row).round(4).tolist(),
    }


def _nearest(subject: Subject, side: str, row: Row) -> float | None:
    """Find the shortest distance within the cutoff; None without one, or without time."""
    if row.number < 0 or subject.clock.up():
        return None
    atoms = subject.sides[side].read(row.number).atoms
    for reach in (min(NEAR, subject.potential.cutoff), subject.potential.cutoff):
        distances = neighbor_list("d", atoms, reach)
        if len(distances):
            return round(float(distances.min()), 3)
    return None


def _round(value: float) -> float:
    return round(float(value), 5)
