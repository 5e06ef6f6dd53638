"""Ending jobs: queued, running, a chain; again; and with a scheduler that does not answer."""

from __future__ import annotations

import os
import time
from typing import Any

import pytest
from made_runs import (
    DOWN,
    FakeSlurm,
    error,
    event,
    leave,
    make_run,
    queue_row,
    submitted,
    submitted_long_ago,
)
from waiting import wait_for

from hpctrain.errors import HpctrainError, SiteUnreachable
from hpctrain.process import Reply
from hpctrain.process import run as run_program
from hpctrain.project import Project
from hpctrain.runs.actions.cancel import Cancelled, cancel, sentence
from hpctrain.runs.actions.resume import resume
from hpctrain.runs.actions.status import RunStatus, status
from hpctrain.runs.run import Run

now = time.time


@pytest.fixture
def run(project: Project) -> Run:
    made = make_run(project)
    submitted(made, now() - 7200, 1, "7")
    return made


@pytest.mark.parametrize(("word", "state"), [("RUNNING", "running"), ("PENDING", "queued")])
def test_a_job(project: Project, run: Run, word: str, state: str) -> None:
    slurm = FakeSlurm(squeue=[queue_row("7", word)])
    assert cancel(project, (run.run_id,), program=slurm) == [
        Cancelled(run.run_id, "7", True, state)
    ]
    assert slurm.calls("scancel") == [("scancel", "7")]
    slurm.squeue = [queue_row("7", "CANCELLED")]
    (found,) = status(project, program=slurm).runs  # no kept answer hides it
    assert (found.state, found.reason) == ("cancelled", "by hpctrain cancel")
    # Again: nothing is left to be done.
    assert cancel(project, (run.run_id,), program=slurm) == [
        Cancelled(run.run_id, "7", False, "cancelled")
    ]
    assert len(slurm.calls("scancel")) == 1


def test_a_chain_from_its_end(project: Project, run: Run) -> None:
    """None of them may begin because the one before it has just ended."""
    rows = [queue_row("7", "RUNNING")]
    for attempt in (2, 3):
        submitted(run, now() - 7000, attempt, str(attempt + 6))
        rows.append(queue_row(str(attempt + 6), "PENDING", mark=f"{run.run_id}.0{attempt}"))
    leave(run, 1, "claim.json", now() - 600, {"job_id": "7"})
    slurm = FakeSlurm(squeue=rows)
    cancel(project, (run.run_id,), program=slurm)
    assert slurm.calls("scancel") == [("scancel", "9", "8", "7")]


def test_what_is_left_of_a_chain_is_found_again(project: Project, run: Run) -> None:
    """The first attempt was lost, and a job behind it is still there and would go on."""
    submitted(run, now() - 7000, 2, "8")
    leave(run, 1, "claim.json", now() - 900, {"job_id": "7"})
    leave(run, 1, "heartbeat.json", now() - 601, {"phase": "train"})
    event(run, now() - 10, "cancel_requested", attempt=1)
    slurm = FakeSlurm(squeue=[queue_row("8", "PENDING", mark=f"{run.run_id}.02")])
    (done,) = cancel(project, (run.run_id,), program=slurm)
    assert (done.asked, done.job_id) == (True, "8")
    assert slurm.calls("scancel") == [("scancel", "8")]


def test_the_jobs_are_told_before_the_scheduler(project: Project, run: Run) -> None:
    slurm = FakeSlurm(squeue=[queue_row("7", "RUNNING")])
    there: list[bool] = []

    def program(argv: Any, *, cwd: str | None = None) -> Reply:
        if argv[0] == "scancel":
            there.append((run.folder / "cancel").exists())
            there.append(run.events()[-1]["event"] == "cancel_requested")
        return slurm(argv, cwd=cwd)

    cancel(project, (run.run_id,), program=program)
    assert there == [True, True]


@pytest.mark.parametrize("state", ["completed", "failed", "timeout"])
def test_a_run_without_a_job_is_left(project: Project, run: Run, state: str) -> None:
    leave(run, 1, "result.json", now(), {"state": state})
    slurm = FakeSlurm()
    (done,) = cancel(project, (run.run_id,), program=slurm)
    assert (done.asked, done.state) == (False, state)
    assert slurm.calls("scancel") == []
    assert not (run.folder / "cancel").exists()


def test_the_scheduler_does_not_take_it(project: Project, run: Run) -> None:
    """The others are cancelled all the same, and that is told."""
    other = make_run(project, "20261124-120000-ffff")
    submitted(other, now() - 100, 1, "9")
    slurm = FakeSlurm(squeue=[queue_row("7", "RUNNING"),
                              queue_row("9", "RUNNING", mark=f"{other.run_id}.01")])  # fmt: skip

    def program(argv: Any, *, cwd: str | None = None) -> Reply:
        if argv == ["scancel", "7"]:
            return error("scancel", "scancel: error: Unable to contact slurm controller")
        return slurm(argv, cwd=cwd)

    said: list[str] = []
    with pytest.raises(SiteUnreachable, match=r"job 7 not cancelled: .*Unable to contact"):
        cancel(project, (), program=program, say=said.append)
    assert slurm.calls("scancel") == [("scancel", "9")]
    assert said == [f"{other.run_id}: job 9 was running; asked to end"]
    # Later it does, and then once.
    (one, two) = cancel(project, (), program=slurm)
    assert (one.asked, two.asked) == (True, True)


