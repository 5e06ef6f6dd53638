"""Runs are removed whole or not at all, never beside a job; archived potentials stay verified."""

from __future__ import annotations

import io
import os
import shutil
from pathlib import Path

import pytest
from made_runs import (
    DOWN,
    FakeSlurm,
    event,
    leave,
    make_project,
    make_run,
    queue_row,
    submitted,
)

from hpctrain.cli.main import main
from hpctrain.errors import HpctrainError
from hpctrain.project import Project
from hpctrain.runs import kept
from hpctrain.runs.actions import remove as module
from hpctrain.runs.actions.remove import Removed, prune, remove
from hpctrain.runs.actions.status import status
from hpctrain.runs.kept import run_or_rest
from hpctrain.runs.run import Run

NOW = 1_795_000_000.0
DAY = 86400.0


@pytest.fixture
def project(tmp_path: Path) -> Project:
    return make_project(tmp_path)


@pytest.fixture
def slurm() -> FakeSlurm:
    return FakeSlurm()


def ended(project: Project, number: int, state: str = "failed", days: float = 1) -> Run:
    """A run that ended so many days ago, with a megabyte of the trainer's files."""
    run = make_run(project, f"2026112{number}-120000-abcd")
    submitted(run, NOW - days * DAY - 100, 1, "7")
    result = {"state": state, "ended": NOW - days * DAY, "reason": "it broke"}
    leave(run, 1, "result.json", NOW - days * DAY, result)
    leave(run, 1, "log.txt", NOW, "x" * 1_000_000)
    for side in ("train", "test"):
        (run.folder / f"{side}.extxyz").write_text(side * 1000)
    return run


def collected(run: Run, days: float = 1) -> Run:
    event(run, NOW - days * DAY, "collecting", name="potential_gen_01")
    event(run, NOW - days * DAY, "collected", name="potential_gen_01", card_sha256="0" * 64)
    return run


def ids(project: Project, slurm: FakeSlurm) -> list[str]:
    return [run.run_id for run in status(project, program=slurm).runs]


def hidden(project: Project) -> set[str]:
    return {path.name for path in project.runs.glob(".*")} - {".lock", ".cache", ".submitted"}


def test_all_of_a_run_goes(project: Project, slurm: FakeSlurm) -> None:
    one, two = ended(project, 1), ended(project, 2)
    os.link(two.folder / "train.extxyz", project.folder / "linked")
    asked: list[Removed] = []
    done = remove(project, (one.run_id, two.run_id), agree=asked.append, program=slurm)
    assert [removal.run_id for removal in done.runs] == [one.run_id, two.run_id]
    assert [removal.kept for removal in done.runs] == [None, None]
    # What something else has a name for is not freed.
    assert done.runs[0].frees - done.runs[1].frees == 5000
    assert done.frees == sum(removal.frees for removal in done.runs) > 2_000_000
    assert asked == [done]
    assert ids(project, slurm) == []
    assert hidden(project) == set()


def test_of_archived_potentials_the_record_and_the_data_stay(
    project: Project, slurm: FakeSlurm
) -> None:
    run = collected(ended(project, 1, "completed"))
    before = (run.folder / "events.jsonl").read_bytes()
    (removal,) = remove(project, (run.run_id,), program=slurm).runs
    assert ids(project, slurm) == []
    rest = run_or_rest(project.runs, run.run_id)
    assert str(rest.folder) == removal.kept
    assert sorted(path.name for path in rest.folder.iterdir()) == [
        "events.jsonl", "run.json", "test.extxyz", "train.extxyz",
    ]  # fmt: skip
    assert (rest.folder / "events.jsonl").read_bytes() == before
    assert removal.keeps == sum(path.stat().st_size for path in rest.folder.iterdir())


