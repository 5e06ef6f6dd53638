"""pacemaker's tables and logs, read from real runs and in torn pieces."""

from __future__ import annotations

import json
import math

import pytest
from paths import RECORDED

from hpctrain.engines.curves import TrainingMetrics
from hpctrain.engines.pacemaker.log import LogPart, LogReader
from hpctrain.engines.pacemaker.tables import TableReader, on_train_epochs

OF_PACEMAKER = RECORDED / "pacemaker"
# How many points the tables have: train, test.
RUNS: dict[str, tuple[int, int]] = {
    "simple": (21, 0),
    "pyace": (21, 0),
    "pyace_with_test": (7, 0),
    "ladder": (39, 12),
    "fit_cycles": (26, 8),
    "early_stop_train": (25, 6),
    "early_stop_test": (36, 8),
    "restart": (11, 4),
    "lbfgs": (9, 3),
    "precision_loss": (100, 0),
}


def text(run: str, name: str) -> str:
    return (OF_PACEMAKER / run / name).read_text()


def table(run: str, name: str = "metrics.txt") -> TableReader:
    reader = TableReader()
    reader.feed(text(run, name))
    return reader


def log(run: str, name: str = "log.txt") -> LogReader:
    reader = LogReader()
    reader.feed(text(run, name))
    return reader


def assert_agree(rows: list[TrainingMetrics], logged: list[TrainingMetrics]) -> None:
    """The log rounds to 0.01 meV/atom, 0.01 meV/Å and five digits of the loss."""
    by_key = {point.key: point for point in logged}
    assert len(by_key) == len(logged)
    for row in rows:
        point = by_key[row.key]
        assert point.epoch == row.epoch
        assert point.rmse_energy == pytest.approx(row.rmse_energy, abs=0.00501)
        assert point.rmse_force == pytest.approx(row.rmse_force, abs=0.00501e-3)
        assert point.loss == pytest.approx(row.loss, rel=1e-4)


@pytest.mark.parametrize("run", RUNS)
def test_table_and_log_agree(run: str) -> None:
    train, test = RUNS[run]
    part = log(run).last
    rows, test_rows = table(run).points, table(run, "test_metrics.txt").points if test else []
    assert (len(rows), len(test_rows)) == (train, test)
    assert_agree(rows, part.points)
    assert_agree(on_train_epochs(test_rows, rows), part.test_points)
    assert len(part.test_points) == test
    assert run == "precision_loss" or len(part.points) == train


@pytest.mark.parametrize("run", RUNS)
def test_epochs_count_every_iteration_once(run: str) -> None:
    part = log(run).last
    epochs = [point.epoch for point in part.points]
    steps = len({point.key[:2] for point in part.points})
    assert epochs == sorted(epochs)
    assert epochs[-1] == len(epochs) - steps
    assert [p.key[2] for p in part.points].count(0) == steps
    tested = [point.epoch for point in part.test_points]
    assert tested == sorted(tested)
    assert not tested or tested[-1] == epochs[-1]


def test_a_later_step_begins_at_the_epoch_where_the_one_before_ended() -> None:
    points = table("ladder").points
    seam = [(p.epoch, p.key) for p in points if 11 <= p.epoch <= 13]
    assert seam == [(11, (0, 0, 11)), (12, (0, 0, 12)), (12, (1, 0, 0)), (13, (1, 0, 1))]
    assert points[-1].epoch == 36
    assert table("fit_cycles").points[13].key == (0, 1, 0)
    assert table("fit_cycles").points[-1].epoch == 24


def test_units() -> None:
    point = table("simple").points[-1]
    assert point.key == (0, 0, 20)
    assert point.rmse_energy == pytest.approx(27.21, abs=0.005)
    assert point.rmse_force == pytest.approx(0.00371, abs=0.000005)


def test_precision_loss_log_has_every_iteration() -> None:
    points = log("precision_loss").last.points
    assert [p.key[2] for p in points] == list(range(349))


