"""Reads labelled structures: any database of ASE's, and extxyz files. The only importer of ase."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import ase.db
import ase.io
import numpy as np
from ase import Atoms
from ase.calculators.calculator import PropertyNotImplementedError
from ase.data import chemical_symbols
from ase.db.core import ops, parse_selection

from hpctrain.errors import HpctrainError
from hpctrain.extxyz import Structure

SYMBOLS: list[str] = list(chemical_symbols)
_FILES = (".xyz", ".extxyz")


def shown(source: str | list[str]) -> str:
    """A source as it may be printed and kept: the password of a database URL is left out."""
    if not isinstance(source, str):
        return ", ".join(map(shown, source))
    # To the last @: a password may hold any character, also one that it should not.
    hidden = re.sub(r"(://[^/:@]*):.*@", r"\1:***@", source, flags=re.DOTALL)
    return re.sub(r"([?&][^=&]*pass[^=&]*=)[^&]*", r"\1***", hidden, flags=re.IGNORECASE)


def read_source(
    source: str, base: Path, select: str, *, several: bool = False
) -> Iterator[Structure]:
    """The selected structures of one source, one after the other.

    Row ids are the database's own, or the place in an extxyz file, counted from 1; with
    ``several`` sources the name of the source stands before them.
    """
    name = shown(source)
    prefix = f"{name}#" if several else ""
    if "://" in source:
        yield from _read_database(source, name, select, prefix)
        return
    path = base / source
    if not path.is_file():
        raise HpctrainError(f"data.source: there is no file {path}")
    if path.suffix in _FILES:
        yield from _read_extxyz(path, name, select, prefix)
    else:
        yield from _read_database(str(path), name, select, prefix)


def _read_database(target: str, name: str, select: str, prefix: str) -> Iterator[Structure]:
    try:
        for row in ase.db.connect(target).select(select):
            values = row.key_value_pairs
            yield Structure(
                row_id=f"{prefix}{row.id}",
                source=name,
                numbers=np.asarray(row.numbers, dtype=np.int64),
                positions=np.asarray(row.positions, dtype=float),
                cell=np.asarray(row.cell, dtype=float),
                pbc=_pbc(row.pbc),
                energy=_number(row.get("energy")),
                forces=_array(row.get("forces")),
                stress=_voigt(row.get("stress")),
                config_type=_kind(values.get("config_type")),
                generation=_generation(values.get("generation"), f"{name}, row {row.id}"),
            )
    except HpctrainError:
        raise
    except Exception as error:  # each of ASE's backends has its own errors
        raise HpctrainError(
            f"{name} cannot be read with data.select '{select}': {_reason(error, target)}",
            f"look with: ase db {name} '{select}'",
        ) from error


def _read_extxyz(path: Path, name: str, select: str, prefix: str) -> Iterator[Structure]:
    chosen = _selector(select)
    place = 0
    try:
        for place, atoms in enumerate(_frames(path), start=1):
            if not chosen(atoms):
                continue
            yield Structure(
                row_id=f"{prefix}{place}",
                source=name,
                numbers=np.asarray(atoms.numbers, dtype=np.int64),
                positions=np.asarray(atoms.positions, dtype=float),
                cell=np.asarray(atoms.cell, dtype=float),
                pbc=_pbc(atoms.pbc),
                energy=_number(_result(atoms, "energy")),
                forces=_array(_result(atoms, "forces")),
                stress=_voigt(_result(atoms, "stress")),
                config_type=_kind(atoms.info.get("config_type")),
                generation=_generation(atoms.info.get("generation"), f"{name}, structure {place}"),
            )
    except HpctrainError:
        raise
    except Exception as error:  # ASE's reader raises whatever a bad line leads to
        raise HpctrainError(
            f"{name} cannot be read after structure {place}: {_reason(error)}"
        ) from error


def _frames(path: Path) -> Iterator[Atoms]:
    # ASE takes what stands behind an @ in a file's name for an index.
    return ase.io.iread(path, ":", format="extxyz", do_not_split_by_at_sign=True)


def _selector(select: str) -> Callable[[Atoms], bool]:
    """An ASE selection over the keys of an extxyz file's second lines, as over those of a row."""
    try:
        keys, comparisons = parse_selection(select)
    except Exception as error:  # ASE raises whatever a bad expression leads to
        raise HpctrainError(f"data.select '{select}' is no selection: {_reason(error)}") from error

    def chosen(atoms: Atoms) -> bool:
        for key in keys:
            if key not in atoms.info:
                return False
        for key, operator, wanted in comparisons:
            found: Any = len(atoms) if key == "natoms" else atoms.info.get(key)
            if isinstance(key, int):
                found = int((atoms.numbers == key).sum())
            if found is None or not ops[operator](found, wanted):
                return False
        return True

    return chosen


def _result(atoms: Atoms, name: str) -> Any:
    """A label of the structure's own; ASE's reader keeps labels on a calculator, never computes."""
    if atoms.calc is None:
        return None
    try:
        return atoms.calc.get_property(name, allow_calculation=False)
    except PropertyNotImplementedError:
        return None


def _number(value: Any) -> float | None:
    return None if value is None else float(value)


def _array(value: Any) -> Any:
    return None if value is None else np.asarray(value, dtype=float)


def _voigt(value: Any) -> Any:
    """A stress as xx yy zz yz xz xy, whether it is stored so or as 3 x 3."""
    array = _array(value)
    if array is None or array.shape == (6,):
        return array
    full = array.reshape(3, 3)
    return full[[0, 1, 2, 1, 0, 0], [0, 1, 2, 2, 2, 1]]


def _pbc(value: Any) -> tuple[bool, bool, bool]:
    a, b, c = (bool(periodic) for periodic in value)
    return a, b, c


def _kind(value: Any) -> str | None:
    return None if value is None else str(value)


def _generation(value: Any, place: str) -> int | None:
    if value is None:
        return None
    try:
        if not isinstance(value, (bool, np.bool_)) and int(value) == value:
            return int(value)
    except (TypeError, ValueError, OverflowError):
        pass
    raise HpctrainError(f"{place}: generation is {value!r}, but must be a whole number")


def _reason(error: Exception, target: str = "") -> str:
    """What an error says, without the password of a database that it may quote."""
    said = f"{type(error).__name__}: {error}" if str(error) else type(error).__name__
    if shown(target) == target:
        return said
    secrets = [target, *re.findall(r"://[^/:@]*:(.*)@", target, flags=re.DOTALL)]
    secrets += re.findall(r"[?&][^=&]*pass[^=&]*=([^&]*)", target, flags=re.IGNORECASE)
    for secret in filter(None, secrets):
        said = said.replace(secret, shown(secret) if secret == target else "***")
    return said
