"""The reader of labelled structures: ASE's databases, and extxyz files. It alone imports ase.

What ase.db and ase.io bring takes longer to import than everything else: they are imported where
something is read, and a submission whose export is there already does without.
"""

from __future__ import annotations

import os
import re
from collections.abc import Callable, Iterable, Iterator, Mapping
from io import StringIO
from pathlib import Path
from typing import Any

import numpy as np
from ase import Atoms
from ase.calculators.calculator import PropertyNotImplementedError
from ase.data import chemical_symbols

from hpctrain.data.structures import ase_sqlite
from hpctrain.data.structures.ase_sqlite import DatabaseRow
from hpctrain.data.structures.extxyz import Frame, Structure, read_frames
from hpctrain.errors import HpctrainError

SYMBOLS: list[str] = list(chemical_symbols)
_FILES = (".xyz", ".extxyz")


def without_password(source: str) -> str:
    """Return a source as it may be printed: without the password of a database URL."""
    # To the last @: a password may hold any character, also one that it should not.
    hidden = re.sub(r"(://[^/:@]*):.*@", r"\1:***@", source, flags=re.DOTALL)
    return re.sub(r"([?&][^=&]*pass[^=&]*=)[^&]*", r"\1***", hidden, flags=re.IGNORECASE)


def without_passwords(source: str | list[str]) -> str | list[str]:
    """Return data.source, one or several, as it may be kept: without passwords."""
    if isinstance(source, str):
        return without_password(source)
    return [without_password(one) for one in source]


def read_source(
    source: str, base: Path, select: str, *, several: bool = False
) -> Iterator[Structure]:
    """Read the selected structures of one source, one after the other.

    Row ids are the database's own, or the place in an extxyz file, counted from 1; with ``several``
    sources the name of the source stands before them. HpctrainError names what cannot be read.
    """
    name = without_password(source)
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
        ase_sqlite.refuse_other_files(path, name)
        yield from _read_database(str(path), name, select, prefix)


def count_structures(source: str, base: Path, select: str) -> int | None:
    """Count the selected structures, where that can be done without reading them."""
    import ase.db
    from ase.db.core import parse_selection

    path = base / source
    if "://" in source or path.suffix in _FILES or not path.is_file():
        return None
    try:
        ase_sqlite.refuse_other_files(path, source)
        database = ase.db.connect(str(path))
        if ase_sqlite.can_read(database):
            return ase_sqlite.count_rows(database, *parse_selection(select))
    except Exception:  # noqa: BLE001  reading them names what is wrong
        return None
    return None


def _read_database(target: str, name: str, select: str, prefix: str) -> Iterator[Structure]:
    import ase.db
    from ase.db.core import parse_selection

    try:
        database = ase.db.connect(target)
        fast = ase_sqlite.can_read(database)
        rows = ase_sqlite.read_rows(database, *parse_selection(select)) if fast else None
        for number, numbers, positions, cell, pbc, energy, forces, stress, keys in (
            rows or _read_through_ase(database, select)
        ):
            generation = keys.get("generation")
            yield Structure(
                f"{prefix}{number}",
                name,
                numbers,
                positions,
                cell,
                pbc,
                _number(energy),
                forces,
                _voigt(stress),
                _kind(keys.get("config_type")),
                None if generation is None else _generation(generation, name, "row", number),
                keys,
            )
    except HpctrainError:
        raise
    except Exception as error:  # each of ASE's backends has its own errors
        ase_sqlite.refuse_locked(error, name)
        raise HpctrainError(
            f"{name} cannot be read with data.select '{select}': {_error_text(error, target)}",
            f"look with: ase db {name} '{select}'",
        ) from error


def _read_through_ase(database: Any, select: str) -> Iterator[DatabaseRow]:
    """Read rows through ASE: every backend, and databases of other versions."""
    for row in database.select(select):
        yield (
            row.id,
            np.asarray(row.numbers, dtype=np.int64),
            np.asarray(row.positions, dtype=float),
            np.asarray(row.cell, dtype=float),
            _pbc(row.pbc),
            row.get("energy"),
            _array(row.get("forces")),
            _array(row.get("stress")),
            row.key_value_pairs,
        )


