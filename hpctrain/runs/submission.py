"""The submission of an attempt, at most once: intent, submission and id are each on the disk."""

from __future__ import annotations

import contextlib
import os
import re
from pathlib import Path
from typing import TYPE_CHECKING, Any

from hpctrain.errors import HpctrainError, SiteUnreachable
from hpctrain.interrupts import hold_interrupts
from hpctrain.process import Run as RunProgram
from hpctrain.process import converse
from hpctrain.records import damaged
from hpctrain.runs.history import History
from hpctrain.runs.jobs import job_request, token
from hpctrain.runs.place import SCRIPT, work_here
from hpctrain.runs.recording import Unrecorded, adopt, record, record_interrupted
from hpctrain.runs.run import MANIFEST, Run
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

MEND = "correct the site profile, or try other values with --set site.KEY=VALUE"


class JobRefused(HpctrainError):
    """The error that the scheduler answered, and did not take the job: there is none."""


def scheduler_of_run(run: Run, queue: Path, history: History) -> Scheduler:
    """Return the translator for a run's jobs, with the clusters that have to be named."""
    directives = run.manifest["site"]["profile"].get("extra_directives") or []
    scheduler = scheduler_for(run.scheduler_name, queue, directives)
    if scheduler.clusters is None and history.clusters is not None:
        return scheduler_of(run.scheduler_name, queue, history.clusters)
    return scheduler


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
                    record_interrupted(run, **facts)
                raise
            record_interrupted(run, **facts)
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
    profile = profile_of(run)
    job = job_request(run.manifest["project"], run.run_id, attempt, profile.output, after)
    mark = token(run.run_id, attempt)
    facts: dict[str, Any] = {"attempt": attempt, "token": mark}
    chain = {} if until is None else {"until": until}
    try:
        work_here(run)
    except OSError as error:
        raise Unrecorded(run, "submitting", facts, error) from error
    before = run.history()
    record(run, "submitting", **facts, **chain, host=who.host, pid=os.getpid(),
            folder=str(run.folder), **who.facts())  # fmt: skip
    reply = program(scheduler.submit_argv(SCRIPT, job, profile), cwd=str(run.folder))
    outcome = scheduler.read_submit(reply)
    place = {**who.facts(), "clusters": scheduler.clusters}
    if isinstance(outcome, Submitted):
        if outcome.cluster is not None:
            place |= {"cluster": outcome.cluster, "clusters": outcome.cluster}
        record(
            run, "submitted", **facts, job_id=outcome.job_id, printed=outcome.printed,
            number=number_of(outcome.job_id), **place,
        )  # fmt: skip
        list_run(run.folder.parent, run.run_id, scheduler=run.scheduler_name, **place)
        return outcome.job_id
    if isinstance(outcome, Refused):
        record(run, "refused", **facts, reason=outcome.sentence)
        raise JobRefused(
            f"{scheduler.name} did not take the job: {outcome.reason}",
            f"nothing was submitted; {outcome.advice or MEND}",
        )
    record(run, "unclear", **facts, reason=outcome.reason)
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
        record(run, "refused", **facts, reason=outcome.reason)
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


def profile_of(run: Run) -> SiteProfile:
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
