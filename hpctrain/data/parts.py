"""Some structures at once: checked, and formatted as text."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Sequence
from functools import lru_cache
from itertools import islice
from typing import NamedTuple, TypeVar

import numpy as np

from hpctrain.data.structures.digests import digest_structures
from hpctrain.data.structures.extxyz import Batch, Structure, format_structures
from hpctrain.data.structures.labels import (
    are_faultless,
    are_whole,
    drop_stresses,
    find_fault,
    find_lost_stress,
    find_not_finite,
    is_isolated,
    mend,
)
from hpctrain.data.structures.rows import GEOMETRY, SomeRows

_MOST_KEYS = 1000
_NO_DIGESTS = (bytes(32), bytes(GEOMETRY))
Value = TypeVar("Value")


class Rules(NamedTuple):
    """How structures are checked: ``cutoff`` in Å; the others as in export and data."""

    cutoff: float
    mixed_pbc: bool
    group_by: str | None
    side_key: str | None = None
    stress: bool = False
    who: str = "the trainer"


class Part(NamedTuple):
    """What is kept of some structures, and the texts of the good ones, one behind the other."""

    rows: SomeRows
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
    batch, bad = _check(structures, rules)
    texts = format_structures(batch) if batch else []
    digests = digest_structures(batch) if batch else []
    if bad:
        texts, digests = _spread(texts, b"", bad), _spread(digests, _NO_DIGESTS, bad)
    rows = SomeRows(
        [one.row_id for one in structures],
        [one.config_type for one in structures],
        [one.generation for one in structures],
        b"".join([with_labels for with_labels, _ in digests]),
        b"".join([geometry[:GEOMETRY] for _, geometry in digests]),
        list(map(len, texts)),
        [0 if place in bad else len(one.numbers) for place, one in enumerate(structures)],
        [b"" if place in bad else _composition(one.numbers.tobytes())
         for place, one in enumerate(structures)],
        [_group(one, rules.group_by) for one in structures] if rules.group_by else [],
        [one.side for one in structures],
        _other_keys(structures, rules.group_by) if rules.group_by else set(),
        {place: one.energy for place, one in enumerate(structures)
         if one.energy is not None and place not in bad and is_isolated(one, rules.cutoff)},
        bad,
        {place: (one.notes, one.others) for place, one in enumerate(structures)
         if one.notes or one.others is not None},
    )  # fmt: skip
    return Part(rows, b"".join(texts))


def _check(structures: Sequence[Structure], rules: Rules) -> tuple[Batch | None, dict[int, str]]:
    """Mend structures; return the good ones, and by their places what is wrong with the others."""
    lost = rules.stress and any(find_lost_stress(one) for one in structures)
    if are_whole(structures) and not lost:
        batch = Batch.of(structures)
        if are_faultless(batch, rules.mixed_pbc):
            return batch, {}
    for structure in structures:
        mend(structure, rules.cutoff)
    drop_stresses(structures)
    good, bad = [], {}
    for place, structure in enumerate(structures):
        fault = find_fault(structure, rules.mixed_pbc, rules.who) or find_not_finite(structure)
        if fault is None and rules.stress:
            fault = find_lost_stress(structure)
        if fault is None:
            good.append(structure)
        else:
            bad[place] = fault
    return Batch.of(good) if good else None, bad


def _spread(values: Sequence[Value], nothing: Value, bad: Collection[int]) -> list[Value]:
    """Give the good ones of some structures their values, and the bad ones nothing."""
    of_good = iter(values)
    return [nothing if place in bad else next(of_good) for place in range(len(values) + len(bad))]


def _group(structure: Structure, key: str) -> str | None:
    value = structure.keys.get(key)
    return None if value is None else str(value)


def _other_keys(structures: Sequence[Structure], key: str) -> set[str]:
    """Return some keys of the structures that lack one."""
    lacking = (one for one in structures if one.keys.get(key) is None)
    return set(islice((name for one in lacking for name in one.keys), _MOST_KEYS))


@lru_cache(maxsize=1000)
def _composition(order: bytes) -> bytes:
    """Count the atoms by atomic number; most structures have them in the order of many others."""
    return np.bincount(np.frombuffer(order, np.int64)).tobytes()
