"""The submission of an attempt, at most once: intent, submission and id are each on the disk."""

from __future__ import annotations

import contextlib
import os
import re
from collections.abc import Iterable
from pathlib import Path
from typing import TYPE_CHECKING, Any

from hpctrain.errors import HpctrainError, SiteUnreachable
from hpctrain.interrupts import hold_interrupts
from hpctrain.process import Run as RunProgram
from hpctrain.process import converse
from hpctrain.records import BadFile, damaged
from hpctrain.runs.history import History
from hpctrain.runs.place import SCRIPT, work_here
from hpctrain.runs.run import EVENTS, MANIFEST, Run
from hpctrain.runs.strays import list_run
from hpctrain.runs.submitter import Submitter
from hpctrain.schedulers import scheduler_for, scheduler_of
from hpctrain.schedulers.base import (
    ENDED,
    JobRequest,
    JobView,
    Refused,
    Scheduler,
    Submitted,
    number_of,
)

if TYPE_CHECKING:
    from hpctrain.sites.profile import SiteProfile

MEND = "correct the site profile, or try other values with --set site.KEY=VALUE"

_RUN_ID = r"\d{8}-\d{6}-[0-9a-z]+"
_COMMENT = re.compile(rf"hpctrain:({_RUN_ID})\.")
_NAME = re.compile(rf"\.({_RUN_ID})\.")


class JobRefused(HpctrainError):
    """The error that the scheduler answered, and did not take the job: there is none."""


class Unrecorded(HpctrainError):
    """The error that a run has its name, and what happened to it could not be written down.

    The next command finds the job by its token, or submits it if there is none; the command that
    failed would make another run.
    """

    def __init__(self, run: Run, event: str, facts: dict[str, Any], error: OSError) -> None:
        what = {
            "submitting": "nothing was submitted yet",
            "submitted": f"it was submitted as job {facts.get('job_id')}",
            "refused": f"the scheduler did not take it: {facts.get('reason')}",
            "interrupted": "its submission was interrupted",
        }.get(event, "it is not known whether it was submitted")
        super().__init__(
            f"{error.filename or run.folder / EVENTS}: {error.strerror or error}; "
            f"the run {run.run_id} exists: {what}",
            "fix that, for example by making room on the disk; then "
            f"hpctrain status {run.run_id} finishes it (to submit again would make another run)",
        )


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


def scheduler_of_run(run: Run, queue: Path, history: History) -> Scheduler:
    """Return the translator for a run's jobs, with the clusters that have to be named."""
    directives = run.manifest["site"]["profile"].get("extra_directives") or []
    scheduler = scheduler_for(run.scheduler_name, queue, directives)
    if scheduler.clusters is None and history.clusters is not None:
        return scheduler_of(run.scheduler_name, queue, history.clusters)
    return scheduler


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


def send_all(
    run: Run, attempt: int, scheduler: Scheduler, program: RunProgram, who: Submitter
) -> str:
    """Submit an attempt as ``who`` asks, and, where the site asks for a chain, what may follow it.

    Returns the first one's job id. Where the scheduler takes no more jobs, the chain is just
    shorter. Ctrl-C is heard when the event that goes with it is on the disk: KeyboardInterrupt
    then says what became of the run.
    """
    profile = _profile(run)
    until = max(attempt, profile.max_attempts) if profile.continuation == "chain" else None
    with hold_interrupts() as held:
        job_id = send(run, attempt, scheduler, program, until=until, who=who)
        if until is not None:
            who = run.history().submitter  # sbatch may have named another cluster
            send_chain(run, attempt, until, job_id, scheduler, program, who)
        stopped = held.pressed
        try:
            job_id = job_id if stopped else look(run, attempt, scheduler, program) or job_id
        except KeyboardInterrupt:
            stopped = True
        if stopped or held.pressed:
            raise KeyboardInterrupt(
                f"the run {run.run_id} was submitted before, as job {job_id}; to end it: "
                f"hpctrain cancel {run.run_id}"
            )
    return job_id


