"""The draw: which structures are tested on."""

from __future__ import annotations

import hashlib
import random
from collections import Counter
from collections.abc import Sequence

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from hpctrain.data.lots import SplitTable, draw
from hpctrain.errors import HpctrainError


def structures(count: int, start: int = 1) -> list[tuple[str, str]]:
    """What a structure is, and its row number."""
    return [(f"digest {i}", str(i)) for i in range(start, start + count)]


def numbered(names: Sequence[str]) -> tuple[np.ndarray, list[str]]:
    """Names as the rows keep them: by number, in the order in which they come."""
    known = list(dict.fromkeys(names))
    return np.array(list(map(known.index, names))), known


def split(
    rows: list[tuple[str, str]],
    fraction: float,
    seed: int,
    kind: str = "random",
    groups: Sequence[str] | None = None,
    strata: Sequence[str] | None = None,
) -> list[bool]:
    raw = b"".join(hashlib.sha256(what.encode()).digest() for what, _ in rows)
    digests = np.frombuffer(raw, dtype=np.uint8).reshape(-1, 32)
    group, group_names = (None, []) if groups is None else numbered(groups)
    stratum, strata_names = (None, []) if strata is None else numbered(strata)
    table = SplitTable(digests, digests[:, :16], group, group_names, stratum, strata_names)
    found = draw(table, kind, fraction, seed)
    assert len(found) == len(rows)
    return [bool(test) for test in found]


def drawn(
    rows: list[tuple[str, str]], fraction: float = 0.1, seed: int = 42, kind: str = "random"
) -> set[str]:
    found = split(rows, fraction, seed, kind)
    return {row_id for (_, row_id), test in zip(rows, found, strict=True) if test}


# --- random ---


def test_a_hundred_structures_give_ninety_and_ten() -> None:
    found = split(structures(100), 0.1, 42)
    assert (found.count(False), found.count(True)) == (90, 10)


@given(st.integers(2, 300), st.floats(0.001, 0.999), st.integers())
def test_exact_or_refused(total: int, fraction: float, seed: int) -> None:
    wanted = int(total * fraction + 0.5)
    if 0 < wanted < total:
        assert split(structures(total), fraction, seed).count(True) == wanted
    else:
        with pytest.raises(HpctrainError, match="leaves no"):
            split(structures(total), fraction, seed)


@given(st.randoms(use_true_random=False))
def test_the_row_order_does_not_matter(shuffle: random.Random) -> None:
    rows = structures(60)
    before = drawn(rows)
    shuffle.shuffle(rows)
    assert drawn(rows) == before


def test_row_numbers_do_not_matter() -> None:
    rows = structures(60)
    renumbered = [(key, str(1000 - int(row_id))) for key, row_id in rows]
    assert {1000 - int(i) for i in drawn(renumbered)} == {int(i) for i in drawn(rows)}


def test_of_twins_the_first_are_drawn() -> None:
    rows = [("same", str(i)) for i in range(10)]
    assert split(rows, 0.1, 42) == [True] + [False] * 9


def test_other_seeds_give_other_splits() -> None:
    assert len({frozenset(drawn(structures(100), seed=seed)) for seed in range(20)}) == 20


def test_a_structure_more_moves_few() -> None:
    """Each draws its own lot: a database that grows does not shuffle the old structures."""
    assert len(drawn(structures(100)) ^ drawn(structures(101))) <= 2


@pytest.mark.parametrize(
    ("total", "fraction", "wanted"),
    [(100, 0.25, 25), (10, 0.05, 1), (10, 0.15, 2), (3, 0.5, 2), (2, 0.5, 1), (179, 0.1, 18)],
)
def test_fractions_are_rounded_half_up(total: int, fraction: float, wanted: int) -> None:
    assert len(drawn(structures(total), fraction)) == wanted


@pytest.mark.parametrize(
    ("total", "fraction", "words", "hint"),
    [
        (1, 0.1, "0.1 of 1 structure leaves no test structure", "at least two structures"),
        (1, 0.9, "0.9 of 1 structure leaves no training structure", "at least two structures"),
        (4, 0.1, "0.1 of 4 structures leaves no test structure", "from 0.25 to 0.75"),
        (4, 0.9, "0.9 of 4 structures leaves no training structure", "from 0.25 to 0.75"),
    ],
)
def test_a_side_without_structures(total: int, fraction: float, words: str, hint: str) -> None:
    with pytest.raises(HpctrainError) as caught:
        split(structures(total), fraction, 42)
    assert words in caught.value.message
    assert hint in (caught.value.hint or "")


