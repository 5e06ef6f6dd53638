"""A training that goes on in several attempts, with a stand-in for the trainer.

The stand-in calls the real continuation.py, which takes the checkpoints and ends the fit; it
pauses at known iterations, so that each attempt does a known number of them.
"""

from __future__ import annotations

import contextlib
import itertools
import json
import os
import re
import signal
import subprocess
import time
from pathlib import Path
from typing import Any

import pytest
from standin import OF_PACEMAKER, StandIn
from waiting import wait_for

from hpctrain.launch.prepare import prepare
from hpctrain.launch.submit import SubmittedRun, submit
from hpctrain.potentials.collect import collect
from hpctrain.project import Project
from hpctrain.runs.actions.cancel import cancel
from hpctrain.runs.actions.resume import resume
from hpctrain.runs.actions.status import RunStatus, status
from hpctrain.runs.run import Run
from hpctrain.runs.state.curves import curves
from hpctrain.runs.state.verdict import SETTLED

pytestmark = pytest.mark.slow

LIMIT_S = 60.0
EIGHT = {"max_iter": 8}


def read(path: Path) -> dict[str, Any]:
    content: dict[str, Any] = json.loads(path.read_text())
    return content


def begun(run: SubmittedRun, attempt: int, behaviour: str = "paused") -> tuple[int, int]:
    """The process ids of the driver and the trainer, once the trainer waits."""
    folder = run.run_dir / "attempts" / f"{attempt:02d}"
    file = folder / f"{behaviour}.pid"

    def look() -> bool:
        if (folder / "result.json").exists():
            raise AssertionError((folder / "result.json").read_text())
        return file.is_file() and file.read_text().endswith("\n")

    wait_for(look, LIMIT_S, str(file))
    return read(folder / "claim.json")["pid"], int(file.read_text())


def result(run: SubmittedRun, attempt: int) -> dict[str, Any]:
    path = run.run_dir / "attempts" / f"{attempt:02d}" / "result.json"
    wait_for(path.exists, LIMIT_S, str(path))
    return read(path)


def when(project: Project, *states: str) -> RunStatus:
    def look() -> RunStatus | None:
        run = status(project).runs[-1]
        return run if run.state in states else None

    found = wait_for(look, LIMIT_S, f"{states}")
    assert found is not None
    return found


def check_curve(run: SubmittedRun, seams: list[int]) -> None:
    """One curve: the loss at the start of an attempt is that at the end of the one before."""
    found = curves(Run(run.run_dir))
    assert found.seams == seams
    by_epoch: dict[int, list[float]] = {}
    for point in found.train:
        assert point.loss is not None
        by_epoch.setdefault(point.epoch, []).append(point.loss)
    assert list(by_epoch) == list(range(9))
    for epoch, losses in by_epoch.items():
        assert len(losses) == (2 if epoch in seams else 1)
        assert losses[0] == pytest.approx(losses[-1])
    # Each iteration makes it four times smaller, over the seams too.
    last = [losses[-1] for losses in by_epoch.values()]
    assert [a / b for a, b in itertools.pairwise(last)] == pytest.approx([4.0] * 8)


# --- who starts the next attempt ---------------------------------------------------------------


def test_resubmit(project: Project, standin: StandIn) -> None:
    """The scheduler's signal ends it in time, and it submits the next one."""
    keys = {"continuation": "resubmit"}
    run = submit(project, "local", changes=standin.changes("pause 3", EIGHT, **keys))
    for number in (1, 2):
        os.kill(begun(run, number)[0], signal.SIGUSR1)
    done = when(project, "completed", "failed", "timeout")
    assert (done.state, done.attempt, done.iteration) == ("completed", 3, 8), done.reason
    for number, iterations in ((1, 3), (2, 6)):
        told = result(run, number)
        assert told["state"] == "timeout"
        assert told["reason"] == (f"asked to end by SIGUSR1; {iterations} of 8 iterations are done")
        assert told["iterations"] == iterations
        assert told["continues"] == {"mode": "resubmit", "attempt": number + 1,
                                     "job_id": str(number + 1)}  # fmt: skip
        following = read(run.run_dir / f"attempts/{number:02d}/next.json")
        assert (following["state"], following["job_id"]) == ("submitted", str(number + 1))
        assert following["token"] == f"{run.run_id}.{number + 1:02d}"
    last = result(run, 3)
    assert last["from"] == {"attempt": 2, "checkpoint": "000001", "iterations": 6}
    assert last["iterations"] == 8
    assert "continues" not in last
    check_curve(run, [3, 6])
    (potential,) = collect(project).potentials
    assert potential.card["metrics"]["iterations"] == 8
    assert potential.card["run"]["job_ids"] == ["1", "2", "3"]
    assert potential.card["run"]["attempts"] == 3


