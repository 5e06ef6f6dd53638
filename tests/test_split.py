"""Which structures are tested on."""

from __future__ import annotations

import random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hpctrain.errors import HpctrainError
from hpctrain.split import split


def structures(count: int) -> list[tuple[str, str]]:
    return [(f"digest {i}", str(i)) for i in range(1, count + 1)]


def drawn(rows: list[tuple[str, str]], fraction: float = 0.1, seed: int = 42) -> set[str]:
    sides = split(rows, fraction, seed)
    assert len(sides) == len(rows)
    return {row_id for (_, row_id), test in zip(rows, sides, strict=True) if test}


def test_a_hundred_structures_give_ninety_and_ten() -> None:
    sides = split(structures(100), 0.1, 42)
    assert (sides.count(False), sides.count(True)) == (90, 10)


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


def test_twins_are_told_apart_by_their_ids() -> None:
    rows = [("same", str(i)) for i in range(10)]
    assert drawn(rows) == drawn(rows[::-1])
    assert len(drawn(rows)) == 1


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


@pytest.mark.parametrize("total", [*range(2, 40), 1000, 99_999])
def test_the_limits_it_tells_are_accepted(total: int) -> None:
    with pytest.raises(HpctrainError) as caught:
        split(structures(total), 1e-6, 42)
    low, high = (caught.value.hint or "").partition("from ")[2].split(" to ")
    for limit in (low, high):
        assert 0 < split(structures(total), float(limit), 42).count(True) < total
