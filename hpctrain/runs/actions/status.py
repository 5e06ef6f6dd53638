"""Use case: tell the state of runs, from their events, their evidence and their schedulers."""

from __future__ import annotations

import os
import shlex
import time
from collections import defaultdict
from collections.abc import Callable
from dataclasses import dataclass, field, replace

from hpctrain.engines import engine_of
from hpctrain.files import now, timestamp
from hpctrain.process import Run as RunProgram
from hpctrain.process import run_scheduler
from hpctrain.project import Project
from hpctrain.records import BadFile
from hpctrain.runs.actions.follow import follow_adopted
from hpctrain.runs.actions.recovery import recover
from hpctrain.runs.history import History
from hpctrain.runs.names import find_runs
from hpctrain.runs.place import own_jobs
from hpctrain.runs.recording import remember
from hpctrain.runs.run import Run
from hpctrain.runs.state import adopted
from hpctrain.runs.state.ask import Answer, Case, ask
from hpctrain.runs.state.attempts import CountingAttempt, find_counting_attempt
from hpctrain.runs.state.differences import changes
from hpctrain.runs.state.latest import TrainingFiles
from hpctrain.runs.state.settled import Seen, SettledRuns, see
from hpctrain.runs.state.summary import Metrics as Metrics
from hpctrain.runs.state.summary import RunStatus as RunStatus
from hpctrain.runs.state.summary import summarise, unreadable
from hpctrain.runs.state.verdict import (
    IN_THE_QUEUE,
    LAG_S,
    SETTLED,
    SchedulerWord,
    Signs,
    Verdict,
    verdict,
    verdict_without_asking,
)
from hpctrain.runs.state.warnings import age
from hpctrain.runs.strays import Gone, Stray, gone_runs, strike_off
from hpctrain.runs.submission import scheduler_of_run
from hpctrain.runs.submitter import owned_by, stranger, who_asks
from hpctrain.schedulers import scheduler_of
from hpctrain.schedulers.base import ENDED, JobView, number_of


@dataclass(frozen=True)
class SiteStatus:
    """A site, and whether its scheduler answered."""

    site: str
    reachable: bool
    error: str | None


@dataclass(frozen=True)
class StatusReport:
    """What ``status`` found; ``poll_s`` is after how many seconds to look again.

    It is 0 where no run will change by itself any more. ``strays`` are jobs whose run's folder is
    gone.
    """

    queried_at: str
    sites: list[SiteStatus]
    runs: list[RunStatus]
    poll_s: float
    strays: list[Stray] = field(default_factory=list)

    @property
    def may_change(self) -> bool:
        """Say whether a run may still change by itself."""
        return self.poll_s > 0


def status(
    project: Project,
    names: tuple[str, ...] = (),
    *,
    program: RunProgram = run_scheduler,
    clock: Callable[[], float] = time.time,
    say: Callable[[str], None] = lambda _: None,
    files: TrainingFiles | None = None,
) -> StatusReport:
    """Tell the state of the named runs, or of all. Each site is asked at most twice.

    What an interrupted command has left half done is finished first; ``say`` is told. Whoever
    looks again and again passes the same ``files`` each time.
    """
    settled = SettledRuns(project.cache)
    recover(project, program, say, settled)
    follow_adopted(project, settled, clock(), say)
    every = find_runs(project.runs, names)
    known = {run.run_id: shown for run in every if (shown := settled.find(run)) is not None}
    found: list[_Inquiry] = []
    to_ask: dict[tuple[str, str, str], list[_Inquiry]] = defaultdict(list)
    for run in every:
        if run.run_id in known:
            continue
        try:
            one = _Inquiry.begin(run, settled, clock())
            if one.verdict is None or one.may_go_on:
                to_ask[one.place(project)].append(one)
            found.append(one)
        except BadFile as bad:
            known[run.run_id] = unreadable(run, bad)
    asked: list[SiteStatus] = []
    follows = any(one.history.adopted and one.state == "running" for one in found)
    poll_s = adopted.POLL_S if follows else 0.0
    for (site, kind, clusters), unsettled in sorted(to_ask.items()):
        cases = [case for one in unsettled for case in one.cases()]
        scheduler = scheduler_of(kind, project.queue, clusters or None)
        answer = ask(cases, scheduler, program, project.cache, clock())
        asked.append(SiteStatus(site, answer.error is None, answer.error))
        for one in unsettled:
            try:
                one.judge(answer, clock(), remember_it=scheduler.identity() is not None)
            except BadFile as bad:
                known[one.run.run_id] = unreadable(one.run, bad)
        if not all(one.settled for one in unsettled):
            poll_s = max(poll_s, scheduler.poll_s)
    files = files or TrainingFiles(project.cache)
    for one in found:
        if one.run.run_id in known:
            continue  # it was found damaged meanwhile
        known[one.run.run_id] = shown = one.summary(files, clock())
        if one.stays and files.are_final(one.run):
            settled.keep(one.run, shown, one.seen)
    settled.save(project.runs)
    files.save(project.runs)
    strays = [] if names else _find_strays(project, program, clock())
    shown_runs = _with_changes([known[run.run_id] for run in every])
    return StatusReport(now(), asked, shown_runs, poll_s, strays)


