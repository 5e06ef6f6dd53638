"""The scheduler itself out of order: a Slurm and a practice PBS of their own, so that no other test
is hurt."""

from __future__ import annotations

import os
import re
import shutil
import signal
import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from faults.field import (
    ONLY_SLURM,
    PBS,
    SLURM,
    STATUS,
    SUBMIT,
    Field,
    Tally,
    each,
    forget_answers,
    runs,
    states,
    trainings,
)
from faults.worlds import PbsWorld, SlurmWorld, World
from paths import TESTS
from slurm_fixture import Slurm
from waiting import wait_for

pytestmark = [pytest.mark.slow, pytest.mark.xdist_group("second_slurm")]

SCRIPT = TESTS / "cluster" / "slurm.sh"


@dataclass(frozen=True)
class Cluster:
    """A cluster of our own, whose daemons may be stopped."""

    directory: Path

    @property
    def environment(self) -> dict[str, str]:
        return {**os.environ, "SLURM_CONF": str(self.directory / "slurm.conf")}

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
            env=self.environment,
        )
        log.close()
        (self.directory / "pids" / daemon).write_text(f"{child.pid}\n")
        _CHILDREN.append(child)

    def ask(self, *argv: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run(argv, capture_output=True, text=True, env=self.environment)

    def answers(self) -> bool:
        shown = self.ask("sinfo", "--noheader", "-p", "short", "-o", "%T").stdout.strip()
        return shown in ("idle", "mixed", "allocated")

    def accounts(self) -> bool:
        return self.ask("sacct").returncode == 0

    @contextmanager
    def without(self, daemon: str) -> Iterator[None]:
        self.end(daemon)
        try:
            yield
        finally:
            self.start(daemon)
            wait_for(self.answers, 60, f"{daemon} to answer")
            wait_for(self.accounts, 60, "the accounting to answer")


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
    yield Cluster(directory)
    subprocess.run(["bash", str(SCRIPT), "stop", str(directory)], check=True)
    for child in _CHILDREN:
        child.wait(20)
    shutil.rmtree(directory)


class OwnSlurm(SlurmWorld):
    """The second throw-away Slurm."""

    def __init__(self, cluster: Cluster) -> None:
        super().__init__()
        self.cluster = cluster

    @property
    def environment(self) -> dict[str, str]:
        return {"SLURM_CONF": str(self.cluster.directory / "slurm.conf")}

    @contextmanager
    def down(self) -> Iterator[None]:
        with self.cluster.without("slurmctld"):
            yield

    @contextmanager
    def hanging(self) -> Iterator[dict[str, Any]]:
        """It takes what it is told, and answers when nobody listens any more."""
        pid = self.cluster.pid("slurmctld")
        os.kill(pid, signal.SIGSTOP)
        try:
            yield {}
        finally:
            os.kill(pid, signal.SIGCONT)
        wait_for(self.cluster.answers, 60, "the controller")


class OwnPbs(PbsWorld):
    @contextmanager
    def hanging(self) -> Iterator[dict[str, Any]]:
        """As above: qsub passes on, and nobody answers; how long one waits."""
        programs = self.folder / "bin"
        for name in ("qsub", "qstat", "qselect", "qdel"):
            real = (programs / name).rename(programs / f"real-{name}")
            passes_on = f'"{real}" "$@" >/dev/null; ' if name == "qsub" else ""
            (programs / name).write_text(f"#!/bin/bash\n{passes_on}sleep 600\n")
            (programs / name).chmod(0o755)
        try:
            yield {"time_limit_s": 1.5}
        finally:
            for real in programs.glob("real-*"):
                real.replace(programs / real.name.removeprefix("real-"))


@pytest.fixture(params=[SLURM, PBS])
def world(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[World]:
    one = (
        OwnSlurm(request.getfixturevalue("cluster"))
        if request.param == "slurm"
        else OwnPbs(tmp_path / "pbs", request.getfixturevalue("practice"))
    )
    yield one
    one.tidy()


@pytest.mark.fault("the scheduler is down")
def test_down(field: Field) -> None:
    assert isinstance(field.world, (OwnSlurm, OwnPbs))
    # One that is to be submitted; and one whose job is known: neither finished nor failed.
    new, known = field.project(), field.training("known")
    run_id = runs(known)[0].run_id

    def submitting() -> None:
        first = field.run(new, *SUBMIT)
        assert first.code == 4, first.err
        second = field.run(new, *STATUS)
        assert (second.code, states(second)) == (4, ["submitting"])
        assert field.world.unreachable in first.err
        assert len(runs(new)) == 1
        assert not trainings(new)

    def looking() -> None:
        forget_answers(known)
        shown = field.run(known, *STATUS)
        assert (shown.code, states(shown)) == (4, ["unknown"])
        cancelled = field.run(known, "cancel", run_id)
        assert cancelled.code == 4, (cancelled.out, cancelled.err)

    with field.world.down():
        each(lambda one: one(), [submitting, looking])
    forget_answers(known)
    assert states(field.run(known, *STATUS)) == ["running"]
    assert field.run(known, "cancel", run_id).code == 0
    field.note("status, cancel", "exit 4, state unknown; works when it is back")
    field.ends_well(new, "exit 4; finished when it is back", step="submit, status")


@pytest.mark.fault("the scheduler hangs")
def test_hangs(field: Field) -> None:
    assert isinstance(field.world, (OwnSlurm, OwnPbs))
    project = field.project()
    with field.world.hanging() as order:
        first = field.run(project, *SUBMIT, **order)
    assert first.code == 4, first.err
    assert "hpctrain status" in first.err
    field.ends_well(project, "exit 4; adopted or finished")


@ONLY_SLURM
@pytest.mark.fault("slurmdbd is down")
def test_no_database(field: Field) -> None:
    assert isinstance(field.world, OwnSlurm)
    project, killed = field.project(), field.project("killed", behaviour="wait")
    with field.world.cluster.without("slurmdbd"):
        assert field.run(project, *SUBMIT).code == 0
        assert field.run(killed, *SUBMIT).code == 0
        wait_for(lambda: trainings(killed), 60, "the training to begin")
        _gone_without_a_word(field, killed)
        shown = field.run(killed, *STATUS)
        (found,) = shown.json["runs"]
        assert shown.code == 0
        assert found["state"] == "unknown"
        assert "accounting cannot be asked" in found["reason"]
    field.ends_well(
        project, "works; says that it cannot know how a lost job ended", step="submit, status"
    )


@pytest.mark.fault("no accounting")
def test_accounting_disabled(field: Field) -> None:
    """The last test on this Slurm: it has no accounting any more. On PBS: no history of jobs."""
    assert isinstance(field.world, (OwnSlurm, OwnPbs))
    if isinstance(field.world, OwnSlurm):
        _without_accounting(field.world.cluster)
    else:
        field.world.forgets()
    project, killed = field.project(), field.project("killed", behaviour="wait")
    # The reply is lost too: the queue alone tells.
    environment = field.wrapped(project, field.world.submits, '"$REAL" "$@" >/dev/null; exit 1')
    assert field.run(project, *SUBMIT, environment=environment).code == 0
    assert field.run(killed, *SUBMIT).code == 0
    wait_for(lambda: trainings(killed), 60, "the training to begin")
    _gone_without_a_word(field, killed)
    shown = field.run(killed, *STATUS)
    (found,) = shown.json["runs"]
    assert (shown.code, found["state"]) == (0, "unknown")
    assert "accounting" in found["reason"]
    field.world.queue_is_empty()
    tally = Tally()
    tally.silent("afterwards", field.run(project, *STATUS))
    tally.judge("the run", project, {})
    field.note("submit, status", "works; says what it cannot know", tally)


def _without_accounting(cluster: Cluster) -> None:
    for daemon in ("slurmctld", "slurmd"):
        cluster.end(daemon)
    conf = cluster.directory / "slurm.conf"
    text = re.sub(r"^AccountingStor.*\n", "", conf.read_text(), flags=re.MULTILINE)
    conf.write_text(text + "AccountingStorageType=accounting_storage/none\n")
    cluster.start("slurmctld", "-i")
    cluster.start("slurmd")
    wait_for(cluster.answers, 60, "the controller")


def _gone_without_a_word(field: Field, project: Path) -> None:
    """Somebody kills the job; after a while the queue does not show it any more."""
    (run,) = runs(project)
    claim = run.claim(1)
    assert claim is not None
    os.kill(claim["pid"], signal.SIGKILL)
    wait_for(lambda: not field.world.shows(claim["job_id"]), 60, "the queue to forget the job")
    forget_answers(project)
