"""What max_attempts bounds: attempts that began to train."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from hpctrain.job.continuation import count_begun, obstacle


def attempt(run: Path, number: int, **result: Any) -> None:
    folder = run / "attempts" / f"{number:02d}"
    folder.mkdir(parents=True)
    (folder / "claim.json").write_text("{}")
    if result:
        (folder / "result.json").write_text(json.dumps(result))


def test_jobs_that_never_trained_use_up_no_attempt(tmp_path: Path) -> None:
    attempt(tmp_path, 1, state="timeout")
    attempt(tmp_path, 2, state="failed", begun=False)
    attempt(tmp_path, 3, state="failed", gives_way_to=1)
    (tmp_path / "attempts" / "04").mkdir()
    attempt(tmp_path, 11)
    assert count_begun(tmp_path, 11) == 2
    settings = {"continuation": "resubmit", "max_attempts": 3}
    assert obstacle(tmp_path, 11, settings, {"iterations": 5}) is None
    # An iteration that is longer than a walltime.
    within = {"iterations": 5, "steps": 70, "from": {"iterations": 5, "steps": 60}}
    assert obstacle(tmp_path, 11, settings, within) is None
    assert "no iteration was completed" in str(
        obstacle(tmp_path, 11, settings, {**within, "steps": 60})
    )
    words = obstacle(tmp_path, 11, {**settings, "max_attempts": 2}, {"iterations": 5})
    assert words == f"max_attempts is 2; to go on: hpctrain resume {tmp_path.name}"
