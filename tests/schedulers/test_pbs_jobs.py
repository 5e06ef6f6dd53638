"""The PBS translator against a PBS: the practice one, and a real one where there is one."""

from __future__ import annotations

import uuid
from pathlib import Path
from typing import Any

import pytest
from waiting import wait_for

from hpctrain.process import converse, run
from hpctrain.runs.jobs import carries, job_request
from hpctrain.schedulers.base import ENDED, JobRequest, JobView, Refused, Submitted
from hpctrain.schedulers.pbs.scheduler import PbsScheduler
from hpctrain.sites.profile import SiteProfile

pytestmark = pytest.mark.slow

PBS = PbsScheduler()
LIMIT_S = 60


class Cluster:
    """One test's jobs: each attempt of a run of its own."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.run_id = f"20261124-000000-{uuid.uuid4().hex[:4]}"
        self.ids: list[str] = []

    def submit(self, body: str, after: str | None = None, **keys: Any) -> Submitted | Refused:
        """The next attempt of the run."""
        site = SiteProfile.model_validate({"scheduler": "pbs", **keys})
        job = job_request("al.ace", self.run_id, len(self.ids) + 1, "out", after)
        lines = [f"#PBS {line}" for line in PBS.directives(site, job)]
        script = self.folder / "job.sh"
        script.write_text("\n".join(["#!/bin/bash", *lines, body, ""]), encoding="utf-8")
        outcome = PBS.read_submit(run(PBS.submit_argv("job.sh", job, site), cwd=str(self.folder)))
        assert isinstance(outcome, Submitted | Refused), outcome
        if isinstance(outcome, Submitted):
            self.ids.append(outcome.job_id)
        return outcome

    def view(self, attempt: int = 1) -> JobView:
        """The job, found by its token and not by its id."""
        request: JobRequest = job_request("al.ace", self.run_id, attempt, "out")
        views = converse(PBS.queue(), run)
        mark = request.comment.removeprefix("hpctrain:")
        (found,) = (view for view in views if carries(view, mark))
        assert found.job_id == self.ids[attempt - 1]
        return found

    def reaches(self, *states: str, attempt: int = 1) -> JobView:
        def job_row() -> JobView | None:
            view = self.view(attempt)
            return view if view.state in states else None

        found = wait_for(job_row, LIMIT_S, f"attempt {attempt}: {states}")
        assert found is not None
        return found

    def cancel(self) -> str | None:
        return PBS.read_cancel(run(PBS.cancel_argv(self.ids)))


@pytest.fixture
def cluster(pbs: str, tmp_path: Path) -> Any:
    folder = tmp_path / "run"
    folder.mkdir()
    folder.chmod(0o777)
    cluster = Cluster(folder)
    yield cluster
    if cluster.ids:
        cluster.cancel()


def test_a_job_is_found_by_its_token_and_ends(cluster: Cluster) -> None:
    cluster.submit(
        'echo "$HPCTRAIN_ATTEMPT" >"$PBS_O_WORKDIR/seen"', walltime="00:08:00", cores=1, nodes=1,
        tasks=1, memory="100M", umask="0022",
    )  # fmt: skip
    judge = cluster.view()
    assert judge.walltime_s == 480
    ended = cluster.reaches(*ENDED)
    assert (ended.state, ended.exit_code, ended.raw) == ("completed", 0, "F/92")
    assert (cluster.folder / "seen").read_text() == "1\n"


def test_a_failing_script(cluster: Cluster) -> None:
    cluster.submit("exit 3")
    ended = cluster.reaches(*ENDED)
    assert (ended.state, ended.exit_code) == ("failed", 3)


def test_cancel_a_running_job(cluster: Cluster) -> None:
    cluster.submit("sleep 600")
    cluster.reaches("running")
    assert cluster.cancel() is None
    assert cluster.reaches(*ENDED).state == "cancelled"
    # Once more, when it has ended: nothing to complain of.
    assert cluster.cancel() is None


def test_a_held_job(cluster: Cluster) -> None:
    cluster.submit("exit 0", extra_directives=["-h"])
    held = cluster.reaches("held")
    assert "qrls" in held.reason
    assert run(["qrls", *cluster.ids]).code == 0
    assert cluster.reaches(*ENDED).state == "completed"


def test_cancel_a_held_job(cluster: Cluster) -> None:
    cluster.submit("exit 0", extra_directives=["-h"])
    cluster.reaches("held")
    assert cluster.cancel() is None
    assert cluster.reaches(*ENDED).state == "cancelled"


def test_a_chain(cluster: Cluster) -> None:
    """However the first ends, the second begins then, and not before."""
    first = cluster.submit("until [ -e go ]; do sleep 0.1; done; exit 7".replace("go", str(
        cluster.folder / "go")))  # fmt: skip
    assert isinstance(first, Submitted)
    cluster.submit("exit 0", after=first.job_id)
    cluster.reaches("running")
    waiting = cluster.view(2)
    assert (waiting.state, waiting.raw) == ("queued", "H/22")
    (cluster.folder / "go").touch()
    assert cluster.reaches(*ENDED, attempt=2).state == "completed"
    assert cluster.view(1).exit_code == 7


def test_what_can_never_run_says_so(cluster: Cluster) -> None:
    cluster.submit("exit 0", cores=999)

    def never() -> bool:
        view = cluster.view()
        assert view.state == "queued"
        return "never run" in view.reason

    wait_for(never, LIMIT_S, "the server's comment")


@pytest.mark.slow
def test_killed_at_the_walltime(cluster: Cluster) -> None:
    cluster.submit("sleep 600", walltime="00:00:02", margin="00:00:01")
    ended = cluster.reaches(*ENDED)
    assert (ended.state, ended.raw) == ("timeout", "F/93")


@pytest.mark.parametrize(
    ("keys", "words"),
    [
        ({"queue": "nowhere"}, "Unknown queue"),
        ({"chunk": {"nosuchres": 3}, "cores": 1}, "Unknown resource"),
        ({"cores": 1, "extra_directives": ["-l ncpus=2"]}, "cannot be used with"),
        ({"extra_directives": ["--nonsense"]}, "option"),
    ],
)
def test_a_refusal(cluster: Cluster, keys: dict[str, Any], words: str) -> None:
    outcome = cluster.submit("exit 0", **keys)
    assert isinstance(outcome, Refused)
    assert words in outcome.reason


def test_nobody_else_s_jobs(cluster: Cluster) -> None:
    """No jobs of this user: an answer, and an empty one where nothing was ever submitted."""
    assert all(not carries(view, f"{cluster.run_id}.01") for view in converse(PBS.queue(), run))
