"""The user's own command at the end of a run: when it is called, and what becomes of it."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from paths import CHECKOUT

from hpctrain.job import on_end
from hpctrain.job.ending import Ending

# In a process of its own: what a step leaves behind is ended, and all that descends from its
# process is taken for that.
CALL = """
import json, sys
from pathlib import Path
from hpctrain.job import on_end
from hpctrain.job.ending import Ending
run = Path(sys.argv[1])
results = []
for case in json.loads(sys.argv[2]):
    ending = Ending()
    ending.plan(case["walltime_s"], 60.0)
    results.append(on_end.call(run, run, {"on_end": case["argv"]}, {"PYTHONPATH": "given"},
                               {"state": "failed", "reason": "it said $HOME; no"}, ending))
print(json.dumps(results))
"""


def call(run: Path, *cases: tuple[list[str], float | None]) -> list[str | None]:
    """The problem of each case: a command, and the walltime that is left."""
    told = json.dumps([{"argv": argv, "walltime_s": seconds} for argv, seconds in cases])
    reply = subprocess.run(
        [sys.executable, "-c", CALL, str(run), told],
        cwd=CHECKOUT, capture_output=True, text=True, timeout=60, check=True,
    )  # fmt: skip
    return [result["problem"] for result in json.loads(reply.stdout)]


@pytest.mark.slow
def test_what_it_is_told_and_what_becomes_of_it(tmp_path: Path) -> None:
    run = tmp_path / "20261123-120000-abcd"
    run.mkdir()
    program = tmp_path / "notify"
    program.write_text(
        '#!/bin/sh\npwd\nprintf "%s\\n" "$@" "$HPCTRAIN_RUN" "$HPCTRAIN_RUN_DIR" '
        '"$HPCTRAIN_STATE" "$HPCTRAIN_REASON" "$PYTHONPATH"\n'
    )
    program.chmod(0o755)
    failing = ["sh", "-c", "echo first; echo no such address >&2; exit 3"]
    hanging = ["sh", "-c", "sleep 1000 & sleep 1000"]
    problems = call(
        run,
        ([str(program), "$HOME; ls", "a b"], None),
        (failing, None),
        ([str(tmp_path / "nowhere")], None),
        (hanging, 3.0),
        (["true"], 1.0),
    )
    assert (run / "on_end.out").read_text().splitlines()[:8] == [
        str(run), "$HOME; ls", "a b", run.name, str(run), "failed", "it said $HOME; no", "given",
    ]  # fmt: skip
    assert problems[0] is None
    assert problems[1] == "on_end failed (exit code 3): no such address"
    assert str(problems[2]).startswith("on_end failed (exit code 127)")
    assert str(problems[3]).endswith("s and was ended")
    assert problems[4] == "there was no time for it before the walltime"


@pytest.mark.parametrize(
    ("result", "due"),
    [
        ({"state": "completed"}, True),
        ({"state": "failed"}, True),
        ({"state": "timeout"}, True),
        ({"state": "timeout", "continues": {"mode": "resubmit", "attempt": 2}}, False),
        ({"state": "terminated"}, False),
        ({"state": "failed", "gives_way_to": 1}, False),
    ],
)
def test_it_is_called_when_no_other_attempt_follows(result: dict[str, Any], due: bool) -> None:
    assert on_end.is_due({"on_end": ["notify"]}, result, Ending()) is due
    assert on_end.is_due({"on_end": []}, result, Ending()) is False
    assert on_end.is_due({}, result, Ending()) is False


def test_a_job_that_is_being_ended_calls_nothing() -> None:
    ending = Ending()
    ending.signal = "SIGTERM"
    assert on_end.is_due({"on_end": ["notify"]}, {"state": "completed"}, ending) is False