def test_no_job_is_ended_that_is_not_shown(project: Project, run: Run) -> None:
    """An id is used again; whose job it is now, the queue tells."""
    leave(run, 1, "claim.json", now() - 10, {"job_id": "7"})
    slurm = FakeSlurm(squeue=DOWN)
    with pytest.raises(SiteUnreachable, match="job 7 not cancelled: squeue"):
        cancel(project, (run.run_id,), program=slurm)
    slurm.squeue = [queue_row("7", "RUNNING", mark="20250101-000000-ffff.01")]
    (done,) = cancel(project, (run.run_id,), program=slurm)
    assert (done.asked, done.state) == (False, "unknown")
    assert "none was ended" in sentence(done)
    assert slurm.calls("scancel") == []


def test_both_jobs_of_a_submission_that_was_made_twice(project: Project, run: Run) -> None:
    slurm = FakeSlurm(squeue=[queue_row("7", "RUNNING"), queue_row("8", "PENDING")])
    cancel(project, (run.run_id,), program=slurm)
    assert slurm.calls("scancel") == [("scancel", "8", "7")]


def test_what_is_left_of_one_when_the_other_has_ended(project: Project, run: Run) -> None:
    leave(run, 1, "claim.json", now() - 600, {"job_id": "7"})
    leave(run, 1, "result.json", now(), {"state": "failed", "reason": "no forces"})
    slurm = FakeSlurm(squeue=[queue_row("7", "RUNNING"), queue_row("8", "PENDING")])
    (done,) = cancel(project, (run.run_id,), program=slurm)
    assert (done.asked, done.state) == (True, "failed")
    assert slurm.calls("scancel") == [("scancel", "8")]
    assert status(project, program=slurm).runs[0].state == "failed"


def test_a_job_that_was_told_to_end_and_does_not(project: Project, run: Run) -> None:
    leave(run, 1, "claim.json", now() - 600, {"job_id": "7"})
    leave(run, 1, "result.json", now() - 500, {"state": "terminated", "reason": "by SIGTERM"})
    slurm = FakeSlurm(squeue=[queue_row("7", "RUNNING")])
    (done,) = cancel(project, (run.run_id,), program=slurm)
    assert (done.asked, done.state) == (True, "stopping")


def test_it_is_proved_that_a_job_was_ended(project: Project, run: Run) -> None:
    """scancel exits with 0 for a job that it does not know."""
    slurm = FakeSlurm(squeue=[queue_row("7", "RUNNING")])
    slurm.scancel = Reply(("scancel",), 0, "", "scancel: error: Invalid job id specified")
    with pytest.raises(SiteUnreachable, match=r"job 7 not cancelled: .*Invalid job id"):
        cancel(project, (run.run_id,), program=slurm)


def test_on_the_cluster_that_has_to_be_named(project: Project, run: Run) -> None:
    facts = {"cluster": "gpu", "clusters": "gpu"}
    event(run, now() - 7000, "submitted", attempt=1, job_id="7", **facts)
    slurm = FakeSlurm(squeue=[queue_row("7", "RUNNING")])
    cancel(project, (run.run_id,), program=slurm)
    assert slurm.calls("scancel") == [("scancel", "--clusters=gpu", "7")]
    assert {argv[2] for argv in slurm.calls("squeue")} == {"--clusters=gpu"}


@pytest.mark.parametrize(
    ("facts", "words"),
    [
        ({"uid": os.getuid() + 1, "user": "ada"}, "and ada submitted it; nothing was cancelled"),
        ({"cluster": "b"}, "this is the cluster a, and it was submitted on b; nothing was"),
    ],
)
def test_somebody_elses(project: Project, run: Run, facts: dict[str, Any], words: str) -> None:
    event(run, now() - 7000, "submitted", attempt=1, job_id="7", **facts)
    with pytest.raises(HpctrainError, match=words) as caught:
        cancel(project, (run.run_id,), program=FakeSlurm())
    assert caught.value.exit_code == 1
    assert not (run.folder / "cancel").exists()


def test_a_job_that_the_queue_does_not_show_yet(project: Project) -> None:
    run = make_run(project)
    submitted_long_ago(run, now() - 5, 1, "7")
    with pytest.raises(SiteUnreachable, match="does not show it yet"):
        cancel(project, (run.run_id,), program=FakeSlurm())


def test_while_it_is_not_known_whether_there_is_a_job(project: Project) -> None:
    run = make_run(project)
    event(run, now() - 5, "submitting", attempt=1, host="elsewhere")
    with pytest.raises(SiteUnreachable, match="not known whether it has a job"):
        cancel(project, (run.run_id,), program=FakeSlurm())


SCRIPT = """#!/bin/bash
mkdir -p attempts/0$1
echo "{\\"job_id\\": \\"$HPCTRAIN_LOCAL_JOB_ID\\"}" > attempts/0$1/claim.json
exec sleep 1000
"""


@pytest.mark.slow
def test_cancel_and_resume_on_a_real_queue(project: Project) -> None:
    """The queue of this machine, with a script that only waits."""
    run = make_run(project, scheduler="local")
    (run.folder / "job.sh").write_text(SCRIPT)
    event(run, now(), "submitting", attempt=1)
    event(run, now(), "refused", attempt=1, reason="for the test")

    def found() -> RunStatus:
        return status(project, program=run_program).runs[0]

    def reached(state: str) -> None:
        wait_for(lambda: found().state == state, 20, state)

    for attempt in (1, 2):
        (done,) = resume(project, (run.run_id,))
        assert (done.submitted, done.attempt, done.job_id) == (True, attempt, str(attempt))
        assert [one.submitted for one in resume(project, (run.run_id,))] == [False]
        wait_for(lambda number=attempt: run.claim(number), 20, "the job")
        reached("running")
        assert [one.asked for one in cancel(project, (run.run_id,))] == [True]
        reached("cancelled")
        assert [one.asked for one in cancel(project, (run.run_id,))] == [False]
        assert (found().attempt, found().job_id) == (attempt, str(attempt))