def test_the_limits_it_tells_are_accepted() -> None:
    for total in [*range(2, 40), 1000, 99_999]:
        with pytest.raises(HpctrainError) as caught:
            split(structures(total), 1e-6, 42)
        low, high = (caught.value.hint or "").partition("from ")[2].split(" to ")
        for limit in (low, high):
            assert 0 < split(structures(total), float(limit), 42).count(True) < total


# --- stable ---


@pytest.mark.parametrize("seed", range(3))
def test_nobody_changes_sides_as_the_database_grows(seed: int) -> None:
    """Over generations, with rows that come, go, and are numbered otherwise."""
    first = structures(400)
    before = drawn(first, 0.2, seed, "stable")
    second = [(what, str(9000 - int(row))) for what, row in [*structures(900, 401), *first[50:]]]
    after = {str(9000 - int(row)) for row in drawn(second, 0.2, seed, "stable")}
    assert {row for row in before if int(row) > 50} == {row for row in after if int(row) <= 400}
    assert 0.15 < len(after) / len(second) < 0.25


def test_a_larger_fraction_only_adds_test_structures() -> None:
    rows = structures(500)
    assert drawn(rows, 0.1, 1, "stable") < drawn(rows, 0.3, 1, "stable")


def test_other_seeds_give_other_stable_splits() -> None:
    assert len({frozenset(drawn(structures(200), 0.1, s, "stable")) for s in range(20)}) == 20


def test_so_few_that_chance_leaves_a_side_empty() -> None:
    with pytest.raises(HpctrainError, match="stable puts no structure on the test side") as caught:
        split(structures(2), 0.01, 42, "stable")
    assert "data.seed" in (caught.value.hint or "")


# --- grouped ---


@given(st.lists(st.sampled_from("abcdefgh"), min_size=2), st.floats(0.01, 0.99), st.integers())
def test_groups_stay_whole(groups: list[str], fraction: float, seed: int) -> None:
    if len(set(groups)) < 2:
        with pytest.raises(HpctrainError, match="are of one group"):
            split(structures(len(groups)), fraction, seed, "grouped", groups)
        return
    found = split(structures(len(groups)), fraction, seed, "grouped", groups)
    test = {group for group, tested in zip(groups, found, strict=True) if tested}
    train = {group for group, tested in zip(groups, found, strict=True) if not tested}
    assert test
    assert train
    assert not test & train


def test_many_small_groups_come_near_the_fraction() -> None:
    groups = [f"trajectory {i // 5}" for i in range(1000)]
    assert split(structures(1000), 0.1, 42, "grouped", groups).count(True) == 100


def test_the_order_of_the_groups_does_not_matter() -> None:
    groups = [f"g{i % 7}" for i in range(70)]
    rows = structures(70)
    found = split(rows, 0.3, 5, "grouped", groups)
    back = split(rows[::-1], 0.3, 5, "grouped", groups[::-1])
    assert found == back[::-1]


# --- stratified ---


def test_every_kind_is_drawn_from_in_proportion() -> None:
    kinds = ["bulk"] * 500 + ["slab"] * 60 + ["dimer"] * 4 + ["vacancy"] * 36
    found = split(structures(600), 0.1, 42, strata=kinds)
    tested = Counter(kind for kind, test in zip(kinds, found, strict=True) if test)
    assert tested == {"bulk": 50, "slab": 6, "dimer": 1, "vacancy": 3} or tested == {
        "bulk": 50, "slab": 6, "dimer": 1, "vacancy": 4}  # fmt: skip


@given(st.lists(st.sampled_from("abcd"), min_size=4, max_size=80), st.integers(0, 99))
def test_a_kind_with_two_structures_is_on_both_sides(kinds: list[str], seed: int) -> None:
    try:
        found = split(structures(len(kinds)), 0.25, seed, strata=kinds)
    except HpctrainError as error:
        assert "cannot be stratified" in error.message
        assert not any(count > 1 for count in Counter(kinds).values())
        return
    for kind, count in Counter(kinds).items():
        tested = sum(test for k, test in zip(kinds, found, strict=True) if k == kind)
        if count > 1:
            assert 0 < tested < count


def test_kinds_of_one_structure_are_drawn_from_together() -> None:
    kinds = [f"kind {i}" for i in range(20)]
    assert split(structures(20), 0.1, 42, strata=kinds).count(True) == 2
