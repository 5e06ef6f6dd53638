"""The submission of an attempt, and of those that wait behind it where the site asks for it."""

from __future__ import annotations

import contextlib
import json
from typing import TYPE_CHECKING

from hpctrain.errors import SiteUnreachable
from hpctrain.files import write_atomically
from hpctrain.interrupts import hold_interrupts
from hpctrain.process import Run as RunProgram
from hpctrain.process import converse
from hpctrain.runs.jobs import job_of, job_request
from hpctrain.runs.place import SCRIPT, own_jobs
from hpctrain.runs.recording import record_interrupted, remember
from hpctrain.runs.result import JobSettings
from hpctrain.runs.run import Run
from hpctrain.runs.submission import JobRefused, profile_of, send
from hpctrain.runs.submitter import Submitter
from hpctrain.schedulers.base import Scheduler

if TYPE_CHECKING:
    from hpctrain.sites.profile import SiteProfile


def send_all(
    run: Run, attempt: int, scheduler: Scheduler, program: RunProgram, who: Submitter
) -> str:
    """Submit an attempt as ``who`` asks, and, where the site asks for a chain, what may follow it.

    Returns the first one's job id. Where the scheduler takes no more jobs, the chain is just
    shorter. Ctrl-C is heard when the event that goes with it is on the disk: KeyboardInterrupt
    then says what became of the run.
    """
    profile = profile_of(run)
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
                record_interrupted(run, attempt=number)
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
