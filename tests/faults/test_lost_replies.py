"""What sbatch did and what it said are two things: a job that exists is adopted, never repeated."""

from __future__ import annotations

import os
import shutil
from collections.abc import Callable
from pathlib import Path

import pytest
from faults.field import (
    Commands,
    Tally,
    accounted,
    forget_answers,
    jobs_by_token,
    queue_is_empty,
    runs,
    states,
    trainings,
)
from slurm_fixture import Slurm
from waiting import wait_for

pytestmark = [pytest.mark.slow, pytest.mark.real_slurm, pytest.mark.usefixtures("slurm")]

SUBMIT = ("submit", "--site", "mycluster", "--json")
STATUS = ("status", "--json")
# How long a program may take in these tests (seconds).
LIMIT_S = 1.5


def wrapped(folder: Path, program: str, lines: str) -> dict[str, str]:
    """An environment in which a program is these lines of shell; $REAL is the real one."""
    wrappers = folder / "wrappers"
    wrappers.mkdir(exist_ok=True)
    path = wrappers / program
    path.write_text(f"#!/bin/bash\nREAL={shutil.which(program)}\n{lines}\n")
    path.chmod(0o755)
    return {"PATH": f"{wrappers}:{os.environ['PATH']}"}


def fault(name: str, lines: str, code: int) -> object:
    return pytest.param(lines, code, marks=pytest.mark.fault(name), id=name.replace(" ", "-"))


@pytest.mark.parametrize(
    ("lines", "code"),
    [
        fault("sbatch passes on and dies", '"$REAL" "$@" >/dev/null; exit 1', 0),
        fault("sbatch passes on and is killed", '"$REAL" "$@" >/dev/null; kill -9 $$', 0),
        fault("sbatch passes on and hangs", '"$REAL" "$@" >/dev/null; sleep 600', 0),
        fault("sbatch passes on and times out",
              '"$REAL" "$@" >/dev/null; echo "sbatch: error: Batch job submission failed: '
              'Socket timed out on send/recv operation" >&2; exit 1', 0),
        fault("sbatch warns on stderr",
              'echo "sbatch: warning: job 424242 may wait" >&2; exec "$REAL" "$@"', 0),
        fault("sbatch prints a greeting",
              'echo "Welcome to 2 nodes"; exec "$REAL" "$@"', 0),
        fault("sbatch prints id;cluster", 'id=$("$REAL" "$@"); echo "$id;throwaway"', 0),
        fault("sbatch prints nothing", '"$REAL" "$@" >/dev/null', 0),
        fault("sbatch reaches no controller",
              'echo "sbatch: error: Batch job submission failed: Unable to contact slurm '
              'controller (connect failure)" >&2; exit 1', 4),
        fault("sbatch hangs and passes nothing on", "sleep 600", 4),
    ],
)  # fmt: skip
def test_sbatch(
    lines: str,
    code: int,
    slurm: Slurm,
    commands: Commands,
    new_project: Callable[..., Path],
    matrix: Callable[..., None],
) -> None:
    project = new_project()
    environment = wrapped(project, "sbatch", lines)
    first = commands.run(project, *SUBMIT, environment=environment, time_limit_s=LIMIT_S)
    assert first.code == code, first.err
    if code == 4:
        (run,) = runs(project)
        assert run.run_id in first.err
        assert "hpctrain status" in first.err
        assert not trainings(project)
    ends_well(commands, project, matrix, "adopted" if code == 0 else "exit 4; finished later")


@pytest.mark.fault("sbatch dies and squeue fails")
def test_neither_answer(
    slurm: Slurm,
    commands: Commands,
    new_project: Callable[..., Path],
    matrix: Callable[..., None],
) -> None:
    """Whether there is a job is not known: exit 4, and status adopts it as soon as it can ask."""
    project = new_project()
    wrapped(project, "squeue", "echo 'slurm_load_jobs error: Socket timed out' >&2; exit 1")
    environment = wrapped(project, "sbatch", '"$REAL" "$@" >/dev/null; exit 1')
    first = commands.run(project, *SUBMIT, environment=environment)
    assert first.code == 4, first.err
    second = commands.run(project, *STATUS, environment=environment)
    assert second.code == 4
    assert states(second) == ["submitting"]
    # Another submit is another run; what became of the first is not guessed.
    assert "Socket timed out" in second.err
    ends_well(commands, project, matrix, "exit 4; adopted later")


@pytest.mark.fault("sbatch reaches Slurm after all")
def test_a_job_that_comes_late(
    slurm: Slurm,
    commands: Commands,
    new_project: Callable[..., Path],
    matrix: Callable[..., None],
) -> None:
    """The one way to two jobs: the second ends at once, and touches nothing of the first."""
    project = new_project()
    lines = (
        'folder=$PWD; cd /; (until [ -e "$folder/../../late" ]; do sleep 0.1; done; '
        'exec "$REAL" --chdir="$folder" "${@:1:3}" "$folder/job.sh" 1) >/dev/null 2>&1 '
        '</dev/null & disown; echo "sbatch: error: Batch job submission failed: Socket timed out '
        'on send/recv operation" >&2; exit 1'
    )
    first = commands.run(project, *SUBMIT, environment=wrapped(project, "sbatch", lines))
    assert first.code == 4, first.err
    second = commands.run(project, *STATUS)
    assert second.code == 0
    (run,) = runs(project)
    job_id = second.json["runs"][0]["job_id"]
    wait_for(lambda: run.result(1), 60, "the end of the first job")
    before = {path: path.stat().st_mtime_ns for path in run.attempt(1).rglob("*")}
    (project / "late").touch()
    token = f"{run.run_id}.01"
    wait_for(lambda: len(jobs_by_token()[token]) == 2, 60, "the late job")
    queue_is_empty()
    assert before == {path: path.stat().st_mtime_ns for path in run.attempt(1).rglob("*")}
    assert trainings(project) == [f"{run.run_id} 1 {job_id}"]
    done = commands.run(project, *STATUS)
    assert (states(done), done.json["runs"][0]["job_id"]) == (["completed"], job_id)
    matrix("submit", "two jobs, one training: the second ends at once")


def ends_well(commands: Commands, project: Path, matrix: Callable[..., None], outcome: str) -> None:
    """Without the fault, one more command finds the truth; one training, one job."""
    # A pause after a failure is not over yet: the answer that is kept would be shown.
    forget_answers(project)
    shown = commands.run(project, *STATUS)
    assert shown.code == 0, shown.err
    queue_is_empty()
    tally = Tally()
    (run,) = runs(project)
    tally.silent("afterwards", commands.run(project, *STATUS))
    accounted([f"{run.run_id}.01"])
    tally.judge("the run", project, jobs_by_token())
    matrix("submit", outcome, tally)
