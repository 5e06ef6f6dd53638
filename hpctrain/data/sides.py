"""Which rows are tested on: drawn by the settings' rule, or as a potential's card tells."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from hpctrain.data.split import SplitTable, sides
from hpctrain.data.structures.rows import Rows
from hpctrain.errors import HpctrainError

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from hpctrain.settings import DataConfig

UNNAMED = "unnamed"
MARK = 8  # hexadecimal digits by which a row is known again


@dataclass(frozen=True)
class Told:
    """The rows of both sides, as a run and its card keep them: ids, and marks of what they were."""

    ids: Mapping[str, Sequence[str]]
    marks: Mapping[str, str]


def drawn_sides(data: DataConfig, rows: Rows, good: NDArray[Any]) -> NDArray[np.bool_]:
    """True for what is tested on [good]."""
    digests = rows.digests if len(good) == len(rows) else rows.digests[good]
    strata: NDArray[Any] | None = None
    strata_names: list[str] = []
    if data.stratify == "config_type":
        strata, strata_names = rows.column("kinds")[good], [k or UNNAMED for k in rows.kinds.names]
    elif data.stratify == "composition":
        strata = rows.column("compositions")[good]
        strata_names = [rows.formula(number) for number in range(len(rows.compositions.names))]
    table = SplitTable(
        digests,
        rows.geometries[good] if data.split == "stable" else digests,
        rows.column("groups")[good] if data.group_by else None,
        rows.groups.names,
        strata,
        strata_names,
    )
    return sides(table, data.split, data.test_fraction, data.seed)


def told_rows(told: Told, rows: Rows) -> tuple[NDArray[Any], NDArray[np.bool_]]:
    """The places of the rows that are told of, in their order, and which are tested on.

    HpctrainError if one is not there any more, or is not what it was; others are left out.
    """
    sides = {row_id: (side == "test", side, n) for side in told.ids
             for n, row_id in enumerate(told.ids[side])}  # fmt: skip
    digests = rows.digests
    places: list[int] = []
    tested: list[bool] = []
    changed: list[str] = []
    for place in range(len(rows)):
        row_id = rows.ids[place]
        if row_id not in sides:
            continue
        test, side, n = sides.pop(row_id)
        places.append(place)
        tested.append(test)
        mark = told.marks.get(side, "")[MARK * n : MARK * (n + 1)]
        if place in rows.bad or not digests[place].tobytes().hex().startswith(mark):
            changed.append(row_id)
    lines = [
        f"  {what}: {len(ids)} (row {', '.join(ids[:10])}{', …' * (len(ids) > 10)})"
        for what, ids in (("changed", changed), ("gone, or not selected", list(sides)))
        if ids
    ]
    if lines:
        raise HpctrainError(
            "\n".join(["these rows are not what they were:", *lines]),
            "what was trained on is in the run's own folder, as train.extxyz and test.extxyz",
        )
    return np.array(places), np.array(tested, dtype=np.bool_)
