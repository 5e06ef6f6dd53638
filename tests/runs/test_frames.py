"""States and curves as pandas frames, and waiting for runs, as a notebook does it."""

from __future__ import annotations

import shutil
import sys
import time

import pytest
from made_runs import FakeSlurm, leave, make_run, queue_row, submitted
from paths import RECORDED

from hpctrain.errors import HpctrainError
from hpctrain.project import Project
from hpctrain.runs.actions.frames import curves_frame, states_frame
from hpctrain.runs.actions.status import StatusReport
from hpctrain.runs.actions.wait import wait
from hpctrain.runs.run import Run

NOW = time.time()


@pytest.fixture
def run(project: Project) -> Run:
    made = make_run(project)
    submitted(made, NOW - 7200, 1, "7")
    for name in ("metrics.txt", "test_metrics.txt", "log.txt"):
        leave(made, 1, name, NOW, "")
        shutil.copyfile(RECORDED / "pacemaker/early_stop_test" / name, made.attempt(1) / name)
    return made


def test_states(project: Project, run: Run) -> None:
    pytest.importorskip("pandas")
    running = FakeSlurm(squeue=[queue_row("7", "RUNNING")])
    frame = states_frame(project, program=running)
    row = frame.loc[run.run_id]
    assert (row["state"], row["iteration"], row["max_iter"]) == ("running", 35, 100)
    assert row["test_rmse_force_ev_per_a"] > 0
    assert row["verification"] is None
    assert str(frame["eta_s"].dtype) == str(frame["train_rmse_force_ev_per_a"].dtype) == "float64"
    assert abs(frame["since"].dt.tz_convert(None).iloc[0].timestamp() - (NOW - 7200)) < 7200


def test_curves(project: Project, run: Run) -> None:
    pytest.importorskip("pandas")
    frame = curves_frame(project, (run.run_id,))
    assert set(frame["run_id"]) == {run.run_id}
    assert list(frame[frame["set"] == "test"]["iteration"]) == [0, 5, 10, 15, 20, 25, 30, 35]
    assert frame["rmse_energy_mev_per_atom"].notna().all()
    assert {str(kind) for kind in frame.dtypes[2:]} == {"int64", "float64"}


def test_without_runs_the_columns_are_there(project: Project) -> None:
    pytest.importorskip("pandas")
    assert list(states_frame(project).columns[:3]) == ["site", "job_id", "state"]
    assert list(curves_frame(project).columns[:3]) == ["run_id", "set", "iteration"]


def test_pandas_is_asked_for_by_name(project: Project, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "pandas", None)
    with pytest.raises(HpctrainError, match="pandas is not installed"):
        states_frame(project)


def test_waiting_ends_with_the_run(project: Project, run: Run) -> None:
    slurm = FakeSlurm(squeue=[queue_row("7", "RUNNING")])
    seen: list[str] = []
    pauses: list[float] = []

    def look(report: StatusReport) -> None:
        seen.append(report.runs[0].state)

    def pause(seconds: float) -> None:
        pauses.append(seconds)
        leave(run, 1, "result.json", NOW, {"state": "completed", "attempt": 1})

    report = wait(project, (run.run_id,), look=look, program=slurm, pause=pause)
    assert seen == ["running", "completed"]
    assert report.runs[0].state == "completed"
    assert len(pauses) == 1
    assert pauses[0] > 0
