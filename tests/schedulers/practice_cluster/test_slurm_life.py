"""Whole lives of runs on the practice Slurm, with a stand-in for the trainer."""

from __future__ import annotations

import sys
from collections.abc import Iterator

import pytest
from standin import StandIn
from waiting import wait_for

from hpctrain.errors import HpctrainError
from hpctrain.launch.submit import submit
from hpctrain.potentials.collect import collect
from hpctrain.process import run
from hpctrain.project import Project
from hpctrain.runs.actions.cancel import cancel
from hpctrain.runs.actions.resume import resume
from hpctrain.runs.actions.status import RunStatus, status
from hpctrain.runs.state.verdict import SETTLED

pytestmark = pytest.mark.slow

SITE = "practice-slurm"


@pytest.fixture
def on_slurm(project: Project) -> Iterator[Project]:
    yield project
    folder = str(project.folder / "runs" / ".practice-slurm")
    run([sys.executable, "-m", "hpctrain.schedulers.practice_cluster", folder, "scancel", "--me"])


def when(project: Project, *states: str) -> RunStatus:
    def seen() -> RunStatus | None:
        found = status(project).runs[0]
        return found if found.state in states or found.state in SETTLED else None

    found = wait_for(seen, 60, f"the run is {states or SETTLED}")
    assert not states or found.state in states, found.reason
    return found


def test_from_submit_to_collect(on_slurm: Project, standin: StandIn) -> None:
    submitted = submit(on_slurm, SITE, changes=standin.changes(cores=2))
    assert submitted.job_id == "1"
    found = when(on_slurm, "completed")
    assert (found.reason, found.job_id) == ("", "1")
    done = collect(on_slurm)
    assert [one.name for one in done.potentials] == ["potential_gen_01"]


def test_cancel(on_slurm: Project, standin: StandIn) -> None:
    submit(on_slurm, SITE, changes=standin.changes("hang"))
    when(on_slurm, "running")
    cancel(on_slurm, (status(on_slurm).runs[0].run_id,))
    assert when(on_slurm, "cancelled").reason == "by hpctrain cancel"


def test_going_on_after_a_timeout(on_slurm: Project, standin: StandIn) -> None:
    """Once by hand: the job of the first attempt has met its walltime."""
    # Its trainer waits after two of four iterations, until the walltime is over.
    changes = standin.changes("deaf 2", walltime="00:00:06", margin="00:00:03")
    submit(on_slurm, SITE, changes=changes)
    found = when(on_slurm, "timeout")
    (resumed,) = resume(on_slurm, (found.run_id,))
    assert (resumed.submitted, resumed.attempt, resumed.job_id) == (True, 2, "2")
    when(on_slurm, "running", "timeout")
    cancel(on_slurm, (found.run_id,))


def test_attempts_submitted_ahead(on_slurm: Project, standin: StandIn) -> None:
    """Three jobs, each after the one before; the first does it all."""
    changes = standin.changes(continuation="chain", max_attempts=3)
    submit(on_slurm, SITE, changes=changes)
    when(on_slurm, "completed")
    collect(on_slurm)


def test_a_site_that_is_refused(on_slurm: Project, standin: StandIn) -> None:
    with pytest.raises(HpctrainError, match="invalid partition specified: nowhere"):
        submit(on_slurm, SITE, changes=standin.changes(partition="nowhere"))
    assert status(on_slurm).runs == []
