"""What widens an active set: the volume grows by what is said, and what is unseen is seen."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from hpctrain.job.maxvol import TOLERANCE, Candidate, Pool, add, choose, complete, widen

SIZE = 6


def rows(seed: int, count: int, scale: float = 1.0) -> Any:
    return scale * np.random.default_rng(seed).normal(size=(count, SIZE))


def volume(matrix: Any) -> float:
    return float(np.linalg.slogdet(matrix)[1])


def test_a_set_of_full_rank_is_taken_as_it_is() -> None:
    active = rows(0, SIZE)
    known = complete(np.linalg.inv(active))
    assert known.rank == SIZE
    np.testing.assert_allclose(active @ known.coefficients, np.eye(SIZE), atol=1e-12)


def test_what_the_set_is_blind_for_counts() -> None:
    """As of perfect crystals: functions that are zero in all of the training set."""
    active = rows(0, SIZE)
    active[:, 4:] = 0
    known = complete(np.linalg.pinv(active))
    assert known.rank == 4
    fresh = np.zeros((1, SIZE))
    fresh[0, 5] = 1e-3
    assert np.abs(fresh @ known.inverse).max() < 1e-9  # the grade sees nothing
    gain = add({0: fresh @ known.coefficients}, {}, {0: known.rank})
    assert (gain.swaps, gain.unseen) == (1, 1)
    # What is known stays known: one of the set's own rows adds nothing.
    assert add({0: active @ known.coefficients}, {}, {0: known.rank}).unseen == 0


def test_an_empty_set_knows_nothing() -> None:
    known = complete(np.zeros((SIZE, SIZE)))
    assert known.rank == 0
    assert add({0: rows(1, 1) @ known.coefficients}, {}, {0: 0}).unseen == 1


def test_an_element_that_was_only_ever_alone_is_not_known() -> None:
    """pace_activeset writes 1e16 for it, since all its functions are zero in the training set."""
    known = complete(1e16 * np.eye(SIZE))
    assert known.rank == 0
    small = rows(1, 2, scale=1e-3)
    gain = add({0: small @ known.coefficients}, {}, {0: known.rank})
    assert (gain.swaps, gain.unseen) == (2, 2)
    nothing = np.zeros((1, SIZE))  # alone again
    assert add({0: nothing @ known.coefficients}, {}, {0: known.rank}).swaps == 0


def test_the_volume_grows_by_what_is_said() -> None:
    active = rows(0, SIZE)
    known = complete(np.linalg.inv(active))
    structure = rows(1, 4, scale=5.0)
    gain = add({0: structure @ known.coefficients}, {}, {0: SIZE})
    assert gain.swaps >= 3
    change: dict[int, Any] = {}
    widen(change, gain)
    # The set after it, in its own coefficients, is the identity again.
    changed = np.vstack([active, structure]) @ known.coefficients @ change[0]
    places = [np.flatnonzero(np.abs(changed[:, n] - 1) < 1e-9)[0] for n in range(SIZE)]
    after = np.vstack([active, structure])[places]
    assert volume(after) - volume(active) == pytest.approx(gain.volume)
    assert sorted(place - SIZE for place in places if place >= SIZE) == gain.rows[0]
    # Nothing of the structure widens the set any more.
    assert np.abs(changed[SIZE:]).max() <= TOLERANCE + 1e-9


def candidate(index: int, coefficients: dict[int, Any]) -> Candidate:
    volume = add(coefficients, {}, dict.fromkeys(coefficients, SIZE)).volume
    return Candidate(index, coefficients, volume)


def candidates(count: int, elements: int = 2) -> list[Candidate]:
    return [
        candidate(n, {e: rows(10 * n + e, 3, scale=1.0 + n % 5) for e in range(elements)})
        for n in range(count)
    ]


def plainly(some: list[Candidate], wanted: int, ranks: dict[int, int]) -> list[int]:
    """The one that adds most, again and again, all compared each time."""
    change: dict[int, Any] = {}
    left, chosen = list(some), []
    while left and len(chosen) < wanted:
        gains = [add(one.coefficients, change, ranks) for one in left]
        best = max(range(len(left)), key=lambda n: (gains[n].volume, -left[n].index))
        if not gains[best].swaps:
            break
        widen(change, gains[best])
        chosen.append(left.pop(best).index)
    return chosen


def test_the_one_that_adds_most_comes_first() -> None:
    some, ranks = candidates(30), {0: SIZE, 1: SIZE}
    chosen = choose(some, 5, ranks)
    assert [one.candidate.index for one in chosen] == plainly(some, 5, ranks)
    assert all(one.gain.volume > 0 for one in chosen)


def test_a_twin_adds_nothing_and_nor_does_what_is_within() -> None:
    one = candidate(0, {0: 3.0 * np.eye(SIZE)[:2]})
    twin = candidate(1, {0: 3.0 * np.eye(SIZE)[:2]})
    within = candidate(2, {0: 0.5 * np.eye(SIZE)})
    chosen = choose([within, one, twin], 3, {0: SIZE})
    assert [picked.candidate.index for picked in chosen] == [0]
    assert choose([within], 3, {0: SIZE}) == []


def test_memory_is_bounded_and_the_best_stay() -> None:
    ranks = {0: SIZE, 1: SIZE}
    some = candidates(200)
    whole, small = Pool(4, ranks), Pool(4, ranks, most_bytes=20 * some[0].size)
    most = 0
    for one in some:
        whole.add(one)
        small.add(one)
        most = max(most, small.bytes)
    assert whole.reduced == 0
    assert small.reduced > 5
    assert most <= 21 * some[0].size

    def gained(pool: Pool) -> float:
        return sum(one.gain.volume for one in pool.choose())

    assert gained(small) > 0.8 * gained(whole)
