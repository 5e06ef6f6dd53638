"""The split: which rows are trained on and which are tested on, drawn, given, or as a card says."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from hpctrain.data.lots import SplitTable, draw
from hpctrain.errors import HpctrainError

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from hpctrain.data.lots import Tested
    from hpctrain.data.structures.rows import Rows
    from hpctrain.settings import DataConfig

UNNAMED = "unnamed"
_MOST_NAMED = 20  # keys
# Values of data.side_key, in lower case.
SIDE_NAMES = {
    "train": "train", "training": "train", "test": "test", "testing": "test", "val": "val",
    "valid": "val", "validation": "val", "dev": "val",
}  # fmt: skip
MARK = 8  # hexadecimal digits by which a row is known again


@dataclass(frozen=True)
class Sides:
    """Rows by their ``places``, ascending, and for each whether it is ``tested`` on."""

    places: NDArray[Any]
    tested: Tested

    @property
    def train(self) -> NDArray[Any]:
        """Return the places of the rows to train on."""
        return self.places[~self.tested]

    @property
    def test(self) -> NDArray[Any]:
        """Return the places of the rows to test on."""
        return self.places[self.tested]


def draw_rows(data: DataConfig, rows: Rows, places: NDArray[Any]) -> Sides:
    """Split the rows at ``places`` as the settings say.

    Isolated atoms are references: always trained on, and no part of groups and strata.
    """
    drawn = ~np.isin(places, list(rows.isolated))
    tested = np.zeros(len(places), dtype=np.bool_)
    if data.split == "given":
        tested[drawn] = _read_given(data, rows, places[drawn])
    else:
        tested[drawn] = _draw_bound(data, rows, places[drawn])
    return Sides(places, tested)


def _read_given(data: DataConfig, rows: Rows, places: NDArray[Any]) -> Tested:
    """Return the sides that the rows have, of data.test_source or by data.side_key.

    HpctrainError where a row has none, or a side would be empty.
    """
    column = rows.column("sides")[places]
    if data.side_key is None:
        means = {name: name for name in rows.sides.names}
    else:
        means = _read_side_names(data.side_key, rows, places)
    of_name = np.array([means.get(name) != "train" for name in rows.sides.names], dtype=np.bool_)
    tested: Tested = of_name[column]
    if not tested.all() and tested.any():
        return tested
    empty, source = ("training", "source") if tested.any() else ("test", "test_source")
    if data.side_key is None:
        why = f"none of data.{source} matches data.select '{data.select}'"
    else:
        why = f"{data.side_key} is {' and '.join(means) or 'missing'} in all of them"
    raise HpctrainError(
        f"data.split given leaves no {empty} structure of {len(places)}: {why}",
        "look at data.select; isolated atoms count as training structures",
    )


def _read_side_names(key: str, rows: Rows, places: NDArray[Any]) -> dict[str, str]:
    """Return what each value of data.side_key means: train, test or val.

    HpctrainError where one means no side, a row has none, or there are both test and val.
    """
    column = rows.column("sides")[places]
    counts = Counter(rows.sides.names[side] for side in column[column >= 0].tolist())
    told = ", ".join(f"{name} ({count})" for name, count in counts.most_common(10))
    without = places[column < 0]
    if len(without):
        ids = ", ".join(rows.ids[place] for place in without[:10].tolist())
        more = ", …" if len(without) > 10 else ""
        raise HpctrainError(
            f"data.split given: {len(without)} of {len(places)} structures have no value of the "
            f"key data.side_key, {key} (row {ids}{more})",
            "give them the key, or leave them out with data.select",
        )
    means = {name: SIDE_NAMES.get(name.strip().lower(), "") for name in counts}
    if unknown := [name for name, side in means.items() if not side]:
        raise HpctrainError(
            f"data.split given: {key} is {unknown[0]} in {counts[unknown[0]]} structures, which "
            f"names no side; there are {told}",
            "a side is called train or test (or val, where there is no test): rename it, leave "
            f"these rows out (data.select: '{key}!={unknown[0]}'), or name another key",
        )
    if {"test", "val"} <= set(means.values()):
        val = next(name for name, side in means.items() if side == "val")
        raise HpctrainError(
            f"data.split given: {key} has {told}, but there is one set beside the training set: "
            "its errors are reported, and it stops the training early",
            f"leave one out, for example with data.select: '{key}!={val}'",
        )
    return means


def _draw_bound(data: DataConfig, rows: Rows, places: NDArray[Any]) -> Tested:
    """Draw from the rows at ``places``, none of them an isolated atom."""
    if data.group_by is not None:
        _refuse_without_group(data.split, data.group_by, rows, places)
    digests = rows.digests if len(places) == len(rows) else rows.digests[places]
    strata: NDArray[Any] | None = None
    strata_names: list[str] = []
    if data.stratify == "config_type":
        strata = rows.column("kinds")[places]
        strata_names = [kind or UNNAMED for kind in rows.kinds.names]
    elif data.stratify == "composition":
        strata = rows.column("compositions")[places]
        strata_names = [rows.formula(number) for number in range(len(rows.compositions.names))]
    table = SplitTable(
        digests,
        rows.geometries[places] if data.split == "stable" else digests,
        rows.column("groups")[places] if data.group_by else None,
        rows.groups.names,
        strata,
        strata_names,
    )
    return draw(table, data.split, data.test_fraction, data.seed)


def _refuse_without_group(split: str, key: str, rows: Rows, places: NDArray[Any]) -> None:
    """Raise HpctrainError where a row belongs to no group; it names the keys that rows have."""
    without = int((rows.column("groups")[places] < 0).sum())
    if not without:
        return
    others = sorted(rows.keys)
    shown = f" (these rows have {', '.join(others[:_MOST_NAMED])}" if others else " (they have none"
    more = ", …" * (len(others) > _MOST_NAMED)
    raise HpctrainError(
        f"data.split {split}: {without} of {len(places)} structures have no value of the key "
        f"data.group_by, {key}",
        f"write another key: data.group_by: KEY{shown}{more}), or give the rows the key {key}, or "
        "leave them out with data.select",
    )


def read_marks(card_rows: Mapping[str, Any], side: str) -> list[str] | None:
    """Return the mark of each row of a side, in their order; None where there are none.

    ``card_rows`` is what ``rows.json`` holds, and a card under ``dataset.rows``: the ids of each
    side, and in one text the marks of what the rows were, which cards of older versions lack.
    """
    text = (card_rows.get("marks") or {}).get(side) or ""
    if len(text) != MARK * len(card_rows[side]):
        return None
    return [text[n : n + MARK] for n in range(0, len(text), MARK)]


def from_card(card_rows: Mapping[str, Any], rows: Rows) -> Sides:
    """Find the rows of a card again, each on its side; all others are left out.

    HpctrainError if one is gone, or is not what it was.
    """
    known: dict[str, tuple[str, str]] = {}
    for side in ("train", "test"):
        ids = card_rows[side]
        marks = read_marks(card_rows, side) or [""] * len(ids)
        known |= {row_id: (side, mark) for row_id, mark in zip(ids, marks, strict=True)}
    digests = rows.digests
    places: list[int] = []
    tested: list[bool] = []
    changed: list[str] = []
    for place in range(len(rows)):
        row_id = rows.ids[place]
        if row_id not in known:
            continue
        side, mark = known.pop(row_id)
        places.append(place)
        tested.append(side == "test")
        if place in rows.bad or not digests[place].tobytes().hex().startswith(mark):
            changed.append(row_id)
    lines = [
        f"  {what}: {len(ids)} (row {', '.join(ids[:10])}{', …' * (len(ids) > 10)})"
        for what, ids in (("changed", changed), ("gone, or not selected", list(known)))
        if ids
    ]
    if lines:
        raise HpctrainError(
            "\n".join(["these rows are not what they were:", *lines]),
            "what was trained on is in the run's own folder, as train.extxyz and test.extxyz",
        )
    return Sides(np.array(places), np.array(tested, dtype=np.bool_))
