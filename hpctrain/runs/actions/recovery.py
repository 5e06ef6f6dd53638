"""The recovery that commands on runs begin with: it finishes what a killed command left half done.

A run whose submission was begun and not recorded has a job, or has none, or a program that submits
it is still at work. The claim that a job makes, the queue and the accounting tell which, by the
run's token; only when they have answered, and none knows it, is the attempt submitted again.
"""

from __future__ import annotations

import contextlib
import errno
import os
import time
from collections.abc import Callable
from pathlib import Path

from hpctrain.errors import HpctrainError, SiteUnreachable
from hpctrain.files import timestamp
from hpctrain.process import Run as RunProgram
from hpctrain.process import converse
from hpctrain.project import Project
from hpctrain.records import BadFile
from hpctrain.runs.chain import look, send_all, send_chain
from hpctrain.runs.history import History
from hpctrain.runs.jobs import job_of, token
from hpctrain.runs.lock import Locked, hold_lock
from hpctrain.runs.place import SCRIPT, original, own_jobs
from hpctrain.runs.recording import INTERRUPTED, adopt
from hpctrain.runs.run import Run, all_runs
from hpctrain.runs.state.kept_answers import answer_name, ask_unless_fresh, forget
from hpctrain.runs.state.settled import SettledRuns
from hpctrain.runs.submission import scheduler_of_run, send
from hpctrain.runs.submitter import Submitter, owned_by, stranger, who_asks
from hpctrain.schedulers.base import ENDED, JobView, Scheduler

Say = Callable[[str], None]

# A submitting program that outlived its hpctrain is waited for as long as one may take.
ORPHAN_S = 90.0
# One on another machine cannot be seen from here: it is judged when even a slow one has ended.
ELSEWHERE_S = 180.0
POLL_S = 0.1
READ_ONLY = (errno.EROFS, errno.EACCES, errno.EPERM)


def recover(
    project: Project,
    program: RunProgram,
    say: Say = lambda _: None,
    settled: SettledRuns | None = None,
) -> None:
    """Find out what became of every unfinished submission of the project, and finish it.

    What cannot be decided now (another command is at work, the scheduler does not answer) is left
    for the next command, and ``say`` is told.
    """
    settled = settled or SettledRuns(project.cache)
    unsettled = (run for run in all_runs(project.runs) if settled.find(run) is None)
    if not any(_is_half_done(run, settled) for run in unsettled):
        return
    try:
        with hold_lock(project.runs, "finishing a submission", wait_s=0.0, say=say):
            for run in all_runs(project.runs):
                try:
                    _finish(project, run, program, say)
                except HpctrainError as error:
                    say(f"{run.run_id}: {error.message}")
    except Locked:
        return
    except OSError as error:
        # Where nothing can be written, there is still something to look at.
        if error.errno not in READ_ONLY:
            raise
        say(f"an interrupted submission cannot be finished here: {error.filename}: "
            f"{error.strerror}")  # fmt: skip


def _is_half_done(run: Run, settled: SettledRuns) -> bool:
    """Say whether there is something to finish; a run whose record is damaged is left alone."""
    try:
        return settled.history(run).half_done
    except BadFile:
        return False


def _finish(project: Project, run: Run, program: RunProgram, say: Say) -> None:
    """Finish what a killed command has left of a run's submission; the lock is held."""
    try:
        history = run.history()
    except BadFile:
        return  # status says it
    if not history.half_done:
        return
    there = original(run)
    if there is not None:
        say(f"{run.run_id}: a copy of {there}, where its submission is to be finished")
        return
    if not history.interrupted and (run.folder / INTERRUPTED).exists():
        run.record("interrupted", attempt=history.attempt or 1)  # there is room for it now
        history = run.history()
    if history.unfinished:
        _finish_submission(project, run, history, program, say)
        history = run.history()
    if history.cut_short:
        _finish_chain(project, run, history, program, say)


def _finish_chain(
    project: Project, run: Run, history: History, program: RunProgram, say: Say
) -> None:
    """Submit the rest of a chain, as long as the queue shows the job that it would wait for."""
    last, until = max(history.job_ids), history.until
    assert until is not None
    scheduler = scheduler_of_run(run, project.queue, history)
    who = who_asks(scheduler, program)
    _refuse_strangers(run, history, who)
    before = history.job_ids[last]
    views = own_jobs(_queue(project, scheduler, program), run)
    job = job_of(views, run.run_id, last, before)
    if (
        job is None
        or job.state in ENDED
        or run.result(last) is not None
        or (run.folder / "cancel").exists()
    ):
        run.record("abandoned", attempt=last + 1)
        return
    end = send_chain(run, last, until, before, scheduler, program, who)
    look(run, last, scheduler, program)
    forget(project.cache)
    say(
        f"{run.run_id}: finished an interrupted chain: {end - last} more "
        f"attempt{'s' * (end - last != 1)} submitted"
    )


