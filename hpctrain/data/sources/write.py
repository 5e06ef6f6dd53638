"""A new ASE database, written whole or not at all."""

from __future__ import annotations

import os
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from hpctrain.data.structures.extxyz import Structure


def write_database(path: Path, rows: Iterable[tuple[Structure, Mapping[str, Any]]]) -> None:
    """Write structures without labels, with their keys, into a new ASE database, whole or not.

    FileExistsError if there is such a file: none is overwritten.
    """
    import ase.db
    from ase import Atoms

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
