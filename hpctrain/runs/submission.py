"""The submission of an attempt, at most once: intent, submission and id are each on the disk."""

from __future__ import annotations

import contextlib
import os
import re
from collections.abc import Iterable
from typing import TYPE_CHECKING, Any

from hpctrain.errors import HpctrainError, SiteUnreachable
from hpctrain.process import Run as RunProgram
from hpctrain.process import converse
from hpctrain.runs.history import fold
from hpctrain.runs.run import Run
from hpctrain.schedulers.base import (
    JobRequest,
    JobView,
    Refused,
    Scheduler,
    Submitted,
)

if TYPE_CHECKING:
    from hpctrain.sites.profile import SiteProfile

SCRIPT = "job.sh"
MEND = "mend the site profile, or try other values with --set site.KEY=VALUE"


class JobRefused(HpctrainError):
    """The error that the scheduler answered, and did not take the job: there is none."""


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


def belongs(view: JobView, run_id: str) -> bool:
    """Say whether this is a job of that run; a job that is requeued keeps its first token."""
    return view.comment.startswith(f"hpctrain:{run_id}.") or f".{run_id}." in view.name


def send_all(run: Run, attempt: int, scheduler: Scheduler, program: RunProgram) -> str:
    """Submit an attempt, and, where the site asks for a chain, all that may follow it.

    Returns the first one's job id. Where the scheduler takes no more jobs, the chain is just
    shorter.
    """
    job_id = before = send(run, attempt, scheduler, program)
    profile = _profile(run)
    if profile.continuation == "chain":
        for number in range(attempt + 1, profile.max_attempts + 1):
            try:
                before = send(run, number, scheduler, program, after=before)
            except JobRefused:
                break
    return job_id


def send(
    run: Run,
    attempt: int,
    scheduler: Scheduler,
    program: RunProgram,
    *,
    after: str | None = None,
) -> str:
    """Submit one attempt and return the job's id; the project's lock must be held.

    Raises JobRefused if there is no job, SiteUnreachable if nobody can say whether there is one:
    then nothing may be submitted until :mod:`hpctrain.runs.actions.recovery` has found out.
    """
    profile = _profile(run)
    job = job_request(run.manifest["project"], run.run_id, attempt, profile.output, after)
    mark = token(run.run_id, attempt)
    facts: dict[str, Any] = {"attempt": attempt, "token": mark}
    before = fold(run.events())
    run.record("submitting", **facts, host=os.uname().nodename, pid=os.getpid())
    try:
        reply = program(scheduler.submit_argv(SCRIPT, job, profile), cwd=str(run.folder))
    except KeyboardInterrupt:
        # Whoever pressed Ctrl-C does not want it submitted again; it may have been, all the same.
        run.record("interrupted", **facts)
        raise
    outcome = scheduler.read_submit(reply)
    if isinstance(outcome, Submitted):
        run.record("submitted", **facts, job_id=outcome.job_id)
        return outcome.job_id
    if isinstance(outcome, Refused):
        run.record("refused", **facts, reason=outcome.sentence)
        raise JobRefused(
            f"{scheduler.name} did not take the job: {outcome.reason}",
            f"nothing was submitted; {outcome.advice or MEND}",
        )
    run.record("unclear", **facts, reason=outcome.reason)
    views: list[JobView] | None = None
    with contextlib.suppress(SiteUnreachable):
        views = converse(scheduler.queue(), program)
    job_id = adopt(run, attempt, views or [])
    if job_id is not None:
        return job_id
    again = before.submitting == attempt and _same_words(before.unclear, outcome.reason)
    if again and outcome.answered and views is not None:
        # Said twice, and there is no job: whatever it is, a third time will not help.
        run.record("refused", **facts, reason=outcome.reason)
        raise JobRefused(
            f"{scheduler.name} has not taken the job, twice with the same words: {outcome.reason}",
            f"nothing was submitted; when that is mended: hpctrain resume {run.run_id}",
        )
    raise SiteUnreachable(
        f"{scheduler.name} did not say whether it took the job: {outcome.reason}",
        f"the run {run.run_id} is kept; hpctrain status finds the job, or submits it if there "
        "is none, as soon as the scheduler answers",
    )


def _same_words(before: str | None, now: str) -> bool:
    """Say whether two answers are the same but for numbers: times, process ids."""
    return before is not None and re.sub(r"\d+", "#", before) == re.sub(r"\d+", "#", now)


def adopt(run: Run, attempt: int, views: Iterable[JobView]) -> str | None:
    """Record the id of a job that was submitted and whose id was lost, if it is among these."""
    mark = token(run.run_id, attempt)
    for view in views:
        if carries(view, mark):
            run.record("submitted", attempt=attempt, token=mark, job_id=view.job_id, adopted=True)
            return view.job_id
    return None


def _profile(run: Run) -> SiteProfile:
    from hpctrain.sites.profile import SiteProfile

    return SiteProfile.model_validate(run.manifest["site"]["profile"])