def test_a_chain(project: Project, standin: StandIn) -> None:
    """All are submitted ahead: each goes on, and what is not needed ends at once."""
    keys = {"continuation": "chain", "max_attempts": 4}
    run = submit(project, "local", changes=standin.changes("pause 3", EIGHT, **keys))
    for number in (1, 2):
        driver, _ = begun(run, number)
        os.kill(driver, signal.SIGUSR1)
        told = result(run, number)
        assert told["reason"] == f"asked to end by SIGUSR1; {3 * number} of 8 iterations are done"
        assert told["continues"] == {"mode": "chain", "attempt": number + 1,
                                     "job_id": str(number + 1)}  # fmt: skip
    assert when(project, *SETTLED).state == "completed"
    check_curve(run, [3, 6])
    said = run.run_dir / "job-4.out"
    wait_for(said.exists, LIMIT_S, "the fourth job")
    wait_for(said.read_text, LIMIT_S, "its words")
    assert said.read_text() == (
        "hpctrain: attempt 4 does not begin: attempt 3 has completed the training\n"
    )
    assert not (run.run_dir / "attempts/04").exists()


def test_manual_and_resume(project: Project, standin: StandIn) -> None:
    run = submit(project, "local", changes=standin.changes("pause 3", EIGHT))
    for number in (1, 2):
        driver, _ = begun(run, number)
        os.kill(driver, signal.SIGUSR1)
        found = when(project, "timeout")
        assert found.reason.endswith(f"to go on: hpctrain resume {run.run_id}")
        assert "continues" not in result(run, number)
        (done,) = resume(project, (run.run_id,))
        assert (done.submitted, done.attempt) == (True, number + 1)
    assert when(project, *SETTLED).state == "completed"
    check_curve(run, [3, 6])
    (again,) = resume(project, (run.run_id,))
    assert (again.submitted, again.state) == (False, "completed")


def test_max_attempts(project: Project, standin: StandIn) -> None:
    keys = {"continuation": "resubmit", "max_attempts": 2}
    run = submit(project, "local", changes=standin.changes("pause 3", EIGHT, **keys))
    for number in (1, 2):
        os.kill(begun(run, number)[0], signal.SIGUSR1)
        told = result(run, number)
    assert "max_attempts is 2; to go on: hpctrain resume" in told["reason"]
    assert "continues" not in told


# --- what ends it ------------------------------------------------------------------------------


@pytest.mark.parametrize("mode", ["resubmit", "chain"])
def test_cancel_in_between(project: Project, standin: StandIn, mode: str) -> None:
    keys = {"continuation": mode, "max_attempts": 3}
    run = submit(project, "local", changes=standin.changes("pause 3", EIGHT, **keys))
    os.kill(begun(run, 1)[0], signal.SIGUSR1)
    begun(run, 2)
    assert [one.asked for one in cancel(project, (run.run_id,))] == [True]
    assert when(project, *SETTLED).state == "cancelled"
    told = result(run, 2)
    assert (told["state"], told["reason"]) == ("terminated", "ended by SIGTERM")
    assert told["iterations"] == 3
    assert not (run.run_dir / "attempts/03").exists()


def test_resume_after_cancel(project: Project, standin: StandIn) -> None:
    every = {"environment": {"HPCTRAIN_CHECKPOINT_S": "0"}}
    run = submit(project, "local", changes=standin.changes("pause 3", EIGHT, **every))
    begun(run, 1)
    cancel(project, (run.run_id,))
    assert when(project, *SETTLED).state == "cancelled"
    # Cancelled while it paused before the callback of its third iteration.
    assert result(run, 1)["iterations"] == 2
    resume(project, (run.run_id,))
    os.kill(begun(run, 2)[0], signal.SIGUSR1)
    assert when(project, "timeout").iteration == 5
    assert result(run, 2)["from"]["iterations"] == 2


