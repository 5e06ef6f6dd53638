"""One question to each scheduler, however many runs there are; and each run's job in the answer."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path

from hpctrain.errors import SiteUnreachable
from hpctrain.files import iso
from hpctrain.process import Run as RunProgram
from hpctrain.process import converse
from hpctrain.runs.jobs import job_of, live_jobs
from hpctrain.runs.place import known_jobs, own_jobs
from hpctrain.runs.run import Run
from hpctrain.runs.state.kept_answers import KeptAnswer, answer_name, ask_unless_fresh
from hpctrain.runs.state.verdict import SchedulerWord
from hpctrain.runs.submitter import Submitter, is_same_cluster, stranger, who_asks
from hpctrain.schedulers.base import ENDED, JobView, Scheduler, number_of, server_of


@dataclass(frozen=True)
class Case:
    """An attempt whose scheduler has to be asked; ``submitted`` is in seconds since the epoch.

    ``begun``: it may have ended and left the queue, so that the accounting is worth asking.
    ``submitter`` is who submitted it and where, ``seen`` whether the scheduler has once shown it.
    ``folder`` is the run's: a job of its copy carries the same token. ``moved_to`` is the server
    that the scheduler has handed it on to.
    """

    run_id: str
    attempt: int
    job_id: str | None
    submitted: float = 0.0
    begun: bool = True
    submitter: Submitter = field(default_factory=Submitter)
    seen: bool = False
    folder: Path | None = None
    moved_to: str | None = None


@dataclass(frozen=True)
class Answer:
    """What a scheduler has said; ``accounting`` is None where it was not asked.

    ``asks`` is who asked, and which cluster; None where nothing follows from it.
    """

    queue: KeptAnswer
    accounting: KeptAnswer | None = None
    asks: Submitter | None = None

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
        if view is not None:
            return SchedulerWord(view)
        doubt = None if self.asks is None else stranger(case.submitter, self.asks)
        unseen = self._why_unseen(case)
        if self.accounting is None:
            return SchedulerWord(doubt=doubt, unseen=unseen)
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
            doubt=doubt,
            unseen=unseen,
        )

    def _why_unseen(self, case: Case) -> str | None:
        """Return why it proves little that a job is not shown; None if it proves something."""
        if self.asks is None or self._accounting_is_complete:
            return None
        if case.moved_to is not None:
            return f"it was moved to {case.moved_to}, which was not asked"
        if not case.seen:
            here, there = self.asks.cluster, server_of(case.job_id or "")
            if here and there and not is_same_cluster(here, there):
                return f"its id names the server {there}, and {here} was asked"
            return "the queue has never shown it"
        said = [self.queue] if self.accounting is None else [self.queue, self.accounting]
        is_empty = not any(answer.views or answer.error for answer in said)
        if is_empty and self.asks.cluster is None:
            return "nothing at all was answered, and no cluster told its name"
        return None

    @property
    def _accounting_is_complete(self) -> bool:
        """Say whether the accounting has shown a run's job of this user on this cluster."""
        return self.accounting is not None and bool(self.accounting.by_run)

    def live_jobs(self, run_id: str) -> list[JobView]:
        """List a run's jobs in the queue that are not over."""
        return live_jobs(self.queue.by_run.get(run_id, []), run_id)


def ask(
    cases: Sequence[Case], scheduler: Scheduler, program: RunProgram, cache: Path, now: float
) -> Answer:
    """Ask the queue, and, only if it does not show every job that has begun, the accounting.

    Who asks, and which cluster, is found out only where a job is missing.
    """
    queue = ask_unless_fresh(
        cache,
        answer_name(scheduler, "queue"),
        lambda: converse(scheduler.queue(), program),
        now,
        fresh_s=scheduler.fresh_s,
    )
    missing = [case for case in cases if _of(case, queue) is None]
    if queue.error is not None or not missing:
        return Answer(queue)
    answer = Answer(queue, _ask_accounting(missing, scheduler, program, cache, now))
    if scheduler.identity() is None or all(answer.word_on(case).view for case in missing):
        return answer
    return replace(answer, asks=who_asks(scheduler, program))


def ask_for_jobs(
    run: Run, scheduler: Scheduler, program: RunProgram, cache: Path, now: float
) -> list[JobView]:
    """List a run's jobs in the queue that are not over; SiteUnreachable without an answer."""
    answer = ask([], scheduler, program, cache, now)
    if answer.error is not None:
        raise SiteUnreachable(answer.error)
    return own_jobs(answer.live_jobs(run.run_id), run)


def without_a_result(run: Run, jobs: Sequence[JobView]) -> list[JobView]:
    """Leave out the jobs that have written their result, and are about to end by themselves."""
    claims = [run.claim(number) for number in run.attempts() if run.result_if_whole(number)]
    # Its environment and the queue may call it by a longer and a shorter name of the server.
    over = {number_of(str(claim.get("job_id"))) for claim in claims if claim is not None}
    return [
        job
        for job in jobs
        if job.state not in ("running", "stopping") or number_of(job.job_id) not in over
    ]


def _ask_accounting(
    missing: Sequence[Case], scheduler: Scheduler, program: RunProgram, cache: Path, now: float
) -> KeptAnswer | None:
    """Ask the accounting for the jobs that have begun; None where there is nothing to ask."""
    begun = [case.submitted for case in missing if case.begun and case.job_id]
    since = max(0.0, min(begun, default=0.0) - 3600.0)
    conversation = scheduler.accounting(since) if begun else None
    if conversation is None:
        return None
    return ask_unless_fresh(
        cache,
        answer_name(scheduler, "accounting"),
        lambda: converse(conversation, program),
        now,
        fresh_s=scheduler.fresh_s,
        since=since,
    )


def _of(case: Case, answer: KeptAnswer) -> JobView | None:
    """Find a run's job in an answer; the run's token must agree, so that a reused id does not."""
    views = answer.by_run.get(case.run_id, [])
    if case.folder is not None:
        views = known_jobs(views, Run(case.folder))
    return job_of(views, case.run_id, case.attempt, case.job_id)
