"""Rows of ASE's databases: SQLite from its tables, all others through ASE."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from functools import cache, partial
from sys import getsizeof
from typing import Any

import numpy as np

from hpctrain.data.sources import ase_sqlite
from hpctrain.data.sources.ase_sqlite import DatabaseRow
from hpctrain.data.sources.label_names import SAME_ENERGY, Labels, Raw
from hpctrain.data.sources.names import error_text
from hpctrain.data.sources.pieces import put_together, whole_generation
from hpctrain.data.sources.selection import Selection
from hpctrain.data.structures.extxyz import Structure
from hpctrain.data.structures.other_labels import have_labels, looks_like
from hpctrain.errors import HpctrainError


@dataclass(frozen=True)
class DatabaseRows:
    """Some rows of a database, as they are in its table or as ASE gives them, not yet taken apart.

    ``target`` is what ASE connects to, ``name`` what it is called in errors; the ids of the rows
    begin with ``prefix``.
    """

    target: str
    name: str
    selection: Selection
    prefix: str
    parse: Callable[[Any], DatabaseRow]
    rows: Sequence[Any] = ()

    @property
    def portable(self) -> bool:
        """Say whether the rows can be pickled: ASE's may hold whatever."""
        return self.parse is ase_sqlite.parse_row

    def structures(self, labels: Labels) -> Iterator[Structure]:
        """Take the rows apart; HpctrainError names one that is damaged."""
        with self.naming_errors():
            for row in map(self.parse, self.rows):
                structure = self._structure(row, labels)
                if self.selection.in_ase or self.selection.takes(int(row[0]), structure):
                    yield structure

    def _structure(self, row: DatabaseRow, labels: Labels) -> Structure:
        (number, numbers, positions, cell, pbc, energy, free_energy, forces, stress, keys,
         calculation, data) = row  # fmt: skip
        row_id = f"{self.prefix}{number}"
        generation = keys.get("generation")
        if generation is not None:
            generation = whole_generation(generation, self.name, f"row {number}")
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
            and not have_labels(tuple(keys))
        ):
            return Structure(row_id, self.name, numbers, positions, cell, pbc, energy, forces,
                             stress, kind, generation, keys, calculation=calculation)  # fmt: skip
        results = {"energy": energy, "free_energy": free_energy, "forces": forces,
                   "stress": stress}  # fmt: skip
        raw = Raw(
            f"row {number} of {self.name}", numbers, positions, cell, pbc, results, keys,
            data=cache(data) if data else dict, has_more=data is not None, calculation=calculation,
        )  # fmt: skip
        return labels.structure(raw, row_id, self.name, kind, generation)

    @contextmanager
    def naming_errors(self) -> Iterator[None]:
        """Raise HpctrainError, with the database and the selection, whatever goes wrong."""
        try:
            yield
        except HpctrainError:
            raise
        except Exception as error:  # each of ASE's backends has its own errors
            ase_sqlite.refuse_locked(error, self.name)
            select = self.selection.text
            raise HpctrainError(
                f"{self.name} cannot be read with data.select '{select}': "
                f"{error_text(error, self.target)}",
                f"look with: ase db {self.name} '{select}'",
            ) from error


def read_database(
    target: str, name: str, selection: Selection, prefix: str, with_data: bool
) -> Iterator[DatabaseRows]:
    """Read the selected rows of a database, some at a time.

    ``with_data``: also the data of rows whose labels are complete.
    """
    import ase.db

    some = DatabaseRows(target, name, selection, prefix, _parse)
    with some.naming_errors():
        database = ase.db.connect(target)
        rows = database.select(selection.words())
        if ase_sqlite.can_read(database):
            some = replace(some, parse=ase_sqlite.parse_row)
            rows = ase_sqlite.select_rows(database, selection.parsed, with_data)
        for part in put_together(rows, _size):
            yield replace(some, rows=part)


def _size(row: Any) -> int:
    # Of the positions and forces; ASE has all rows in memory, or fetches them by itself.
    return 2 * getsizeof(row[2]) if isinstance(row, tuple) else 0


def _same(energy: float, free_energy: Any) -> bool:
    return type(free_energy) is float and abs(energy - free_energy) <= SAME_ENERGY


def _parse(row: Any) -> DatabaseRow:
    """Take a row of ASE's apart: of every backend, and of databases of other versions."""
    try:
        return _parse_values(row)
    except (ValueError, TypeError, AttributeError) as error:
        raise ValueError(f"row {row.id} is damaged: {error}") from error


def _parse_values(row: Any) -> DatabaseRow:
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
