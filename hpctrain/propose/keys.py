"""The keys of rows: their values, and whether rows with the same value follow one trajectory."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import numpy as np

from hpctrain.data.split import SIDE_NAMES

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from hpctrain.data.structures.extxyz import Structure

MOST_VALUES = 1000
_MOST_KEYS = 30
# Keys that tell where a row comes from.
_ORIGIN = re.compile(
    r"traj|(?<![a-z])(?:md|mol|run|path|group|system|series|parent|material|seed)|config_type",
    re.IGNORECASE,
)
# Frames of a trajectory are nearer to the one before than to the first, by this.
_FOLLOWS = 0.7
_ENOUGH = 3  # frames of one trajectory
_SAME_CELL = 0.01  # by how much vectors differ, of a trajectory; strained cells differ by more
_FAR = 2.0  # Å: other structures are farther apart on average, or of another kind


@dataclass
class Values:
    """The values of one key, and how far rows of the same value are from one another.

    ``rows`` that have the key; ``steps`` counts the rows that are like the one before and have its
    value, ``near`` sums how far they are from that, ``far`` from the first of these rows.
    """

    counts: Counter[str] = field(default_factory=Counter)
    rows: int = 0
    steps: int = 0
    near: float = 0.0
    far: float = 0.0

    @property
    def is_full(self) -> bool:
        """Say whether there are more values than are kept."""
        return len(self.counts) >= MOST_VALUES

    @property
    def follow(self) -> bool:
        """Say whether rows of one value follow each other as the frames of a trajectory do."""
        return self.steps >= _ENOUGH and self.near < _FOLLOWS * self.far


@dataclass
class Keys:
    """The keys of the rows: status, with whether rows are usable, origin, and side of a split."""

    status: Counter[tuple[str, bool]] = field(default_factory=Counter)
    origin: dict[str, Values] = field(default_factory=dict)
    all_rows: Values = field(default_factory=Values)
    sides: Counter[tuple[str, str]] = field(default_factory=Counter)
    _first: dict[str, tuple[Structure, str]] = field(default_factory=dict)
    _last: Structure | None = None

    def count_sides(self, keys: Mapping[str, Any]) -> None:
        """Count the sides that the keys of a usable row tell."""
        for name, value in keys.items():
            side = SIDE_NAMES.get(value.lower()) if isinstance(value, str) else None
            if side is not None and len(self.sides) < MOST_VALUES:
                self.sides[name, side] += 1

    def count_status(self, keys: Mapping[str, Any], usable: bool) -> None:
        """Count a row's status, and whether it is usable."""
        status = keys.get("status")
        if status is not None and len(self.status) < MOST_VALUES:
            self.status[str(status), usable] += 1

    def add(self, structure: Structure) -> None:
        """Look at the keys of the next usable row."""
        own = {
            name: str(value)
            for name, value in structure.keys.items()
            if isinstance(value, (str, int)) and _ORIGIN.search(name)
        }
        self.all_rows.rows += 1
        for name, value in own.items():
            if name in self.origin or len(self.origin) < _MOST_KEYS:
                values = self.origin.setdefault(name, Values())
                values.rows += 1
                if value in values.counts or not values.is_full:
                    values.counts[value] += 1
        self._follow(structure, own)

    def _follow(self, structure: Structure, own: dict[str, str]) -> None:
        """Measure how far a row is from the one before, and from the first that is like it."""
        last, self._last = self._last, structure
        step = None if last is None else _distance(structure, last)
        known: dict[int, float | None] = {}
        for name, values in (("", self.all_rows), *self.origin.items()):
            value = own.get(name, "")
            first = self._first.get(name)
            if first is None or step is None or step > _FAR or first[1] != value:
                self._first[name] = structure, value
                continue
            if first[0] is last:
                continue
            place = id(first[0])
            if place not in known:
                known[place] = _distance(structure, first[0])
            away = known[place]
            if away is not None:
                values.steps += 1
                values.near += step
                values.far += away


def _distance(one: Structure, other: Structure) -> float | None:
    """Return how far atoms are apart (Å, RMS); None where structures are of different kinds."""
    if len(one.numbers) < 2 or not np.array_equal(one.numbers, other.numbers):
        return None
    if one.pbc != other.pbc:
        return None
    delta = one.positions - other.positions
    if any(one.pbc):
        scale = np.abs(one.cell).max()
        if np.abs(one.cell - other.cell).max() > _SAME_CELL * scale:
            return None
        delta = _wrap(delta, one)
    delta = delta - delta.mean(axis=0)
    return float(np.sqrt((delta**2).sum(axis=1).mean()))


def _wrap(delta: NDArray[np.float64], structure: Structure) -> NDArray[np.float64]:
    from hpctrain.data.structures.neighbours import whole_cells

    repeat = np.array(structure.pbc)
    cell = whole_cells(structure.cell[None], repeat[None])[0]
    scaled = delta @ np.linalg.inv(cell)
    scaled -= np.rint(scaled) * repeat
    wrapped: NDArray[np.float64] = scaled @ cell
    return wrapped
