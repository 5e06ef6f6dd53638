"""Slurm itself out of order, on a second throw-away cluster, so that no other test is hurt."""

from __future__ import annotations

import os
import re
import shutil
import signal
import subprocess
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import pytest
from faults.field import (
    Commands,
    Tally,
    accounted,
    active_jobs,
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
SCRIPT = Path(__file__).parents[1] / "cluster" / "slurm.sh"


@dataclass(frozen=True)
class Cluster:
    """A cluster of our own, whose daemons may be stopped."""

    directory: Path

    def pid(self, daemon: str) -> int:
        return int((self.directory / "pids" / daemon).read_text())

    def end(self, daemon: str) -> None:
        pid = self.pid(daemon)
        os.kill(pid, signal.SIGTERM)
        wait_for(lambda: _ended(pid), 20, f"the end of {daemon}")

    def start(self, daemon: str, *arguments: str) -> None:
        log = (self.directory / "log" / f"{daemon}.out").open("ab")
        path = f"{os.environ['PATH']}:/usr/sbin:/sbin"
        child = subprocess.Popen(
            [str(shutil.which(daemon, path=path)), "-D", *arguments],
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=log,
            start_new_session=True,
            env={**os.environ, "SLURM_CONF": str(self.directory / "slurm.conf")},
        )
        log.close()
        (self.directory / "pids" / daemon).write_text(f"{child.pid}\n")
        _CHILDREN.append(child)

    def answers(self) -> bool:
        reply = subprocess.run(
            ["sinfo", "--noheader", "-p", "short", "-o", "%T"], capture_output=True, text=True
        )
        return reply.stdout.strip() in ("idle", "mixed", "allocated")

    @contextmanager
    def without(self, daemon: str) -> Iterator[None]:
        self.end(daemon)
        try:
            yield
        finally:
            self.start(daemon)
            wait_for(self.answers, 30, f"{daemon} to answer")


_CHILDREN: list[subprocess.Popen[bytes]] = []


def _ended(pid: int) -> bool:
    for child in _CHILDREN:
        child.poll()
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] in "ZX"
    except OSError:
        return True


@pytest.fixture(scope="module")
def cluster(slurm: Slurm) -> Iterator[Cluster]:
    directory = Path(tempfile.mkdtemp(prefix="hpctrain-slurm.", dir="/tmp"))
    directory.chmod(0o755)  # munge wants its socket reachable
    started = subprocess.run(
        ["bash", str(SCRIPT), "start", str(directory)], capture_output=True, text=True
    )
    if started.returncode != 0:
        shutil.rmtree(directory)
        pytest.skip(f"no second Slurm: {started.stderr.strip().splitlines()[-1]}")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("SLURM_CONF", str(directory / "slurm.conf"))
        yield Cluster(directory)
    subprocess.run(["bash", str(SCRIPT), "stop", str(directory)], check=True)
    for child in _CHILDREN:
        child.wait(20)
    shutil.rmtree(directory)


@pytest.mark.fault("the controller is down")
def test_down(
    cluster: Cluster,
    commands: Commands,
    new_project: Callable[..., Path],
    matrix: Callable[..., None],
) -> None:
    project = new_project()
    with cluster.without("slurmctld"):
        first = commands.run(project, *SUBMIT)
        assert first.code == 4, first.err
        second = commands.run(project, *STATUS)
        assert (second.code, states(second)) == (4, ["submitting"])
        assert "Unable to contact slurm controller" in first.err
        assert len(runs(project)) == 1
        assert not trainings(project)
    _ends_well(commands, project)
    matrix("submit, status", "exit 4; finished when it is back")
    # A run whose job is known, and the queue is not: neither finished nor failed.
    project = new_project("waiting", behaviour="wait")
    assert commands.run(project, *SUBMIT).code == 0
    wait_for(lambda: trainings(project), 60, "the training to begin")
    run_id = runs(project)[0].run_id
    with cluster.without("slurmctld"):
        forget_answers(project)
        shown = commands.run(project, *STATUS)
        assert (shown.code, states(shown)) == (4, ["unknown"])
        cancelled = commands.run(project, "cancel", run_id)
        assert cancelled.code == 4, (cancelled.out, cancelled.err)
    forget_answers(project)
    assert states(commands.run(project, *STATUS)) == ["running"]
    assert commands.run(project, "cancel", run_id).code == 0
    queue_is_empty()
    matrix("status, cancel", "exit 4, state unknown; works when it is back")


