"""A labelled structure as extended XYZ, with every digit, and as a digest."""

from __future__ import annotations

import hashlib
import json
import re
import struct
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import lru_cache
from itertools import accumulate, pairwise, product
from typing import TYPE_CHECKING, Any

import numpy as np
import orjson

from hpctrain.data.structures.other_labels import OtherLabels

if TYPE_CHECKING:
    from numpy.typing import NDArray

    Array = NDArray[np.float64]

# Strings that every extxyz reader takes for a string; others are written as JSON, which ASE's
# reader marks by a leading `_JSON ` (ase/io/extxyz.py): "007" stays a string, a newline stays one.
_PLAIN = re.compile(r"[A-Za-z_/][A-Za-z0-9_./+-]*")
_NUMBER = re.compile("[1-9][0-9]*")
# xx yy zz yz xz xy as nine numbers.
_FULL = np.array([0, 5, 4, 5, 1, 3, 4, 3, 2])
_AXES = list(product((False, True), repeat=3))
_PBC_BYTES = {pbc: bytes(pbc) for pbc in _AXES}
_PBC_TEXT = {
    pbc: b' pbc="' + b" ".join(b"T" if axis else b"F" for axis in pbc) + b'"' for pbc in _AXES
}
# What every structure begins with that was written here.
_BEGINNING = re.compile(
    rb'([0-9]+)\nLattice="([^"]*)" Properties=\S+ energy=(\S+)(?: stress="[^"]*")?'
    rb' pbc="([TF]) ([TF]) ([TF])"[^\n]*\n'
)
_BLANKS = bytes.maketrans(b",", b" ")
_TRUTH = frozenset({"t", "f", "true", "false", "nan", "inf", "infinity"})


