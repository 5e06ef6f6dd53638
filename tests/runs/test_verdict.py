"""One honest state from three witnesses."""

from __future__ import annotations

from typing import Any, get_args

import pytest

from hpctrain.runs.history import History
from hpctrain.runs.state.verdict import (
    SETTLED,
    SchedulerWord,
    Signs,
    State,
    Verdict,
    verdict,
    verdict_without_asking,
)
from hpctrain.schedulers.base import ENDED, JobState, JobView

SUBMITTED = History(attempt=1, job_ids={1: "7"})
SUBMITTING = History(attempt=1, submitting=1)
UNCLEAR = History(attempt=1, submitting=1, unclear="timed out")
CANCELLED = History(attempt=1, job_ids={1: "7"}, cancel_requested=True)
NOBODY = SchedulerWord()
SILENT = SchedulerWord(silence="squeue does not answer")
NO_SIGNS = Signs()
JUST_SUBMITTED = Signs(submitted=20.0)


def judged(history: History, evidence: dict[str, Any] | None, witness: SchedulerWord,
           signs: Signs = NO_SIGNS) -> Verdict:  # fmt: skip
    return verdict(history, history.job_ids.get(history.attempt), evidence, witness, signs)


def saw(state: JobState, reason: str = "") -> SchedulerWord:
    return SchedulerWord(JobView("7", "n", "c", state, state.upper(), reason))


def result(state: str, reason: str | None = None) -> dict[str, Any]:
    return {"state": state, "reason": reason}


@pytest.mark.parametrize(
    ("history", "evidence", "found"),
    [
        (History(), None, Verdict("prepared")),
        (History(refused="no such partition"), None,
         Verdict("prepared", "refused: no such partition")),
        (History(collected="potential_gen_01"), None, Verdict("collected", "potential_gen_01")),
        (History(attempt=1, job_ids={1: "7"}, collected="p"), result("failed", "x"),
         Verdict("collected", "p")),
        (SUBMITTED, result("completed"), Verdict("completed")),
        (SUBMITTED, result("failed", "no memory"), Verdict("failed", "no memory")),
        (SUBMITTING, result("completed"), Verdict("completed")),
        (SUBMITTED, result("timeout", "the walltime ends"),
         Verdict("timeout", "the walltime ends")),
        (History(abandoned=True), None,
         Verdict("prepared", "interrupted before it was submitted")),
        # Killed: the scheduler may know that it was for its memory.
        (SUBMITTED, {"state": "failed", "reason": "killed", "signal": "SIGKILL"}, None),
        (SUBMITTED, {"state": "failed", "reason": "x", "signal": "SIGSEGV"},
         Verdict("failed", "x")),
        (SUBMITTED, result("terminated", "SIGTERM"), None),
        (SUBMITTED, {}, None),
        (SUBMITTED, None, None),
        (SUBMITTING, None, None),
        (History(attempt=2, job_ids={1: "7"}, submitting=2), None, None),
    ],
)  # fmt: skip
def test_what_needs_no_scheduler(
    history: History, evidence: dict[str, Any] | None, found: Verdict | None
) -> None:
    assert verdict_without_asking(history, history.job_ids.get(history.attempt), evidence) == found
    if found is not None:
        # Whatever the scheduler says, it does not change it.
        for witness in (NOBODY, SILENT, saw("running"), saw("failed"), saw("cancelled")):
            assert judged(history, evidence, witness) == found