@pytest.mark.fault("the controller hangs")
def test_hangs(
    cluster: Cluster,
    commands: Commands,
    new_project: Callable[..., Path],
    matrix: Callable[..., None],
) -> None:
    """It takes what it is told, and answers when nobody listens any more."""
    project = new_project()
    pid = cluster.pid("slurmctld")
    os.kill(pid, signal.SIGSTOP)
    try:
        first = commands.run(project, *SUBMIT)
    finally:
        os.kill(pid, signal.SIGCONT)
    assert first.code == 4, first.err
    assert "hpctrain status" in first.err
    wait_for(cluster.answers, 30, "the controller")
    _ends_well(commands, project)
    matrix("submit", "exit 4; adopted or finished")


@pytest.mark.fault("slurmdbd is down")
def test_no_database(
    cluster: Cluster,
    commands: Commands,
    new_project: Callable[..., Path],
    matrix: Callable[..., None],
) -> None:
    project, killed = new_project(), new_project("killed", behaviour="wait")
    with cluster.without("slurmdbd"):
        assert commands.run(project, *SUBMIT).code == 0
        assert commands.run(killed, *SUBMIT).code == 0
        wait_for(lambda: trainings(killed), 60, "the training to begin")
        _gone_without_a_word(commands, killed)
        shown = commands.run(killed, *STATUS)
        (found,) = shown.json["runs"]
        assert shown.code == 0
        assert found["state"] == "unknown"
        assert "accounting cannot be asked" in found["reason"]
    _ends_well(commands, project)
    matrix("submit, status", "works; says that it cannot know how a lost job ended")


@pytest.mark.fault("no accounting")
def test_accounting_disabled(
    cluster: Cluster,
    commands: Commands,
    new_project: Callable[..., Path],
    matrix: Callable[..., None],
) -> None:
    """The last test on this cluster: it has no accounting any more."""
    for daemon in ("slurmctld", "slurmd"):
        cluster.end(daemon)
    conf = cluster.directory / "slurm.conf"
    text = re.sub(r"^AccountingStor.*\n", "", conf.read_text(), flags=re.MULTILINE)
    conf.write_text(text + "AccountingStorageType=accounting_storage/none\n")
    cluster.start("slurmctld", "-i")
    cluster.start("slurmd")
    wait_for(cluster.answers, 30, "the controller")
    project, killed = new_project(), new_project("killed", behaviour="wait")
    # The reply is lost too: the queue alone tells.
    environment = {"PATH": f"{project}:{os.environ['PATH']}"}
    wrapper = project / "sbatch"
    wrapper.write_text(f'#!/bin/bash\n{shutil.which("sbatch")} "$@" >/dev/null; exit 1\n')
    wrapper.chmod(0o755)
    assert commands.run(project, *SUBMIT, environment=environment).code == 0
    assert commands.run(killed, *SUBMIT).code == 0
    wait_for(lambda: trainings(killed), 60, "the training to begin")
    _gone_without_a_word(commands, killed)
    shown = commands.run(killed, *STATUS)
    (found,) = shown.json["runs"]
    assert (shown.code, found["state"]) == (0, "unknown")
    assert "accounting" in found["reason"]
    queue_is_empty()
    tally = Tally()
    tally.silent("afterwards", commands.run(project, *STATUS))
    tally.judge("the run", project, {})
    matrix("submit, status", "works; says what it cannot know", tally)


def _gone_without_a_word(commands: Commands, project: Path) -> None:
    """Somebody kills the job; after a while the queue does not show it any more."""
    (run,) = runs(project)
    job_id = (run.claim(1) or {})["job_id"]
    subprocess.run(["scancel", "--signal=KILL", "--batch", job_id], check=True)
    argv = ["squeue", "--noheader", "--states=all", "--format=%i"]

    def gone() -> bool:
        shown = subprocess.run(argv, capture_output=True, text=True, check=True).stdout
        return job_id not in shown.split()

    wait_for(gone, 60, "the queue to forget the job")
    forget_answers(project)


def _ends_well(commands: Commands, project: Path) -> None:
    # A pause after a failure is not over yet: the answer that is kept would be shown.
    forget_answers(project)
    shown = commands.run(project, *STATUS)
    assert shown.code == 0, shown.err
    queue_is_empty()
    (run,) = runs(project)
    done = commands.run(project, *STATUS)
    assert (done.code, states(done)) == (0, ["completed"]), done
    assert len(trainings(project)) == 1
    assert not active_jobs()
    accounted([f"{run.run_id}.01"])
    assert trainings(project)[0].split()[2] in jobs_by_token()[f"{run.run_id}.01"]