def test_a_restart_begins_a_new_part() -> None:
    reader = log("restart")
    killed, again = reader.parts
    assert_agree(table("killed").points, killed.points)
    assert len(killed.points) == 62
    assert_agree(table("killed", "test_metrics.txt").points, killed.test_points)
    assert again is reader.last
    assert [p.epoch for p in again.points] == list(range(11))


def test_a_kill_in_the_middle_of_a_line() -> None:
    whole = text("restart", "log.txt")
    second = whole.index("2026-11-23 13:30:26,555")
    for cut in (second - 1, second - 20, second - 60, second - 100, second - 130):
        reader = LogReader()
        reader.feed(whole[:cut] + whole[second:])
        killed, again = reader.parts
        assert killed.points[:61] == log("restart").parts[0].points[:61]
        assert again == log("restart").last


def test_a_restart_forgets_where_the_ladder_stood() -> None:
    reader = LogReader()
    reader.feed("".join(text("ladder", "log.txt").splitlines(keepends=True)[:284]))
    assert reader.last.points[-1].key == (1, 0, 0)
    reader.feed(text("simple", "log.txt"))
    assert reader.last == log("simple").last


def test_what_a_kill_left_open_is_not_closed_by_later_lines() -> None:
    whole = text("simple", "log.txt")
    block = whole[: whole.index("RMSE:           46.76")]
    entry = "2026-11-23 13:21:17,057 W - \n2026-11-23 13:21:17,057 I - Running fit backend\n"
    reader = LogReader()
    reader.feed(block + "\n" + entry + "   RMSE: 1.00 1.00 1.00 1.00\n#####\n# words #\n#####\n")
    assert reader.last.points[-1].key == (0, 0, 9)


def test_a_fit_that_crashed() -> None:
    part = log("crash_issue86").last
    assert part.points[-1].key == (0, 0, 19)
    rows = on_train_epochs(table("crash_issue86", "test_metrics.txt").points, part.points)
    assert_agree(rows, part.test_points)
    assert (rows[-1].epoch, rows[-1].key) == (19, (0, 0, 20))


def test_a_fit_begun_again_with_smaller_batches() -> None:
    assert [p.epoch for p in log("gpu_oom").last.points] == list(range(6))


def test_nothing_trained() -> None:
    assert log("nothing_trained").last.points == []


def test_numbers_that_run_together() -> None:
    block = (
        "2026-11-23 13:21:17,057 I - \n" + "-" * 44 + "FIT STATS" + "-" * 44 + "\n"
        "Iteration:  #1000Loss:    Total:  1.4374e-03 (100%) \n"
        "   RMSE:          46.76               46.76                 4.00                   4.00\n"
        "2026-11-23 13:21:17,112 I - Iteration   #100001(123456789 evals):    Loss: 7.8111e-04"
        " | RMSE Energy(low): 34.32 (34.32) meV/at | Forces(low): 3.83 (3.83) meV/A | Time\n"
    )
    reader = LogReader()
    reader.feed(block)
    first, second = reader.last.points
    assert first == TrainingMetrics(1000, 46.76, 0.004, 1.4374e-3, (0, 0, 1000))
    assert second.key == (0, 0, 100001)


def test_a_step_begun_again_goes_on_counting() -> None:
    """As after running out of memory in the middle of a fit."""
    rows = text("simple", "metrics.txt").splitlines(keepends=True)
    reader = TableReader()
    reader.feed("".join(rows[:5] + rows[1:4]))
    assert [p.epoch for p in reader.points] == [0, 1, 2, 3, 3, 4, 5]


def test_a_row_told_twice_is_one_point() -> None:
    assert text("early_stop_test", "test_metrics.txt").count("\n0           0          35 ") == 2
    keys = [p.key for p in table("early_stop_test", "test_metrics.txt").points]
    assert keys[-2:] == [(0, 0, 30), (0, 0, 35)]


def test_not_a_number_is_kept() -> None:
    rows = text("simple", "metrics.txt").splitlines(keepends=True)
    value = rows[3].split()[7]
    rows[3] = rows[3].replace(value, "nan" + " " * (len(value) - 3))
    reader = TableReader()
    reader.feed("".join(rows))
    assert len(reader.points) == 21
    assert math.isnan(reader.points[2].rmse_energy)
    logged = LogReader()
    logged.feed(text("simple", "log.txt").replace("Energy(low): 925.28", "Energy(low): nan"))
    [point] = [point for point in logged.last.points if math.isnan(point.rmse_energy)]
    assert point.key == (0, 0, 1)


