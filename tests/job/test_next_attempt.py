"""What a scheduler's program says to a job that submits the next attempt."""

from __future__ import annotations

import os
import signal
from pathlib import Path

import pytest

from hpctrain.job.next_attempt import Outcome, _outcome, resubmit

FAILED = "sbatch: error: Batch job submission failed: "
SLURM = (1, 2, 255)


@pytest.mark.parametrize(
    ("said", "problem", "certain"),
    [
        (f"sbatch: error: no account, no job; {FAILED}Unspecified error",
         "sbatch: error: no account, no job", True),
        (f"{FAILED}Unspecified error", None, False),
        (f"sbatch: error: slurm_receive_msg: no bytes; {FAILED}Unspecified error", None, False),
        (f"sbatch: error: Munge encode is out; {FAILED}Unspecified error", None, False),
        (f"{FAILED}Invalid account or account/partition combination specified", None, True),
        (f"{FAILED}Socket timed out on send/recv operation", None, False),
    ],
)  # fmt: skip
def test_a_refusal_of_the_sites_own_is_one(said: str, problem: str | None, certain: bool) -> None:
    assert _outcome((1, "", said), SLURM) == Outcome(None, problem or said, certain=certain)


@pytest.mark.parametrize(
    ("out", "job_id"),
    [
        ("123\n", "123"),
        ("20261128\n5001;gpu\n", "5001"),
        ("2026\n\n25.pbs.example\n", "25.pbs.example"),
    ],
)
def test_the_id_is_the_last_line_of_digits(out: str, job_id: str) -> None:
    assert _outcome((0, out, "exit code 0"), SLURM) == Outcome(job_id)


def test_what_a_wrapper_leaves_behind_is_not_waited_for(tmp_path: Path) -> None:
    """As a shared ssh connection does, it holds the pipes open for as long as it lives."""
    left, attempt = tmp_path / "left", tmp_path / "attempts" / "01"
    attempt.mkdir(parents=True)
    lines = f"setsid sleep 1000 & echo $! >{left}; echo a warning 1 >&2; echo 123"
    outcome = resubmit(tmp_path, attempt, 2, ["bash", "-c", lines], dict(os.environ), SLURM)
    os.kill(int(left.read_text()), signal.SIGKILL)
    assert outcome == Outcome("123")
