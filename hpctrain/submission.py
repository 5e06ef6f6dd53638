"""Hands an attempt to the scheduler, at most once: intent, submission, id, each on the disk."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING

from hpctrain.errors import HpctrainError, SiteUnreachable
from hpctrain.ledger import Run
from hpctrain.process import Run as RunProgram
from hpctrain.schedulers.base import (
    JobRequest,
    JobView,
    Refused,
    Scheduler,
    Submitted,
)

if TYPE_CHECKING:
    from hpctrain.models import SiteProfile


class JobRefused(HpctrainError):
    """The scheduler answered, and did not take the job: there is none."""


def token(run: Run, attempt: int) -> str:
    """What a job of this attempt carries in its name and comment, and no other job does."""
    return f"{run.run_id}.{attempt:02d}"


def job_request(project: str, run_id: str, attempt: int, output: str) -> JobRequest:
    mark = f"{run_id}.{attempt:02d}"
    return JobRequest(name=f"{project}.{mark}", comment=f"hpctrain:{mark}", output=output)


def carries(view: JobView, mark: str) -> bool:
    """Is this the job of that token? Sites may drop the comment; old ones may cut the name."""
    return view.comment == f"hpctrain:{mark}" or view.name.endswith(f".{mark}")


def send(
    run: Run,
    attempt: int,
    job: JobRequest,
    scheduler: Scheduler,
    profile: SiteProfile,
    program: RunProgram,
) -> str:
    """Submit one attempt and return the job's id.

    Raises HpctrainError if the scheduler refused, SiteUnreachable if nobody can say whether the
    job exists: then nothing may be submitted until :func:`settle` has found out.
    """
    mark = token(run, attempt)
    argv = scheduler.submit_argv("job.sh", job, profile)
    run.record("submitting", attempt=attempt, token=mark)
    outcome = scheduler.read_submit(program(argv, cwd=str(run.folder)))
    if isinstance(outcome, Submitted):
        run.record("submitted", attempt=attempt, token=mark, job_id=outcome.job_id)
        return outcome.job_id
    if isinstance(outcome, Refused):
        run.record("refused", attempt=attempt, token=mark, reason=outcome.reason)
        raise JobRefused(
            f"{scheduler.name} did not take the job: {outcome.reason}",
            "nothing was submitted; mend the site profile, or try other values with "
            "--set site.KEY=VALUE",
        )
    run.record("unclear", attempt=attempt, token=mark, reason=outcome.reason)
    try:
        views = scheduler.read_queue(program(scheduler.queue_argv()))
    except SiteUnreachable:
        views = []
    job_id = adopt(run, attempt, views)
    if job_id is None:
        raise SiteUnreachable(
            f"{scheduler.name} did not say whether it took the job: {outcome.reason}",
            "hpctrain status looks it up by its token; nothing is submitted again before",
        )
    return job_id


def adopt(run: Run, attempt: int, views: Iterable[JobView]) -> str | None:
    """Record the id of a job that was submitted and whose id was lost, if it is among these."""
    mark = token(run, attempt)
    for view in views:
        if carries(view, mark):
            run.record("submitted", attempt=attempt, token=mark, job_id=view.job_id, adopted=True)
            return view.job_id
    return None
