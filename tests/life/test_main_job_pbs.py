"""The main job on PBS, with the real Pacemaker: on the practice cluster, and on a real PBS."""

from __future__ import annotations

import json
import os
import signal
from pathlib import Path

import pytest
from lives import project_on, when
from pbs_fixture import no_real_pbs
from standin import StandIn
from waiting import wait_for

from hpctrain.launch.submit import submit
from hpctrain.potentials.collect import collect
from hpctrain.project import Project
from hpctrain.runs.actions.cancel import cancel
from hpctrain.runs.actions.resume import resume
from hpctrain.runs.run import Run
from hpctrain.runs.state.curves import curves

pytestmark = pytest.mark.slow

PROFILE = """
extends: pbs
walltime: "00:20:00"
cores: 2
memory: 4G
umask: "0022"
"""


@pytest.fixture
def project(tmp_path: Path) -> Project:
    practice = PROFILE.replace("extends: pbs", "extends: practice-pbs")
    return project_on(tmp_path, mycluster=PROFILE, practice_pbs=practice)


@pytest.fixture(
    params=["practice-pbs", pytest.param("mycluster", marks=pytest.mark.real_pbs)],
    ids=["practice", "real"],
)
def site(request: pytest.FixtureRequest) -> str:
    reason = no_real_pbs() if request.param == "mycluster" else None
    if reason:
        pytest.skip(f"no real PBS: {reason}")
    return str(request.param)


@pytest.mark.real_pacemaker
@pytest.mark.usefixtures("pacemaker")
def test_labels_to_potential(project: Project, site: str) -> None:
    changes = {
        "data": {"select": "status=completed,id>90,id<130"},
        "training": {
            "evaluator": "tensorpot",
            "b_basis_size": 20,
            "max_iter": 12,
            "reference_energies": {"Al": -0.2994},
            "verify_minutes": 0,  # the verification is in test_main_job_slurm.py
        },
    }
    submitted = submit(project, site, changes=changes)
    number, _, server = submitted.job_id.partition(".")
    assert number.isdecimal()
    assert server
    run = wait_for(lambda: when(project, "running"), 60, "the job to begin")
    assert (run.state, run.job_id) == ("running", submitted.job_id), run.reason
    said = submitted.run_dir / f"job-{submitted.job_id}.out"
    wait_for(said.exists, 60, "the output, while the job runs")

    run = wait_for(lambda: when(project), 240, "the training to end")
    assert (run.state, run.reason, run.iteration) == ("completed", "", 12)
    assert run.test is not None
    (archived,) = collect(project).potentials
    card = json.loads(archived.card_path.read_text())
    assert card["run"]["job_ids"] == [submitted.job_id]
    assert card["run"]["environment"]["variables"]["PBS_JOBID"] == submitted.job_id
    assert card["run"]["environment"]["variables"]["OMP_NUM_THREADS"] == "2"


def test_a_job_script_that_fails(project: Project, site: str) -> None:
    changes = {"site": {"setup": ["echo no such module: pacemaker/2042 >&2", "exit 7"]}}
    submit(project, site, changes=changes)
    run = wait_for(lambda: when(project), 120, "the job to end")
    assert run.state == "failed"
    assert "no such module: pacemaker/2042" in run.reason
    done = collect(project)
    assert done.potentials == []
    assert done.not_ready[0].state == "failed"


@pytest.mark.parametrize("mode", ["resubmit", "chain"])
def test_longer_than_a_walltime(project: Project, standin: StandIn, site: str, mode: str) -> None:
    """Three attempts: submitted by the jobs themselves, or ahead, each waiting for the last."""
    settings = {"max_iter": 8}
    changes = standin.changes("pause 3", settings, continuation=mode, max_attempts=4)
    run = submit(project, site, changes=changes)
    jobs = []
    for number in (1, 2):
        folder = run.run_dir / "attempts" / f"{number:02d}"
        wait_for((folder / "paused.pid").exists, 60, f"attempt {number}")
        claim = json.loads((folder / "claim.json").read_text())
        jobs.append(claim["job_id"])
        os.kill(claim["pid"], signal.SIGUSR1)
    done = wait_for(lambda: when(project, "collected"), 120, "the training to end")
    assert (done.state, done.attempt, done.iteration) == ("completed", 3, 8), done.reason
    assert curves(Run(run.run_dir)).seams == [3, 6]
    (potential,) = collect(project).potentials
    assert potential.card["run"]["job_ids"] == [*jobs, done.job_id]
    assert len(set(potential.card["run"]["job_ids"])) == 3


def test_cancel_and_resume(project: Project, standin: StandIn, site: str) -> None:
    """The server ends the job, and says so; what was trained is not lost."""
    changes = standin.changes(
        "pause 3", {"max_iter": 8}, environment={"HPCTRAIN_CHECKPOINT_S": "0"}
    )
    run = submit(project, site, changes=changes)
    wait_for((run.run_dir / "attempts/01/paused.pid").exists, 60, "the training")
    (asked,) = cancel(project, (run.run_id,))
    assert asked.asked
    found = wait_for(lambda: when(project, "collected"), 60, "the job to end")
    assert (found.state, found.reason) == ("cancelled", "by hpctrain cancel")
    (again,) = resume(project, (run.run_id,))
    assert (again.submitted, again.attempt) == (True, 2)
    paused = run.run_dir / "attempts/02/paused.pid"
    wait_for(paused.exists, 60, "the training to go on")
    claim = json.loads((paused.parent / "claim.json").read_text())
    os.kill(claim["pid"], signal.SIGUSR1)
    found = wait_for(lambda: when(project, "collected"), 60, "the attempt to end")
    assert (found.state, found.iteration) == ("timeout", 5)
