"""The next attempt: after whatever end, once, and only where there is none that trains."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from pathlib import Path

import pytest
from made_runs import (
    CLUSTER,
    DOWN,
    FakeSlurm,
    error,
    event,
    leave,
    make_run,
    queue_row,
    submitted,
)

from hpctrain.errors import HpctrainError, SiteUnreachable
from hpctrain.project import Project
from hpctrain.runs.actions.resume import Resumed, resume
from hpctrain.runs.actions.status import status
from hpctrain.runs.history import fold
from hpctrain.runs.run import Run
from hpctrain.runs.submission import JobRefused

now = time.time


@pytest.fixture
def run(project: Project) -> Run:
    return lost(project)


def lost(project: Project, run_id: str = "20261123-120000-abcd", **profile: str) -> Run:
    """A run whose job went away with its node."""
    made = make_run(project, run_id, **profile)
    submitted(made, now() - 7200, 1, "7")
    leave(made, 1, "claim.json", now() - 7000, {"job_id": "7"})
    leave(made, 1, "heartbeat.json", now() - 3600, {"phase": "train"})
    return made


def ended(run: Run, state: str, **facts: object) -> None:
    leave(run, 1, "result.json", now() - 3000, {"state": state, "reason": "why", **facts})


def of(run: Run, *kinds: str) -> list[int]:
    return [e["attempt"] for e in run.events() if e["event"] in kinds]


@pytest.mark.parametrize("state", ["timeout", "failed", "terminated", None])
def test_after_whatever_end(project: Project, run: Run, state: str | None) -> None:
    if state is not None:
        ended(run, state)
    slurm = FakeSlurm(sbatch=["8\n"])
    (done,) = resume(project, (run.run_id,), program=slurm)
    expected = {"timeout": "timeout"}.get(state or "", "failed")
    assert done == Resumed(run.run_id, expected, True, 2, "8")
    (argv,) = slurm.calls("sbatch")
    assert argv[-2:] == ("job.sh", "2")
    assert f"--job-name=al.{run.run_id}.02" in argv
    # It is known at once, and safe to repeat.
    slurm.squeue = [queue_row("8", "PENDING", mark=f"{run.run_id}.02")]
    (found,) = status(project, program=slurm).runs
    assert (found.state, found.attempt, found.job_id) == ("queued", 2, "8")
    (again,) = resume(project, (run.run_id,), program=slurm)
    assert again == Resumed(run.run_id, "queued", False, 2, "8")
    assert len(slurm.calls("sbatch")) == 1


def test_what_it_goes_without_is_said(
    project: Project, run: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SBATCH_RESERVATION", "course")
    said: list[str] = []
    resume(project, (run.run_id,), program=FakeSlurm(sbatch=["8\n"]), say=said.append)
    assert any("SBATCH_RESERVATION=course of your shell is ignored" in line for line in said)


def test_after_a_cancel_the_jobs_may_begin_again(project: Project, run: Run) -> None:
    (run.folder / "cancel").touch()
    event(run, now() - 100, "cancel_requested", attempt=1)
    slurm = FakeSlurm(sbatch=["8\n"])
    assert resume(project, (run.run_id,), program=slurm)[0].state == "cancelled"
    assert not (run.folder / "cancel").exists()
    assert not fold(run.events()).cancel_requested


@pytest.mark.parametrize("state", ["running", "queued"])
def test_a_run_with_a_job_is_left(project: Project, run: Run, state: str) -> None:
    word = {"running": "RUNNING", "queued": "PENDING"}[state]
    slurm = FakeSlurm(squeue=[queue_row("7", word)])
    assert resume(project, (run.run_id,), program=slurm) == [
        Resumed(run.run_id, state, False, 1, "7")
    ]
    assert slurm.calls("sbatch") == []


@pytest.mark.parametrize(
    ("facts", "words"),
    [
        ({"uid": os.getuid() + 1, "user": "ada"}, "and ada submitted it; nothing was submitted"),
        ({"cluster": "b"}, "this is the cluster a, and it was submitted on b; nothing was"),
    ],
)
def test_as_another_user_or_on_another_cluster(
    project: Project, run: Run, facts: dict[str, object], words: str
) -> None:
    ended(run, "timeout")
    event(run, now() - 7000, "submitted", attempt=1, job_id="7", **facts)
    slurm = FakeSlurm()
    with pytest.raises(HpctrainError, match=words) as caught:
        resume(project, (run.run_id,), program=slurm)
    assert caught.value.exit_code == 1
    assert slurm.calls("sbatch") == []
    # Without its result it is not even known to have ended.
    (run.attempt(1) / "result.json").unlink()
    with pytest.raises(HpctrainError, match="what became of job 7 is not known"):
        resume(project, (run.run_id,), program=slurm)
    assert slurm.calls("sbatch") == []


def test_a_run_of_an_older_version_goes_on_from_another_login_node(project: Project) -> None:
    run = make_run(project)
    event(run, now() - 7200, "submitting", attempt=1, host="login7")
    event(run, now() - 7200, "submitted", attempt=1, job_id="7")
    leave(run, 1, "claim.json", now() - 7000, {"job_id": "7"})
    ended(run, "timeout")
    assert resume(project, (run.run_id,), program=FakeSlurm(sbatch=["8\n"]))[0].submitted


def test_not_beside_another_job_of_the_run(project: Project, run: Run) -> None:
    """Submitted twice: one has ended, and the other waits."""
    ended(run, "timeout")
    slurm = FakeSlurm(squeue=[queue_row("8", "PENDING")])
    with pytest.raises(HpctrainError, match="job 8 is a job of this run too, and is queued"):
        resume(project, (run.run_id,), program=slurm)
    # The job that has just written its result is not in the way.
    slurm.squeue, slurm.sbatch = [queue_row("7", "RUNNING")], ["9\n"]
    assert resume(project, (run.run_id,), program=slurm)[0].job_id == "9"


def test_a_complete_one_is_left(project: Project, run: Run) -> None:
    ended(run, "completed")
    slurm = FakeSlurm()
    assert resume(project, (run.run_id,), program=slurm)[0].state == "completed"
    event(run, now(), "collected", name="potential_gen_01")
    assert resume(project, (run.run_id,), program=slurm)[0].state == "collected"
    assert slurm.asked == []


def test_what_is_not_known_may_be_training(project: Project, run: Run) -> None:
    with pytest.raises(HpctrainError, match="what became of job 7 is not known") as caught:
        resume(project, (run.run_id,), program=FakeSlurm(squeue=DOWN))
    assert "hpctrain cancel" in (caught.value.hint or "")
    assert of(run, "submitting") == [1]


def test_what_is_being_submitted_is_left(project: Project) -> None:
    run = make_run(project)
    event(run, now() - 1, "submitting", attempt=1, host="elsewhere")
    with pytest.raises(SiteUnreachable, match="its submission is not finished"):
        resume(project, (run.run_id,), program=FakeSlurm())


def test_an_announced_attempt_that_came_is_not_submitted_twice(project: Project, run: Run) -> None:
    ended(run, "timeout", continues={"mode": "resubmit", "job_id": "8"})
    slurm = FakeSlurm(squeue=[queue_row("8", "PENDING", mark=f"{run.run_id}.02")])
    (done,) = resume(project, (run.run_id,), program=slurm)
    assert done == Resumed(run.run_id, "queued", False, 2, "8")


def test_numbers_are_not_used_twice(project: Project, run: Run) -> None:
    """Of a chain that was cancelled, attempts 2 and 3 never began; their jobs might yet."""
    for attempt in (2, 3):
        submitted(run, now() - 7200, attempt, str(attempt + 6))
    event(run, now() - 100, "cancel_requested", attempt=1)
    slurm = FakeSlurm(sbatch=["20\n"])
    (done,) = resume(project, (run.run_id,), program=slurm)
    assert (done.attempt, done.state) == (4, "cancelled")
    slurm.squeue = [queue_row("20", "RUNNING", mark=f"{run.run_id}.04")]
    (found,) = status(project, program=slurm).runs
    assert (found.state, found.attempt, found.job_id) == ("running", 4, "20")


def test_a_chain_is_submitted_ahead_again(project: Project) -> None:
    run = make_run(project, continuation="chain", max_attempts=4)
    submitted(run, now() - 7200, 1, "7")
    leave(run, 1, "claim.json", now() - 7000, {"job_id": "7"})
    ended(run, "failed")
    slurm = FakeSlurm(sbatch=["8\n", "9\n", "10\n"])
    resume(project, (run.run_id,), program=slurm)
    calls = slurm.calls("sbatch")
    assert [argv[-1] for argv in calls] == ["2", "3", "4"]
    after = [word for argv in calls for word in argv if "dependency" in word]
    assert after == ["--dependency=afterany:8", "--dependency=afterany:9"]


def test_max_attempts_counts_attempts_that_began(project: Project) -> None:
    """Of a chain of three that was cancelled one began: two more may follow, numbered anew."""
    run = make_run(project, continuation="chain", max_attempts=3)
    for attempt in (1, 2, 3):
        submitted(run, now() - 7200, attempt, str(attempt + 6))
    leave(run, 1, "claim.json", now() - 7000, {"job_id": "7"})
    event(run, now() - 100, "cancel_requested", attempt=1)
    slurm = FakeSlurm(sbatch=["20\n", "21\n"])
    resume(project, (run.run_id,), program=slurm)
    assert [argv[-1] for argv in slurm.calls("sbatch")] == ["4", "5"]


def test_a_job_learns_how_to_submit_attempts_with_new_numbers(project: Project) -> None:
    run = make_run(project, continuation="resubmit", max_attempts=3)
    for attempt in (1, 2):
        submitted(run, now() - 7200, attempt, str(attempt + 6))
    event(run, now() - 100, "cancel_requested", attempt=1)
    settings = run.folder / "job" / "settings.json"
    settings.parent.mkdir(exist_ok=True)
    settings.write_text('{"max_attempts": 3, "submit_argv": {"2": ["sbatch"]}}')
    resume(project, (run.run_id,), program=FakeSlurm(sbatch=["20\n"]))
    argv = json.loads(settings.read_text())["submit_argv"]
    assert list(argv) == ["2", "4", "5"]
    assert argv["5"][-1] == "5" and any(f"{run.run_id}.05" in word for word in argv["5"])


def test_refused_leaves_the_run_as_it_was(project: Project, run: Run) -> None:
    ended(run, "timeout")
    refusal = error("sbatch", "sbatch: error: Batch job submission failed: Invalid account")
    slurm = FakeSlurm(sbatch=[refusal, "8\n"])
    with pytest.raises(JobRefused, match="Invalid account"):
        resume(project, (run.run_id,), program=slurm)
    (found,) = status(project, program=slurm).runs
    assert (found.state, found.attempt) == ("timeout", 1)
    (done,) = resume(project, (run.run_id,), program=slurm)
    assert (done.attempt, done.submitted) == (2, True)


def test_several_runs_and_one_of_them_not_known(project: Project, run: Run) -> None:
    """What was done before is told."""
    other = lost(project, "20261124-120000-ffff")
    leave(other, 1, "heartbeat.json", now(), {"phase": "train"})
    said: list[str] = []
    with pytest.raises(HpctrainError, match=other.run_id):
        resume(project, (), program=FakeSlurm(sbatch=["8\n"]), say=said.append)
    assert said == [f"{run.run_id}: was failed; attempt 2 is job 8"]


def test_killed_between_the_intent_and_the_submission(project: Project, run: Run) -> None:
    """The run is what it was: nothing was asked of the scheduler."""
    event(run, now(), "resuming", attempt=2)
    slurm = FakeSlurm(sbatch=["8\n"])
    assert status(project, program=slurm).runs[0].state == "failed"
    assert slurm.calls("sbatch") == []
    assert resume(project, (run.run_id,), program=slurm)[0].attempt == 2


SBATCH = """#!/bin/sh
echo "$$" >> "{calls}"
cat "{row}" >> "{queue}"
echo 8
"""


@pytest.mark.slow
def test_two_at_once_submit_once(project: Project, run: Run, tmp_path: Path) -> None:
    """The second sees what the first has done, though its look at the queue is seconds old."""
    paths = {name: tmp_path / name for name in ("calls", "row", "queue", "nothing")}
    for path in paths.values():
        path.touch()
    paths["row"].write_text(queue_row("8", "PENDING", mark=f"{run.run_id}.02") + "\n")
    (tmp_path / "bin").mkdir()
    for name, text in (
        ("sbatch", SBATCH.format(**paths)),
        ("squeue", f"#!/bin/sh\ncat '{paths['queue']}'\n"),
        ("sacct", "#!/bin/sh\n"),
        ("scontrol", f"#!/bin/sh\necho 'ClusterName = {CLUSTER}'\n"),
    ):
        program = tmp_path / "bin" / name
        program.write_text(text)
        program.chmod(0o755)
    environment = {**os.environ, "PATH": f"{tmp_path / 'bin'}:{os.environ['PATH']}"}

    def start(command: str, *words: str) -> subprocess.Popen[str]:
        argv = [sys.executable, "-m", "hpctrain", command, "--project", str(project.file),
                "--json", *words]  # fmt: skip
        return subprocess.Popen(argv, env=environment, stdout=subprocess.PIPE, text=True)

    assert start("status").communicate()[0]  # a kept answer, without job 8
    done = [
        json.loads(process.communicate(timeout=60)[0])["runs"][0]
        for process in [start("resume", run.run_id) for _ in range(4)]
    ]
    assert sorted(one["submitted"] for one in done) == [False, False, False, True]
    assert {(one["attempt"], one["job_id"]) for one in done} == {(2, "8")}
    assert len(paths["calls"].read_text().splitlines()) == 1
