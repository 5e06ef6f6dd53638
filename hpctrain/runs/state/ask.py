"""One question to each scheduler, however many runs there are; and each run's job in the answer."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from hpctrain.files import iso
from hpctrain.process import Run as RunProgram
from hpctrain.process import converse
from hpctrain.runs.state.kept_answers import KeptAnswer, ask_unless_fresh
from hpctrain.runs.state.verdict import SchedulerWord
from hpctrain.runs.submission import belongs, carries, token
from hpctrain.schedulers.base import ENDED, JobView, Scheduler


@dataclass(frozen=True)
class Case:
    """An attempt whose scheduler has to be asked; ``submitted`` is in seconds since the epoch.

    ``begun``: it may have ended and left the queue, so that the accounting is worth asking.
    """

    run_id: str
    attempt: int
    job_id: str | None
    submitted: float = 0.0
    begun: bool = True


@dataclass(frozen=True)
class Answer:
    """What a scheduler has said; ``accounting`` is None where it was not asked."""

    queue: KeptAnswer
    accounting: KeptAnswer | None = None

    @property
    def error(self) -> str | None:
        """Return why the scheduler could not be asked, or None."""
        return self.queue.error

    def word_on(self, case: Case) -> SchedulerWord:
        """Return what the scheduler knows of one job."""
        view = _of(case, self.queue)
        if self.queue.error is not None:
            failing = self.queue.failing_since
            since = None if failing is None else iso(failing)
            return SchedulerWord(silence=self.queue.error, silent_since=since, before=view)
        if view is not None or self.accounting is None:
            return SchedulerWord(view)
        view = _of(case, self.accounting)
        if view is not None and view.state in ENDED:
            return SchedulerWord(view)  # an end stays true, however old the answer
        failing = self.accounting.failing_since
        return SchedulerWord(
            no_accounting=self.accounting.error,
            none_kept=self.accounting.never,
            silent_since=None if failing is None else iso(failing),
            # The queue is right: the job has left it, and the accounting lags behind.
            lagging=None if view is None or self.accounting.error else view.raw,
        )


def ask(
    cases: Sequence[Case], scheduler: Scheduler, program: RunProgram, cache: Path, now: float
) -> Answer:
    """Ask the queue, and, only if it does not show every job that has begun, the accounting."""
    queue = ask_unless_fresh(
        cache,
        f"{scheduler.name}-queue",
        lambda: converse(scheduler.queue(), program),
        now,
        fresh_s=scheduler.fresh_s,
    )
    missing = [case for case in cases if case.begun and case.job_id and _of(case, queue) is None]
    if queue.error is not None or not missing:
        return Answer(queue)
    since = max(0.0, min(case.submitted for case in missing) - 3600.0)
    conversation = scheduler.accounting(since)
    if conversation is None:
        return Answer(queue)
    accounting = ask_unless_fresh(
        cache,
        f"{scheduler.name}-accounting",
        lambda: converse(conversation, program),
        now,
        fresh_s=scheduler.fresh_s,
        since=since,
    )
    return Answer(queue, accounting)


def _of(case: Case, answer: KeptAnswer) -> JobView | None:
    """Find a run's job by its id and the run's mark, so that a reused id misleads nobody."""
    if case.job_id is not None:
        mine = (view for view in answer.by_id.get(case.job_id, []) if belongs(view, case.run_id))
    else:
        mark = token(case.run_id, case.attempt)
        mine = (view for view in answer.views if carries(view, mark))
    return next(mine, None)