def send_chain(
    run: Run,
    last: int,
    until: int,
    job_id: str,
    scheduler: Scheduler,
    program: RunProgram,
    who: Submitter,
) -> int:
    """Submit the attempts behind ``last``, each to wait for the one before; return the last."""
    with hold_interrupts() as held:
        for number in range(last + 1, until + 1):
            if held.pressed:
                # Not wanted any more: recovery leaves the chain as short as it is.
                _record(run, "interrupted", attempt=number)
                break
            try:
                job_id = send(run, number, scheduler, program, after=job_id, until=until, who=who)
            except JobRefused:
                break
            last = number
    return last


def look(run: Run, first: int, scheduler: Scheduler, program: RunProgram) -> str | None:
    """Look whether the queue shows the jobs from an attempt on; return the id of the first's.

    A queue that has once shown a job can later prove that it is gone.
    """
    sent = {n: job_id for n, job_id in run.history().job_ids.items() if n >= first}
    if scheduler.identity() is None:
        return sent.get(first)
    try:
        views = converse(scheduler.queue(), program)
    except SiteUnreachable:
        return sent.get(first)
    for attempt, job_id in sent.items():
        view = job_of(views, run.run_id, attempt, job_id)
        if view is not None:
            sent[attempt] = remember(run, attempt, view, job_id)
    return sent.get(first)


def remember(run: Run, attempt: int, view: JobView, job_id: str | None) -> str:
    """Record that the scheduler has shown a job, and its id where it is another one."""
    with contextlib.suppress(OSError, BadFile, Unrecorded):  # a project that can only be read
        if job_id is not None and number_of(view.job_id) != number_of(job_id):
            _record_adopted(run, attempt, view)
            return view.job_id
        run.record("seen", attempt=attempt, job_id=view.job_id)
    return job_id or view.job_id


def send(
    run: Run,
    attempt: int,
    scheduler: Scheduler,
    program: RunProgram,
    *,
    after: str | None = None,
    until: int | None = None,
    who: Submitter,
) -> str:
    """Submit one attempt and return the job's id; the project's lock must be held.

    ``until`` is the last attempt of the chain that it belongs to. Raises JobRefused if there is no
    job, SiteUnreachable if nobody can say whether there is one: then nothing may be submitted until
    :mod:`hpctrain.runs.actions.recovery` has found out. Raises Unrecorded if what happened could
    not be written; and KeyboardInterrupt on Ctrl-C, when that is recorded.
    """
    with hold_interrupts() as held:
        try:
            return _send(run, attempt, scheduler, program, after, until, who)
        except (KeyboardInterrupt, SiteUnreachable) as error:
            if isinstance(error, SiteUnreachable) and not held.pressed:
                raise
            # Whoever pressed Ctrl-C does not want it submitted again; it may have been, all the
            # same.
            _record(run, "interrupted", attempt=attempt, token=token(run.run_id, attempt))
            raise KeyboardInterrupt(
                f"the run {run.run_id} is kept; hpctrain status {run.run_id} finds out whether it "
                "has a job, and submits nothing"
            ) from None


