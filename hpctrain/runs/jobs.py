"""The jobs of a run, known by the token that each carries in its name and comment. Pure."""

from __future__ import annotations

import re
from collections.abc import Iterable

from hpctrain.schedulers.base import ENDED, JobRequest, JobView, number_of

_RUN_ID = r"\d{8}-\d{6}-[0-9a-z]+"
_COMMENT = re.compile(rf"hpctrain:({_RUN_ID})\.")
_NAME = re.compile(rf"\.({_RUN_ID})\.")


def token(run_id: str, attempt: int) -> str:
    """Return what a job of this attempt carries in its name and comment, and no other job does."""
    return f"{run_id}.{attempt:02d}"


def job_request(
    project: str, run_id: str, attempt: int, output: str, after: str | None = None
) -> JobRequest:
    """Return what the scheduler is asked for one attempt."""
    mark = token(run_id, attempt)
    return JobRequest(
        name=f"{project}.{mark}",
        comment=f"hpctrain:{mark}",
        output=output,
        attempt=attempt,
        after=after,
    )


def carries(view: JobView, mark: str) -> bool:
    """Say whether this is the job of that token: sites drop comments, old ones cut names."""
    return view.comment == f"hpctrain:{mark}" or view.name.endswith(f".{mark}")


def run_ids_of(view: JobView) -> set[str]:
    """Return the run whose token a job carries; a job that is requeued keeps its first one."""
    matches = (_COMMENT.match(view.comment), _NAME.search(view.name))
    return {match[1] for match in matches if match}


def belongs(view: JobView, run_id: str) -> bool:
    """Say whether this is a job of that run."""
    return run_id in run_ids_of(view)


def job_of(
    views: Iterable[JobView], run_id: str, attempt: int, job_id: str | None
) -> JobView | None:
    """Find an attempt's job: by its id and the run's token, or by the attempt's token alone.

    The same job may be listed under another form of its id than was printed, and a submission may
    have been made twice. A job that is not over counts first, and then the one with the id.
    """
    mark = token(run_id, attempt)
    number = None if job_id is None else number_of(job_id)
    mine = [
        view
        for view in views
        if carries(view, mark) or (number_of(view.job_id) == number and belongs(view, run_id))
    ]

    def rank(view: JobView) -> tuple[bool, bool, bool]:
        return view.state in ENDED, number_of(view.job_id) != number, view.job_id != job_id

    return min(mine, key=rank, default=None)


def live_jobs(views: Iterable[JobView], run_id: str) -> list[JobView]:
    """List the jobs of a run that are not over, those of later attempts first."""
    mine = [view for view in views if view.state not in ENDED and belongs(view, run_id)]

    def order(view: JobView) -> tuple[str, int]:
        number = number_of(view.job_id)
        return _mark_of(view), int(number) if number.isdigit() else 0

    return sorted(mine, key=order, reverse=True)


def _mark_of(view: JobView) -> str:
    match = re.search(rf"{_RUN_ID}\.\d+", view.comment) or re.search(rf"{_RUN_ID}\.\d+", view.name)
    return match[0] if match else ""
