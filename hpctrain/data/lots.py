"""The draw: structures, or groups of them, draw lots, and the lowest are tested on.

A lot is a hash of what the structure is and of the seed. So neither the order of the rows nor
their numbers matter, and every machine draws the same.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from hpctrain.errors import HpctrainError

if TYPE_CHECKING:
    from numpy.typing import NDArray

    Tested = NDArray[np.bool_]
    Lots = NDArray[np.uint64]


@dataclass(frozen=True)
class SplitTable:
    """What a draw needs to know of n structures.

    ``digests`` [n, 32] with the labels, ``geometries`` [n, any] without. ``groups`` [n] numbers
    ``group_names``; ``strata`` [n] numbers ``strata_names``.
    Both are None where they are not needed.
    """

    digests: NDArray[np.uint8]
    geometries: NDArray[np.uint8]
    groups: NDArray[np.int64] | None = None
    group_names: Sequence[str] = ()
    strata: NDArray[np.int64] | None = None
    strata_names: Sequence[str] = ()


def draw(table: SplitTable, kind: str, test_fraction: float, seed: int) -> Tested:
    """Say for each structure [n] whether it is tested on. ``kind``: random, stable or grouped.

    HpctrainError where a side would be empty.
    """
    if table.groups is not None:
        return _draw_groups(table.groups, table.group_names, kind, test_fraction, seed)
    if kind == "stable":
        keys = _as_hexadecimal(table.geometries)
        return _draw_stable(keys, len(table.geometries), "structure", test_fraction, seed)
    return _draw_random(table, test_fraction, seed)


def _draw_random(table: SplitTable, test_fraction: float, seed: int) -> Tested:
    """Draw exactly round(fraction · n) structures, halves rounded up: the lowest lots."""
    total = len(table.digests)
    wanted = int(total * test_fraction + 0.5)
    if not 0 < wanted < total:
        empty = "test" if wanted == 0 else "training"
        raise HpctrainError(
            f"data.test_fraction {test_fraction:g} of {total} structure{'s' * (total != 1)} "
            f"leaves no {empty} structure",
            f"with {total} structures it can be from {1 / total:.3g} to {1 - 1 / total:.6g}"
            if total > 1
            else "at least two structures are needed",
        )
    lots = _draw_lots(_as_hexadecimal(table.digests), total, seed)
    if table.strata is None:
        highest = np.partition(lots, wanted - 1)[wanted - 1]
        tested: Tested = lots < highest
        # Of equal lots those of the first rows.
        tested[np.flatnonzero(lots == highest)[: wanted - int(tested.sum())]] = True
        return tested
    strata, sizes, pooled = _pool_singles(table.strata, table.strata_names)
    shares = _share_out(sizes, pooled, wanted, test_fraction)
    if not 0 < shares.sum() < total:
        raise HpctrainError(
            f"data.stratify: {total} structures of {len(table.strata_names)} kinds cannot be "
            f"stratified with data.test_fraction {test_fraction:g}",
            "choose another fraction, or leave data.stratify out",
        )
    return _take_lowest(lots, strata, shares)


def _pool_singles(
    strata: NDArray[np.int64], names: Sequence[str]
) -> tuple[NDArray[np.int64], NDArray[np.int64], int]:
    """Number strata in the order of their names, and put those of one structure together, last.

    One structure cannot be on both sides; together such structures can be drawn from as a kind.
    Returns strata [n], their sizes, and the number of the last.
    """
    rank = np.empty(len(names), dtype=np.int64)
    rank[sorted(range(len(names)), key=lambda number: names[number])] = np.arange(len(names))
    strata = rank[strata]
    alone = np.bincount(strata, minlength=len(names))[strata] == 1
    strata[alone] = len(names)
    return strata, np.bincount(strata, minlength=len(names) + 1), len(names)


def _share_out(
    sizes: NDArray[np.int64], pooled: int, wanted: int, test_fraction: float
) -> NDArray[np.int64]:
    """Share out the test structures among strata: each has its own part, rounded down or up.

    At least one is on each side of a stratum with two or more, also where the fraction is less than
    one structure. Roundings go up, largest remainder first, until the sum is ``wanted``; the least
    that every stratum gets can make it more.
    """
    least = np.minimum(sizes, 1)
    most = np.maximum(sizes - 1, 0)
    least[pooled], most[pooled] = 0, sizes[pooled]
    exact = sizes * test_fraction
    shares: NDArray[np.int64] = np.clip(np.floor(exact + 1e-9).astype(np.int64), least, most)
    remainders = np.where(shares < np.minimum(np.ceil(exact - 1e-9), most), exact - shares, 0.0)
    up = np.argsort(-remainders, kind="stable")[: max(wanted - int(shares.sum()), 0)]
    shares[up] += remainders[up] > 0
    return shares


def _take_lowest(lots: Lots, strata: NDArray[np.int64], shares: NDArray[np.int64]) -> Tested:
    """Take the lowest lots of each stratum, as many as its share; of equal ones the first."""
    order = np.lexsort((lots, strata))
    sizes = np.bincount(strata, minlength=len(shares))
    place = np.arange(len(lots)) - np.repeat(np.cumsum(sizes) - sizes, sizes)
    tested = np.zeros(len(lots), dtype=np.bool_)
    tested[order] = place < np.repeat(shares, sizes)
    return tested


def _draw_stable(
    keys: Iterable[bytes], count: int, what: str, test_fraction: float, seed: int
) -> Tested:
    """Draw those whose lot, from 0 to 1, is below the fraction, whatever the others are."""
    lots = _draw_lots(keys, count, seed)
    tested: Tested = lots < np.uint64(min(int(test_fraction * 2.0**64), 2**64 - 1))
    if tested.all() or not tested.any():
        empty = "test" if not tested.any() else "training"
        few = "structures set data.split: random"
        if what == "group":
            few = "groups set data.split: grouped"
        raise HpctrainError(
            f"data.split stable puts no {what} on the {empty} side: each of the {len(tested)} "
            f"{what}s is tested on with the probability {test_fraction:g}, whatever the others",
            f"with so few {few}, or choose another data.test_fraction or data.seed",
        )
    return tested


def _draw_groups(
    groups: NDArray[np.int64], names: Sequence[str], kind: str, test_fraction: float, seed: int
) -> Tested:
    """Draw whole groups: stable ones each by itself, others until the fraction is met.

    In the order of lots each is taken if it brings the sum nearer.
    """
    sizes = np.bincount(groups, minlength=len(names))
    present = np.flatnonzero(sizes)
    if len(present) < 2:
        raise HpctrainError(
            f"data.split {kind}: all {len(groups)} structures are of one group"
            + (f", '{names[present[0]]}'" if len(present) else ""),
            "choose another data.group_by, or set data.split: random",
        )
    if kind == "stable":
        keys = (names[group].encode() for group in present.tolist())
        tested = _draw_stable(keys, len(present), "group", test_fraction, seed)
        return np.isin(groups, present[tested])
    wanted = len(groups) * test_fraction
    # In the order of names first: the numbers of the groups follow the rows.
    named = sorted(present.tolist(), key=lambda group: names[group])
    drawn = _draw_lots((names[group].encode() for group in named), len(named), seed)
    order = [named[place] for place in np.argsort(drawn, kind="stable")]
    taken: list[int] = []
    held = 0
    for group in order:
        nearer = abs(held + sizes[group] - wanted) < abs(held - wanted)
        if nearer and len(taken) < len(order) - 1:
            taken.append(group)
            held += int(sizes[group])
    if not taken:  # every group is more than twice what was wanted
        taken = [min(order, key=lambda group: int(sizes[group]))]
    chosen = np.zeros(len(names), dtype=np.bool_)
    chosen[taken] = True
    return chosen[groups]


def _as_hexadecimal(digests: NDArray[np.uint8]) -> Iterable[bytes]:
    """Yield one digest after the other; all at once would take as much memory as the table."""
    width = 2 * digests.shape[1]
    for start in range(0, len(digests), 4096):
        text = digests[start : start + 4096].tobytes().hex().encode()
        for place in range(0, len(text), width):
            yield text[place : place + width]


def _draw_lots(keys: Iterable[bytes], count: int, seed: int) -> Lots:
    """Draw lots of 64 bits [count]: two of a million are equal with a probability of 3e-8."""
    drawn = bytearray(8 * count)
    start = f"{seed}:".encode()
    for place, key in enumerate(keys):
        drawn[8 * place : 8 * place + 8] = hashlib.sha256(start + key).digest()[:8]
    # Big-endian numbers, turned where they are.
    return np.frombuffer(drawn, dtype=">u8").byteswap(inplace=True).view("<u8")
