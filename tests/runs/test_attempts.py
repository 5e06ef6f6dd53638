"""Which attempt counts."""

from __future__ import annotations

import time
from pathlib import Path
from typing import Any

import pytest
from made_runs import event, leave, make_project, make_run, submitted

from hpctrain.runs.history import fold
from hpctrain.runs.run import Run
from hpctrain.runs.state.attempts import CountingAttempt, find_counting_attempt

NOW = time.time()


@pytest.fixture
def run(tmp_path: Path) -> Run:
    made = make_run(make_project(tmp_path / "p"))
    submitted(made, NOW, 1, "7")
    return made


def claimed(run: Run, attempt: int, job_id: str) -> None:
    leave(run, attempt, "claim.json", NOW, {"job_id": job_id})


def ended(run: Run, attempt: int, state: str, **facts: Any) -> dict[str, Any]:
    result = {"state": state, **facts}
    leave(run, attempt, "result.json", NOW, result)
    return result


def found(run: Run) -> CountingAttempt:
    return find_counting_attempt(run, fold(run.events()))


def test_nothing_has_begun(run: Run) -> None:
    assert found(run) == CountingAttempt(1, "7", None)
    bare = Run(run.folder.parent / "none")
    assert found(bare) == CountingAttempt(1, None, None)


def test_the_job_that_has_claimed_it_counts(run: Run) -> None:
    """It may be another one than the one that was recorded: one of two, or a requeued one."""
    claimed(run, 1, "9")
    assert found(run).job_id == "9"


def test_an_announced_attempt_may_follow_until_it_has_begun(run: Run) -> None:
    claimed(run, 1, "7")
    result = ended(run, 1, "timeout", continues={"mode": "resubmit", "job_id": "8"})
    assert found(run) == CountingAttempt(1, "7", result, ((2, "8"),))
    claimed(run, 2, "8")
    assert found(run) == CountingAttempt(2, "8", None)


def test_announced_without_an_id(run: Run) -> None:
    claimed(run, 1, "7")
    result = ended(run, 1, "timeout", continues={"mode": "resubmit", "job_id": None})
    assert found(run) == CountingAttempt(1, "7", result, ((2, None),))
    ended(run, 1, "timeout", continues=True)
    assert found(run).later == ((2, None),)


def test_a_folder_is_no_beginning(run: Run) -> None:
    """The job makes it before it claims the attempt."""
    claimed(run, 1, "7")
    run.attempt(2).mkdir()
    assert found(run).attempt == 1


def test_a_chain_waits_behind_the_attempt_that_trains(run: Run) -> None:
    submitted(run, NOW, 2, "8")
    submitted(run, NOW, 3, "9")
    claimed(run, 1, "7")
    assert found(run) == CountingAttempt(1, "7", None, ((2, "8"), (3, "9")))


def test_an_attempt_lost_without_a_result_does_not_hide_the_next(run: Run) -> None:
    claimed(run, 1, "7")
    claimed(run, 2, "8")
    assert found(run) == CountingAttempt(2, "8", None)


def test_behind_a_result_that_announces_no_other_nothing_follows(run: Run) -> None:
    """The jobs of the chain end at once."""
    submitted(run, NOW, 2, "8")
    claimed(run, 1, "7")
    result = ended(run, 1, "failed")
    assert found(run) == CountingAttempt(1, "7", result)


def test_the_job_that_was_submitted_and_not_told_in_the_result(run: Run) -> None:
    claimed(run, 1, "7")
    result = ended(run, 1, "timeout", continues={"mode": "resubmit", "job_id": None})
    leave(run, 1, "next.json", NOW, {"state": "submitted", "job_id": "8"})
    assert found(run) == CountingAttempt(1, "7", result, ((2, "8"),))


def test_resumed_before_it_has_begun(run: Run) -> None:
    claimed(run, 1, "7")
    for attempt in (2, 3):
        submitted(run, NOW, attempt, str(6 + attempt))
    event(run, NOW, "resuming", attempt=4)
    assert found(run).attempt == 1
    event(run, NOW, "submitting", attempt=4)
    assert found(run) == CountingAttempt(4, None, None)
    event(run, NOW, "submitted", attempt=4, job_id="10")
    assert found(run) == CountingAttempt(4, "10", None)


def test_what_is_complete_ends_the_trail(run: Run) -> None:
    for attempt in (2, 3):
        submitted(run, NOW, attempt, str(6 + attempt))
    claimed(run, 1, "7")
    ended(run, 1, "timeout", continues={"mode": "chain", "job_id": "8"})
    claimed(run, 2, "8")
    result = ended(run, 2, "completed")
    assert found(run) == CountingAttempt(2, "8", result)
    claimed(run, 3, "9")  # a job that begins all the same
    assert found(run) == CountingAttempt(2, "8", result)


def test_after_ninety_nine(run: Run) -> None:
    for attempt in (9, 10, 99, 100):
        claimed(run, attempt, str(attempt))
    assert found(run).attempt == 100


def test_an_attempt_that_gave_way_does_not_count(run: Run) -> None:
    """The one before it was alive: that one is shown, and goes on as if there were no other."""
    claimed(run, 1, "7")
    submitted(run, NOW, 2, "8")
    claimed(run, 2, "8")
    ended(run, 2, "failed", reason="attempt 1, job 7, is training", gives_way_to=1)
    assert found(run) == CountingAttempt(1, "7", None)
    result = ended(run, 1, "completed")
    assert found(run) == CountingAttempt(1, "7", result)
    (run.attempt(2) / "result.json").write_text('{"state": "failed", "gives_way_to": 9}')
    (run.attempt(1) / "result.json").unlink()
    assert found(run).attempt == 2
