"""A training over three walltimes, on a real Slurm: as good as in one piece.

Two attempts are sent the signal that Slurm sends before the walltime. The trainer waits for it
after known iterations, so that each attempt has its share of them, however busy the machine is.
"""

from __future__ import annotations

import json
import subprocess
from pathlib import Path
from typing import Any

import pytest
from lives import project_on
from standin import StandIn
from waiting import wait_for

from hpctrain.launch.submit import SubmittedRun, submit
from hpctrain.potentials.collect import collect
from hpctrain.project import Project
from hpctrain.runs.actions.status import RunStatus, status
from hpctrain.runs.run import Run
from hpctrain.runs.state.curves import curves
from hpctrain.runs.state.verdict import SETTLED

pytestmark = [
    pytest.mark.slow,
    pytest.mark.real_slurm,
    pytest.mark.usefixtures("slurm"),
]

PROFILE = """
extends: slurm
partition: cpu
account: materials
walltime: "00:15:00"
margin: "00:01:00"
cores: 1
memory: 1500M
continuation: resubmit
"""
# Waits once in the first two attempts, until the attempt is to stop; continuation.py sees that
# after the next iteration.
PAUSE = """
import os, time
left = int(os.environ["PAUSE_AFTER"]) if os.getcwd()[-2:] in ("01", "02") else 0
def pause(**_):
    global left
    left -= 1
    if left == 0:
        open("paused", "w").close()
        while not os.path.exists("stop"):
            time.sleep(0.01)
"""
TOTAL, EACH = 36, 12
FIT = {
    "data": {"select": "status=completed,id>90,id<130"},
    "training": {
        "evaluator": "tensorpot",
        "b_basis_size": 20,
        "max_iter": TOTAL,
        "start": "zero",  # where the optimiser's memory counts most
        "force_share": 0.5,
        "reference_energies": {"Al": -0.2994},
        # What comes after the training is in test_main_job_slurm.py.
        "active_set": False,
        "verify_minutes": 0,
        "overrides": {"fit": {"callbacks": ["pause.pause"]}},
    },
}


@pytest.fixture
def project(tmp_path: Path) -> Project:
    (tmp_path / "pause.py").write_text(PAUSE)
    return project_on(tmp_path, mycluster=PROFILE)


def changes(project: Project, pause_after: int, **site: Any) -> dict[str, Any]:
    variables = {"PYTHONPATH": str(project.folder), "PAUSE_AFTER": str(pause_after)}
    return {**FIT, "site": {"environment": variables, **site}}


def settled(project: Project, run: SubmittedRun) -> RunStatus | None:
    (found,) = status(project, (run.run_id,)).runs
    return found if found.state in SETTLED else None


def result(run: SubmittedRun, attempt: int) -> dict[str, Any]:
    content: dict[str, Any] = json.loads(
        (run.run_dir / "attempts" / f"{attempt:02d}" / "result.json").read_text()
    )
    return content


def warn(run: SubmittedRun, attempt: int) -> None:
    """Send the signal that Slurm sends before the walltime, once the trainer waits."""
    folder = run.run_dir / "attempts" / f"{attempt:02d}"
    wait_for((folder / "paused").exists, 600, f"{folder / 'paused'}")
    job_id = json.loads((folder / "claim.json").read_text())["job_id"]
    subprocess.run(["scancel", "--signal=USR1", "--batch", job_id], check=True)


