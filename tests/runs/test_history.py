"""What the events of a run add up to."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hpctrain.runs.history import History, fold


def told(*events: dict[str, Any]) -> History:
    return fold({"time": f"t{number}", **event} for number, event in enumerate(events))


SUBMITTING = {"event": "submitting", "attempt": 1}
SUBMITTED = {"event": "submitted", "attempt": 1, "job_id": 7}


def test_nothing_happened() -> None:
    assert fold([]) == History()
    assert (fold([]).job_ids, fold([]).attempt, fold([]).first) == ({}, 0, 1)


def test_the_intent_comes_before_the_id() -> None:
    history = told(SUBMITTING)
    assert (history.attempt, history.submitting, history.job_ids) == (1, 1, {})
    assert (history.first_submitted, history.since) == ("t0", "t0")


def test_submitted() -> None:
    history = told(SUBMITTING, SUBMITTED)
    assert (history.attempt, history.submitting, history.job_ids) == (1, None, {1: "7"})
    assert (history.first_submitted, history.since) == ("t0", "t1")


def test_refused_then_submitted_again() -> None:
    history = told(SUBMITTING, {"event": "refused", "attempt": 1, "reason": "no"})
    assert (history.submitting, history.refused, history.job_ids) == (None, "no", {})
    again = told(SUBMITTING, {"event": "refused", "reason": "no"}, SUBMITTING, SUBMITTED)
    assert (again.refused, again.job_ids, again.first_submitted) == (None, {1: "7"}, "t0")


def test_unclear_until_adopted() -> None:
    unclear = {"event": "unclear", "attempt": 1, "reason": "timed out"}
    history = told(SUBMITTING, unclear)
    assert (history.submitting, history.unclear, history.since) == (1, "timed out", "t1")
    adopted = told(SUBMITTING, unclear, {**SUBMITTED, "adopted": True})
    assert (adopted.submitting, adopted.unclear, adopted.job_ids) == (None, None, {1: "7"})


def test_a_second_attempt() -> None:
    cancel = {"event": "cancel_requested", "attempt": 1}
    history = told(SUBMITTING, SUBMITTED, cancel)
    assert history.cancel_requested
    history = told(SUBMITTING, SUBMITTED, cancel, {"event": "submitting", "attempt": 2})
    assert (history.attempt, history.submitting) == (2, 2)
    assert not history.cancel_requested
    assert history.job_ids == {1: "7"}
    history = told(
        SUBMITTING, SUBMITTED, {"event": "submitting", "attempt": 2},
        {"event": "submitted", "attempt": 2, "job_id": "8"},
    )  # fmt: skip
    assert (history.attempt, history.job_ids) == (2, {1: "7", 2: "8"})
    assert history.first_submitted == "t0"


RESUMING = {"event": "resuming", "attempt": 2}
SECOND = {"event": "submitting", "attempt": 2}


def test_resumed() -> None:
    """From then on the attempts before it are over; those of a chain are not."""
    chain = told(SUBMITTING, SUBMITTED, SECOND, {"event": "submitted", "attempt": 2, "job_id": "8"})
    assert chain.first == 1
    history = told(SUBMITTING, SUBMITTED, RESUMING)
    assert (history.first, history.attempt, history.unfinished) == (1, 1, False)  # only meant to
    history = told(SUBMITTING, SUBMITTED, RESUMING, SECOND)
    assert (history.first, history.submitting, history.unfinished) == (2, 2, True)
    # Killed in between, and submitted by a later command.
    history = told(SUBMITTING, SUBMITTED, RESUMING, SECOND, SECOND,
                   {"event": "submitted", "attempt": 2, "job_id": "8"})  # fmt: skip
    assert (history.first, history.job_ids, history.unfinished) == (2, {1: "7", 2: "8"}, False)


@pytest.mark.parametrize("end", ["refused", "abandoned"])
def test_a_resumed_attempt_that_never_was(end: str) -> None:
    history = told(SUBMITTING, SUBMITTED, RESUMING, SECOND, {"event": end, "attempt": 2})
    assert (history.first, history.unfinished) == (1, False)
    again = told(SUBMITTING, SUBMITTED, RESUMING, SECOND, {"event": end, "attempt": 2},
                 RESUMING, SECOND)  # fmt: skip
    assert (again.first, again.submitting) == (2, 2)


def test_interrupted_and_abandoned() -> None:
    interrupted = told(SUBMITTING, {"event": "interrupted", "attempt": 1})
    assert (interrupted.interrupted, interrupted.unfinished) == (True, True)
    abandoned = told(SUBMITTING, {"event": "interrupted"}, {"event": "abandoned"})
    assert (abandoned.abandoned, abandoned.unfinished) == (True, False)
    assert not told(SUBMITTING, {"event": "abandoned"}, SUBMITTING, SUBMITTED).abandoned
    assert fold([]).unfinished  # a folder was made, and nothing was asked yet


def test_a_chain_cut_short_is_no_refused_run() -> None:
    history = told(SUBMITTING, SUBMITTED, SECOND, {"event": "refused", "reason": "too many"})
    assert (history.job_ids, history.submitting, history.first) == ({1: "7"}, None, 1)
    assert not history.unfinished


def test_collecting_and_collected() -> None:
    name = "potential_gen_01"
    history = told(SUBMITTING, SUBMITTED, {"event": "collecting", "name": name})
    assert (history.collecting, history.collected) == (name, None)
    history = told(SUBMITTING, SUBMITTED, {"event": "collecting", "name": name},
                   {"event": "collected", "name": name})  # fmt: skip
    assert (history.collecting, history.collected, history.since) == (name, name, "t3")


def test_unknown_events_and_events_without_facts_change_nothing() -> None:
    before = told(SUBMITTING, SUBMITTED)
    for odd in (
        {"event": "renamed"}, {}, {"event": "submitting"}, {"event": "submitting", "attempt": "2"},
        {"event": "submitted", "attempt": 2}, {"event": "submitted", "attempt": 2, "job_id": ""},
        {"event": None}, {"event": ["submitting"]},
    ):  # fmt: skip
        assert told(SUBMITTING, SUBMITTED, odd) == before


@given(
    st.lists(
        st.dictionaries(
            st.sampled_from(["event", "attempt", "job_id", "reason", "name", "time"]),
            st.sampled_from(
                [
                    "submitting",
                    "submitted",
                    "refused",
                    "unclear",
                    "collected",
                    "resuming",
                    "abandoned",
                    "interrupted",
                    1,
                    None,
                ]
            )
            | st.lists(st.integers(), max_size=1),
        )
    )
)
def test_no_events_can_break_it(events: list[dict[str, Any]]) -> None:
    fold(events)
