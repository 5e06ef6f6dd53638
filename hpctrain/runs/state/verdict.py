"""The rules that give a run one honest state, from its events, its evidence and its scheduler.

The job's own result counts most; then what the scheduler says. Leaving the queue is no success, a
failed query is no answer, and what is not known is called unknown. docs/states.md is the table of
these rules, and a test goes with each row.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from hpctrain.runs.history import History
from hpctrain.runs.result import Result
from hpctrain.schedulers.base import ENDED, JobState, JobView

State = Literal["prepared", "submitting", "collected"] | JobState

# States from which a run goes nowhere by itself.
SETTLED: frozenset[State] = ENDED | {"collected", "prepared"}

# States in which the scheduler has a job of the run.
IN_THE_QUEUE: frozenset[State] = frozenset({"queued", "held", "running", "stopping"})

# How long the file system, the accounting and the clocks of different machines may lag behind.
LAG_S = 300.0
# A job beats its heart every few seconds: after this long without, nothing of it is alive.
DEAD_S = 600.0

BY_HPCTRAIN = "by hpctrain cancel"


@dataclass(frozen=True)
class Verdict:
    """The state of a run, and why. ``reason`` is empty where the state says it all.

    ``since`` is when the state began, where it is known better than by the last event.
    """

    state: State
    reason: str = ""
    since: str | None = None


@dataclass(frozen=True)
class SchedulerWord:
    """What the scheduler said of one job.

    ``view`` is the job as the queue shows it, or its end as the accounting does. ``silence`` is why
    the queue could not be asked, ``before`` the job as last seen there. ``no_accounting``: the
    queue does not show the job, and the accounting could not be asked; ``none_kept``: nor can it
    ever be. ``silent_since`` is when either began. ``lagging``: the queue does not show the job,
    and the accounting still calls it this. ``doubt`` is why it proves nothing that the job is not
    shown: another user asked, or another cluster; ``unseen`` why it proves little: the scheduler
    has never shown it, for example. Whoever cancels the run overrules that.
    Where all are empty, both were asked, and neither knows the job.
    """

    view: JobView | None = None
    silence: str | None = None
    silent_since: str | None = None
    before: JobView | None = None
    no_accounting: str | None = None
    none_kept: bool = False
    lagging: str | None = None
    doubt: str | None = None
    unseen: str | None = None


@dataclass(frozen=True)
class Signs:
    """What the job has left behind, beside its result. Ages are in seconds; None: no such sign.

    ``heartbeat``: since the last one, ``claimed``: since the attempt was begun, ``submitted``:
    since it was submitted, or announced. ``coming``: it goes on from an attempt before.
    """

    heartbeat: float | None = None
    claimed: float | None = None
    submitted: float | None = None
    coming: bool = False


def verdict_without_asking(
    history: History, job_id: str | None, result: Result | None, damage: str | None = None
) -> Verdict | None:
    """Return the verdict where no scheduler needs to be asked, else None.

    ``damage`` is what is wrong with a result that cannot be read: it tells nothing else.
    """
    if history.collected is not None:
        return Verdict("collected", history.collected)
    if result is not None:
        state, reason = result.get("state"), str(result.get("reason") or "")
        if state == "completed":
            return Verdict(state, str(result.get("stopped") or ""))
        if state == "timeout":
            return Verdict(state, reason)
        # A trainer that was killed: the scheduler may know that it was for its memory.
        if state == "failed" and result.get("signal") != "SIGKILL":
            return Verdict("failed", reason)
    if job_id is None and history.submitting is None:
        if history.refused:
            return Verdict("prepared", f"refused: {history.refused}")
        if history.abandoned:
            return Verdict("prepared", "interrupted before it was submitted")
        if not history.attempt:
            return Verdict("prepared")
    return None if damage is None else Verdict("unknown", damage)


def verdict(
    history: History,
    job_id: str | None,
    result: Result | None,
    word: SchedulerWord,
    signs: Signs,
    damage: str | None = None,
) -> Verdict:
    """Return the state of one attempt of a run."""
    settled = verdict_without_asking(history, job_id, result, damage)
    if settled is not None:
        return settled
    if word.silence is not None:
        if result is not None and history.cancel_requested:
            return Verdict("cancelled", BY_HPCTRAIN)  # asked for, and ended: nobody need be asked
        return _verdict_while_silent(history, job_id, word)
    view = word.view
    if job_id is None and view is None and not signs.coming:
        reason = word.doubt or history.unclear or "another command is submitting it"
        return Verdict("submitting", reason)
    if result is not None:
        return _verdict_on_an_end(history, result, word)
    if view is None:
        return _verdict_on_a_lost_job(history, job_id, word, signs)
    if view.state == "completed":
        if history.cancel_requested:
            return Verdict("cancelled", BY_HPCTRAIN)
        if signs.heartbeat is not None and signs.heartbeat > LAG_S:
            return Verdict("failed", "the job has ended, and has left no result")
        return Verdict("unknown", "the job has ended; its result is not there (yet)")
    if view.state == "cancelled":
        return Verdict("cancelled", BY_HPCTRAIN if history.cancel_requested else view.reason)
    if view.state == "unknown" and not view.reason:
        return Verdict(
            "unknown", f"the scheduler reports the state {view.raw}, which hpctrain does not know"
        )
    reason = view.reason
    if view.state == "queued" and signs.coming:
        reason = ": ".join(filter(None, ["continues the previous attempt", reason]))
    return Verdict(view.state, reason)


def _verdict_while_silent(history: History, job_id: str | None, word: SchedulerWord) -> Verdict:
    """Judge where the scheduler does not answer: the last known state is told beside it."""
    if job_id is None and history.submitting is not None:
        reason = f"not known whether it was taken ({word.silence})"
        return Verdict("submitting", reason, word.silent_since)
    before = f"; last seen {word.before.state}" if word.before is not None else ""
    return Verdict("unknown", f"{word.silence}{before}", word.silent_since)


def _verdict_on_an_end(history: History, result: Result, word: SchedulerWord) -> Verdict:
    """Judge a job, or its trainer, that was made to end: the scheduler may know why."""
    view, reason = word.view, str(result.get("reason") or "")
    if view is not None and view.state not in ENDED:
        # The scheduler is not done with the job: why it ends, it will tell then.
        return Verdict("stopping" if view.state == "running" else view.state, view.reason)
    if view is not None and view.state in ("timeout", "out_of_memory"):
        return Verdict(view.state, view.reason or reason)
    if history.cancel_requested:
        return Verdict("cancelled", BY_HPCTRAIN)
    if view is not None and view.state == "cancelled":
        return Verdict("cancelled", view.reason or reason)
    if view is not None and view.state == "failed" and view.reason:
        return Verdict("failed", f"{view.reason}; {reason}" if reason else view.reason)
    if result.get("state") == "failed":
        return Verdict("failed", reason)
    nobody = "the scheduler does not say why"
    if word.no_accounting is not None:
        nobody = f"why is not known ({word.no_accounting})"
    return Verdict("failed", "; ".join(filter(None, [reason, nobody])))


def _verdict_on_a_lost_job(
    history: History, job_id: str | None, word: SchedulerWord, signs: Signs
) -> Verdict:
    """Judge where the queue does not show the job, and there is no result either."""
    job = "the next attempt's job" if job_id is None else f"job {job_id}"
    if word.no_accounting is not None:
        nobody = (
            f"the queue does not show {job}, and the accounting cannot be asked "
            f"({word.no_accounting})"
        )
    elif word.lagging is not None:
        nobody = f"the queue does not show {job}; the accounting still calls it {word.lagging}"
    else:
        nobody = f"neither queue nor accounting knows {job}"
    if word.doubt is not None:
        nobody = f"{nobody}; {word.doubt}"
    if signs.heartbeat is not None and signs.heartbeat < DEAD_S:
        return Verdict("unknown", f"{nobody}; its last sign of life is {signs.heartbeat:.0f} s old")
    if signs.claimed is not None and signs.heartbeat is None and signs.claimed < DEAD_S:
        return Verdict("unknown", f"{nobody}; it began {signs.claimed:.0f} s ago")
    if word.doubt is not None:
        return Verdict("unknown", nobody, word.silent_since)
    if history.cancel_requested:
        return Verdict("cancelled", BY_HPCTRAIN)
    if word.unseen is not None:
        reason = f"{nobody}; {word.unseen}, so that proves nothing"
        return Verdict("unknown", reason, word.silent_since)
    if word.no_accounting is not None and not word.none_kept:
        # It has ended, but how, the accounting will tell when it is back.
        return Verdict("unknown", nobody, word.silent_since)
    if signs.claimed is not None:
        return Verdict("failed", f"{nobody}; it has left no result, and gives no sign of life")
    if signs.submitted is not None and signs.submitted < LAG_S:
        return Verdict("unknown", nobody)
    return Verdict("failed", f"{nobody}; it never began")
