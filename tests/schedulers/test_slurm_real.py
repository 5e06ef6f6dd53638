"""The Slurm translator against a real Slurm."""

from __future__ import annotations

import time
import uuid
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from hpctrain.process import run
from hpctrain.schedulers.base import ENDED, JobRequest, JobView, Refused, Submitted
from hpctrain.schedulers.slurm.scheduler import SlurmScheduler
from hpctrain.sites.profile import SiteProfile

pytestmark = pytest.mark.real_slurm

SLURM = SlurmScheduler()
LIMIT_S = 60


class Cluster:
    """One test's jobs: each with a name and comment of its own."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.since = time.time() - 60
        self.token = uuid.uuid4().hex[:12]
        self.ids: list[str] = []

    def submit(self, body: str, output: str = "", **keys: Any) -> Submitted | Refused:
        site = SiteProfile.model_validate({"scheduler": "slurm", **keys})
        job = JobRequest(f"t-{self.token}", f"hpctrain {self.token}, a|b", output)
        lines = [f"#SBATCH {line}" for line in SLURM.directives(site, job)]
        script = self.folder / "job.sh"
        script.write_text("\n".join(["#!/bin/sh", *lines, body, ""]), encoding="utf-8")
        outcome = SLURM.read_submit(
            run(SLURM.submit_argv(str(script), job, site), cwd=str(self.folder))
        )
        assert isinstance(outcome, Submitted | Refused), outcome
        if isinstance(outcome, Submitted):
            self.ids.append(outcome.job_id)
        return outcome

    def queue(self) -> JobView | None:
        views = SLURM.read_queue(run(SLURM.queue_argv()))
        return next((view for view in views if self.token in view.comment), None)

    def accounting(self) -> JobView | None:
        views = SLURM.read_accounting(run(SLURM.accounting_argv(self.since)))
        return next((view for view in views if self.token in view.name), None)

    def ended(self) -> JobView:
        return until(self.accounting, lambda view: view.state in ENDED)


def until(job_row: Callable[[], JobView | None], good: Callable[[JobView], bool]) -> JobView:
    end = time.monotonic() + LIMIT_S
    view = job_row()
    while view is None or not good(view):
        assert time.monotonic() < end, f"last seen: {view}"
        time.sleep(0.2)
        view = job_row()
    return view


@pytest.fixture
def cluster(slurm: object, tmp_path: Path) -> Any:
    cluster = Cluster(tmp_path)
    yield cluster
    if cluster.ids:
        run(SLURM.cancel_argv(cluster.ids))


def test_a_job_is_seen_by_its_token_and_ends(cluster: Cluster) -> None:
    submitted = cluster.submit(
        "sleep 2; echo here", output="my job.out", partition="short", account="materials",
        qos="long", constraint="throwaway&gpu", walltime="00:08:00", nodes=1, tasks=1, cores=1,
        memory="100M", gpus=1, gpu_type="a100", gpu_dialect="gres-typed",
    )  # fmt: skip
    assert isinstance(submitted, Submitted)
    seen = until(cluster.queue, lambda view: True)
    assert seen.job_id == submitted.job_id
    assert (seen.walltime_s, seen.folder) == (480, str(cluster.folder))
    ended = cluster.ended()
    assert (ended.job_id, ended.state, ended.exit_code) == (submitted.job_id, "completed", 0)
    assert ended.comment == f"hpctrain {cluster.token}, a|b"
    assert (ended.walltime_s, ended.folder) == (480, str(cluster.folder))
    assert (cluster.folder / "my job.out").read_text() == "here\n"


def test_a_failing_script(cluster: Cluster) -> None:
    cluster.submit("exit 3")
    ended = cluster.ended()
    assert (ended.state, ended.exit_code) == ("failed", 3)


def test_cancel_a_running_job(cluster: Cluster) -> None:
    cluster.submit("sleep 600")
    until(cluster.queue, lambda view: view.state == "running")
    assert SLURM.read_cancel(run(SLURM.cancel_argv(cluster.ids))) is None
    assert cluster.ended().state == "cancelled"


def test_cancel_a_held_job_and_find_it_in_accounting(cluster: Cluster) -> None:
    cluster.submit("exit 0", extra_directives=["--hold"])
    assert until(cluster.queue, lambda view: True).state == "held"
    assert SLURM.read_cancel(run(SLURM.cancel_argv(cluster.ids))) is None
    assert cluster.ended().state == "cancelled"


def test_what_can_never_run_says_so(cluster: Cluster) -> None:
    cluster.submit("exit 0", cores=9999)
    seen = until(cluster.queue, lambda view: "never run" in view.reason)
    assert seen.state == "queued"


@pytest.mark.parametrize(
    "keys",
    [
        {"partition": "nowhere"},
        {"constraint": "nosuch"},
        {"memory": "900T"},
        {"gpus": 1, "gpu_dialect": "gpus-typed", "gpu_type": "h100"},
        {"extra_directives": ["--nonsense"]},
    ],
)
def test_a_refusal(cluster: Cluster, keys: dict[str, Any]) -> None:
    outcome = cluster.submit("exit 0", **keys)
    assert isinstance(outcome, Refused)
    assert outcome.reason


@pytest.mark.parametrize(
    "keys",
    [
        {"gpu_dialect": "gpus-per-node"},
        {"gpu_dialect": "gpus-per-node", "gpu_type": "a100"},
        {"gpu_dialect": "gpus"},
        {"gpu_dialect": "gpus-typed", "gpu_type": "a100"},
        {"gpu_dialect": "gpus-per-task", "tasks": 1},
        {"gpu_dialect": "gres"},
        {"gpu_dialect": "gres-typed", "gpu_type": "a100"},
        {"gpu_dialect": "constraint-plus-gres", "constraint": "gpu"},
    ],
)
def test_every_gpu_dialect_is_taken(cluster: Cluster, keys: dict[str, Any]) -> None:
    held = {"extra_directives": ["--hold"], "memory": "100M", "memory_style": "mem-per-gpu"}
    assert isinstance(cluster.submit("exit 0", gpus=1, **held, **keys), Submitted)