@dataclass(slots=True)
class Structure:
    """A structure and its labels, as a source holds them.

    ``numbers`` [n]; ``positions`` [n, 3] in Å; ``cell`` [3, 3] in Å, rows are vectors; ``pbc`` [3];
    ``energy`` in eV, total; ``forces`` [n, 3] in eV/Å; ``stress`` [6] in eV/Å^3, Voigt order
    xx yy zz yz xz xy, ASE's sign. A label that the source does not hold is None. ``keys`` are the
    row's own key-value pairs.

    ``notes``: what was taken otherwise than it stands in the source, as sentences with {rows} and
    {size}, and the size; ``fault``: why it cannot be used, where its reader knows; ``others``: keys
    that may be labels, where one is missing, or where there is a second set of them; ``side``: what
    the source says of its side of the split, where data.split is given; ``calculation``: what it
    has beside the keys: magnetic moments, charge, a calculator's parameters.
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
    keys: Mapping[str, Any] = field(default_factory=dict)
    notes: tuple[tuple[str, float], ...] = ()
    fault: str | None = None
    others: OtherLabels | None = None
    side: str | None = None
    calculation: Mapping[str, Any] | None = None


@dataclass(slots=True)
class Batch:
    """Structures put together with their labels: numpy and orjson work on all at once.

    ``positions`` and ``forces`` [atoms, 3], ``ends`` the number of atoms up to each structure.
    """

    structures: Sequence[Structure]
    positions: Array
    forces: Array
    ends: list[int]

    @classmethod
    def of(cls, structures: Sequence[Structure]) -> Batch:
        """Put structures together; all of them have forces."""
        forces = [one.forces for one in structures if one.forces is not None]
        assert len(forces) == len(structures)
        return cls(
            structures,
            np.concatenate([one.positions for one in structures]),
            np.concatenate(forces),
            [0, *accumulate(len(one.numbers) for one in structures)],
        )


def digest_structures(batch: Batch) -> list[tuple[bytes, bytes]]:
    """Compute SHA-256 of each structure with its labels, and without, whatever its row number.

    Little-endian numbers, so that every machine agrees; adding 0.0 makes -0.0 a plain zero.
    """
    positions, forces = _as_little_endian(batch.positions), _as_little_endian(batch.forces)
    cells = _as_little_endian(np.array([one.cell for one in batch.structures]))
    found = []
    for place, (one, (begin, end)) in enumerate(
        zip(batch.structures, pairwise(batch.ends), strict=True)
    ):
        atoms = slice(24 * begin, 24 * end)
        numbers = one.numbers.astype("<i8", copy=False).tobytes()
        cell = cells[72 * place : 72 * place + 72]
        geometry = (numbers, _PBC_BYTES[one.pbc], positions[atoms], cell)
        sha = hashlib.sha256(b"%b%b|%b|%b" % geometry)
        known = sha.digest()
        energy = struct.pack("<d", (one.energy or 0.0) + 0.0)
        sha.update(b"|%b|%b" % (energy, forces[atoms]))
        if one.stress is not None:
            sha.update(b"|%b" % _as_little_endian(one.stress))
        found.append((sha.digest(), known))
    return found


def _as_little_endian(values: Array) -> bytes:
    return (values + 0.0).astype("<f8", copy=False).tobytes()


def format_structures(batch: Batch, symbols: Sequence[bytes]) -> list[bytes]:
    """Format each structure as text in UTF-8; ``symbols`` by atomic number.

    Numbers are written by orjson, in the fewest digits that read back the same; one that is not
    finite becomes ``null``.
    """
    structures = batch.structures
    cells = _format_table(np.array([one.cell.ravel() for one in structures]))
    # As in the digest, a plain zero: SQLite keeps no other.
    energies = orjson.dumps([(one.energy or 0.0) + 0.0 for one in structures])[1:-1].split(b",")
    stressed = [one.stress[_FULL] for one in structures if one.stress is not None]
    stresses = iter(_format_table(np.array(stressed)) if stressed else ())
    atoms = _format_atoms(batch, symbols)
    texts = []
    for one, cell, energy, (begin, end) in zip(
        structures, cells, energies, pairwise(batch.ends), strict=True
    ):
        # A database's own ids are numbers; those of several sources, and all else, are text.
        plain = _NUMBER.fullmatch(one.row_id)
        head = b'%d\nLattice="%b" Properties=species:S:1:pos:R:3:forces:R:3 energy=%b%b%b%b%b%b' % (
            end - begin,
            cell,
            energy,
            b"" if one.stress is None else b' stress="%b"' % next(stresses),
            _PBC_TEXT[one.pbc],
            _format_kind(one.config_type, one.generation),
            b" db_id=%b" % (one.row_id.encode() if plain else _format_text(one.row_id)),
            b" source=%b" % _format_text(one.source),
        )
        texts.append(b"".join([head, *atoms[2 * begin : 2 * end], b"\n"]))
    return texts


def parse_structure(text: bytes, row_id: str, symbols: Mapping[bytes, int]) -> Structure:
    """Read geometry, energy and forces of a text that ``format_structures`` has written."""
    head = _BEGINNING.match(text)
    assert head is not None, text[:200]
    _, lattice, energy, *pbc = head.groups()
    words = text[head.end() :].split()
    species = words[::7]
    del words[::7]
    table = np.array(words, dtype=float).reshape(-1, 6)
    a, b, c = (axis == b"T" for axis in pbc)
    return Structure(
        row_id,
        "",
        np.array([symbols[symbol] for symbol in species], dtype=np.int64),
        table[:, :3],
        np.array(lattice.split(), dtype=float).reshape(3, 3),
        (a, b, c),
        float(energy),
        table[:, 3:],
        None,
        None,
        None,
    )


def _format_atoms(batch: Batch, symbols: Sequence[bytes]) -> list[bytes]:
    """Format each atom as two pieces: a new line with its symbol, and its numbers after a blank."""
    table = np.hstack([batch.positions, batch.forces])
    # From ,[[0.1,0.2],[0.3,0.4]] to " 0.1 0.2] 0.3 0.4]]".
    text = b"," + orjson.dumps(table, option=orjson.OPT_SERIALIZE_NUMPY)
    rows = text.translate(_BLANKS, b"[").split(b"]")[: len(table)]
    pieces = [b""] * (2 * len(table))
    numbers = np.concatenate([one.numbers for one in batch.structures]).tolist()
    pieces[::2] = map([b"\n" + symbol for symbol in symbols].__getitem__, numbers)
    pieces[1::2] = rows
    return pieces


def _format_table(values: Array) -> list[bytes]:
    """Format each row as numbers with blanks between them."""
    if not values.size:
        return []
    text = orjson.dumps(np.ascontiguousarray(values), option=orjson.OPT_SERIALIZE_NUMPY)
    return text[2:-2].replace(b",", b" ").split(b"] [")


@lru_cache(maxsize=1024)
def _format_kind(config_type: str | None, generation: int | None) -> bytes:
    text = b"" if config_type is None else b" config_type=" + _format_text(config_type)
    return text if generation is None else text + b" generation=%d" % generation


@lru_cache(maxsize=1024)
def _format_text(value: str) -> bytes:
    if _PLAIN.fullmatch(value) and value.lower() not in _TRUTH:
        return value.encode()
    written = json.dumps(value).replace("\\", "\\\\").replace('"', '\\"')
    return f'"_JSON {written}"'.encode()
