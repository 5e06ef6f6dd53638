"""Who is asked what, and which answer is the run's."""

from __future__ import annotations

import os
from dataclasses import replace
from pathlib import Path

import pytest
from made_runs import ACCOUNTING_DOWN, DOWN, RUN_ID, FakeSlurm, accounting_row, error, queue_row

from hpctrain.runs.state.ask import Answer, Case, ask
from hpctrain.runs.state.kept_answers import KeptAnswer
from hpctrain.runs.state.verdict import SchedulerWord
from hpctrain.runs.submitter import Submitter
from hpctrain.schedulers.base import JobView
from hpctrain.schedulers.slurm.scheduler import SlurmScheduler

CASE = Case(RUN_ID, 1, "7", submitted=1_700_000_000.0)
NOW = 1_700_001_000.0
OTHER = "20250101-000000-ffff.01"


@pytest.fixture
def slurm() -> FakeSlurm:
    return FakeSlurm()


def asked(slurm: FakeSlurm, folder: Path, *cases: Case, now: float = NOW) -> Answer:
    return ask(cases or (CASE,), SlurmScheduler(), slurm, folder / ".cache", now)


def test_the_queue_is_enough(slurm: FakeSlurm, tmp_path: Path) -> None:
    slurm.squeue = [queue_row("7", "RUNNING")]
    view = asked(slurm, tmp_path).word_on(CASE).view
    assert view is not None
    assert (view.job_id, view.state) == ("7", "running")
    assert slurm.calls("sacct") == []


def test_only_what_has_left_the_queue_is_looked_up(slurm: FakeSlurm, tmp_path: Path) -> None:
    slurm.squeue = [queue_row("7", "RUNNING")]
    coming = Case(RUN_ID, 2, "8", begun=False)
    unnamed = Case(RUN_ID, 2, None)
    asked(slurm, tmp_path, CASE, coming, unnamed)
    assert slurm.calls("sacct") == []
    gone = Case("20261101-000000-aaaa", 1, "3", submitted=1_600_000_000.0)
    asked(slurm, tmp_path, CASE, gone)
    (argv,) = slurm.calls("sacct")
    assert any(word.startswith("--starttime=2020-09-13") for word in argv)


def test_many_sites_of_one_scheduler_share_an_answer(slurm: FakeSlurm, tmp_path: Path) -> None:
    slurm.squeue = [queue_row("7", "RUNNING")]
    for _ in range(3):
        asked(slurm, tmp_path)
    assert len(slurm.asked) == 1


@pytest.mark.parametrize("rows", [
    [queue_row("7", "RUNNING", mark=OTHER)],
    [queue_row("8", "RUNNING", mark=f"{RUN_ID}.02")],
    [queue_row("7", "RUNNING", mark=f"x{RUN_ID}.01").replace("al.x", "alx")],
])  # fmt: skip
def test_another_job_is_not_ours(slurm: FakeSlurm, tmp_path: Path, rows: list[str]) -> None:
    slurm.squeue = rows
    slurm.sacct = [accounting_row("7", "FAILED", mark=OTHER)]
    assert asked(slurm, tmp_path).word_on(CASE).view is None


def test_the_token_under_another_id_is_this_runs_job(slurm: FakeSlurm, tmp_path: Path) -> None:
    slurm.squeue = [queue_row("8", "RUNNING")]
    view = asked(slurm, tmp_path).word_on(CASE).view
    assert view is not None
    assert view.job_id == "8"
    # Submitted twice: the one that is not over counts, and of two such the one that is known.
    slurm.squeue = [queue_row("7", "CANCELLED"), queue_row("8", "RUNNING")]
    assert _id(asked(slurm, tmp_path, now=NOW + 10).word_on(CASE)) == "8"
    slurm.squeue = [queue_row("8", "RUNNING"), queue_row("7", "RUNNING")]
    assert _id(asked(slurm, tmp_path, now=NOW + 20).word_on(CASE)) == "7"


def _id(word: SchedulerWord) -> str | None:
    return None if word.view is None else word.view.job_id


@pytest.mark.parametrize(
    ("printed", "listed"),
    [("38438.master.cluster.example.org", "38438.master"), ("38438.master", "38438.master.b.org")],
)
def test_an_id_with_a_longer_or_shorter_server(
    slurm: FakeSlurm, tmp_path: Path, printed: str, listed: str
) -> None:
    view = JobView(listed, "al", f"hpctrain:{RUN_ID}.01", "running", "R/42")
    other = JobView(listed, "al", "hpctrain:20250101-000000-ffff.01", "running", "R/42")
    case = Case(RUN_ID, 1, printed)
    assert Answer(KeptAnswer([other, view])).word_on(case).view == view
    assert Answer(KeptAnswer([other])).word_on(case).view is None


ADA = Submitter(os.getuid(), "ada", "login1", "a")


def test_who_asks_is_found_out_only_where_a_job_is_missing(
    slurm: FakeSlurm, tmp_path: Path
) -> None:
    slurm.squeue = [queue_row("7", "RUNNING")]
    assert asked(slurm, tmp_path).asks is None
    assert slurm.calls("scontrol") == []
    slurm.squeue, slurm.sacct = [], [accounting_row("7", "TIMEOUT")]
    assert asked(slurm, tmp_path, now=NOW + 10).asks is None
    assert slurm.calls("scontrol") == []
    slurm.sacct = []
    asks = asked(slurm, tmp_path, now=NOW + 20).asks
    assert asks is not None
    assert (asks.uid, asks.cluster) == (os.getuid(), "a")