@pytest.mark.real_pacemaker
@pytest.mark.usefixtures("pacemaker")
def test_three_walltimes_are_as_good_as_one(project: Project) -> None:
    parts = submit(project, "mycluster", changes=changes(project, EACH - 1))
    whole = submit(project, "mycluster", changes=changes(project, 0))
    for attempt in (1, 2):
        warn(parts, attempt)
    in_parts = wait_for(lambda: settled(project, parts), 480, "the three attempts")
    assert (in_parts.state, in_parts.reason) == ("completed", "")
    assert (in_parts.attempt, in_parts.iteration) == (3, TOTAL)
    in_one = wait_for(lambda: settled(project, whole), 480, "the training in one piece")
    assert (in_one.state, in_one.attempt, in_one.iteration) == ("completed", 1, TOTAL)

    first, second, third = (result(parts, number) for number in (1, 2, 3))
    seams = [EACH, 2 * EACH]
    for told, done in zip((first, second), seams, strict=True):
        assert told["reason"] == f"asked to end by SIGUSR1; {done} of {TOTAL} iterations are done"
    jobs = [json.loads((parts.run_dir / f"attempts/{n:02d}/claim.json").read_text())["job_id"]
            for n in (1, 2, 3)]  # fmt: skip
    assert len(set(jobs)) == 3
    assert [told["continues"]["job_id"] for told in (first, second)] == jobs[1:]
    assert [told["from"]["iterations"] for told in (second, third)] == seams
    for number in (2, 3):
        report = json.loads(
            (parts.run_dir / f"attempts/{number:02d}/continuation.json").read_text()
        )
        assert report["memory"]["used"] is True
        assert report["problems"] == []

    one, three = (curves(Run(run.run_dir)) for run in (whole, parts))
    assert (one.seams, three.seams) == ([], seams)
    assert [point.epoch for point in three.train] == sorted(
        [*range(TOTAL + 1), *seams]
    )  # fmt: skip
    for seam in three.seams:
        before, after = (point.loss for point in three.train if point.epoch == seam)
        assert after == pytest.approx(before, rel=1e-6)
    losses = {
        name: {point.epoch: point.loss or 0.0 for point in curve.train}
        for name, curve in (("one", one), ("three", three))
    }
    # Until the first seam it is the same training.
    assert losses["three"][EACH] == pytest.approx(losses["one"][EACH], rel=1e-6)
    ratio = losses["three"][TOTAL] / losses["one"][TOTAL]
    print(
        f"loss after {TOTAL} iterations: in one piece {losses['one'][TOTAL]:.6g}, in three "
        f"attempts (seams {seams}) {losses['three'][TOTAL]:.6g}, {ratio:.4f} ×"
    )
    assert ratio <= 1.02
    archived = {one.run_id: one.card for one in collect(project).potentials}
    assert archived[parts.run_id]["run"]["job_ids"] == jobs
    assert archived[parts.run_id]["metrics"]["iterations"] == TOTAL


def pending(run: SubmittedRun) -> bool:
    shown = subprocess.run(
        ["squeue", "--noheader", "--format=%T", f"--jobs={run.job_id}"],
        capture_output=True, text=True, check=True,
    )  # fmt: skip
    return shown.stdout.strip() == "PENDING"


def test_requeue(project: Project, standin: StandIn) -> None:
    """The same job, put back into the queue by itself; only its wait is cut short here."""
    asked = standin.changes("pause 3", {"max_iter": 8}, continuation="requeue")
    run = submit(project, "mycluster", changes=asked)
    for number in (1, 2):
        folder = run.run_dir / "attempts" / f"{number:02d}"
        wait_for((folder / "paused.pid").exists, 60, f"attempt {number}")
        subprocess.run(["scancel", "--signal=USR1", "--batch", run.job_id], check=True)
        wait_for((folder / "result.json").exists, 60, "its result")
        told = result(run, number)
        assert told["continues"] == {
            "mode": "requeue", "attempt": number + 1, "job_id": run.job_id,
        }  # fmt: skip

        wait_for(lambda: pending(run), 60, "the job in the queue again")
        # Slurm would wait two minutes; at once, its nodes still refuse the job.
        update = ["scontrol", "update", f"JobId={run.job_id}", "StartTime=now+3"]
        subprocess.run(update, check=True)
    done = wait_for(lambda: settled(project, run), 60, "the training to end")
    assert (done.state, done.attempt, done.iteration) == ("completed", 3, 8), done.reason
    assert done.job_id == run.job_id
    assert curves(Run(run.run_dir)).seams == [3, 6]
    variables = json.loads((run.run_dir / "attempts/03/environment.json").read_text())["variables"]
    assert variables["SLURM_RESTART_COUNT"] == "2"


def test_grace_over_two_walltimes(project: Project, standin: StandIn) -> None:
    """Stopped within an epoch by Slurm's signal, it goes on there in a job that it submits."""
    asked = standin.of_grace("within 2", {"batch_size": 2}, continuation="resubmit")
    run = submit(project, "mycluster", changes=asked)
    folder = run.run_dir / "attempts" / "01"
    wait_for((folder / "paused.pid").exists, 60, "the first attempt")
    # The next one is to train to its end.
    job = run.run_dir / "job.sh"
    job.write_text(job.read_text().replace("STANDIN='within 2'", "STANDIN=''"))
    subprocess.run(["scancel", "--signal=USR1", "--batch", run.job_id], check=True)
    done = wait_for(lambda: settled(project, run), 60, "the training to end")
    assert (done.state, done.attempt, done.iteration) == ("completed", 2, 4), done.reason
    assert done.job_id != run.job_id
    assert result(run, 1)["reason"] == "asked to end by SIGUSR1; 1 of 4 epochs are done"
    assert result(run, 2)["from"]["steps"] == 5
    assert curves(Run(run.run_dir)).seams == [1]
    (potential,) = collect(project).potentials
    assert set(potential.card["files"]) == {"model", "yaml", "asi"}
