"""Small extxyz files in the ways that people have them, and what an export makes of them."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import ase.io
import pytest
from ase import Atoms

from hpctrain.data.export import Dataset, export
from hpctrain.errors import HpctrainError
from hpctrain.settings import DataConfig

CELL = 'Lattice="4.0 0.0 0.0 0.0 4.1 0.0 0.0 0.0 4.2"'
PROPERTIES = "species:S:1:pos:R:3:forces:R:3"

# Two sets of labels, for frame().
TWICE: dict[str, Any] = {
    "properties": f"{PROPERTIES}:REF_forces:R:3",
    "head": "energy=-7.5 REF_energy=-7.25",
    "more": " 0.5 0.5 0.5",
}


def frame(
    number: int = 0,
    *,
    head: str | None = None,
    cell: str = CELL,
    properties: str = PROPERTIES,
    species: tuple[str, str] = ("Cu", "Cu"),
    more: str = "",
    first: str = "0.25 -0.5 0.125",
) -> str:
    """Two copper atoms whose labels no other number has; ``more`` stands behind each line."""
    head = f"energy={-7.5 - number / 64}" if head is None else head
    return (
        f"2\n{cell} Properties={properties} {head}\n"
        f"{species[0]} 0.0 0.{number}5 0.0 {first}{more}\n"
        f"{species[1]} 2.0 2.0 2.0 -0.25 0.5 -0.125{more}\n"
    )


def frames(count: int = 4, **changes: Any) -> str:
    """Some frames, one after the other."""
    return "".join(frame(number, **changes) for number in range(count))


def put(folder: Path, text: str | bytes, name: str = "data.xyz") -> Path:
    """Write a source into a folder that tests give."""
    path = folder / name
    if isinstance(text, str):
        path.write_text(text, encoding="utf-8")
    else:
        path.write_bytes(text)
    return path


def exported(path: Path, *, source: Any = None, skip_bad: bool = False, **options: Any) -> Dataset:
    """Export all structures of a source into the folder out beside it."""
    data = DataConfig.model_validate(
        {"source": source or path.name, "select": "", "test_fraction": 0.5, **options}
    )
    return export(data, path.parent, path.parent / "out", cutoff=3.0, skip_bad=skip_bad)


def refused(path: Path, **options: Any) -> HpctrainError:
    """Return the error of an export, which leaves nothing."""
    with pytest.raises(HpctrainError) as caught:
        exported(path, **options)
    assert not (path.parent / "out").exists()
    return caught.value


def read(result: Dataset) -> dict[str, Atoms]:
    """Read what was exported, by id, with ASE."""
    found = {}
    for file in (result.train, result.test):
        for atoms in ase.io.iread(str(file.path), ":", format="extxyz"):
            found[str(atoms.info["db_id"])] = atoms
    return found
