"""Use case: the grading of `select` as a job on a site.

Its folder is ``runs/.choices/TIME/``; what the job has chosen stays there, and ``select
--finish`` writes it, now or later.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from hpctrain.errors import HpctrainError
from hpctrain.launch import short_job
from hpctrain.launch.plan import Plan, plan
from hpctrain.launch.short_job import VISIBLE_S
from hpctrain.potentials.choice import PROGRESS, RESULT
from hpctrain.potentials.grade import show_progress
from hpctrain.process import Run as RunProgram
from hpctrain.process import run_scheduler
from hpctrain.project import Project

FOLDER = ".choices"
# Ten million atoms on ten cores.
WALLTIME = "01:00:00"


@dataclass(frozen=True)
class SelectJob:
    """A job that grades candidates, and its folder."""

    folder: Path
    job_id: str | None
    scheduler: str
    clusters: str | None


def place(project: Project, site_name: str, changes: dict[str, Any]) -> Plan:
    """Choose where the job goes: without a GPU, where there is such a place.

    HpctrainError if it has no place at all.
    """
    asked = {"walltime": WALLTIME, "continuation": "manual", **changes.get("site", {})}
    try:
        return plan(project, site_name, {**changes, "site": {"gpus": 0, **asked}})
    except HpctrainError:
        return plan(project, site_name, {**changes, "site": asked})


def new_folder(project: Project) -> Path:
    """Make the folder of a new choice."""
    folder = project.runs / FOLDER / short_job.new_name()
    folder.mkdir(parents=True)
    return folder


def submit(
    project: Project, planned: Plan, folder: Path, *, program: RunProgram = run_scheduler
) -> SelectJob:
    """Submit the job that grades what was prepared in ``folder``.

    Raises HpctrainError if the job is refused, SiteUnreachable if the scheduler does not say
    whether it took it.
    """
    unclear = f"if it did, write what it chooses with: hpctrain select --finish {folder}"
    with short_job.removed_if_no_job(folder):
        short_job.put(planned, project, folder, "select", "grade_candidates.py")
        taken = short_job.submit(planned, folder, "select", unclear=unclear, program=program)
    clusters = taken.cluster or planned.scheduler.clusters
    facts: dict[str, Any] = {
        "site": planned.site.name,
        "job_id": taken.job_id,
        "scheduler": planned.profile.scheduler,
        "clusters": clusters,
    }
    finish = f"when it has ended, write what it has chosen with: hpctrain select --finish {folder}"
    short_job.record(folder, facts, finish)
    return SelectJob(folder, taken.job_id, planned.profile.scheduler, clusters)


def wait(
    project: Project,
    job: SelectJob,
    *,
    progress: Callable[[int, int | None], None] = lambda *_: None,
    program: RunProgram = run_scheduler,
) -> None:
    """Wait until the job has chosen; HpctrainError if it ended without."""

    def look() -> bool | None:
        if (job.folder / RESULT).is_file():
            return True
        show_progress(job.folder / PROGRESS, progress)
        return None

    short_job.wait(
        project, job.scheduler, job.clusters, job.job_id, job.folder, look,
        without="has chosen nothing", program=program, visible_s=VISIBLE_S,
    )  # fmt: skip