@pytest.mark.parametrize(
    ("history", "evidence", "witness", "found"),
    [
        # The job was told to end: the scheduler says why.
        *(
            (SUBMITTED, result("terminated", "SIGTERM"), saw(state, "its words"),
             Verdict(state, "its words"))
            for state in ("timeout", "out_of_memory", "cancelled")
        ),
        (SUBMITTED, result("terminated", "SIGTERM"), saw("failed", "its words"),
         Verdict("failed", "its words; SIGTERM")),
        (SUBMITTED, result("terminated", "SIGTERM"), saw("timeout"), Verdict("timeout", "SIGTERM")),
        (CANCELLED, result("terminated", "SIGTERM"), saw("timeout"), Verdict("timeout", "SIGTERM")),
        (CANCELLED, result("terminated", "SIGTERM"), NOBODY,
         Verdict("cancelled", "by hpctrain cancel")),
        (CANCELLED, result("terminated", "SIGTERM"), SILENT,
         Verdict("cancelled", "by hpctrain cancel")),
        (SUBMITTED, result("terminated", "SIGTERM"), NOBODY,
         Verdict("failed", "SIGTERM; the scheduler does not say why")),
        (SUBMITTED, result("terminated", "SIGTERM"), saw("completed"),
         Verdict("failed", "SIGTERM; the scheduler does not say why")),
        (SUBMITTED, result("terminated", "SIGTERM"), SILENT,
         Verdict("unknown", "squeue does not answer")),
        # It is not done with the job yet: no end is told before it has ended.
        (SUBMITTED, result("terminated", "SIGTERM"), saw("stopping"), Verdict("stopping")),
        (SUBMITTED, result("terminated", "SIGTERM"), saw("running"), Verdict("stopping")),
        (CANCELLED, result("terminated", "SIGTERM"), saw("stopping"), Verdict("stopping")),
        (SUBMITTED, result("terminated", "SIGTERM"), saw("queued", "requeued"),
         Verdict("queued", "requeued")),
        (SUBMITTED, result("terminated", "SIGTERM"), saw("unknown", "STRANGE"),
         Verdict("unknown", "STRANGE")),
        # Nobody can be asked.
        (SUBMITTED, None, SILENT, Verdict("unknown", "squeue does not answer")),
        (SUBMITTING, None, SILENT,
         Verdict("submitting", "not known whether it was taken (squeue does not answer)")),
        (UNCLEAR, None, SILENT,
         Verdict("submitting", "not known whether it was taken (squeue does not answer)")),
        # They were asked, and do not know the job.
        (SUBMITTING, None, NOBODY, Verdict("submitting", "another command is submitting it")),
        (UNCLEAR, None, NOBODY, Verdict("submitting", "timed out")),
        (SUBMITTED, None, NOBODY,
         Verdict("unknown", "neither queue nor accounting knows job 7")),
        (CANCELLED, None, NOBODY, Verdict("cancelled", "by hpctrain cancel")),
        (CANCELLED, None, saw("completed"), Verdict("cancelled", "by hpctrain cancel")),
        (CANCELLED, None, saw("cancelled", "by you"), Verdict("cancelled", "by hpctrain cancel")),
        (CANCELLED, None, SILENT, Verdict("unknown", "squeue does not answer")),
        (SUBMITTED, result("terminated"), NOBODY,
         Verdict("failed", "the scheduler does not say why")),
        (SUBMITTED, {"state": "failed", "reason": "killed", "signal": "SIGKILL"}, NOBODY,
         Verdict("failed", "killed")),
        (SUBMITTED, {"state": "failed", "reason": "killed", "signal": "SIGKILL"}, saw("running"),
         Verdict("stopping")),
        # Leaving the queue is no success.
        (SUBMITTED, None, saw("completed"),
         Verdict("unknown", "the job has ended; its result is not there (yet)")),
        *(
            (SUBMITTED, None, saw(state, "why"), Verdict(state, "why"))
            for state in ("queued", "held", "running", "stopping", "failed", "timeout",
                          "out_of_memory", "cancelled", "unknown")
        ),
        # A result is the last thing that a job writes, whatever this one means.
        (SUBMITTED, {"state": "odd"}, saw("running"), Verdict("stopping")),
    ],
)  # fmt: skip
def test_verdicts(
    history: History, evidence: dict[str, Any] | None, witness: SchedulerWord, found: Verdict
) -> None:
    assert judged(history, evidence, witness, JUST_SUBMITTED) == found


LOST = History(attempt=1, job_ids={1: "7"})
DOWN = SchedulerWord(no_accounting="sacct: error", silent_since="t")
NONE_KEPT = SchedulerWord(no_accounting="disabled", none_kept=True)
LAGGING = SchedulerWord(lagging="RUNNING")


@pytest.mark.parametrize("witness", [NOBODY, DOWN, NONE_KEPT, LAGGING])
@pytest.mark.parametrize(
    ("alive", "dead"),
    [
        (Signs(heartbeat=599, claimed=9999, submitted=9999), Signs(heartbeat=600, claimed=9999)),
        (Signs(claimed=599, submitted=9999), Signs(claimed=600, submitted=9999)),
        (Signs(submitted=299), Signs(submitted=300)),
    ],
)
def test_a_job_that_nobody_knows_is_dead_only_after_a_while(
    witness: SchedulerWord, alive: Signs, dead: Signs
) -> None:
    """And only where the accounting has answered, or never will."""
    assert judged(LOST, None, witness, alive).state == "unknown"
    found = judged(LOST, None, witness, dead)
    assert found.state == ("unknown" if witness is DOWN else "failed")
    assert found.since == ("t" if witness is DOWN else None)
    assert judged(LOST, None, SILENT, dead).state == "unknown"


def test_an_attempt_that_was_announced_has_no_id_yet() -> None:
    coming = Signs(submitted=10, coming=True)
    found = verdict(LOST, None, None, NOBODY, coming)
    assert found == Verdict("unknown", "neither queue nor accounting knows the next attempt's job")
    assert verdict(LOST, None, None, saw("queued", "why"), coming) == Verdict(
        "queued", "continues the previous attempt: why"
    )


def test_the_states_are_those_of_the_documentation() -> None:
    states = {state for part in get_args(State) for state in get_args(part) or (part,)}
    assert states == {
        "prepared", "submitting", "queued", "held", "running", "stopping", "completed", "failed",
        "timeout", "out_of_memory", "cancelled", "unknown", "collected",
    }  # fmt: skip
    assert ENDED < SETTLED < states
    assert {"collected", "prepared"} == SETTLED - ENDED


def test_only_the_jobs_own_result_makes_it_completed() -> None:
    for history in (SUBMITTED, SUBMITTING, UNCLEAR, CANCELLED):
        for evidence in (None, {}, result("terminated", "x"), result("odd")):
            for witness in (NOBODY, SILENT, *(saw(state) for state in get_args(JobState))):
                for signs in (NO_SIGNS, JUST_SUBMITTED, Signs(9999.0, 9999.0, 9999.0)):
                    assert judged(history, evidence, witness, signs).state != "completed"
