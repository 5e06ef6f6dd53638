"""One labelled structure as extended XYZ, with every digit, and as a digest of what it is."""

from __future__ import annotations

import hashlib
import json
import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray

    Array = NDArray[np.float64]

# Strings that every extxyz reader takes for a string; others are written as JSON, which ASE's
# reader marks by a leading `_JSON ` (ase/io/extxyz.py): "007" stays a string, a newline stays one.
_PLAIN = re.compile(r"[A-Za-z_/][A-Za-z0-9_./+-]*")
_TRUTH = frozenset({"t", "f", "true", "false", "nan", "inf", "infinity"})


@dataclass(frozen=True)
class Structure:
    """A structure and its labels, as a source holds them.

    ``numbers`` [n]; ``positions`` [n, 3] in Å; ``cell`` [3, 3] in Å, rows are vectors; ``pbc`` [3];
    ``energy`` in eV, total; ``forces`` [n, 3] in eV/Å; ``stress`` [6] in eV/Å^3, Voigt order
    xx yy zz yz xz xy, ASE's sign. A label that the source does not hold is None.
    """

    row_id: str
    source: str
    numbers: NDArray[np.int64]
    positions: Array
    cell: Array
    pbc: tuple[bool, bool, bool]
    energy: float | None
    forces: Array | None
    stress: Array | None
    config_type: str | None
    generation: int | None


def digest(structure: Structure) -> str:
    """What the structure and its labels are, whatever its row number: SHA-256, hexadecimal.

    Little-endian numbers, so that every machine agrees; adding 0.0 makes -0.0 a plain zero.
    """
    energy = np.array([np.nan if structure.energy is None else structure.energy])
    parts: list[Any] = [structure.positions, structure.cell, energy]
    parts += [part for part in (structure.forces, structure.stress) if part is not None]
    sha = hashlib.sha256()
    sha.update(np.ascontiguousarray(structure.numbers, dtype="<i8").tobytes())
    sha.update(bytes(structure.pbc))
    for part in parts:
        sha.update(b"|")
        sha.update(np.ascontiguousarray(np.asarray(part) + 0.0, dtype="<f8").tobytes())
    return sha.hexdigest()


def formatted(structure: Structure, symbols: list[str]) -> str:
    """The structure as text; ``symbols`` names its atoms. Energy and forces must be there."""
    assert structure.energy is not None
    assert structure.forces is not None
    head = [
        f'Lattice="{_numbers(structure.cell)}"',
        "Properties=species:S:1:pos:R:3:forces:R:3",
        f"energy={structure.energy!r}",
    ]
    if structure.stress is not None:
        xx, yy, zz, yz, xz, xy = structure.stress.tolist()
        head.append(f'stress="{_numbers(np.array([xx, xy, xz, xy, yy, yz, xz, yz, zz]))}"')
    head.append('pbc="' + " ".join("T" if periodic else "F" for periodic in structure.pbc) + '"')
    if structure.config_type is not None:
        head.append(f"config_type={_text(structure.config_type)}")
    if structure.generation is not None:
        head.append(f"generation={structure.generation}")
    # A database's own ids are numbers; those of several sources, and all else, are text.
    numbered = re.fullmatch("[1-9][0-9]*", structure.row_id)
    head.append(f"db_id={structure.row_id if numbered else _text(structure.row_id)}")
    head.append(f"source={_text(structure.source)}")
    lines = [str(len(symbols)), " ".join(head)]
    rows = np.hstack([structure.positions, structure.forces]).tolist()
    lines += [
        f"{symbol} {x!r} {y!r} {z!r} {fx!r} {fy!r} {fz!r}"
        for symbol, (x, y, z, fx, fy, fz) in zip(symbols, rows, strict=True)
    ]
    return "\n".join(lines) + "\n"


def _numbers(values: Array) -> str:
    return " ".join(map(repr, values.ravel().tolist()))


def _text(value: str) -> str:
    if _PLAIN.fullmatch(value) and value.lower() not in _TRUTH:
        return value
    written = json.dumps(value).replace("\\", "\\\\").replace('"', '\\"')
    return f'"_JSON {written}"'