def _with_changes(runs: list[RunStatus]) -> list[RunStatus]:
    """Say of each run what is not as in the one before that is known."""
    before, found = "", []
    for run in runs:
        changed = changes(before, run.asked)
        found.append(replace(run, changed=changed) if changed else run)
        before = run.asked or before
    return found


def _find_strays(project: Project, program: RunProgram, now: float) -> list[Stray]:
    """Find the jobs of runs whose folder is gone; a run that has none any more is struck off."""
    strays = []
    places: dict[tuple[str, str | None], list[Gone]] = defaultdict(list)
    for gone in gone_runs(project.runs):
        places[gone.scheduler, gone.clusters].append(gone)
    for (kind, clusters), missing in places.items():
        scheduler = scheduler_of(kind, project.queue, clusters)
        answer = ask([], scheduler, program, project.cache, now)
        if answer.error is not None:
            continue
        asks = None
        for gone in missing:
            jobs = own_jobs(answer.live_jobs(gone.run_id), Run(project.runs / gone.run_id))
            for job in jobs:
                there = scheduler_of(kind, project.queue, job.cluster or clusters)
                command = shlex.join(there.cancel_argv([job.job_id]))
                strays.append(Stray(gone.run_id, job.job_id, job.state, command))
            if not jobs and now - gone.submitted > LAG_S:
                asks = asks or who_asks(scheduler, program)
                if stranger(gone.submitter, asks) is None:
                    strike_off(project.runs, gone.run_id)
    return strays


