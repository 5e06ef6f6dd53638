"""Asks each site's scheduler once, however many runs there are, and finds each run's job."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime

from hpctrain.errors import SiteUnreachable
from hpctrain.history import History
from hpctrain.ledger import Run
from hpctrain.process import Run as RunProgram
from hpctrain.schedulers.base import JobView, Scheduler
from hpctrain.submission import adopt, carries, token
from hpctrain.verdict import Witness


@dataclass(frozen=True)
class Case:
    """A run whose state its scheduler has to be asked for."""

    run: Run
    history: History


def ask(
    cases: Sequence[Case], scheduler: Scheduler, program: RunProgram
) -> tuple[dict[str, Witness], str | None]:
    """By run id, what the scheduler knows; and why it could not be asked, or None.

    The queue is asked first; the accounting only if the queue does not show every job. A job whose
    id was lost is found by its token, and its id recorded.
    """
    try:
        views = scheduler.read_queue(program(scheduler.queue_argv()))
    except SiteUnreachable as error:
        return {case.run.run_id: Witness(silence=str(error)) for case in cases}, str(error)
    found = _matched(cases, views)
    missing = [case for case in cases if case.run.run_id not in found]
    silence = None
    since = min(
        (begun for case in missing if (begun := _seconds(case.history.first_submitted))),
        default=0.0,
    )
    argv = scheduler.accounting_argv(since - 3600.0) if missing else None
    if argv is not None:
        try:
            found.update(_matched(missing, scheduler.read_accounting(program(argv))))
        except SiteUnreachable as error:
            silence = f"gone from the queue, and the accounting does not answer ({error})"
    witnesses = {}
    for case in cases:
        view = found.get(case.run.run_id)
        witnesses[case.run.run_id] = Witness(view, silence if view is None else None)
    return witnesses, None


def _matched(cases: Iterable[Case], views: Sequence[JobView]) -> dict[str, JobView]:
    """By run id, the job of its latest attempt: by id and token, so that no reused id misleads."""
    by_id = {view.job_id: view for view in views}
    found = {}
    for case in cases:
        attempt, mark = case.history.attempt, token(case.run, case.history.attempt)
        job_id = case.history.job_id or adopt(case.run, attempt, views)
        view = by_id.get(job_id) if job_id else None
        if view is not None and carries(view, mark):
            found[case.run.run_id] = view
    return found


def _seconds(time: str | None) -> float | None:
    try:
        return datetime.fromisoformat(time).timestamp() if time else None
    except ValueError:
        return None
