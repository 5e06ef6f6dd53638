"""The learning curves of a run, from recorded trainings put into its folder."""

from __future__ import annotations

import math
import shutil
from pathlib import Path

import pytest

from hpctrain.ledger import Run
from hpctrain.progress import Curves, curves, finite, read_attempt, seconds_left

RECORDED = Path(__file__).parent / "recorded" / "pacemaker"
TABLES = ("metrics.txt", "test_metrics.txt")
ALL = ("log.txt", *TABLES)


def run_of(folder: Path, *attempts: tuple[str, tuple[str, ...]]) -> Run:
    """A run whose attempts hold these files of these recorded trainings."""
    for number, (recorded, names) in enumerate(attempts, start=1):
        attempt = folder / "attempts" / f"{number:02d}"
        attempt.mkdir(parents=True)
        for name in names:
            shutil.copyfile(RECORDED / recorded / name, attempt / name)
    return Run(folder)


def test_a_run_that_has_not_begun(tmp_path: Path) -> None:
    assert curves(Run(tmp_path)) == Curves()
    assert curves(Run(tmp_path)).iteration is None
    (tmp_path / "attempts" / "01").mkdir(parents=True)
    assert curves(Run(tmp_path)) == Curves()


def test_tables(tmp_path: Path) -> None:
    found = curves(run_of(tmp_path, ("early_stop_test", ALL)))
    assert [point.epoch for point in found.train] == list(range(36))
    assert found.iteration == 35
    assert [point.epoch for point in found.test] == [0, 5, 10, 15, 20, 25, 30, 35]
    assert found.seams == []
    rows = [
        dict(zip(lines[0].split(), lines[-1].split(), strict=True))
        for name in TABLES
        if (lines := (RECORDED / "early_stop_test" / name).read_text().splitlines())
    ]
    for curve, row in zip((found.train, found.test), rows, strict=True):
        assert curve[-1].rmse_energy == pytest.approx(1000 * float(row["rmse_epa"]))
        assert curve[-1].rmse_force == pytest.approx(float(row["rmse_f_comp"]))


@pytest.mark.parametrize(
    "recorded", ["simple", "ladder", "fit_cycles", "early_stop_train", "lbfgs", "pyace_with_test"]
)
@pytest.mark.parametrize("lost", [("metrics.txt",), ("test_metrics.txt",), TABLES])
def test_the_log_where_a_table_is_missing(
    tmp_path: Path, recorded: str, lost: tuple[str, ...]
) -> None:
    whole = curves(run_of(tmp_path / "whole", (recorded, ALL)))
    left = tuple(name for name in ALL if name not in lost)
    found = curves(run_of(tmp_path / "left", (recorded, left)))
    assert whole.train
    assert found.iteration == whole.iteration
    for side in ("train", "test"):
        from_log, from_table = getattr(found, side), getattr(whole, side)
        assert [point.epoch for point in from_log] == [point.epoch for point in from_table]
        assert [p.rmse_energy for p in from_log] == pytest.approx(
            [p.rmse_energy for p in from_table], abs=0.00501
        )
        assert [p.rmse_force for p in from_log] == pytest.approx(
            [p.rmse_force for p in from_table], abs=0.00501e-3
        )


def test_pyace_has_no_test_curve(tmp_path: Path) -> None:
    found = curves(run_of(tmp_path, ("pyace_with_test", ALL)))
    assert (found.iteration, found.test) == (6, [])


def test_two_attempts_joined(tmp_path: Path) -> None:
    killed = curves(run_of(tmp_path / "killed", ("killed", TABLES)))
    assert killed.iteration == 61
    found = curves(run_of(tmp_path / "both", ("killed", TABLES), ("restart", TABLES)))
    assert found.seams == [61]
    assert [point.epoch for point in found.train] == [*range(62), *range(61, 72)]
    assert found.iteration == 71
    assert found.train[:62] == killed.train
    # It went on where it was: the first point of the second is about the last of the first.
    assert found.train[62].rmse_energy == pytest.approx(found.train[61].rmse_energy, rel=0.1)
    assert [point.epoch for point in found.test] == [
        *(point.epoch for point in killed.test), 61, 66, 71, 71,
    ]  # fmt: skip


def test_an_attempt_that_wrote_nothing_makes_no_seam(tmp_path: Path) -> None:
    run = run_of(tmp_path, ("killed", TABLES), ("killed", ()), ("restart", TABLES))
    assert curves(run).seams == [61]
    late = run_of(tmp_path / "late", ("killed", ()), ("restart", TABLES))
    assert (curves(late).seams, curves(late).iteration) == ([], 10)


@pytest.mark.parametrize("cut", [0, 1, 200, 450, 900])
def test_a_table_being_written(tmp_path: Path, cut: int) -> None:
    """Of a row that is not whole, nothing is told."""
    text = (RECORDED / "simple" / "metrics.txt").read_text()
    (tmp_path / "metrics.txt").write_text(text[:cut])
    train, test = read_attempt(tmp_path)
    assert test == []
    whole_rows = text[:cut].count("\n") - 1
    assert [point.epoch for point in train] == list(range(max(0, whole_rows)))


def test_seconds_left(tmp_path: Path) -> None:
    attempt = run_of(tmp_path, ("simple", ("log.txt",))).attempt(1)
    # 20 iterations from 13:21:16.100 to 13:21:17.763, after ten seconds of building graphs.
    assert seconds_left(attempt, max_iter=120) == pytest.approx(100 * 1.663 / 20, rel=1e-2)
    assert seconds_left(attempt, max_iter=20) == 0.0
    assert seconds_left(attempt, max_iter=10) == 0.0
    (attempt / "log.txt").write_text("")
    assert seconds_left(attempt, max_iter=20) is None


def test_finite() -> None:
    assert [finite(value) for value in (1.5, math.nan, -math.inf, None)] == [1.5, None, None, None]
