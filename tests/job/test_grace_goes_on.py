"""A training of GRACE in several attempts, with a stand-in for gracemaker: see standin_grace.py."""

from __future__ import annotations

import contextlib
import json
import os
import signal
from collections import Counter
from pathlib import Path
from typing import Any

import pytest
from paths import RECORDED
from standin import StandIn
from waiting import wait_for

from hpctrain.launch.submit import submit
from hpctrain.potentials.audit import audit
from hpctrain.potentials.collect import collect
from hpctrain.project import Project
from hpctrain.runs.actions.resume import resume
from hpctrain.runs.actions.status import RunStatus, status
from hpctrain.runs.run import Run
from hpctrain.runs.state.curves import curves
from hpctrain.runs.state.verdict import SETTLED

pytestmark = pytest.mark.slow

LIMIT_S = 60.0
EPOCHS, BATCHES = 4, 4


def read(path: Path) -> dict[str, Any]:
    content: dict[str, Any] = json.loads(path.read_text())
    return content


def rows(path: Path) -> list[dict[str, Any]]:
    return [json.loads(line.removeprefix("- ")) for line in path.read_text().splitlines()]


def begun(attempt: Path) -> tuple[int, int]:
    """The process ids of the driver and the trainer, once the trainer waits."""

    def look() -> bool:
        assert not (attempt / "result.json").exists(), (attempt / "result.json").read_text()
        file = attempt / "paused.pid"
        return file.is_file() and file.read_text().endswith("\n")

    wait_for(look, LIMIT_S, f"{attempt}: the pause")
    return read(attempt / "claim.json")["pid"], int((attempt / "paused.pid").read_text())


def settled(project: Project) -> RunStatus:
    def look() -> RunStatus | None:
        (run,) = status(project).runs
        return run if run.state in SETTLED else None

    found = wait_for(look, LIMIT_S, "its end")
    assert found is not None
    return found


def test_stopped_then_killed_with_a_torn_checkpoint(project: Project, standin: StandIn) -> None:
    """It goes on within an epoch after a stop, and after a kill from the last whole checkpoint."""
    keys = {"continuation": "resubmit", "environment": {"HPCTRAIN_CHECKPOINT_S": "0"}}
    asked = {"batch_size": 2, "max_iter": EPOCHS}
    submitted = submit(project, "local", changes=standin.of_grace("within 2", asked, **keys))
    run_dir = submitted.run_dir
    first, second, third = (run_dir / "attempts" / f"{number:02d}" for number in (1, 2, 3))

    os.kill(begun(first)[0], signal.SIGUSR1)
    driver, trainer = begun(second)
    told = read(first / "result.json")
    assert told["reason"] == f"asked to end by SIGUSR1; 1 of {EPOCHS} epochs are done"
    assert (told["iterations"], told["steps"]) == (1, BATCHES + 1)
    assert told["continues"]["attempt"] == 2

    # In its second epoch, the third of all, with a checkpoint after the second.
    for pid in (driver, trainer):
        os.kill(pid, signal.SIGKILL)
    assert settled(project).state == "failed"
    checkpoints = sorted((second / "checkpoint").iterdir())
    assert [read(one / "state.json")["step"] for one in checkpoints] == [7, 8]
    with (checkpoints[-1] / "checkpoint.data-00000-of-00001").open("r+") as file:
        file.truncate(3)
    job = run_dir / "job.sh"
    job.write_text(job.read_text().replace("STANDIN='within 2'", "STANDIN=''"))
    assert "STANDIN=''" in job.read_text()
    resume(project, (submitted.run_id,))
    done = settled(project)
    assert (done.state, done.attempt, done.iteration) == ("completed", 3, EPOCHS), done.reason
    told = read(third / "result.json")
    assert told["from"] == {
        "attempt": 2, "checkpoint": checkpoints[0].name, "iterations": 1, "steps": 7
    }  # fmt: skip
    assert told["iterations"] == EPOCHS

    # One curve: an epoch stands in it twice only where an attempt begins with the last one's end.
    curve = curves(Run(run_dir))
    for points in (curve.train, curve.test):
        assert Counter(point.epoch for point in points) == {0: 1, 1: 2, 2: 1, 3: 1, 4: 1}
        losses = {point.epoch: point.loss or 0.0 for point in points}
        assert [losses[n] / losses[n + 1] for n in range(EPOCHS)] == pytest.approx([4.0] * EPOCHS)

    (potential,) = collect(project).potentials
    assert potential.card["metrics"]["iterations"] == EPOCHS
    assert set(potential.card["files"]) == {"model", "yaml", "asi"}
    (audited,) = audit(project)
    assert audited.ok, audited.findings
    written_as_recorded(third)


def written_as_recorded(attempt: Path) -> None:
    """The stand-in writes what the real one does: the same files, and in the tables the same."""
    there = attempt / "seed" / "42"
    found = {path.relative_to(there).as_posix() for path in there.rglob("*") if path.is_file()}
    listed = set((RECORDED / "grace" / "files.txt").read_text().split())
    assert {*found} - {"checkpoints/checkpoint.index", f"checkpoints/checkpoint.{DATA}"} == listed
    recorded = rows(RECORDED / "grace" / "test_metrics_third_attempt.yaml")
    for side in ("train", "test"):
        mine = rows(there / f"{side}_metrics.yaml")
        for row, known in ((mine[0], recorded[0]), (mine[-1], recorded[-1])):
            assert set(row) == {name.replace("/test", f"/{side}") for name in known}


DATA = "data-00000-of-00001"


def test_killed_before_its_first_checkpoint(project: Project, standin: StandIn) -> None:
    """The next attempt begins anew, and says so; what it is stopped in is told as well."""
    submitted = submit(project, "local", changes=standin.of_grace("within 1"))
    first, second = (submitted.run_dir / "attempts" / number for number in ("01", "02"))
    for pid in begun(first):
        with contextlib.suppress(ProcessLookupError):
            os.kill(pid, signal.SIGKILL)
    assert settled(project).state == "failed"
    resume(project, (submitted.run_id,))
    os.kill(begun(second)[0], signal.SIGUSR1)
    said = settled(project)
    assert (said.state, said.attempt) == ("timeout", 2)
    assert f"0 of {EPOCHS} epochs are done; to go on: hpctrain resume" in said.reason
    told = read(second / "result.json")
    assert (told["iterations"], told["steps"], "from" in told) == (0, 1, False)
    printed = "".join(path.read_text() for path in submitted.run_dir.glob("job-*.out"))
    assert "no earlier attempt has left a checkpoint; it begins from the start" in printed
