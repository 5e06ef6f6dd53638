"""The learning curves of a run, from recorded trainings put into its folder."""

from __future__ import annotations

import json
import math
import shutil
from pathlib import Path

import pytest
from bare_runs import bare_run
from paths import RECORDED

from hpctrain.runs.run import Run
from hpctrain.runs.state.curves import Curves, curves, finite, read_attempt

OF_PACEMAKER = RECORDED / "pacemaker"
TABLES = ("metrics.txt", "test_metrics.txt")
ALL = ("log.txt", *TABLES)


def goes_on(run: Run, number: int, after: int) -> Run:
    """That attempt began with the checkpoint of this iteration."""
    resume = run.attempt(number) / "resume"
    resume.mkdir(parents=True)
    (resume / "state.json").write_text(json.dumps({"total": after}))
    return run


def run_of(folder: Path, *attempts: tuple[str, tuple[str, ...]]) -> Run:
    """A run whose attempts hold these files of these recorded trainings."""
    for number, (recorded, names) in enumerate(attempts, start=1):
        attempt = folder / "attempts" / f"{number:02d}"
        attempt.mkdir(parents=True)
        for name in names:
            shutil.copyfile(OF_PACEMAKER / recorded / name, attempt / name)
    return bare_run(folder)


def test_a_run_that_has_not_begun(tmp_path: Path) -> None:
    assert curves(bare_run(tmp_path)) == Curves()
    assert curves(bare_run(tmp_path)).iteration is None
    (tmp_path / "attempts" / "01").mkdir(parents=True)
    assert curves(bare_run(tmp_path)) == Curves()


def test_tables(tmp_path: Path) -> None:
    found = curves(run_of(tmp_path, ("early_stop_test", ALL)))
    assert [point.epoch for point in found.train] == list(range(36))
    assert found.iteration == 35
    assert [point.epoch for point in found.test] == [0, 5, 10, 15, 20, 25, 30, 35]
    assert found.seams == []
    rows = [
        dict(zip(lines[0].split(), lines[-1].split(), strict=True))
        for name in TABLES
        if (lines := (OF_PACEMAKER / "early_stop_test" / name).read_text().splitlines())
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
    run = run_of(tmp_path / "both", ("killed", TABLES), ("restart", TABLES))
    found = curves(goes_on(run, 2, 61))
    assert found.seams == [61]
    assert [point.epoch for point in found.train] == [*range(62), *range(61, 72)]
    assert found.iteration == 71
    assert found.train[:62] == killed.train
    # It went on where it was: the first point of the second is about the last of the first.
    assert found.train[62].rmse_energy == pytest.approx(found.train[61].rmse_energy, rel=0.1)
    assert [point.epoch for point in found.test] == [
        *(point.epoch for point in killed.test), 61, 66, 71, 71,
    ]  # fmt: skip


def test_what_was_done_after_the_checkpoint_is_left_out(tmp_path: Path) -> None:
    run = run_of(tmp_path, *[("killed", TABLES)] * 2, ("restart", TABLES))
    goes_on(goes_on(run, 2, 40), 3, 70)
    found = curves(run)
    assert found.seams == [40, 70]
    assert [point.epoch for point in found.train] == [*range(41), *range(40, 71), *range(70, 81)]
    assert max(point.epoch for point in found.test if point.epoch < 70) <= 70
    assert [point.epoch for point in found.test] == sorted(point.epoch for point in found.test)
    # Back before the seam of the second.
    again = run_of(tmp_path / "again", *[("killed", TABLES)] * 2, ("restart", TABLES))
    found = curves(goes_on(goes_on(again, 2, 40), 3, 30))
    assert (found.seams, found.iteration) == ([30], 40)


def test_an_attempt_without_a_checkpoint_begins_from_the_start(tmp_path: Path) -> None:
    found = curves(run_of(tmp_path, ("killed", TABLES), ("restart", TABLES)))
    assert found.seams == []
    assert [point.epoch for point in found.train] == list(range(11))


def test_an_attempt_that_wrote_nothing_makes_no_seam(tmp_path: Path) -> None:
    run = run_of(tmp_path, ("killed", TABLES), ("killed", ()), ("restart", TABLES))
    goes_on(goes_on(run, 2, 61), 3, 61)
    assert curves(run).seams == [61]
    waiting = run_of(tmp_path / "waiting", ("killed", TABLES), ("killed", ()))
    found = curves(goes_on(waiting, 2, 50))
    assert (found.iteration, found.seams) == (61, [])
    late = run_of(tmp_path / "late", ("killed", ()), ("restart", TABLES))
    assert (curves(late).seams, curves(late).iteration) == ([], 10)


@pytest.mark.parametrize("cut", [0, 1, 200, 450, 900])
def test_a_table_being_written(tmp_path: Path, cut: int) -> None:
    """Of a row that is not whole, nothing is told."""
    text = (OF_PACEMAKER / "simple" / "metrics.txt").read_text()
    run = bare_run(tmp_path)
    run.attempt(1).mkdir(parents=True)
    (run.attempt(1) / "metrics.txt").write_text(text[:cut])
    train, test = read_attempt(run, 1)
    assert test == []
    whole_rows = text[:cut].count("\n") - 1
    assert [point.epoch for point in train] == list(range(max(0, whole_rows)))


def test_finite() -> None:
    assert [finite(value) for value in (1.5, math.nan, -math.inf, None)] == [1.5, None, None, None]
