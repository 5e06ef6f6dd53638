"""Use case: ask the schedulers to end jobs."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from hpctrain.errors import HpctrainError, SiteUnreachable
from hpctrain.process import Run as RunProgram
from hpctrain.process import run_scheduler
from hpctrain.project import Project
from hpctrain.records import BadFile
from hpctrain.runs.actions.recovery import recover
from hpctrain.runs.actions.status import RunStatus, status
from hpctrain.runs.lock import hold_lock
from hpctrain.runs.place import original
from hpctrain.runs.state.kept_answers import forget
from hpctrain.runs.state.verdict import IN_THE_QUEUE, SETTLED
from hpctrain.schedulers import scheduler_of


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

    All of them are tried; HpctrainError at the end if one works in a folder that this is a copy of,
    SiteUnreachable at the end if a scheduler did not take the request.
    """
    done: list[Cancelled] = []
    problems: list[str] = []
    copies: list[str] = []
    damages: list[BadFile] = []
    recover(project, program, say)
    with hold_lock(project.runs, "cancel", say=say):
        forget(project.cache)
        for found in status(project, names, program=program, say=say).runs:
            assert found.run is not None
            there = original(found.run) if found.state not in SETTLED else None
            if there is not None and found.state in IN_THE_QUEUE:
                copies.append(f"{found.run_id}: its job {found.job_id} works in {there}, of which "
                              "this folder is a copy")  # fmt: skip
            elif there is not None and found.state == "unknown":
                # Whatever the job there does: here it is over.
                found.run.record("cancel_requested", attempt=found.attempt, job_id=found.job_id)
                done.append(Cancelled(found.run_id, found.job_id, False, "cancelled"))
            elif found.state == "submitting":
                problems.append(
                    f"{found.run_id}: it is not known whether it has a job: {found.reason}"
                )
            elif found.state in SETTLED or found.job_id is None:
                done.append(Cancelled(found.run_id, found.job_id, asked=False, state=found.state))
            else:
                try:
                    problem = _ask_to_end(project, found, program)
                except BadFile as bad:
                    damages.append(bad)
                    continue
                if problem is None:
                    done.append(Cancelled(found.run_id, found.job_id, True, found.state))
                else:
                    problems.append(f"{found.run_id}: job {found.job_id} not cancelled: {problem}")
        forget(project.cache)
    if problems or copies or damages:
        for one in done:  # what was done is told, whatever went wrong beside it
            say(sentence(one))
    if damages:
        words = "; ".join([*copies, *problems, *(bad.message for bad in damages)])
        raise HpctrainError(f"not cancelled: {words}", damages[0].hint)
    if copies:
        raise HpctrainError("; ".join([*copies, *problems]), "cancel it there")
    if problems:
        raise SiteUnreachable("; ".join(problems), "try again; what was cancelled stays cancelled")
    return done


def sentence(one: Cancelled) -> str:
    """Say in a line what was done about a run."""
    if one.asked:
        return f"{one.run_id}: job {one.job_id} was {one.state}; asked to end"
    return f"{one.run_id}: {one.state}; there is no job to end"


def _ask_to_end(project: Project, found: RunStatus, program: RunProgram) -> str | None:
    """Have a run's job ended, and those that follow it; return what the scheduler objects."""
    run = found.run
    assert run is not None and found.job_id is not None
    # Before the scheduler is told: a job that ends now must not start the next one.
    (run.folder / "cancel").touch()
    run.record("cancel_requested", attempt=found.attempt, job_id=found.job_id)
    later = run.history().job_ids
    following = [later[number] for number in sorted(later) if number > found.attempt]
    # The last first: none of a chain may start because the one before it has just ended.
    jobs = list(dict.fromkeys([*reversed(following), found.job_id]))
    scheduler = scheduler_of(run.scheduler_name, project.queue)
    return scheduler.read_cancel(program(scheduler.cancel_argv(jobs)))
