"""Use case: the grading of `select` as a job on a site.

Its folder is ``runs/.choices/TIME/``; what the job has chosen stays there, and ``select
--finish`` writes it, now or later.
"""

from __future__ import annotations

import contextlib
import shutil
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import datetime, timezone
from pathlib import Path
from typing import Any, TypedDict

from hpctrain.errors import HpctrainError, SiteUnreachable
from hpctrain.files import as_json, put_job, write_atomically, write_text
from hpctrain.launch.plan import Plan, plan
from hpctrain.launch.script import job_script
from hpctrain.potentials.choice import PROGRESS, RESULT
from hpctrain.potentials.grade import show_progress
from hpctrain.process import Run as RunProgram
from hpctrain.process import converse, run_scheduler
from hpctrain.project import Project
from hpctrain.records import BadFile, read_record
from hpctrain.schedulers.base import ENDED, JobRequest, Refused, Scheduler, Submitted, number_of

FOLDER = ".choices"
# Ten million atoms on ten cores.
WALLTIME = "01:00:00"
# What a file system may take to show on one machine what was written on another.
VISIBLE_S = 30.0


class _NotBegun(TypedDict):
    reason: str


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
    folder = project.runs / FOLDER / f"{datetime.now(timezone.utc):%Y%m%d-%H%M%S-%f}"
    folder.mkdir(parents=True)
    return folder


@contextlib.contextmanager
def removed_if_not_submitted(folder: Path) -> Iterator[None]:
    """Remove the folder if what follows fails, unless there may be a job that needs it."""
    try:
        yield
    except SiteUnreachable:
        raise
    except BaseException:
        if not (folder / "submitted.json").is_file():
            shutil.rmtree(folder, ignore_errors=True)
        raise


def submit(
    project: Project, planned: Plan, folder: Path, *, program: RunProgram = run_scheduler
) -> SelectJob:
    """Submit the job that grades what was prepared in ``folder``.

    Raises HpctrainError if the job is refused, SiteUnreachable if the scheduler does not say
    whether it took it.
    """
    profile, scheduler = planned.profile, planned.scheduler
    stamp = folder.name
    job = JobRequest(f"select-{stamp[9:15]}", f"hpctrain:select.{stamp}", profile.output)
    script = job_script(
        profile, scheduler, job, f"select {stamp}", folder, project.folder / "templates"
    )
    write_text(folder / "job.sh", script)
    package = put_job(folder)
    # In the place of the trainer's driver: templates of a user's own name that file.
    shutil.copyfile(package / "grade_candidates.py", package / "train.py")
    reply = program(scheduler.submit_argv("job.sh", job, profile), cwd=str(folder))
    outcome = scheduler.read_submit(reply)
    if isinstance(outcome, Refused):
        raise HpctrainError(
            f"{scheduler.name} did not take the job: {outcome.reason}",
            f"{f'{outcome.advice}; ' if outcome.advice else ''}compare the profile with the "
            f"cluster: hpctrain sites check {planned.site.name}",
        )
    if not isinstance(outcome, Submitted):
        raise SiteUnreachable(
            f"{scheduler.name} did not say whether it took the job: {outcome.reason}",
            f"if it did, write what it chooses with: hpctrain select --finish {folder}",
        )
    clusters = outcome.cluster or scheduler.clusters
    facts: dict[str, Any] = {
        "site": planned.site.name,
        "job_id": outcome.job_id,
        "scheduler": profile.scheduler,
        "clusters": clusters,
    }
    write_atomically(folder / "submitted.json", as_json(facts))
    return SelectJob(folder, outcome.job_id, profile.scheduler, clusters)


def wait(
    project: Project,
    job: SelectJob,
    *,
    progress: Callable[[int, int | None], None] = lambda *_: None,
    program: RunProgram = run_scheduler,
) -> None:
    """Wait until the job has chosen; HpctrainError if it ended without."""
    from hpctrain.schedulers import scheduler_of

    scheduler = scheduler_of(job.scheduler, project.queue, job.clusters)
    gone_since: float | None = None
    while not (job.folder / RESULT).is_file():
        show_progress(job.folder / PROGRESS, progress)
        over, words = _is_over(scheduler, str(job.job_id), program)
        gone_since = (gone_since or time.monotonic()) if over else None
        if gone_since is not None and time.monotonic() - gone_since > VISIBLE_S:
            raise HpctrainError(
                f"the job {job.job_id} has ended and has chosen nothing{words}"
                f"{_reason(job.folder)}",
                f"what it printed is in {job.folder}",
            )
        time.sleep(scheduler.fresh_s)


def _reason(folder: Path) -> str:
    """Return why the job ended before its program began, where its script has left that."""
    with contextlib.suppress(BadFile):
        result = read_record(folder / "attempts" / "01" / "result.json", _NotBegun)
        return f": {result['reason']}" if result else ""
    return ""


def _is_over(scheduler: Scheduler, job_id: str, program: RunProgram) -> tuple[bool, str]:
    """Say whether a job has left the queue or ended, and what the queue says of it."""
    # The server's name behind the number may be another one than was printed.
    views = {number_of(view.job_id): view for view in converse(scheduler.queue(), program)}
    view = views.get(number_of(job_id))
    if view is None:
        return True, ""
    return view.state in ENDED, f" ({view.raw}{': ' + view.reason if view.reason else ''})"