def test_torn_rows_are_left_out() -> None:
    head, first, second, third, *_ = text("simple", "metrics.txt").splitlines(keepends=True)
    reader = TableReader()
    reader.feed(first + head)  # a row before any header
    assert reader.points == []
    reader.feed(first + second[:150] + "\n" + third.replace("0.2144", "0x2144") + "\n" + first[:40])
    assert [p.key for p in reader.points] == [(0, 0, 0)]


def test_a_second_header_is_a_restart() -> None:
    whole = text("simple", "metrics.txt")
    for torn in ("", "0           0          21       0.00049"):
        reader = TableReader()
        reader.feed(whole + torn + whole)
        assert reader.points == table("simple").points


def test_columns_are_found_by_name() -> None:
    reader = TableReader()
    reader.feed("ladder_step cycle_step iter_num rmse_f_comp rmse_epa loss\n1 2 3 0.5 0.25 7\n")
    assert reader.points == [TrainingMetrics(3, 250.0, 0.5, 7.0, (1, 2, 3))]


def small_log() -> str:
    """The head of a log, a warning in a box, and the seam of two ladder steps."""
    lines = text("big_energies", "log.txt").splitlines(keepends=True)
    ladder = text("ladder", "log.txt").splitlines(keepends=True)
    return "".join(lines[:8] + lines[21:31] + ladder[127:316])


@pytest.mark.slow
def test_any_cut_of_a_log_reads_the_same() -> None:
    whole = small_log()
    expected = LogReader()
    expected.feed(whole)
    assert len(expected.last.points) == 11
    assert len(expected.last.test_points) == 4
    byte_by_byte = LogReader()
    for character in whole:
        byte_by_byte.feed(character)
    assert byte_by_byte.parts == expected.parts
    # The box of the warning, and the seam of two steps.
    for cut in (*range(1700), *range(len(whole) - 5000, len(whole))):
        reader = LogReader()
        reader.feed(whole[:cut])
        reader.feed(whole[cut:])
        assert reader.parts == expected.parts, cut


def test_any_cut_of_a_table_reads_the_same() -> None:
    whole = text("fit_cycles", "test_metrics.txt")
    for cut in range(len(whole)):
        reader = TableReader()
        reader.feed(whole[:cut])
        reader.feed(whole[cut:])
        assert reader.points == table("fit_cycles", "test_metrics.txt").points, cut


@pytest.mark.slow
def test_reading_goes_on_from_a_saved_state() -> None:
    whole = small_log()
    expected = LogReader()
    expected.feed(whole)
    for cut in range(0, len(whole), 7):
        before = LogReader()
        before.feed(whole[:cut])
        after = LogReader.from_state(json.loads(json.dumps(before.state())))
        after.feed(whole[cut:])
        assert _without_curves(after.last) == _without_curves(expected.last)
        for name in ("points", "test_points"):
            curve = getattr(after.last, name)
            assert curve == getattr(expected.last, name)[-len(curve) :]
    done = LogReader.from_state(json.loads(json.dumps(log("gpu_oom").state())))
    assert _without_curves(done.last) == _without_curves(log("gpu_oom").last)
    assert len(json.dumps(log("precision_loss").state())) < 2000


def _without_curves(part: LogPart) -> list[object]:
    names = [name for name in LogPart.__slots__ if "points" not in name]
    return [getattr(part, name) for name in names]


def test_a_table_goes_on_from_a_saved_state() -> None:
    whole = text("ladder", "metrics.txt")
    for cut in range(0, len(whole), 97):
        before = TableReader()
        before.feed(whole[:cut])
        after = TableReader.from_state(json.loads(json.dumps(before.state())))
        after.feed(whole[cut:])
        assert after.points == table("ladder").points[-len(after.points) :]
