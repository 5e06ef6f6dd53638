"""Learning curves on a terminal: sized to it, and in the characters it has."""

from __future__ import annotations

import io
import math
from dataclasses import replace
from pathlib import Path

import pytest
from made_runs import FakeSlurm, leave, make_project, make_run, queue_row, submitted
from paths import RECORDED
from report_example import OF_REPORT
from rich.console import Console

from hpctrain.cli.terminal.curve import LARGEST, SMALLEST, lines
from hpctrain.cli.terminal.live import _Curves, _picture
from hpctrain.pages.learning_curve import curves_of_csv
from hpctrain.runs.actions.status import status
from hpctrain.runs.state.curves import Curves
from hpctrain.runs.state.latest import TrainingFiles

CURVES = curves_of_csv((OF_REPORT / "learning_curve.csv").read_text())
NOW = 1_795_435_200.0


def text(curves: Curves, width: int, height: int, ascii_only: bool = False) -> list[str]:
    found = lines(curves, width, height, ascii_only=ascii_only)
    return ["".join(piece for piece, _ in line) for line in found]


@pytest.mark.parametrize(("width", "height"), [(72, 6), (110, 12), (400, 50), (30, 12), (71, 40)])
def test_sized_to_the_terminal(width: int, height: int) -> None:
    shown = text(CURVES, width, height)
    assert SMALLEST <= len(shown) <= min(height, 2 * LARGEST)
    assert max(map(len, shown)) <= width
    heads = [line for line in shown if "meV/atom"[:2] in line or "train" in line]
    assert sum(line.count("train") for line in heads) == 2
    assert any("⠤" in line for line in shown)
    assert any("o" in line for line in shown[1:-1])


@pytest.mark.parametrize(("width", "height"), [(110, 5), (20, 40), (60, 11)])
def test_no_room(width: int, height: int) -> None:
    assert lines(CURVES, width, height, ascii_only=False) == []


def test_where_the_terminal_has_ascii_only() -> None:
    shown = text(CURVES, 100, 12, ascii_only=True)
    assert "".join(shown).isascii()
    assert any("***" in line for line in shown)
    assert any("force, eV/A " in line for line in shown)


def test_the_numbers_are_those_of_the_last_points() -> None:
    head = text(CURVES, 110, 12)[0]
    for curve, name in ((CURVES.train, "train"), (CURVES.test, "test")):
        assert f"{name} {curve[-1].rmse_energy:.3g}" in head
        assert f"{name} {curve[-1].rmse_force:.3g}" in head


@pytest.mark.parametrize("ascii_only", [False, True])
def test_the_kept_iteration_is_marked(ascii_only: bool) -> None:
    found = lines(CURVES, 100, 12, ascii_only=ascii_only, kept=20)
    shown = ["".join(piece for piece, _ in line) for line in found]
    (before,) = (point for point in CURVES.test if point.epoch == 20)
    assert f"test {before.rmse_energy:.3g}  force" in shown[0]
    mark = ":" if ascii_only else "┊"
    columns = {at for line in shown[1:-1] for at, one in enumerate(line[:49]) if one == mark}
    assert columns == {8 + round(40 / 2)}  # the middle of the left panel
    assert sum(line[28] == mark for line in shown[1:-1]) > 5
    assert shown[-1].count("kept 20") == 2


def test_the_axes_have_round_numbers() -> None:
    shown = text(CURVES, 100, 12)
    beside = [line[:7].strip() for line in shown[1:-1]]
    assert [number for number in beside if number] == ["2000", "500", "200", "100"]
    assert shown[-1].split() == ["0", "10", "20", "30", "40"] * 2
    for line, number in zip(shown[1:-1], beside, strict=True):
        assert line[7] == ("┤" if number else "│")


def test_a_falling_curve_falls() -> None:
    train = [replace(CURVES.train[0], epoch=n, rmse_energy=10.0**-n) for n in range(3)]
    shown = text(Curves(train=train), 60, 14, ascii_only=True)[1:6]
    assert [line[8:].find("*") for line in shown] == sorted(line[8:].find("*") for line in shown)
    assert shown[0][8] == "*"
    assert shown[-1].rstrip()[-1] == "*"


def test_what_has_no_logarithm_is_left_out() -> None:
    train = [replace(point, rmse_energy=math.nan) if n % 2 else point
             for n, point in enumerate(CURVES.train)]  # fmt: skip
    assert text(Curves(train=train), 110, 12)
    assert lines(Curves(train=CURVES.train[:1]), 110, 12, ascii_only=False) == []
    nothing = [replace(point, rmse_energy=math.nan) for point in CURVES.train]
    shown = text(Curves(train=nothing), 110, 12)
    assert "no number" in shown[0]


def test_a_test_error_after_the_last_training_error_that_is_a_number() -> None:
    train = [*CURVES.train[:-1], replace(CURVES.train[-1], rmse_energy=math.nan)]
    shown = text(replace(CURVES, train=train), 60, 14)
    assert "train nan" in shown[0]
    assert any(line.endswith("o") for line in shown[1:6])


def test_runs_that_train_are_drawn_as_far_as_there_is_room(tmp_path: Path) -> None:
    project = make_project(tmp_path)
    slurm = FakeSlurm()
    ids = [f"20261123-12000{n}-abcd" for n in range(4)]
    for n, run_id in enumerate(ids):
        run = make_run(project, run_id)
        submitted(run, NOW, 1, str(n))
        rows = slurm.squeue
        assert isinstance(rows, list)
        rows.append(queue_row(str(n), "RUNNING", mark=f"{run_id}.01"))
        if n < 3:  # the last one is still converting its data
            leave(
                run,
                1,
                "metrics.txt",
                NOW,
                (RECORDED / "pacemaker" / "killed" / "metrics.txt").read_text(),
            )
            leave(run, 1, "claim.json", NOW, {"job_id": str(n), "time": NOW})
        phase = "train" if n < 3 else "convert"
        leave(run, 1, "heartbeat.json", NOW, {"time": NOW, "phase": phase})
    report = status(project, program=slurm, clock=lambda: NOW)
    for height, drawn in ((60, 3), (31, 3), (24, 2), (18, 1), (12, 0)):
        out = io.StringIO()
        console = Console(file=out, width=110, height=height, force_terminal=True)
        console.print(_picture(report, console, _Curves(TrainingFiles(project.cache))))
        shown = out.getvalue()
        assert shown.count("energy, meV/atom") == drawn, height
        assert shown.count("\n") <= height