@pytest.mark.parametrize("links", [True, False])
@pytest.mark.parametrize("killed_at", ["keeping", "kept", "renamed", "deleting"])
def test_killed_half_way(
    project: Project,
    slurm: FakeSlurm,
    killed_at: str,
    links: bool,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """The run is there as before, or it is gone; and the next removal finishes it."""
    run = collected(ended(project, 1, "completed"))
    other = ended(project, 2)

    class Killed(BaseException):
        pass

    def kill(*_: object) -> None:
        raise Killed

    def copy(source: Path, target: Path) -> None:
        shutil.copy2(source, target)

    with monkeypatch.context() as patch:
        if not links:
            patch.setattr(kept, "_link_or_copy", copy)
        if killed_at == "keeping":
            patch.setattr(kept, "_link_or_copy", kill)
        elif killed_at == "kept":
            patch.setattr(module, "REMOVED", "no/such/folder")
        elif killed_at == "renamed":
            patch.setattr(module, "strike_off", kill)
        else:
            patch.setattr(module, "sweep", kill)
        with pytest.raises((Killed, OSError)):
            remove(project, (run.run_id,), program=slurm)
    gone = killed_at in ("renamed", "deleting")
    assert (run.run_id in ids(project, slurm)) is not gone
    rest = run_or_rest(project.runs, run.run_id)
    assert (rest.folder / "train.extxyz").read_text() == "train" * 1000
    assert rest.events()[-1]["event"] == "collected"
    remove(project, (other.run_id, *([] if gone else [run.run_id])), program=slurm)
    assert ids(project, slurm) == []
    assert hidden(project) == {".kept"}
    assert {path.name for path in (project.runs / ".kept").iterdir()} == {run.run_id}


def test_a_run_with_a_job_stays_and_so_do_all_others(project: Project, slurm: FakeSlurm) -> None:
    over, alive = ended(project, 1), make_run(project, "20261122-120000-abcd")
    submitted(alive, NOW, 1, "8")
    slurm.squeue = [queue_row("8", "RUNNING", mark=f"{alive.run_id}.01")]
    with pytest.raises(HpctrainError, match="is running, and may have a job") as caught:
        remove(project, (over.run_id, alive.run_id), program=slurm)
    assert caught.value.hint == f"end it first: hpctrain cancel {alive.run_id}"
    slurm.squeue = [queue_row("9", "PENDING", mark=f"{over.run_id}.02")]
    shutil.rmtree(project.cache)
    with pytest.raises(HpctrainError, match="its job 9 is queued"):
        remove(project, (over.run_id,), program=slurm)
    assert len(list(project.runs.glob("2*"))) == 2


def test_a_silent_scheduler(project: Project, slurm: FakeSlurm) -> None:
    """What the run's own files say is enough; where they say nothing, nothing is removed."""
    slurm.squeue = DOWN
    over, lost = ended(project, 1), make_run(project, "20261122-120000-abcd")
    submitted(lost, NOW, 1, "8")
    with pytest.raises(HpctrainError, match="is unknown, and may have a job"):
        remove(project, (lost.run_id,), program=slurm)
    goes_on = ended(project, 3)
    leave(goes_on, 1, "result.json", NOW, {"state": "timeout", "continues": {"attempt": 2}})
    with pytest.raises(HpctrainError, match="nothing was removed"):
        remove(project, (goes_on.run_id,), program=slurm)
    remove(project, (over.run_id,), program=slurm)
    assert not over.folder.exists()


def test_a_potential_that_is_archived_in_part(project: Project, slurm: FakeSlurm) -> None:
    run = ended(project, 1, "completed")
    event(run, NOW, "collecting", name="potential_gen_01")
    with pytest.raises(HpctrainError, match="archived in part") as caught:
        remove(project, (run.run_id,), program=slurm)
    assert caught.value.hint == f"finish that first: hpctrain collect {run.run_id}"


def test_prune(project: Project, slurm: FakeSlurm) -> None:
    old, archived = ended(project, 1, days=40), collected(ended(project, 2, "completed", 40), 31)
    finished, young = ended(project, 3, "completed", 40), ended(project, 4, days=29)
    done = prune(project, 30 * DAY, program=slurm, clock=lambda: NOW)
    assert [one.run_id for one in done.runs] == [old.run_id, archived.run_id]
    assert [(one.run_id, one.why) for one in done.left] == [
        (finished.run_id, "its potential is finished, and not archived")
    ]
    assert ids(project, slurm) == [finished.run_id, young.run_id]
    assert remove(project, (finished.run_id,), program=slurm).runs[0].loses


def test_the_commands_ask(
    project: Project, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    run = make_run(project, "20261121-120000-abcd", "local")
    run.record("refused", reason="no")
    monkeypatch.chdir(project.folder)
    monkeypatch.setattr("sys.stdin", io.StringIO())
    assert main(["rm", run.run_id]) == 1
    said = capsys.readouterr().err
    assert "RUN                   STATE" in said
    assert "there is no terminal to ask you on" in said
    assert main(["prune", "--older", "1"]) == 2
    assert main(["prune", "--older", "30d", "--json"]) == 0
    assert '"removed": [], "frees": 0, "left": []' in capsys.readouterr().out
    assert main(["rm", run.run_id, "--yes"]) == 0
    assert capsys.readouterr().out.startswith("removed 1 run: ")
    assert not run.folder.exists()
