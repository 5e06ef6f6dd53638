"""Use case: ask the schedulers to end jobs."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from itertools import groupby

from hpctrain.errors import HpctrainError, SiteUnreachable
from hpctrain.files import timestamp
from hpctrain.process import Run as RunProgram
from hpctrain.process import run_scheduler
from hpctrain.project import Project
from hpctrain.runs.actions.recovery import recover
from hpctrain.runs.actions.status import RunStatus, status
from hpctrain.runs.history import History
from hpctrain.runs.lock import hold_lock
from hpctrain.runs.place import original
from hpctrain.runs.run import Run
from hpctrain.runs.state.adopted import ORIGIN
from hpctrain.runs.state.ask import ask_for_jobs, without_a_result
from hpctrain.runs.state.kept_answers import forget
from hpctrain.runs.state.verdict import IN_THE_QUEUE, LAG_S, SETTLED
from hpctrain.runs.submission import scheduler_of_run
from hpctrain.runs.submitter import owned_by, stranger, who_asks
from hpctrain.schedulers import scheduler_of
from hpctrain.schedulers.base import JobView, Scheduler


@dataclass(frozen=True)
class Cancelled:
    """What was done about one run; ``asked``: its scheduler was told to end the job."""

    run_id: str
    job_id: str | None
    asked: bool
    state: str


def cancel(
    project: Project,
    names: tuple[str, ...],
    *,
    program: RunProgram = run_scheduler,
    say: Callable[[str], None] = lambda _: None,
) -> list[Cancelled]:
    """End the jobs of these runs; a run that has none any more is left as it is.

    Only jobs that the queue shows and that carry a run's token are ended. All runs are tried;
    SiteUnreachable at the end if a scheduler did not take the request, HpctrainError if a run is
    another user's, or another cluster's, or works in a folder that this is a copy of.
    """
    done: list[Cancelled] = []
    problems: list[HpctrainError] = []
    recover(project, program, say)
    with hold_lock(project.runs, "cancel", say=say):
        forget(project.cache)
        for found in status(project, names, program=program, say=say).runs:
            try:
                done.append(_cancel(project, found, program))
            except HpctrainError as problem:
                problems.append(problem)
        forget(project.cache)
    if problems:
        for one in done:  # what was done is told, whatever went wrong beside it
            say(sentence(one))
        kind = max((type(problem) for problem in problems), key=lambda kind: kind.exit_code)
        words = "; ".join(problem.message for problem in problems)
        raise kind(words, problems[0].hint or "try again; what was cancelled stays cancelled")
    return done


def sentence(one: Cancelled) -> str:
    """Say in a line what was done about a run."""
    if one.asked:
        return f"{one.run_id}: job {one.job_id} was {one.state}; asked to end"
    if one.state == "unknown":
        return f"{one.run_id}: the queue shows no job of it, so none was ended"
    return f"{one.run_id}: {one.state}; there is no job to end"


def _cancel(project: Project, found: RunStatus, program: RunProgram) -> Cancelled:
    """Have all jobs of a run ended, be it that some were submitted twice."""
    run = found.run
    assert run is not None
    there = original(run) if found.state not in SETTLED else None
    if there is not None and found.state in IN_THE_QUEUE:
        raise HpctrainError(
            f"{found.run_id}: its job {found.job_id} works in {there}, of which this folder is a "
            "copy",
            "cancel it there",
        )
    if there is not None and found.state == "unknown":
        # Whatever the job there does: here it is over.
        run.record("cancel_requested", attempt=found.attempt, job_id=found.job_id)
        return Cancelled(found.run_id, found.job_id, asked=False, state="cancelled")
    if found.state == "submitting":
        raise SiteUnreachable(
            f"{found.run_id}: it is not known whether it has a job: {found.reason}"
        )
    nothing = Cancelled(found.run_id, found.job_id, asked=False, state=found.state)
    if found.origin == ORIGIN and found.state == "running":
        raise HpctrainError(
            f"{found.run_id}: its training was begun by hand, and is not ended here",
            "end it where it runs",
        )
    if found.origin == ORIGIN and found.state == "unknown":
        run.record("cancel_requested", attempt=1)
        return replace(nothing, state="cancelled")
    if found.job_id is None:
        return nothing
    history = run.history()
    scheduler = scheduler_of_run(run, project.queue, history)
    try:
        jobs = ask_for_jobs(run, scheduler, program, project.cache, time.time())
    except SiteUnreachable as silence:
        if found.state in SETTLED:
            return nothing
        raise SiteUnreachable(
            f"{found.run_id}: job {found.job_id} not cancelled: {silence.message}"
        ) from silence
    if found.state in SETTLED:
        jobs = without_a_result(run, jobs)
    if not jobs and found.state in SETTLED:
        return nothing
    if not jobs:
        _refuse_where_none_is_shown(found, history, scheduler, program)
    # Before the scheduler is told: a job that ends now must not start the next one.
    (run.folder / "cancel").touch()
    run.record("cancel_requested", attempt=found.attempt, job_id=found.job_id)
    problem = _ask_to_end(project, run, jobs, scheduler, program)
    if problem is not None:
        raise SiteUnreachable(f"{found.run_id}: job {found.job_id} not cancelled: {problem}")
    return Cancelled(found.run_id, found.job_id, asked=bool(jobs), state=found.state)


def _refuse_where_none_is_shown(
    found: RunStatus, history: History, scheduler: Scheduler, program: RunProgram
) -> None:
    """Refuse where a job may be elsewhere, or not shown yet: no id is ended on suspicion."""
    assert found.run is not None
    submitter = owned_by(history.submitter, found.run.manifest_file)
    problem = stranger(submitter, who_asks(scheduler, program))
    if problem is not None:
        raise HpctrainError(
            f"{found.run_id}: {problem}; nothing was cancelled",
            "cancel it as that user, on that cluster",
        )
    young = time.time() - timestamp(history.since) < LAG_S
    if young and found.attempt not in history.seen and not history.cancel_requested:
        raise SiteUnreachable(
            f"{found.run_id}: job {found.job_id} not cancelled: the queue does not show it yet",
            "try again in a few minutes",
        )


def _ask_to_end(
    project: Project, run: Run, jobs: Sequence[JobView], scheduler: Scheduler, program: RunProgram
) -> str | None:
    """Tell the scheduler to end jobs; return what it objects, if they are still there then."""
    problems = []
    # The last first: none of a chain may start because the one before it has just ended.
    for cluster, group in groupby(jobs, key=lambda job: job.cluster):
        there = scheduler_of(run.scheduler_name, project.queue, cluster or scheduler.clusters)
        reply = program(there.cancel_argv([job.job_id for job in group]))
        problems.append(there.read_cancel(reply))
    problem = "; ".join(filter(None, problems))
    if not problem:
        return None
    forget(project.cache)
    left = ask_for_jobs(run, scheduler, program, project.cache, time.time())
    return problem if any(job.state != "stopping" for job in left) else None
