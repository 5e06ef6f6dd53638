"""Some structures at once: checked, and formatted as text."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from functools import lru_cache
from typing import Any, NamedTuple

import numpy as np

from hpctrain.data.structures.elements import SYMBOLS
from hpctrain.data.structures.extxyz import Batch, Structure, digest_structures, format_structures
from hpctrain.data.structures.labels import (
    drop_stresses,
    find_fault,
    find_not_finite,
    is_isolated,
    mend,
)
from hpctrain.data.structures.rows import GEOMETRY, Row

_SYMBOLS = [symbol.encode() for symbol in SYMBOLS]


class Rules(NamedTuple):
    """How structures are checked: ``cutoff`` in Å; the others as in export and data."""

    cutoff: float
    mixed_pbc: bool
    group_by: str | None
    side_key: str | None = None


class Part(NamedTuple):
    """What is kept of some structures, and the texts of the good ones, one behind the other."""

    rows: list[Row]
    text: bytes


def set_sides(
    structures: Iterable[Structure], side: str | None, rules: Rules
) -> Iterator[Structure]:
    """Say of each structure which side is given: by its key, or that of its source, if any."""
    for structure in structures:
        if rules.side_key is None:
            structure.side = side
        elif (value := structure.keys.get(rules.side_key)) is not None:
            structure.side = str(value)
        yield structure


def make_part(structures: Sequence[Structure], rules: Rules) -> Part:
    """Mend, check, digest and format structures."""
    for structure in structures:
        mend(structure, rules.cutoff)
    drop_stresses(structures)
    faults = [find_fault(structure, rules.mixed_pbc) for structure in structures]
    whole = [one for one, bad in zip(structures, faults, strict=True) if bad is None]
    batch = Batch.of(whole) if whole else None
    texts = iter(format_structures(batch, _SYMBOLS) if batch else ())
    digests = iter(digest_structures(batch) if batch else ())
    finite = batch is None or _is_finite(batch)
    rows, written = [], []
    for structure, fault in zip(structures, faults, strict=True):
        bad = fault
        if bad is None:
            text, digest = next(texts), next(digests)
            bad = None if finite else find_not_finite(structure)
        head = (structure.row_id, structure.config_type, structure.generation, structure.notes,
                structure.others, bad)  # fmt: skip
        if bad is not None:
            rows.append(Row(*head, side=structure.side))
            continue
        written.append(text)
        with_labels, geometry = digest
        group = structure.keys.get(rules.group_by) if rules.group_by else None
        rows.append(Row(
            *head, with_labels, geometry[:GEOMETRY], len(text), len(structure.numbers),
            _composition(structure.numbers.tobytes()), None if group is None else str(group),
            structure.energy if is_isolated(structure, rules.cutoff) else None, structure.side,
        ))  # fmt: skip
    return Part(rows, b"".join(written))


def _is_finite(batch: Batch) -> bool:
    """Say whether all numbers that ``find_not_finite`` looks at are finite."""
    energies = [one.energy for one in batch.structures]
    cells = [one.cell for one in batch.structures]
    numbers: tuple[Any, ...] = (batch.positions, batch.forces, energies, cells)
    return all(bool(np.isfinite(some).all()) for some in numbers)


@lru_cache(maxsize=1000)
def _composition(order: bytes) -> bytes:
    """Count the atoms by atomic number; most structures have them in the order of many others."""
    return np.bincount(np.frombuffer(order, np.int64)).tobytes()