@pytest.mark.parametrize(
    ("submitter", "seen", "doubt", "unseen"),
    [
        (ADA, True, None, None),
        (ADA, False, None, "the queue has never shown it"),
        (replace(ADA, uid=os.getuid() + 1), True, "and ada submitted it", None),
        (
            replace(ADA, cluster="b"),
            True,
            "this is the cluster a, and it was submitted on b",
            None,
        ),
    ],
)
def test_what_an_absence_proves(
    slurm: FakeSlurm, tmp_path: Path, submitter: Submitter, seen: bool, doubt: str | None,
    unseen: str | None,
) -> None:  # fmt: skip
    case = replace(CASE, submitter=submitter, seen=seen)
    word = asked(slurm, tmp_path, case).word_on(case)
    assert (word.view, word.unseen) == (None, unseen)
    assert (doubt or "") in (word.doubt or "")
    assert (word.doubt is None) == (doubt is None)
    # An accounting that shows this user's other runs on this cluster would show this one too.
    slurm.sacct = [accounting_row("3", "COMPLETED", mark=OTHER)]
    assert asked(slurm, tmp_path, case, now=NOW + 10).word_on(case).unseen is None


@pytest.mark.parametrize(
    ("job_id", "moved_to", "unseen"),
    [
        ("7.b", None, "its id names the server b, and a was asked"),
        ("7@b", None, "its id names the server b, and a was asked"),
        ("7.a@b.example.org", None, "its id names the server b.example.org, and a was asked"),
        ("7.a.example.org", None, "the queue has never shown it"),
        ("7.a", "b", "it was moved to b, which was not asked"),
    ],
)
def test_a_job_of_another_server(
    slurm: FakeSlurm, tmp_path: Path, job_id: str, moved_to: str | None, unseen: str
) -> None:
    """It is not gone where this one does not show it, nor where it has once shown it."""
    case = replace(CASE, submitter=ADA, job_id=job_id, moved_to=moved_to, seen=moved_to is not None)
    assert asked(slurm, tmp_path, case).word_on(case).unseen == unseen


def test_two_empty_replies_of_a_cluster_without_a_name(slurm: FakeSlurm, tmp_path: Path) -> None:
    """Programs that print nothing and exit with 0 may have asked nobody."""
    case = replace(CASE, submitter=replace(ADA, cluster=None, host=None), seen=True)
    slurm.scontrol = error("scontrol", "no")
    word = asked(slurm, tmp_path, case).word_on(case)
    assert (word.doubt, (word.unseen or "")[:7]) == (None, "nothing")
    slurm.squeue = [queue_row("3", "RUNNING", mark=OTHER)]
    assert asked(slurm, tmp_path, case, now=NOW + 10).word_on(case).unseen is None


def test_a_requeued_job_keeps_the_token_of_its_first_attempt(
    slurm: FakeSlurm, tmp_path: Path
) -> None:
    slurm.squeue = [queue_row("7", "RUNNING", mark=f"{RUN_ID}.01")]
    assert asked(slurm, tmp_path).word_on(Case(RUN_ID, 2, "7")).view is not None


def test_without_an_id_the_token_finds_the_job_of_that_attempt(
    slurm: FakeSlurm, tmp_path: Path
) -> None:
    slurm.squeue = [queue_row("7", "RUNNING"), queue_row("9", "PENDING", mark=f"{RUN_ID}.02")]
    view = asked(slurm, tmp_path).word_on(Case(RUN_ID, 2, None)).view
    assert view is not None
    assert view.job_id == "9"
    assert asked(slurm, tmp_path).word_on(Case(RUN_ID, 3, None)).view is None


def test_an_end_in_the_accounting(slurm: FakeSlurm, tmp_path: Path) -> None:
    slurm.sacct = [accounting_row("7", "TIMEOUT")]
    view = asked(slurm, tmp_path).word_on(CASE).view
    assert view is not None
    assert view.state == "timeout"
    # It stays one, though the accounting does not answer any more.
    slurm.sacct = ACCOUNTING_DOWN
    again = asked(slurm, tmp_path, now=NOW + 60)
    assert again.word_on(CASE).view == view
    assert again.error is None


def test_the_accounting_alone_says_no_more_than_an_end(slurm: FakeSlurm, tmp_path: Path) -> None:
    slurm.sacct = [accounting_row("7", "RUNNING")]
    witness = asked(slurm, tmp_path).word_on(CASE)
    assert (witness.view, witness.lagging) == (None, "RUNNING")
    slurm.sacct = ACCOUNTING_DOWN
    witness = asked(slurm, tmp_path, now=NOW + 60).word_on(CASE)
    assert (witness.view, witness.lagging) == (None, None)
    assert witness.no_accounting is not None
    assert witness.silent_since is not None


def test_a_queue_that_does_not_answer(slurm: FakeSlurm, tmp_path: Path) -> None:
    slurm.squeue = DOWN
    slurm.sacct = [accounting_row("7", "COMPLETED")]
    answer = asked(slurm, tmp_path)
    witness = answer.word_on(CASE)
    assert answer.error == witness.silence is not None
    assert (witness.view, witness.before) == (None, None)
    assert slurm.calls("sacct") == []  # nothing follows from it
