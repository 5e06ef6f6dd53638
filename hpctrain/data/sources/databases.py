"""Rows of ASE's databases: SQLite from its tables, all others through ASE."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from functools import partial
from typing import Any

import numpy as np

from hpctrain.data.sources import ase_sqlite
from hpctrain.data.sources.ase_sqlite import DatabaseRow
from hpctrain.data.sources.label_names import SAME_ENERGY, Labels, Raw
from hpctrain.data.sources.names import error_text
from hpctrain.data.sources.selection import Selection
from hpctrain.data.structures.extxyz import Structure
from hpctrain.data.structures.other_labels import looks_like
from hpctrain.errors import HpctrainError


def read_database(
    target: str, name: str, selection: Selection, prefix: str, labels: Labels
) -> Iterator[Structure]:
    """Read the rows of a database that ASE selects; their ids begin with ``prefix``."""
    import ase.db

    plain = _PlainKeys()
    try:
        database = ase.db.connect(target)
        fast = ase_sqlite.can_read(database)
        rows = (
            ase_sqlite.read_rows(database, selection.parsed, with_data=not labels.usual)
            if fast
            else _read_through_ase(database, selection.words())
        )
        for row in rows:
            (number, numbers, positions, cell, pbc, energy, free_energy, forces, stress, keys,
             calculation, data) = row  # fmt: skip
            row_id = f"{prefix}{number}"
            generation = keys.get("generation")
            if generation is not None:
                generation = whole_generation(generation, name, f"row {number}")
            kind = keys.get("config_type")
            kind = None if kind is None else str(kind)
            if (
                labels.usual
                and data is None
                and type(energy) is float
                and type(forces) is np.ndarray
                and forces.dtype == np.float64
                and (free_energy is None or _same(energy, free_energy))
                and (stress is None or getattr(stress, "shape", None) == (6,))
                and keys in plain
            ):
                yield Structure(row_id, name, numbers, positions, cell, pbc, energy, forces, stress,
                                kind, generation, keys, calculation=calculation)  # fmt: skip
                continue
            results = {"energy": energy, "free_energy": free_energy, "forces": forces,
                       "stress": stress}  # fmt: skip
            raw = Raw(
                f"row {number} of {name}", numbers, positions, cell, pbc, results, keys,
                data=data or dict, has_more=data is not None,
                calculation=calculation,
            )  # fmt: skip
            yield labels.structure(raw, row_id, name, kind, generation)
    except HpctrainError:
        raise
    except Exception as error:  # each of ASE's backends has its own errors
        ase_sqlite.refuse_locked(error, name)
        select = selection.text
        raise HpctrainError(
            f"{name} cannot be read with data.select '{select}': {error_text(error, target)}",
            f"look with: ase db {name} '{select}'",
        ) from error


def _same(energy: float, free_energy: Any) -> bool:
    return type(free_energy) is float and abs(energy - free_energy) <= SAME_ENERGY


class _PlainKeys:
    """Sets of keys among which none looks like a label; they are the same for most rows."""

    def __init__(self) -> None:
        self._known: dict[tuple[str, ...], bool] = {}

    def __contains__(self, keys: Mapping[str, Any]) -> bool:
        names = tuple(keys)
        plain = self._known.get(names)
        if plain is None:
            plain = not any(map(looks_like, names))
            if len(self._known) < 1000:
                self._known[names] = plain
        return plain


def _read_through_ase(database: Any, select: list[Any]) -> Iterator[DatabaseRow]:
    """Read rows through ASE: every backend, and databases of other versions."""
    for row in database.select(select):
        try:
            yield _parse(row)
        except (ValueError, TypeError, AttributeError) as error:
            raise ValueError(f"row {row.id} is damaged: {error}") from error


def _parse(row: Any) -> DatabaseRow:
    return (
        row.id,
        np.asarray(row.numbers, dtype=np.int64),
        np.asarray(row.positions, dtype=float),
        np.asarray(row.cell, dtype=float),
        _pbc(row.pbc),
        row.get("energy"),
        row.get("free_energy"),
        row.get("forces"),
        row.get("stress"),
        row.key_value_pairs,
        ase_sqlite.calculation_of(
            row.get("initial_magmoms"),
            row.get("magmoms"),
            row.get("magmom"),
            float(row.charge),
            row.get("calculator_parameters"),
        ),
        partial(getattr, row, "data") if _may_hold_labels(row) else None,
    )


def _may_hold_labels(row: Any) -> bool:
    if row.get("energy") is None or row.get("forces") is None:
        return True
    try:
        return any(map(looks_like, row.data))
    except Exception:  # noqa: BLE001  whatever it is, there are labels without it
        return False


def _pbc(value: Any) -> tuple[bool, bool, bool]:
    a, b, c = (bool(periodic) for periodic in value)
    return a, b, c


def whole_generation(value: Any, name: str, what: str) -> int:
    """Return a generation as a whole number; HpctrainError names the row where it is none."""
    try:
        if not isinstance(value, (bool, np.bool_)) and int(value) == value:
            return int(value)
    except (TypeError, ValueError, OverflowError):
        pass
    raise HpctrainError(f"{name}, {what}: generation is {value!r}, but must be a whole number")