def test_no_progress_ends_it(project: Project, standin: StandIn) -> None:
    """The second iteration takes longer than the walltime: hours are not burnt."""
    keys = {"continuation": "resubmit", "walltime": "00:00:07", "margin": "00:00:02"}
    run = submit(project, "local", changes=standin.changes("deaf 1", EIGHT, **keys))
    assert when(project, *SETTLED).state == "timeout"
    told = result(run, 1)
    assert "no iteration was completed in this attempt" in told["reason"]
    assert "continues" not in told
    assert not (run.run_dir / "attempts/02").exists()


def test_the_rest_of_a_chain_does_not_begin(project: Project, standin: StandIn) -> None:
    keys = {"continuation": "chain", "max_attempts": 2}
    run = submit(project, "local", changes=standin.changes("crash no_forces", **keys))
    said = run.run_dir / "job-2.out"
    wait_for(lambda: said.exists() and said.read_text(), LIMIT_S, "the second job")
    assert "attempt 2 does not begin: attempt 1 is the last of its chain: pacemaker" in (
        said.read_text()
    )
    assert not (run.run_dir / "attempts/02").exists()
    assert when(project, *SETTLED).state == "failed"
    # Whoever resumes it knows that it failed.
    (done,) = resume(project, (run.run_id,))
    assert done.attempt == 3
    assert result(run, 3)["state"] == "failed"


def test_a_hard_kill(project: Project, standin: StandIn) -> None:
    """Driver and trainer are gone without a word: at most the iterations since the checkpoint."""
    keys = {"environment": {"HPCTRAIN_CHECKPOINT_S": "0"}}
    run = submit(project, "local", changes=standin.changes("pause 5", EIGHT, **keys))
    driver, trainer = begun(run, 1)
    for pid in (driver, trainer):
        os.kill(pid, signal.SIGKILL)
    assert when(project, *SETTLED).state == "failed"
    assert not (run.run_dir / "attempts/01/result.json").exists()
    (done,) = resume(project, (run.run_id,))
    assert done.attempt == 2
    found = when(project, "completed", "timeout")
    assert (found.state, found.attempt, found.iteration) == ("completed", 2, 8)
    assert result(run, 2)["from"]["iterations"] == 4
    # The fifth iteration was done twice: the curve tells of the second.
    check_curve(run, [4])


# --- the driver by itself -----------------------------------------------------------------------


class Driver:
    """A run's folder, and its driver started by hand as a scheduler would."""

    def __init__(self, project: Project, standin: StandIn, folder: Path, **site: Any) -> None:
        prepare(project, folder, "local", changes=standin.changes("", EIGHT, **site))
        self.folder, self._python = folder, standin.python
        self.children: list[subprocess.Popen[str]] = []

    def start(self, attempt: int, behaviour: str, **variables: str) -> subprocess.Popen[str]:
        kept = {k: v for k, v in os.environ.items() if not k.startswith(("SLURM", "PBS"))}
        more = {"STANDIN": behaviour, "STANDIN_RECORDED": str(OF_PACEMAKER), **variables}
        child = subprocess.Popen(
            [str(self._python), "job/train.py", str(attempt)], cwd=self.folder,
            env={**kept, **more}, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True,
        )  # fmt: skip
        self.children.append(child)
        return child

    def stop(self, attempt: int, behaviour: str = "pause 3", **variables: str) -> dict[str, Any]:
        """An attempt that is warned while its trainer waits; its result."""
        child = self.start(attempt, behaviour, **variables)
        begun_in = self.attempt(attempt + int(variables.get("SLURM_RESTART_COUNT", "0")))
        paused = begun_in / "paused.pid"
        wait_for(lambda: paused.exists() or child.poll() is not None, LIMIT_S, "the pause")
        child.send_signal(signal.SIGUSR1)
        self.said, _ = child.communicate(timeout=LIMIT_S)
        self.code = child.returncode
        return read(begun_in / "result.json")

    def attempt(self, number: int) -> Path:
        return self.folder / "attempts" / f"{number:02d}"

    def settings(self, **changes: Any) -> None:
        path = self.folder / "job/settings.json"
        path.write_text(json.dumps({**read(path), **changes}))

    def program(self, name: str, text: str) -> str:
        """A program of a scheduler; the PATH on which it is."""
        folder = self.folder / "bin"
        folder.mkdir(exist_ok=True)
        (folder / name).write_text(f"#!/bin/sh\n{text}\n")
        (folder / name).chmod(0o755)
        return f"{folder}{os.pathsep}{os.environ['PATH']}"