def _send(
    run: Run,
    attempt: int,
    scheduler: Scheduler,
    program: RunProgram,
    after: str | None,
    until: int | None,
    who: Submitter,
) -> str:
    profile = _profile(run)
    job = job_request(run.manifest["project"], run.run_id, attempt, profile.output, after)
    mark = token(run.run_id, attempt)
    facts: dict[str, Any] = {"attempt": attempt, "token": mark}
    chain = {} if until is None else {"until": until}
    try:
        work_here(run)
    except OSError as error:
        raise Unrecorded(run, "submitting", facts, error) from error
    before = run.history()
    _record(run, "submitting", **facts, **chain, host=who.host, pid=os.getpid(),
            folder=str(run.folder), **who.facts())  # fmt: skip
    reply = program(scheduler.submit_argv(SCRIPT, job, profile), cwd=str(run.folder))
    outcome = scheduler.read_submit(reply)
    place = {**who.facts(), "clusters": scheduler.clusters}
    if isinstance(outcome, Submitted):
        if outcome.cluster is not None:
            place |= {"cluster": outcome.cluster, "clusters": outcome.cluster}
        _record(
            run, "submitted", **facts, job_id=outcome.job_id, printed=outcome.printed,
            number=number_of(outcome.job_id), **place,
        )  # fmt: skip
        list_run(run.folder.parent, run.run_id, scheduler=run.scheduler_name, **place)
        return outcome.job_id
    if isinstance(outcome, Refused):
        _record(run, "refused", **facts, reason=outcome.sentence)
        raise JobRefused(
            f"{scheduler.name} did not take the job: {outcome.reason}",
            f"nothing was submitted; {outcome.advice or MEND}",
        )
    _record(run, "unclear", **facts, reason=outcome.reason)
    list_run(run.folder.parent, run.run_id, scheduler=run.scheduler_name, **place)
    views: list[JobView] | None = None
    with contextlib.suppress(SiteUnreachable):
        views = converse(scheduler.queue(), program)
    job_id = adopt(run, attempt, views or [])
    if job_id is not None:
        return job_id
    again = before.submitting == attempt and _same_words(before.unclear, outcome.reason)
    if again and outcome.answered and views is not None:
        # Said twice, and there is no job: whatever it is, a third time will not help.
        _record(run, "refused", **facts, reason=outcome.reason)
        raise JobRefused(
            f"{scheduler.name} has not taken the job, twice with the same words: {outcome.reason}",
            f"nothing was submitted; when that is fixed: hpctrain resume {run.run_id}",
        )
    raise SiteUnreachable(
        f"{scheduler.name} did not say whether it took the job: {outcome.reason}",
        f"the run {run.run_id} is kept; hpctrain status finds the job, or submits it if there "
        "is none, as soon as the scheduler answers",
    )


def _same_words(before: str | None, now: str) -> bool:
    """Say whether two answers are the same but for numbers: times, process ids."""
    return before is not None and re.sub(r"\d+", "#", before) == re.sub(r"\d+", "#", now)


def _record(run: Run, event: str, **facts: Any) -> None:
    """Append an event to a run that has its name; Unrecorded where that cannot be written."""
    try:
        run.record(event, **facts)
    except OSError as error:
        raise Unrecorded(run, event, facts, error) from error


def adopt(run: Run, attempt: int, views: Iterable[JobView]) -> str | None:
    """Record the id of a job that was submitted and whose id was lost, if it is among these."""
    view = job_of(views, run.run_id, attempt, None)
    if view is None:
        return None
    _record_adopted(run, attempt, view)
    return view.job_id


def _record_adopted(run: Run, attempt: int, view: JobView) -> None:
    facts = {} if view.cluster is None else {"cluster": view.cluster, "clusters": view.cluster}
    _record(
        run, "submitted", attempt=attempt, token=token(run.run_id, attempt), job_id=view.job_id,
        adopted=True, **facts,
    )  # fmt: skip
    with contextlib.suppress(OSError):
        run.record("seen", attempt=attempt, job_id=view.job_id)


def _profile(run: Run) -> SiteProfile:
    """Return the site's profile as it was at the submission; BadFile if it is none."""
    from pydantic import ValidationError

    from hpctrain.sites.profile import SiteProfile

    try:
        return SiteProfile.model_validate(run.manifest["site"]["profile"])
    except ValidationError as error:
        where = ".".join(str(part) for part in error.errors()[0]["loc"])
        raise damaged(
            run.folder / MANIFEST, f"site.profile.{where} is not as it should be"
        ) from error