@dataclass
class _Inquiry:
    """A run, and what is known of it so far."""

    run: Run
    history: History
    counting: CountingAttempt
    verdict: Verdict | None
    seen: Seen
    word: SchedulerWord = field(default_factory=SchedulerWord)
    remember_it: bool = False
    stays: bool = field(init=False)

    def __post_init__(self) -> None:
        # Its own files say so, and nothing is left to be done about it.
        self.stays = self.settled and not self.may_go_on and not self.history.half_done

    @classmethod
    def begin(cls, run: Run, kept: SettledRuns, time: float) -> _Inquiry:
        """Begin with what is in the run's folder."""
        seen = see(run)
        _ = run.manifest  # BadFile where it is damaged
        history = kept.history(run)
        now = find_counting_attempt(run, history)
        if history.adopted is not None:
            found = adopted.look_if_there(engine_of(run.engine), history, time)
            return cls(run, history, now, adopted.verdict(history, now.result, found), seen)
        known = verdict_without_asking(history, now.job_id, now.result, now.damage)
        return cls(run, history, now, known, seen)

    @property
    def state(self) -> str | None:
        """Return the state, None as long as the scheduler has to be asked."""
        return None if self.verdict is None else self.verdict.state

    def place(self, project: Project) -> tuple[str, str, str]:
        """Return the run's site, its scheduler, and the clusters that have to be named there."""
        scheduler = scheduler_of_run(self.run, project.queue, self.history)
        site = self.run.manifest["site"]["name"]
        return site, self.run.scheduler_name, scheduler.clusters or ""

    @property
    def settled(self) -> bool:
        """Say whether the run will go nowhere by itself any more."""
        return self.verdict is not None and self.verdict.state in SETTLED

    @property
    def may_go_on(self) -> bool:
        """Say whether its attempt ended, and another was announced or submitted ahead."""
        ended = self.verdict is not None and self.verdict.state in ENDED - {"completed"}
        return ended and bool(self.counting.later)

    def cases(self) -> list[Case]:
        """List the attempts that the scheduler is asked about."""
        submitted = timestamp(self.history.first_submitted)
        cases = [self._case(self.counting.attempt, self.counting.job_id, submitted)]
        if self.verdict is not None:
            cases = []  # its own end is known; what is asked about is what comes
        later = [self._case(number, job_id) for number, job_id in self.counting.later]
        return cases + [replace(case, begun=False) for case in later]

    def _case(self, attempt: int, job_id: str | None, submitted: float = 0.0) -> Case:
        history = self.history
        # What an attempt's own job has submitted is shown wherever that job was.
        seen = attempt in history.seen or (attempt not in history.job_ids and bool(history.seen))
        return Case(
            self.run.run_id, attempt, job_id, submitted,
            submitter=owned_by(history.submitter, self.run.manifest_file), seen=seen,
            folder=self.run.folder, moved_to=history.moved.get(attempt),
        )  # fmt: skip

    def judge(self, answer: Answer, now: float, *, remember_it: bool) -> None:
        """Set the state, from what the scheduler has said.

        ``remember_it``: that a job was shown is recorded, for the day on which it is not.
        """
        self.remember_it = remember_it
        here = self.counting
        view = answer.word_on(self._case(here.attempt, here.job_id)).view
        if self.verdict is not None or view is None or view.state not in IN_THE_QUEUE:
            # The job may have written its result between the first look and the answer.
            self.history = self.run.history()
            self.counting = here = find_counting_attempt(self.run, self.history)
        self.word, here, self.verdict = self._verdict_on(answer, here, now)
        self.counting = here
        if not self.may_go_on:
            return
        for number, job_id in here.later:
            next_one = CountingAttempt(number, job_id, None)
            word, there, state = self._verdict_on(answer, next_one, now)
            if state.state not in ENDED:
                self.word, self.counting, self.verdict = word, there, state
                return
        if self.verdict is not None and self.verdict.state == "timeout":
            reason = "; ".join(
                filter(None, [self.verdict.reason, "no further job will continue it"])
            )
            self.verdict = replace(self.verdict, reason=reason)

    def _verdict_on(
        self, answer: Answer, here: CountingAttempt, now: float
    ) -> tuple[SchedulerWord, CountingAttempt, Verdict]:
        case = self._case(here.attempt, here.job_id)
        word = answer.word_on(case)
        if word.view is not None:
            here = replace(here, job_id=self._job_id_of(word.view, here, case))
        signs = self._signs(here, now)
        state = verdict(self.history, here.job_id, here.result, word, signs, here.damage)
        return word, here, state

    def _job_id_of(self, view: JobView, here: CountingAttempt, case: Case) -> str:
        """Return the id of a job that is shown, after recording once that it is."""
        job_id, number = here.job_id or view.job_id, number_of(view.job_id)
        known = self.history.job_ids.get(here.attempt, job_id)
        is_news = here.attempt not in self.history.seen or number_of(known) != number
        is_news |= view.moved_to is not None and here.attempt not in self.history.moved
        if self.remember_it and is_news and case.submitter.uid in (None, os.getuid()):
            remember(self.run, here.attempt, view, known)
        return job_id if number_of(job_id) == number else view.job_id

    def _signs(self, here: CountingAttempt, now: float) -> Signs:
        folder = self.run.attempt(here.attempt)
        announced = age(self.run.attempt(here.attempt - 1) / "result.json", now)
        told = now - timestamp(self.history.since)
        return Signs(
            heartbeat=age(folder / "heartbeat.json", now),
            claimed=age(folder / "claim.json", now),
            submitted=told if announced is None else min(told, announced),
            coming=here.attempt > max(1, self.history.first),
        )

    def summary(self, files: TrainingFiles, now: float) -> RunStatus:
        assert self.verdict is not None
        told = (self.counting.result or {}).get("potential") or {}
        over = self.verdict.state in ("completed", "collected")
        only = bool(over and told.get("train") and told.get("test"))
        latest = files.latest(self.run, now, iterations_only=only)
        return summarise(
            self.run, self.history, self.counting, self.verdict, self.word, latest, now
        )