@pytest.fixture
def driver(project: Project, standin: StandIn, tmp_path: Path) -> Any:
    made = Driver(project, standin, tmp_path / "run")
    yield made
    for child in made.children:
        child.kill()
        child.communicate()
    # A trainer outlives a driver that was killed.
    for path in made.folder.glob("attempts/*/*.pid"):
        with contextlib.suppress(ProcessLookupError, ValueError):
            os.kill(int(path.read_text()), signal.SIGKILL)


SLURM = {"SLURM_JOB_ID": "42"}


def test_requeue(driver: Driver) -> None:
    """The result is there before the job is put back, by which it is killed; the restart counts."""
    driver.settings(continuation="requeue")
    path = driver.program("scontrol", 'cp attempts/*/result.json seen.json; echo "$@" >asked')
    told = driver.stop(1, PATH=path, **SLURM)
    assert driver.code == 0
    assert (driver.folder / "asked").read_text() == "requeue 42\n"
    assert read(driver.folder / "seen.json") == told
    assert told["continues"] == {"mode": "requeue", "attempt": 2, "job_id": "42"}
    child = driver.start(1, "pause 3", SLURM_RESTART_COUNT="1", **SLURM)
    wait_for((driver.attempt(2) / "paused.pid").exists, LIMIT_S, "the second attempt")
    assert read(driver.attempt(2) / "claim.json")["job_id"] == "42"
    assert read(driver.attempt(2) / "resume/state.json")["total"] == 3
    child.kill()


def test_a_requeue_that_is_refused(driver: Driver) -> None:
    driver.settings(continuation="requeue")
    path = driver.program("scontrol", "echo Requested operation is disabled >&2; exit 1")
    told = driver.stop(1, PATH=path, **SLURM)
    assert driver.code == 1
    assert "continues" not in told
    assert "could not start the next attempt: Requested operation is disabled" in told["reason"]


@pytest.mark.parametrize(
    ("script", "job_id", "words"),
    [
        ("echo 'sbatch: warning 7' >&2; echo '123;cluster'", "123", None),
        ("echo 'sbatch: error: Batch job submission failed: no such account' >&2; exit 1",
         None, "could not start the next attempt: sbatch: error: Batch job submission failed"),
        ("echo 'sbatch: error: Unable to contact slurm controller' >&2; exit 1", "",
         "not known whether the next attempt was submitted"),
        ("exit 0", "", "not known whether the next attempt was submitted"),
        ("kill -9 $$", "", "not known whether the next attempt was submitted"),
    ],
)  # fmt: skip
def test_what_sbatch_answers(
    driver: Driver, script: str, job_id: str | None, words: str | None
) -> None:
    """``job_id``: None where it is certain that there is no job, "" where it is not known."""
    seen = "cat attempts/01/next.json attempts/01/result.json >seen; env | grep SLURM_ >variables"
    path = driver.program("sbatch", f"{seen}\n{script}")
    driver.settings(continuation="resubmit", submit_argv={"2": ["sbatch", "--parsable", "job.sh"]})
    told = driver.stop(1, PATH=path, SLURM_CONF="/etc/slurm.conf", SLURM_CPUS_PER_TASK="2", **SLURM)
    # The intent and the result were on the disk before it was asked.
    assert '"state": "submitting"' in (driver.folder / "seen").read_text()
    assert '"state": "timeout"' in (driver.folder / "seen").read_text()
    # What the scheduler told this job, it does not tell the next.
    assert (driver.folder / "variables").read_text() == "SLURM_CONF=/etc/slurm.conf\n"
    following = read(driver.attempt(1) / "next.json")
    if job_id is None:
        assert (following["state"], driver.code) == ("refused", 1)
        assert "continues" not in told
    else:
        assert (following["state"], driver.code) == ("submitted" if job_id else "unclear", 0)
        assert told["continues"]["job_id"] == (job_id or None)
    assert (words or "") in told["reason"]


