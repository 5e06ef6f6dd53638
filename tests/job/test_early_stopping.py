"""The rule by which a fit ends early, on made curves and on those that Pacemaker has written."""

from __future__ import annotations

import math

import pytest
from paths import RECORDED

from hpctrain.engines.pacemaker.tables import TableReader, on_train_epochs
from hpctrain.job.early_stopping import Look, better, in_words, is_over_fitting

OF_PACEMAKER = RECORDED / "pacemaker"


def curve(*losses: tuple[float, float], step: int = 10) -> list[Look]:
    return [Look(step * n, train, test) for n, (train, test) in enumerate(losses)]


def end_of(looks: list[Look], patience: int) -> tuple[Look | None, Look | None]:
    """Return the best look of a fit, and the one at which it ends (None if it does not)."""
    best: Look | None = None
    for now in looks:
        best = better(best, now)
        if is_over_fitting(best, now, patience):
            return best, now
    return best, None


OVER_FITTED = curve((9, 9), (5, 6), (4, 5), (3.5, 5.5), (3, 6), (2.5, 7))


def test_it_ends_when_the_patience_is_over() -> None:
    assert end_of(OVER_FITTED, 20) == (OVER_FITTED[2], OVER_FITTED[4])
    assert end_of(OVER_FITTED, 21) == (OVER_FITTED[2], OVER_FITTED[5])
    assert end_of(OVER_FITTED, 31) == (OVER_FITTED[2], None)
    assert "after iteration 20" in in_words(OVER_FITTED[2], OVER_FITTED[4])


def test_zero_switches_it_off() -> None:
    assert end_of(OVER_FITTED * 9, 0)[1] is None


def test_a_better_look_begins_the_patience_anew() -> None:
    looks = curve((9, 9), (5, 5), (4, 6), (3, 4.9), (2, 6), (1, 6))
    assert end_of(looks, 20) == (looks[3], looks[5])


def test_what_ends_nothing() -> None:
    wandering = curve((9, 9), (5, 5), (6, 6), (7, 7), (8, 8))
    flat = curve((9, 9), (5, 5), (4, 5), (3, 5), (2, 5))
    lost = curve((9, 9), (5, 5), (math.nan, 6), (math.inf, 7), (4, math.nan))
    for looks in (wandering, flat, lost):
        assert end_of(looks, 10) == (looks[1], None)
    assert not is_over_fitting(None, Look(100, 1, 1), 10)


def test_what_is_no_number_is_never_the_best() -> None:
    good = Look(0, 1, 1)
    assert better(None, Look(0, 1, math.nan)) is None
    assert better(good, Look(1, 1, math.nan)) == good
    assert better(good, Look(1, 1, 1)) == good
    assert better(good, Look(1, 1, 0.5)).test == 0.5  # type: ignore[union-attr]


def recorded(name: str) -> list[Look]:
    """The looks of a training that Pacemaker has done, with both losses."""
    tables = []
    for file in ("metrics.txt", "test_metrics.txt"):
        reader = TableReader()
        reader.feed((OF_PACEMAKER / name / file).read_text())
        tables.append(reader.points)
    train = {point.epoch: point.loss for point in tables[0]}
    return [
        Look(point.epoch, float(train[point.epoch] or 0), float(point.loss or 0))
        for point in on_train_epochs(tables[1], tables[0])
    ]


@pytest.mark.parametrize(
    ("name", "patience", "best", "end"),
    [
        # Validation: 2.99e-4 at 20, then 3.09e-4, 3.83e-4, 4.15e-4, while training goes on.
        ("early_stop_test", 10, 20, 30),
        ("early_stop_test", 15, 20, 35),
        ("early_stop_test", 50, 20, None),
        # 2.86e-4 at 25, then at most 4.2e-4, and falling again from 50 on.
        ("killed", 20, 25, 45),
        ("killed", 50, 25, None),
        # Still falling.
        ("lbfgs", 5, 8, None),
        ("restart", 5, 10, None),
    ],
)
def test_recorded_curves(name: str, patience: int, best: int, end: int | None) -> None:
    found, ended = end_of(recorded(name), patience)
    assert found is not None
    assert (found.iteration, ended and ended.iteration) == (best, end)
