"""Who is asked what, and which answer is the run's."""

from __future__ import annotations

from pathlib import Path

import pytest
from made_runs import ACCOUNTING_DOWN, DOWN, RUN_ID, FakeSlurm, accounting_row, queue_row

from hpctrain.runs.state.ask import Answer, Case, ask
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
    [queue_row("8", "RUNNING")],
    [queue_row("7", "RUNNING", mark=f"x{RUN_ID}.01").replace("al.x", "alx")],
])  # fmt: skip
def test_another_job_is_not_ours(slurm: FakeSlurm, tmp_path: Path, rows: list[str]) -> None:
    slurm.squeue = rows
    slurm.sacct = [accounting_row("7", "FAILED", mark=OTHER)]
    assert asked(slurm, tmp_path).word_on(CASE).view is None


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