@pytest.mark.parametrize(
    ("script", "job_id", "words"),
    [
        ("echo 7.pbsnode", "7.pbsnode", None),
        ("echo 'qsub: Unknown queue' >&2; exit 170", None,
         "could not start the next attempt: qsub: Unknown queue"),
        # down_qsub: whether it reached the server before, nobody can say.
        ("echo 'qsub: cannot connect to server pbsnode (errno=15010)' >&2; exit 162", "",
         "not known whether the next attempt was submitted"),
        ("exit 1", "", "not known whether the next attempt was submitted"),
    ],
)  # fmt: skip
def test_what_qsub_answers(
    driver: Driver, script: str, job_id: str | None, words: str | None
) -> None:
    """The exit codes that mean a refusal are the scheduler's own."""
    seen = "env | grep -E '^(PBS_|HPCTRAIN_(TOKEN|ATTEMPT|BEGAN))' >variables"
    path = driver.program("qsub", f"{seen}\n{script}")
    driver.settings(continuation="resubmit", submit_argv={"2": ["qsub", "job.sh"]},
                    refusals=[1, 170])  # fmt: skip
    told = driver.stop(1, PATH=path, PBS_JOBID="6.pbsnode", PBS_SERVER="pbsnode",
                       HPCTRAIN_TOKEN="run.01", HPCTRAIN_ATTEMPT="1")  # fmt: skip
    assert (driver.folder / "variables").read_text() == "PBS_SERVER=pbsnode\n"
    assert read(driver.attempt(1) / "claim.json")["job_id"] == "6.pbsnode"
    following = read(driver.attempt(1) / "next.json")
    if job_id is None:
        assert (following["state"], "continues" in told) == ("refused", False)
    else:
        assert following["state"] == ("submitted" if job_id else "unclear")
        assert told["continues"]["job_id"] == (job_id or None)
    assert (words or "") in told["reason"]


def test_a_kill_while_the_next_is_submitted(driver: Driver) -> None:
    """It is on the disk that it goes on, and by which token the job can be found."""
    path = driver.program("sbatch", "kill -9 $PPID; echo 123")
    driver.settings(continuation="resubmit", submit_argv={"2": ["sbatch", "job.sh"]})
    told = driver.stop(1, PATH=path, **SLURM)
    assert driver.code == -signal.SIGKILL
    assert told["continues"] == {"mode": "resubmit", "attempt": 2, "job_id": None}
    following = read(driver.attempt(1) / "next.json")
    assert (following["state"], following["token"]) == ("submitting", "run.02")
    # Should it have been submitted twice, one of them trains.
    children = [driver.start(2, "", SLURM_JOB_ID=str(number)) for number in (123, 124)]
    assert sorted(child.wait(LIMIT_S) for child in children) == [0, 73]
    told = read(driver.attempt(2) / "result.json")
    assert (told["state"], told["from"]["iterations"]) == ("completed", 3)


def test_a_run_that_was_cancelled_before(driver: Driver) -> None:
    (driver.folder / "cancel").touch()
    child = driver.start(1, "")
    said, _ = child.communicate(timeout=LIMIT_S)
    assert (child.returncode, driver.attempt(1).exists()) == (0, False)
    assert "attempt 1 does not begin: the run was cancelled" in said


def test_a_cancel_while_the_trainer_ends(driver: Driver) -> None:
    driver.settings(continuation="resubmit", submit_argv={"2": ["touch", "submitted"]})
    child = driver.start(1, "pause 3")
    wait_for((driver.attempt(1) / "paused.pid").exists, LIMIT_S, "the pause")
    (driver.folder / "cancel").touch()
    child.send_signal(signal.SIGUSR1)
    assert child.wait(LIMIT_S) == 1
    told = read(driver.attempt(1) / "result.json")
    assert (told["state"], "continues" in told) == ("timeout", False)
    assert told["reason"].endswith("3 of 8 iterations are done; it was cancelled")
    assert not (driver.folder / "submitted").exists()


