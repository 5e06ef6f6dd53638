"""A labelled structure, many of them put together, and as extended XYZ, with every digit."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import lru_cache
from itertools import accumulate, pairwise, product
from typing import TYPE_CHECKING, Any

import numpy as np
import orjson

from hpctrain.data.structures.elements import SYMBOLS
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
_PBC_TEXT = {
    pbc: b' pbc="' + b" ".join(b"T" if axis else b"F" for axis in pbc) + b'"' for pbc in _AXES
}
# What every structure begins with that was written here.
_BEGINNING = re.compile(
    rb'([0-9]+)\nLattice="([^"]*)" Properties=\S+ energy=(\S+)(?: stress="[^"]*")?'
    rb' pbc="([TF]) ([TF]) ([TF])"[^\n]*\n'
)
_BLANKS = bytes.maketrans(b",", b" ")
_NUMPY = orjson.OPT_SERIALIZE_NUMPY
# Symbols by atomic number [118 + 1, 4], filled up to the length of "null".
_WIDE, _FILLER = len("null"), ord("[")
_SYMBOLS = np.array(
    [list(symbol.encode().ljust(_WIDE, bytes([_FILLER]))) for symbol in SYMBOLS], dtype=np.uint8
)
_FILLED = (_SYMBOLS == _FILLER).sum(axis=1)
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
    """Structures with an energy and forces, put together: numpy and orjson work on all at once.

    ``numbers`` [atoms], ``positions`` and ``forces`` [atoms, 3], ``ends`` the number of atoms up to
    each structure; ``cells`` [n, 3, 3], ``energies`` [n]; ``stresses`` [m, 6] of those that have
    one. Units as in a Structure.
    """

    structures: Sequence[Structure]
    numbers: NDArray[np.int64]
    positions: Array
    forces: Array
    ends: list[int]
    cells: Array
    energies: Array
    stresses: Array

    @classmethod
    def of(cls, structures: Sequence[Structure]) -> Batch:
        """Put structures together, one at least; all of them have energy and forces."""
        stresses = [one.stress for one in structures if one.stress is not None]
        return cls(
            structures,
            np.concatenate([one.numbers for one in structures]),
            np.concatenate([one.positions for one in structures]),
            np.concatenate([one.forces for one in structures if one.forces is not None]),
            [0, *accumulate(len(one.numbers) for one in structures)],
            np.array([one.cell for one in structures]),
            np.array([one.energy for one in structures], dtype=float),
            np.array(stresses) if stresses else np.empty((0, 6)),
        )


def format_structures(batch: Batch) -> list[bytes]:
    """Format each structure as text in UTF-8; all numbers must be finite.

    They are written by orjson, in the fewest digits that read back the same.
    """
    cells = _format_table(batch.cells.reshape(-1, 9))
    # As in the digest, a plain zero: SQLite keeps no other.
    energies = orjson.dumps(batch.energies + 0.0, option=_NUMPY)[1:-1].split(b",")
    stresses = iter(_format_table(batch.stresses[:, _FULL]))
    texts = []
    for one, cell, energy, lines in zip(
        batch.structures, cells, energies, _format_atoms(batch), strict=True
    ):
        # A database's own ids are numbers; those of several sources, and all else, are text.
        plain = _NUMBER.fullmatch(one.row_id)
        head = b'%d\nLattice="%b" Properties=species:S:1:pos:R:3:forces:R:3 energy=%b%b%b%b%b%b' % (
            len(one.numbers),
            cell,
            energy,
            b"" if one.stress is None else b' stress="%b"' % next(stresses),
            _PBC_TEXT[one.pbc],
            _format_kind(one.config_type, one.generation),
            b" db_id=%b" % (one.row_id.encode() if plain else _format_text(one.row_id)),
            b" source=%b" % _format_text(one.source),
        )
        texts.append(b"".join((head, lines, b"\n")))
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


def _format_atoms(batch: Batch) -> Iterator[memoryview]:
    """Format the atoms of each structure as lines, with a line break before each."""
    table = np.empty((len(batch.numbers), 7))
    table[:, 0] = np.nan
    table[:, 1:4], table[:, 4:] = batch.positions, batch.forces
    # From [null,0.1,0.2,…,null,0.3,… to "\nAl 0.1 0.2 …\nO 0.3 …": where an atom begins is a null,
    # which stands for no other number. Brackets fill what is too much, and are taken out.
    text = bytearray(orjson.dumps(table.ravel(), option=_NUMPY))
    characters = np.frombuffer(text, np.uint8)
    starts = np.flatnonzero(characters == ord("n"))
    symbols = _SYMBOLS[batch.numbers]
    characters[starts - 1] = ord("\n")
    for place in range(_WIDE):
        characters[starts + place] = symbols[:, place]
    filled = np.append(0, np.cumsum(_FILLED[batch.numbers]))
    starts = np.append(starts - 1, len(text) - 1) - filled
    lines = memoryview(text.translate(_BLANKS, b"[]"))
    for begin, end in pairwise(starts[batch.ends].tolist()):
        yield lines[begin:end]


def _format_table(values: Array) -> list[bytes]:
    """Format each row as numbers with blanks between them."""
    if not values.size:
        return []
    text = orjson.dumps(np.ascontiguousarray(values), option=_NUMPY)
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
