"""What is kept of settled runs: believed only as long as their files are the same."""

from __future__ import annotations

import json
import os
import shutil
import time
from pathlib import Path
from typing import Any

import pytest
from made_runs import FakeSlurm, event, leave, make_run, submitted

from hpctrain.project import Project
from hpctrain.runs.actions.status import RunStatus, status
from hpctrain.runs.run import Run
from hpctrain.runs.state.attempts import find_counting_attempt

now = time.time
ERRORS = {"rmse_energy_mev_per_atom": 1.0, "rmse_force_ev_per_a": 0.1}


@pytest.fixture
def run(project: Project) -> Run:
    """A run that completed yesterday."""
    made = make_run(project)
    submitted(made, now() - 90000, 1, "7")
    leave(made, 1, "claim.json", now() - 90000, {"job_id": "7", "time": now() - 90000})
    result(made, "completed")
    return made


def result(run: Run, state: str, errors: Any = ERRORS) -> None:
    content = {"state": state, "reason": "why", "potential": {"train": errors, "test": errors}}
    leave(run, 1, "result.json", now() - 80000, content)


@pytest.fixture
def looked(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """The runs whose files are read."""
    seen: list[str] = []

    def look(run: Run, *arguments: Any) -> Any:
        seen.append(run.run_id)
        return find_counting_attempt(run, *arguments)

    monkeypatch.setattr("hpctrain.runs.actions.status.find_counting_attempt", look)
    return seen


def show(project: Project) -> RunStatus:
    (shown,) = status(project, program=FakeSlurm()).runs
    return shown


def test_it_is_read_once(project: Project, run: Run, looked: list[str]) -> None:
    first = show(project)
    assert (first.state, looked) == ("completed", [run.run_id])
    assert show(project) == first
    assert looked == [run.run_id]
    # The cache may be deleted, or be nonsense.
    kept = project.cache / "settled.json"
    for content in ("", "{", "[]", '{"runs": 3}', kept.read_text().replace('"stamp"', '"x"')):
        kept.write_text(content)
        assert show(project) == first
    shutil.rmtree(project.cache)
    assert show(project) == first
    assert len(looked) == 7


def test_whatever_changes_is_seen(project: Project, run: Run, looked: list[str]) -> None:
    show(project)
    # Of the same size and time: written in place, another file by rename, and an event.
    path = run.attempt(1) / "result.json"
    text, times = path.read_text(), path.stat()
    path.write_text(text.replace("1.0", "2.0"))
    os.utime(path, ns=(times.st_atime_ns, times.st_mtime_ns))
    assert (show(project).train or {})["rmse_energy_mev_per_atom"] == 2.0
    other = path.with_name("other")
    other.write_text(text.replace("1.0", "3.0"))
    os.utime(other, ns=(times.st_atime_ns, times.st_mtime_ns))
    other.replace(path)
    assert (show(project).train or {})["rmse_energy_mev_per_atom"] == 3.0
    event(run, now(), "collected", name="p")
    assert show(project).state == "collected"
    manifest = json.loads((run.folder / "run.json").read_text())
    manifest["settings"]["training"]["max_iter"] = 7
    (run.folder / "run.json").write_text(json.dumps(manifest))
    assert show(project).max_iter == 7
    assert len(looked) == 5


def test_another_attempt_is_seen(project: Project, run: Run) -> None:
    result(run, "failed")
    assert (show(project).state, show(project).attempt) == ("failed", 1)
    submitted(run, now(), 2, "8")
    leave(run, 2, "claim.json", now(), {"job_id": "8"})
    leave(run, 2, "result.json", now(), {"state": "timeout", "reason": "too long"})
    assert (show(project).state, show(project).attempt) == ("timeout", 2)


@pytest.mark.parametrize("state", ["young", "lost", "half done"])
def test_what_may_change_is_not_kept(
    project: Project, run: Run, looked: list[str], state: str
) -> None:
    if state == "young":  # the trainer's files may lag behind
        os.utime(run.attempt(1) / "result.json", (now(), now()))
    elif state == "lost":  # the scheduler has to be asked
        (run.attempt(1) / "result.json").unlink()
    else:
        event(run, now(), "submitting", attempt=2, host="elsewhere")
    for _ in range(2):
        looked.clear()
        show(project)
        assert looked


def test_a_copy_is_looked_at_for_itself(
    project: Project, run: Run, looked: list[str], tmp_path: Path
) -> None:
    shown = show(project)
    shutil.copytree(project.folder, tmp_path / "copy")
    copied = Project(tmp_path / "copy" / "hpctrain.yaml")
    assert show(copied).state == shown.state == "completed"
    assert looked == [run.run_id] * 2