def _read_extxyz(path: Path, name: str, select: str, prefix: str) -> Iterator[Structure]:
    matches = _make_selector(select)
    try:
        for frame in read_frames(path, name):
            atoms = _parse_atoms(frame, name)
            if matches(atoms):
                yield _to_structure(atoms, frame.number, name, prefix)
    except (OSError, UnicodeError) as error:
        raise HpctrainError(f"{name} cannot be read: {_error_text(error)}") from error


def _parse_atoms(frame: Frame, name: str) -> Atoms:
    import ase.io

    try:
        return next(ase.io.iread(StringIO(frame.text), ":", format="extxyz"))
    except Exception as error:  # ASE's reader raises whatever a bad line leads to
        raise HpctrainError(
            f"{name}, structure {frame.number}, which begins in line {frame.line}, cannot be "
            f"read: {_error_text(error)}",
            f"look at its lines, {frame.line} to {frame.line + frame.text.count(chr(10)) - 1}",
        ) from error


def _to_structure(atoms: Atoms, number: int, name: str, prefix: str) -> Structure:
    return Structure(
        row_id=f"{prefix}{number}",
        source=name,
        numbers=np.asarray(atoms.numbers, dtype=np.int64),
        positions=np.asarray(atoms.positions, dtype=float),
        cell=np.asarray(atoms.cell, dtype=float),
        pbc=_pbc(atoms.pbc),
        energy=_number(_result(atoms, "energy")),
        forces=_array(_result(atoms, "forces")),
        stress=_voigt(_result(atoms, "stress")),
        config_type=_kind(atoms.info.get("config_type")),
        generation=_generation(atoms.info.get("generation"), name, "structure", number),
        keys=atoms.info,
    )


def _make_selector(select: str) -> Callable[[Atoms], bool]:
    """Make a test of an extxyz file's keys from an ASE selection, as of those of a row."""
    from ase.db.core import ops, parse_selection

    try:
        keys, comparisons = parse_selection(select)
    except Exception as error:  # ASE raises whatever a bad expression leads to
        raise HpctrainError(
            f"data.select '{select}' is no selection: {_error_text(error)}"
        ) from error

    def matches(atoms: Atoms) -> bool:
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

    return matches


def _result(atoms: Atoms, name: str) -> Any:
    """Return a structure's own label; ASE's reader keeps labels on a calculator, never computes."""
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
    """Return a stress as xx yy zz yz xz xy, whether it is stored so or as 3 x 3."""
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


def _generation(value: Any, name: str, what: str, number: int) -> int | None:
    if value is None:
        return None
    try:
        if not isinstance(value, (bool, np.bool_)) and int(value) == value:
            return int(value)
    except (TypeError, ValueError, OverflowError):
        pass
    raise HpctrainError(
        f"{name}, {what} {number}: generation is {value!r}, but must be a whole number"
    )


def _error_text(error: Exception, target: str = "") -> str:
    """Return what an error says, without the password of a database that it may quote."""
    said = f"{type(error).__name__}: {error}" if str(error) else type(error).__name__
    if without_password(target) == target:
        return said
    secrets = [target, *re.findall(r"://[^/:@]*:(.*)@", target, flags=re.DOTALL)]
    secrets += re.findall(r"[?&][^=&]*pass[^=&]*=([^&]*)", target, flags=re.IGNORECASE)
    for secret in filter(None, secrets):
        said = said.replace(secret, without_password(secret) if secret == target else "***")
    return said


def write_database(path: Path, rows: Iterable[tuple[Structure, Mapping[str, Any]]]) -> None:
    """Write structures without labels, with their keys, into a new ASE database, whole or not.

    FileExistsError if there is such a file: none is overwritten.
    """
    import ase.db

    temporary = path.with_name(f".{path.stem}.{os.getpid()}{path.suffix}")
    try:
        with ase.db.connect(temporary, use_lock_file=False) as database:
            for one, keys in rows:
                atoms = Atoms(one.numbers, one.positions, cell=one.cell, pbc=one.pbc)
                database.write(atoms, **{key: _key_value(keys[key]) for key in keys})
        os.link(temporary, path)
    finally:
        temporary.unlink(missing_ok=True)


def _key_value(value: Any) -> Any:
    """Return a value as ASE takes it, which refuses a text that looks like a number."""
    if not isinstance(value, str):
        return value
    if value.isascii() and value.isdecimal():
        return int(value)
    try:
        float(value)
    except ValueError:
        return value if value not in ("True", "False") else f"#{value}"
    return f"#{value}"
