"""Use case: submit the next attempt of a run that ended before its training was complete."""

from __future__ import annotations

import os
import time
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path

from hpctrain import variables
from hpctrain.errors import HpctrainError, SiteUnreachable
from hpctrain.interrupts import hold_interrupts
from hpctrain.process import Run as RunProgram
from hpctrain.process import run_scheduler
from hpctrain.project import Project
from hpctrain.records import BadFile
from hpctrain.runs.actions.status import RunStatus, status
from hpctrain.runs.chain import send_all
from hpctrain.runs.history import History
from hpctrain.runs.lock import hold_lock
from hpctrain.runs.place import original
from hpctrain.runs.recording import INTERRUPTED
from hpctrain.runs.run import Run
from hpctrain.runs.state.ask import ask_for_jobs, without_a_result
from hpctrain.runs.state.kept_answers import forget
from hpctrain.runs.state.verdict import IN_THE_QUEUE
from hpctrain.runs.submission import scheduler_of_run
from hpctrain.runs.submitter import Submitter, owned_by, stranger, who_asks
from hpctrain.schedulers.base import ENDED, Scheduler


@dataclass(frozen=True)
class Resumed:
    """What was done about one run: ``submitted``, or nothing, because of its ``state``."""

    run_id: str
    state: str
    submitted: bool
    attempt: int
    job_id: str | None


def resume(
    project: Project,
    names: tuple[str, ...],
    *,
    program: RunProgram = run_scheduler,
    say: Callable[[str], None] = lambda _: None,
) -> list[Resumed]:
    """Submit the next attempt of each of these runs, from where its training stands.

    A run that is complete, or still has a job, is left as it is. All of them are tried; raises
    HpctrainError at the end if of one it is not known what became of its job: it may still be
    training.
    """
    done: list[Resumed] = []
    problems: list[HpctrainError] = []
    for found in status(project, names, program=program, say=say).runs:
        with hold_lock(project.runs, f"resume {found.run_id}", say=say):
            # Somebody else may have resumed it in the meantime.
            forget(project.cache)
            now = status(project, (found.run_id,), program=program, say=say).runs[0]
            try:
                done.append(_resume(project, now, program, say))
            except HpctrainError as error:
                problems.append(error)
            finally:
                forget(project.cache)
    if problems:
        for one in done:  # what was done is told, whatever went wrong beside it
            say(sentence(one))
        for problem in problems[1:]:
            say(problem.message)
        raise problems[0]
    return done


def sentence(one: Resumed) -> str:
    """Say in a line what was done about a run."""
    if one.submitted:
        return f"{one.run_id}: was {one.state}; attempt {one.attempt} is job {one.job_id}"
    return f"{one.run_id}: {one.state}; there is nothing to resume"


def _resume(
    project: Project, found: RunStatus, program: RunProgram, say: Callable[[str], None]
) -> Resumed:
    run, state = found.run, found.state
    assert run is not None
    if found.damage is not None:
        raise BadFile(run.folder, f"cannot be resumed: {found.damage}")
    there = original(run)
    if there is not None and state in IN_THE_QUEUE:
        raise HpctrainError(
            f"{run.run_id}: job {found.job_id} is {state} in {there}, of which this folder is a "
            "copy",
            "end it there, or wait until it has ended; resume then goes on here from the "
            "checkpoints that were copied",
        )
    if state == "unknown":
        raise HpctrainError(
            f"{run.run_id}: what became of job {found.job_id} is not known, so it may be training "
            f"({found.reason})",
            f"look again with: hpctrain status {run.run_id}; if it is gone for certain: "
            f"hpctrain cancel {run.run_id}",
        )
    if state == "submitting":
        raise SiteUnreachable(
            f"{run.run_id}: its submission is not finished: {found.reason}",
            f"look again with: hpctrain status {run.run_id}",
        )
    if state not in (*ENDED, "prepared") or state == "completed":
        return Resumed(run.run_id, state, False, found.attempt, found.job_id)
    history = run.history()
    if history.adopted is not None:
        raise HpctrainError(
            f"{run.run_id}: its training was made by hand, and cannot be resumed here",
            f"continue it in {history.adopted}, and adopt that again (after: hpctrain rm "
            f"{run.run_id})",
        )
    scheduler = scheduler_of_run(run, project.queue, history)
    who = who_asks(scheduler, program)
    _refuse_strangers(run, history, who)
    _refuse_beside_a_job(run, scheduler, program, project.cache)
    attempt = max([0, *run.attempts(), *history.job_ids]) + 1
    with hold_interrupts():
        if attempt > 1:
            run.record("resuming", attempt=attempt)
        # Whatever was cancelled has ended: the jobs to come must not take it as meant for them.
        (run.folder / "cancel").unlink(missing_ok=True)
        (run.folder / INTERRUPTED).unlink(missing_ok=True)
        for note in variables.notes(os.environ, run.manifest["site"]["profile"]):
            say(f"{run.run_id}: {note}")
        job_id = send_all(run, attempt, scheduler, program, who)
    return Resumed(run.run_id, state, True, attempt, job_id)


def _refuse_strangers(run: Run, history: History, who: Submitter) -> None:
    """Refuse to submit somebody's run as another user, or a cluster's run on another one."""
    submitter = owned_by(history.submitter, run.manifest_file)
    if submitter.cluster is None:
        submitter = replace(submitter, host=None)  # it has ended; this is only about what begins
    problem = stranger(submitter, who)
    if problem is not None:
        raise HpctrainError(
            f"{run.run_id}: {problem}; nothing was submitted",
            "resume it as that user, on that cluster; or begin anew here with: hpctrain submit",
        )


def _refuse_beside_a_job(run: Run, scheduler: Scheduler, program: RunProgram, cache: Path) -> None:
    """Refuse while the queue shows a job of the run that may still train."""
    jobs = ask_for_jobs(run, scheduler, program, cache, time.time())
    for job in without_a_result(run, jobs):
        raise HpctrainError(
            f"{run.run_id}: job {job.job_id} is a job of this run too, and is {job.state}; "
            "nothing was submitted",
            f"end it with: hpctrain cancel {run.run_id}; then resume again",
        )