def test_a_warning_before_the_training(driver: Driver) -> None:
    (driver.folder / "job/pacemaker/convert.py").write_text(
        "import os, time\nopen('paused.pid', 'w').close()\n"
        "while not os.path.exists('../../go'): time.sleep(0.01)\n"
    )
    child = driver.start(1, "")
    wait_for((driver.attempt(1) / "paused.pid").exists, LIMIT_S, "the conversion")
    child.send_signal(signal.SIGUSR1)
    (driver.folder / "go").touch()
    said, _ = child.communicate(timeout=LIMIT_S)
    assert "asked to end by SIGUSR1, before the training began; 0 of 8 iterations" in said
    assert not (driver.attempt(1) / "pacemaker.out").exists()


@pytest.mark.parametrize(
    ("walltime_s", "variable", "seconds"),
    [
        (14, None, 0),
        (3600, "SLURM_JOB_END_TIME", 15),
        (14, "SLURM_JOB_END_TIME", 3600),
        (14, "SLURM_JOB_END_TIME", -9),
        (3600, "HPCTRAIN_BEGAN", -3586),
    ],
)
def test_the_clock_that_is_over_first(
    driver: Driver, walltime_s: int, variable: str | None, seconds: int
) -> None:
    """The walltime since the script began, or the end that the scheduler tells. How many seconds
    are left when the watch looks depends on the machine; the margin is 7."""
    driver.settings(walltime_s=walltime_s, margin_s=7)
    told = {} if variable is None else {variable: str(int(time.time()) + seconds)}
    child = driver.start(1, "pause 3", **SLURM, **told)
    child.wait(LIMIT_S)
    reason = read(driver.attempt(1) / "result.json")["reason"]
    # A busy machine may not have come to the third iteration, nor even to the training.
    when = r"asked to end [1-7] s before the walltime(, before the training began)?; [0-3] of 8"
    assert re.match(when, reason), reason


def test_a_warning_after_the_last_iteration(driver: Driver) -> None:
    """Asked too late: the training is complete."""
    child = driver.start(1, "hang-finish")
    finishing = driver.attempt(1) / "standin.pid"
    wait_for(finishing.exists, LIMIT_S, "the end of the fit")
    child.send_signal(signal.SIGUSR1)
    child.terminate()
    child.wait(LIMIT_S)
    told = read(driver.attempt(1) / "result.json")
    assert (told["state"], told["iterations"]) == ("terminated", 8)
    # Nothing is left to train: the next one only writes the potential.
    child = driver.start(2, "")
    assert child.wait(LIMIT_S) == 0
    told = read(driver.attempt(2) / "result.json")
    assert (told["state"], told["iterations"]) == ("completed", 8)


def test_without_a_checkpoint_it_begins_from_the_start(driver: Driver) -> None:
    child = driver.start(1, "sigkill")
    child.communicate(timeout=LIMIT_S)
    told = read(driver.attempt(1) / "result.json")
    assert (told["state"], told["signal"]) == ("failed", "SIGKILL")
    child = driver.start(2, "")
    said, _ = child.communicate(timeout=LIMIT_S)
    assert "attempt 2: no earlier attempt has left a checkpoint; it begins from the start" in said
    told = read(driver.attempt(2) / "result.json")
    assert (told["state"], "from" in told) == ("completed", False)


def test_a_checkpoint_of_another_training(driver: Driver) -> None:
    driver.stop(1)
    path = driver.folder / "job/input.json"
    asked = read(path)
    asked["fit"]["ladder_step"] = 2
    path.write_text(json.dumps(asked))
    child = driver.start(2, "")
    child.communicate(timeout=LIMIT_S)
    reason = read(driver.attempt(2) / "result.json")["reason"]
    assert "it cannot go on from" in reason
    assert "the checkpoint is of a ladder fit and the input is not" in reason
