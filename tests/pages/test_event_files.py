"""Learning curves as TensorBoard's event files, read back by TensorBoard's own reader."""

from __future__ import annotations

import json
import sys
import types
import warnings
from pathlib import Path
from typing import Any

import pytest
from made_runs import leave, make_run, submitted

from hpctrain.cli.main import main
from hpctrain.engines.curves import TrainingMetrics
from hpctrain.errors import HpctrainError
from hpctrain.pages.event_files import EventFiles
from hpctrain.project import Project
from hpctrain.runs.state.curves import Curves

pytest.importorskip("tensorboard")
NOW = 1.8e9
TABLE = (
    "ladder_step cycle_step iter_num nfuncs loss rmse_epa rmse_f_comp\n"
    "0 0 0 5 0.9 0.5 0.25\n"
    "0 0 1 5 0.8 0.4 0.125\n"
)


def point(epoch: int, loss: float | None = 0.5) -> TrainingMetrics:
    return TrainingMetrics(epoch, 8.0 / (1 + epoch), 1.0 / (1 + epoch), loss, (0, 0, epoch))


def curve(*epochs: int) -> Curves:
    return Curves([point(n) for n in epochs], [point(n, None) for n in epochs[::2]])


@pytest.fixture
def reader_of(monkeypatch: pytest.MonkeyPatch) -> Any:
    """Make TensorBoard's reader of a folder, without the TensorFlow that it takes if it can."""
    name = "tensorboard.compat.notf"
    monkeypatch.setitem(sys.modules, name, types.ModuleType(name))
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

    def read(folder: Path) -> Any:
        return EventAccumulator(str(folder))

    return read


def steps(reader: Any, tag: str = "rmse_force_ev_per_a") -> list[int]:
    reader.Reload()
    if tag not in reader.Tags()["scalars"]:
        return []
    return [one.step for one in reader.Scalars(tag)]


def test_an_open_tensorboard_follows(tmp_path: Path, reader_of: Any) -> None:
    files = EventFiles(tmp_path)
    assert files.write("r", Curves()) == 0
    assert not (tmp_path / "r").exists()
    assert files.write("r", curve(0, 1, 2)) == 5
    train, test = (reader_of(tmp_path / "r" / side) for side in ("train", "test"))
    assert (steps(train), steps(test)) == ([0, 1, 2], [0, 2])
    assert [one.value for one in train.Scalars("rmse_energy_mev_per_atom")][:2] == [8.0, 4.0]
    assert (steps(train, "loss"), steps(test, "loss")) == ([0, 1, 2], [])
    files.write("r", curve(0, 1, 2, 3, 4))
    assert (steps(train), steps(test)) == ([0, 1, 2, 3, 4], [0, 2, 4])
    files.close()


def test_what_a_lost_attempt_did_is_taken_back(tmp_path: Path, reader_of: Any) -> None:
    """An attempt that goes on from a checkpoint makes the curve of the one before shorter."""
    files = EventFiles(tmp_path)
    files.write("r", curve(0, 1, 2, 3, 4))
    watching = reader_of(tmp_path / "r" / "train")
    assert steps(watching) == [0, 1, 2, 3, 4]
    files.write("r", curve(0, 1, 2))
    files.close()
    assert steps(watching) == [0, 1, 2]
    assert steps(reader_of(tmp_path / "r" / "train")) == [0, 1, 2]


def test_a_later_call_replaces_its_own_files_only(tmp_path: Path, reader_of: Any) -> None:
    foreign = tmp_path / "r" / "train" / "events.out.tfevents.1.host.1"
    for _ in range(4):
        files = EventFiles(tmp_path)
        files.write("r", curve(0, 1, 2))
        files.close()
        foreign.write_bytes(b"theirs")
    assert len(list(foreign.parent.iterdir())) == 3  # one of them emptied
    assert foreign.read_bytes() == b"theirs"
    assert steps(reader_of(foreign.parent)) == [0, 1, 2]


def test_tensorboard_is_asked_for_by_name(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "tensorboard.compat.proto", None)
    with pytest.raises(HpctrainError, match="tensorboard is not installed"):
        EventFiles(tmp_path).write("r", curve(0))
    assert list(tmp_path.iterdir()) == []


def test_the_command_reads_files_and_asks_nobody(
    project: Project, capsys: pytest.CaptureFixture[str], reader_of: Any
) -> None:
    """Its run has no job that anybody knows, and its folder is read-only."""
    project.runs.mkdir(exist_ok=True)
    run = make_run(project)
    submitted(run, NOW, 1, "7")
    leave(run, 1, "metrics.txt", NOW, TABLE)
    before = {path: path.stat().st_mtime_ns for path in project.runs.rglob("*")}
    assert main(["tensorboard", "--project", str(project.folder), "--json"]) == 0
    told = json.loads(capsys.readouterr().out)
    logdir = project.folder / "tensorboard"
    assert told["logdir"] == str(logdir)
    assert told["runs"] == [{"run_id": run.run_id, "points": 2}]
    assert steps(reader_of(logdir / run.run_id / "train")) == [0, 1]
    assert {path: path.stat().st_mtime_ns for path in project.runs.rglob("*")} == before


def test_following_ends_with_the_runs(
    project: Project, capsys: pytest.CaptureFixture[str], reader_of: Any
) -> None:
    project.runs.mkdir(exist_ok=True)
    run = make_run(project)
    submitted(run, NOW, 1, "7")
    leave(run, 1, "metrics.txt", NOW, TABLE)
    leave(run, 1, "result.json", NOW, {"state": "completed", "attempt": 1})
    assert main(["tensorboard", "--project", str(project.folder), "--follow"]) == 0
    assert "wrote 2 points of 1 runs" in capsys.readouterr().out
    assert steps(reader_of(project.folder / "tensorboard" / run.run_id / "train")) == [0, 1]
