"""The submission of an attempt, at most once: intent, submission and id are each on the disk."""

from __future__ import annotations

import contextlib
import json
import os
import re
from collections.abc import Iterable
from pathlib import Path
from typing import TYPE_CHECKING, Any

from hpctrain.errors import HpctrainError, SiteUnreachable
from hpctrain.files import write_atomically
from hpctrain.interrupts import hold_interrupts
from hpctrain.process import Run as RunProgram
from hpctrain.process import converse
from hpctrain.records import BadFile, damaged
from hpctrain.runs.history import History
from hpctrain.runs.jobs import job_of, job_request, token
from hpctrain.runs.place import SCRIPT, own_jobs, work_here
from hpctrain.runs.result import JobSettings
from hpctrain.runs.run import EVENTS, MANIFEST, Run
from hpctrain.runs.strays import list_run
from hpctrain.runs.submitter import Submitter
from hpctrain.schedulers import scheduler_for, scheduler_of
from hpctrain.schedulers.base import (
    JobView,
    Refused,
    Scheduler,
    Submitted,
    number_of,
)

if TYPE_CHECKING:
    from hpctrain.sites.profile import SiteProfile

# A file in the run's folder, where the disk had no room for the event.
INTERRUPTED = "interrupted"
MEND = "correct the site profile, or try other values with --set site.KEY=VALUE"


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
            "interrupted": "its submission was interrupted, and that is recorded nowhere",
        }.get(event, "it is not known whether it was submitted")
        command = (
            f"hpctrain status {run.run_id} finishes it (to submit again would make another run)"
        )
        if event == "interrupted":
            command = f"hpctrain cancel {run.run_id}, or the next command submits it all the same"
        super().__init__(
            f"{error.filename or run.folder / EVENTS}: {error.strerror or error}; "
            f"the run {run.run_id} exists: {what}",
            f"fix that, for example by making room on the disk; then {command}",
        )
        self.event = event


def scheduler_of_run(run: Run, queue: Path, history: History) -> Scheduler:
    """Return the translator for a run's jobs, with the clusters that have to be named."""
    directives = run.manifest["site"]["profile"].get("extra_directives") or []
    scheduler = scheduler_for(run.scheduler_name, queue, directives)
    if scheduler.clusters is None and history.clusters is not None:
        return scheduler_of(run.scheduler_name, queue, history.clusters)
    return scheduler


def send_all(
    run: Run, attempt: int, scheduler: Scheduler, program: RunProgram, who: Submitter
) -> str:
    """Submit an attempt as ``who`` asks, and, where the site asks for a chain, what may follow it.

    Returns the first one's job id. Where the scheduler takes no more jobs, the chain is just
    shorter. Ctrl-C is heard when the event that goes with it is on the disk: KeyboardInterrupt
    then says what became of the run.
    """
    profile = _profile(run)
    last = attempt + max(0, profile.max_attempts - run.count_begun() - 1)
    until = last if profile.continuation == "chain" else None
    if profile.continuation == "resubmit":
        _let_resubmit(run, profile, attempt, last, scheduler)
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


def _let_resubmit(
    run: Run, profile: SiteProfile, attempt: int, last: int, scheduler: Scheduler
) -> None:
    """Tell the job how to submit the attempts up to ``last``, as far as it does not know.

    Attempts that never began have used up numbers of those that it was told of first.
    """
    path = run.folder / "job" / "settings.json"
    settings = run.try_read(path, JobSettings) or {}
    known = settings.get("submit_argv") or {}
    unknown = [n for n in range(attempt + 1, last + 1) if str(n) not in known]
    if not settings or not unknown:
        return
    for number in unknown:
        job = job_request(run.manifest["project"], run.run_id, number, profile.output)
        known[str(number)] = list(scheduler.submit_argv(SCRIPT, job, profile))
    settings["submit_argv"] = known
    with contextlib.suppress(OSError):  # the job then says that it cannot go on by itself
        write_atomically(path, json.dumps(settings, indent=1))


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
                _record_interrupted(run, attempt=number)
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
        views = own_jobs(converse(scheduler.queue(), program), run)
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
        moved = {} if view.moved_to is None else {"moved_to": view.moved_to}
        run.record("seen", attempt=attempt, job_id=view.job_id, **moved)
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
        except (KeyboardInterrupt, SiteUnreachable, Unrecorded) as error:
            if not (held.pressed or isinstance(error, KeyboardInterrupt)):
                raise
            # Whoever pressed Ctrl-C does not want it submitted again; it may have been, all the
            # same.
            facts = {"attempt": attempt, "token": token(run.run_id, attempt)}
            if isinstance(error, Unrecorded) and error.event == "submitted":
                with contextlib.suppress(Unrecorded):
                    _record_interrupted(run, **facts)
                raise
            _record_interrupted(run, **facts)
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


def _record_interrupted(run: Run, **facts: Any) -> None:
    """Record that the rest is not wanted; an empty file finds room where an event does not."""
    try:
        _record(run, "interrupted", **facts)
    except Unrecorded:
        try:
            (run.folder / INTERRUPTED).touch()
        except OSError:
            pass
        else:
            return
        raise


def adopt(run: Run, attempt: int, views: Iterable[JobView]) -> str | None:
    """Record the id of a job that was submitted and whose id was lost, if it is among these."""
    view = job_of(own_jobs(views, run), run.run_id, attempt, None)
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
