"""Pieces of a source: some rows as they stand there, which can be taken apart anywhere."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from typing import TYPE_CHECKING, Any, Protocol, TypeVar

import numpy as np

from hpctrain.errors import HpctrainError

if TYPE_CHECKING:
    from hpctrain.data.sources.label_names import Labels, Raw
    from hpctrain.data.sources.selection import Selection
    from hpctrain.data.structures.extxyz import Structure

# Rows of a piece at most, and bytes or characters of them. More than what a core has near is slow.
MOST_ROWS, MOST_BYTES = 128, 2**19

Row = TypeVar("Row")


class Piece(Protocol):
    """Some rows of a source."""

    @property
    def portable(self) -> bool:
        """Say whether the piece can be pickled."""

    def structures(self, labels: Labels) -> Iterator[Structure]:
        """Take the rows apart, and yield the selected structures."""


def put_together(rows: Iterable[Row], size: Callable[[Row], int]) -> Iterator[list[Row]]:
    """Put rows together, not too many of them; ``size`` tells the bytes of one.

    After an error, those before it come first.
    """
    some: list[Row] = []
    total = 0
    try:
        for row in rows:
            some.append(row)
            total += size(row)
            if len(some) == MOST_ROWS or total > MOST_BYTES:
                yield some
                some, total = [], 0
    except Exception:
        if some:
            yield some
        raise
    if some:
        yield some


def select_structures(
    raws: Iterable[tuple[int, Raw]], name: str, selection: Selection, prefix: str, labels: Labels
) -> Iterator[Structure]:
    """Yield the selected ones of the structures of a file, which have numbers.

    ``name`` is what it is called in errors; the ids begin with ``prefix``.
    """
    everything = selection.everything
    for number, raw in raws:
        if not everything and raw.fault is None and not selection.matches(number, raw):
            continue
        generation = raw.keys.get("generation")
        if generation is not None:
            generation = whole_generation(generation, name, f"structure {number}")
        kind = raw.keys.get("config_type")
        structure = labels.structure(
            raw, f"{prefix}{number}", name, None if kind is None else str(kind), generation
        )
        if selection.in_ase or selection.takes(number, structure):
            yield structure


def whole_generation(value: Any, name: str, what: str) -> int:
    """Return a generation as a whole number; HpctrainError names the row where it is none."""
    try:
        if not isinstance(value, (bool, np.bool_)) and int(value) == value:
            return int(value)
    except (TypeError, ValueError, OverflowError):
        pass
    raise HpctrainError(f"{name}, {what}: generation is {value!r}, but must be a whole number")