def _finish_submission(
    project: Project, run: Run, history: History, program: RunProgram, say: Say
) -> None:
    """Adopt the job of an unfinished submission, or submit it."""
    attempt = history.submitting or 1
    claim = run.claim(attempt)
    if claim is not None and claim.get("job_id"):
        mark, job_id = token(run.run_id, attempt), str(claim["job_id"])
        run.record("submitted", attempt=attempt, token=mark, job_id=job_id, adopted=True)
        return
    scheduler = scheduler_of_run(run, project.queue, history)
    found = _find_job(project, run, attempt, history, scheduler, program)
    forget(project.cache)  # it has answered just now, whatever is kept of before
    if found is not None:
        say(f"{run.run_id}: found the job of an interrupted submission: {found}")
        return
    if claim is not None:
        raise HpctrainError(f"attempt {attempt} was begun, and its claim does not say by which job")
    who = who_asks(scheduler, program)
    _refuse_strangers(run, history, who)
    if history.interrupted and history.job_ids and attempt > history.first:
        run.record("abandoned", attempt=attempt)
        say(f"{run.run_id}: its chain was interrupted before attempt {attempt} was submitted")
    elif history.interrupted:
        run.record("abandoned", attempt=attempt)
        say(
            f"{run.run_id}: was interrupted before it was submitted; to submit it: "
            f"hpctrain resume {run.run_id}"
        )
    else:
        if history.submitting is None:
            found = send_all(run, attempt, scheduler, program, who)
        else:
            before = _job_before(run, attempt, history)
            found = send(
                run, attempt, scheduler, program, after=before, until=history.until, who=who
            )
        say(f"{run.run_id}: finished an interrupted submission: job {found}")


def _refuse_strangers(run: Run, history: History, who: Submitter) -> None:
    """Refuse to go on where another user or another cluster has to: here nothing is known of it."""
    submitter = owned_by(history.submitter, run.manifest_file)
    problem = stranger(submitter, who)
    if problem is not None:
        raise HpctrainError(
            f"its submission was interrupted, and is not finished here: {problem}; there, "
            "hpctrain status finishes it"
        )


def _job_before(run: Run, attempt: int, history: History) -> str | None:
    """Return the job that an attempt of a chain must wait for: it may still be training."""
    chained = run.manifest["site"]["profile"].get("continuation") == "chain"
    return history.job_ids.get(attempt - 1) if chained else None


def _find_job(
    project: Project,
    run: Run,
    attempt: int,
    history: History,
    scheduler: Scheduler,
    program: RunProgram,
) -> str | None:
    """Find the job of this attempt; None if it is certain that there is none."""
    if history.submitting is None:
        return None  # the intent was never written: nothing was asked of the scheduler
    host, begun = history.submitting_host, timestamp(history.since)
    if host != os.uname().nodename and 0 <= time.time() - begun < ELSEWHERE_S:
        raise SiteUnreachable(f"{host} may still be submitting it; look again in a few minutes")
    end = time.monotonic() + ORPHAN_S
    while True:
        orphan = _find_submitting_process(run.folder)
        found = adopt(run, attempt, _all_jobs(project, scheduler, program, begun))
        if found is not None or orphan is None:
            return found
        if time.monotonic() > end:
            raise SiteUnreachable(f"process {orphan} is still submitting it")
        time.sleep(POLL_S)


def _all_jobs(
    project: Project, scheduler: Scheduler, program: RunProgram, since: float
) -> list[JobView]:
    """List all jobs that the scheduler knows; SiteUnreachable if the queue does not answer.

    One that did not answer a moment ago is not asked again before its pause is over. Accounting
    that is down or disabled is no obstacle: a job that is not in the queue and has trained has
    made its claim.
    """
    views = _queue(project, scheduler, program)
    accounting = scheduler.accounting(since - 3600.0)
    if accounting is not None:
        with contextlib.suppress(SiteUnreachable):
            views += converse(accounting, program)
    return views


def _queue(project: Project, scheduler: Scheduler, program: RunProgram) -> list[JobView]:
    """List the jobs that the queue shows; SiteUnreachable if it does not answer."""
    queue = ask_unless_fresh(
        project.cache,
        answer_name(scheduler, "queue"),
        lambda: converse(scheduler.queue(), program),
        time.time(),
        fresh_s=0.0,
    )
    if queue.error is not None:
        raise SiteUnreachable(queue.error)
    return list(queue.views)


def _find_submitting_process(folder: Path) -> int | None:
    """Find a process that works on the job script in the run's folder: it submits."""
    for entry in Path("/proc").iterdir():
        if not entry.name.isdecimal() or int(entry.name) == os.getpid():
            continue
        try:
            words = (entry / "cmdline").read_bytes().split(b"\0")
            if SCRIPT.encode() in words and (entry / "cwd").samefile(folder):
                return int(entry.name)
        except OSError:
            continue  # it has ended, or is somebody else's
    return None
