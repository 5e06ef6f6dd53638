"""One query per site and refresh, for every process of a project; less and less after failures."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import pytest
from made_runs import make_project, make_run, queue_row, submitted

from hpctrain.errors import SiteUnreachable
from hpctrain.runs.state.kept_answers import (
    LONGEST_PAUSE_S,
    PAUSE_S,
    KeptAnswer,
    ask_unless_fresh,
    forget,
)
from hpctrain.schedulers.base import CLUSTER_FRESH_S, JobView, NotKept

NAME = "slurm-queue"
FRESH = CLUSTER_FRESH_S


def view(state: str = "running") -> JobView:
    return JobView("7", "n", "c", state, state.upper())  # type: ignore[arg-type]


class Controller:
    """Answers, or fails with its message; counts how often it was asked."""

    def __init__(self) -> None:
        self.asked = 0
        self.problem: SiteUnreachable | None = None
        self.views = [view()]

    def __call__(self) -> list[JobView]:
        self.asked += 1
        if self.problem is not None:
            raise self.problem
        return self.views


@pytest.fixture
def controller() -> Controller:
    return Controller()


@pytest.fixture
def at(tmp_path: Path, controller: Controller) -> Callable[..., KeptAnswer]:
    """A look by some process at a time; nothing but the folder connects two of them."""

    def look_at(now: float, since: float = 0.0) -> KeptAnswer:
        return ask_unless_fresh(
            tmp_path / ".cache", NAME, controller, now, fresh_s=FRESH, since=since
        )

    return look_at


def test_an_answer_serves_everybody_for_a_few_seconds(
    at: Callable[..., KeptAnswer], controller: Controller
) -> None:
    first = at(1000.0)
    assert (first.views, first.error, controller.asked) == ([view()], None, 1)
    assert at(1000.0 + FRESH - 0.01) == first
    assert controller.asked == 1
    assert at(1000.0 + FRESH).time == 1000.0 + FRESH
    assert controller.asked == 2


def test_an_answer_that_does_not_reach_back_far_enough(
    at: Callable[..., KeptAnswer], controller: Controller
) -> None:
    at(1000.0, since=500.0)
    at(1001.0, since=600.0)
    assert controller.asked == 1
    at(1002.0, since=400.0)
    assert controller.asked == 2


def test_growing_pauses_and_the_last_known_is_kept(
    at: Callable[..., KeptAnswer], controller: Controller
) -> None:
    at(1000.0)
    controller.problem = SiteUnreachable("squeue: no answer")
    now, pauses = 1010.0, []
    failed = at(now)
    for _ in range(10):
        asked = controller.asked
        step = 0.0
        while controller.asked == asked:
            step += PAUSE_S / 2
            failed = at(now + step)
        pauses.append(step)
        now += step
        assert (failed.error, failed.failing_since) == ("squeue: no answer", 1010.0)
        assert (failed.views, failed.time) == ([view()], 1000.0)
    assert pauses[:4] == [PAUSE_S, 2 * PAUSE_S, 4 * PAUSE_S, 8 * PAUSE_S]
    assert pauses[-1] == LONGEST_PAUSE_S
    controller.problem, controller.views = None, [view("queued")]
    good = at(now + LONGEST_PAUSE_S)
    assert (good.error, good.failing_since, good.failures) == (None, None, 0)
    assert good.views == [view("queued")]


def test_a_week_of_failures(
    tmp_path: Path, at: Callable[..., KeptAnswer], controller: Controller
) -> None:
    controller.problem = SiteUnreachable("down")
    at(1000.0)
    path = tmp_path / ".cache" / f"{NAME}.json"
    path.write_text(json.dumps({**json.loads(path.read_text()), "failures": 2000}))
    assert at(1000.0 + LONGEST_PAUSE_S - 1).failures == 2000
    assert at(1000.0 + LONGEST_PAUSE_S).failures == 2001


def test_after_a_change_everybody_asks_again(
    tmp_path: Path, at: Callable[..., KeptAnswer], controller: Controller
) -> None:
    at(1000.0)
    forget(tmp_path / ".cache")
    at(1000.1)
    assert controller.asked == 2
    # Also one that fails; since when is not forgotten, nor what was known.
    controller.problem = SiteUnreachable("down")
    at(1010.0)
    forget(tmp_path / ".cache")
    again = at(1010.1)
    assert controller.asked == 4
    assert (again.failing_since, again.views, again.failures) == (1010.0, [view()], 2)
    forget(tmp_path / "nothing")


def test_other_files_of_the_cache_are_left(tmp_path: Path) -> None:
    (tmp_path / "following.json").write_text("{}")
    forget(tmp_path)
    assert (tmp_path / "following.json").read_text() == "{}"


def test_nothing_kept_is_no_answer_whatever_the_clock_says(
    at: Callable[..., KeptAnswer], controller: Controller
) -> None:
    """A clock that begins at 0, as on a machine without a battery."""
    assert at(1.0).views == [view()]


def test_a_clock_that_goes_backward(at: Callable[..., KeptAnswer], controller: Controller) -> None:
    at(1000.0)
    assert at(900.0).time == 900.0
    controller.problem = SiteUnreachable("down")
    at(1000.0)
    at(950.0)  # no pause of unknown length
    assert controller.asked == 4
    assert at(951.0).failing_since == 1000.0


@pytest.mark.parametrize(
    "text", ["", '{"views": [{"job_id": "7"', "[]", "null", '{"views": [], "asked": 1e9, "x": 1}',
             '{"views": [{"job_id": "7"}]}', '{"views": 3}', "\x00\x00"]
)  # fmt: skip
def test_a_torn_cache_is_no_answer(
    tmp_path: Path, at: Callable[..., KeptAnswer], controller: Controller, text: str
) -> None:
    path = tmp_path / ".cache" / f"{NAME}.json"
    path.parent.mkdir()
    path.write_text(text)
    assert at(1000.0).views == [view()]
    assert controller.asked == 1
    at(1001.0)
    assert controller.asked == 1  # and it is whole again


@pytest.mark.skipif(os.getuid() == 0, reason="root may write everywhere")
def test_a_folder_that_cannot_be_written(tmp_path: Path, controller: Controller) -> None:
    tmp_path.chmod(0o500)
    assert ask_unless_fresh(tmp_path / ".cache", NAME, controller, 1.0, fresh_s=FRESH).views == [
        view()
    ]


def test_a_cache_that_cannot_be_kept_is_no_error(tmp_path: Path, controller: Controller) -> None:
    (tmp_path / ".cache").write_text("a file where the folder should be")
    for _ in range(2):
        found = ask_unless_fresh(tmp_path / ".cache", NAME, controller, 1.0, fresh_s=FRESH)
        assert found.views == [view()]
    assert controller.asked == 2


def test_what_will_never_answer_is_told(
    at: Callable[..., KeptAnswer], controller: Controller
) -> None:
    controller.problem = NotKept("disabled")
    assert at(1000.0).never
    assert at(1001.0).never
    controller.problem = SiteUnreachable("down")
    assert not at(2000.0).never


PROGRAM = """#!/bin/sh
echo "$$" >> "{counter}"
cat "{answer}"
"""


@pytest.mark.slow
def test_a_thousand_runs_cost_two_calls_and_the_next_process_none(tmp_path: Path) -> None:
    """Real processes, and programs that count. All runs are running, and one has left the queue."""
    project = make_project(tmp_path / "p")
    now, rows = time.time(), []
    for number in range(1000):
        run = make_run(project, f"20261123-120000-{number:04x}")
        submitted(run, now - 1000, 1, str(number + 1))
        rows.append(queue_row(str(number + 1), "RUNNING", mark=f"{run.run_id}.01"))
    (tmp_path / "bin").mkdir()
    for name, answer in (("squeue", rows[:-1]), ("sacct", [])):
        (tmp_path / f"{name}.rows").write_text("".join(f"{row}\n" for row in answer))
        program = tmp_path / "bin" / name
        program.write_text(PROGRAM.format(counter=tmp_path / f"{name}.calls",
                                          answer=tmp_path / f"{name}.rows"))  # fmt: skip
        program.chmod(0o755)

    def status() -> str:
        reply = subprocess.run(
            [sys.executable, "-m", "hpctrain", "status", "--project", str(project.file)],
            env={**os.environ, "PATH": f"{tmp_path / 'bin'}:{os.environ['PATH']}"},
            capture_output=True, text=True, timeout=60, check=True,
        )  # fmt: skip
        return reply.stdout

    def calls() -> list[int]:
        counts = (tmp_path / f"{name}.calls" for name in ("squeue", "sacct"))
        return [len(path.read_text().splitlines()) for path in counts]

    assert status().count(" running ") == 999
    assert calls() == [1, 1]
    for path in project.cache.glob("slurm-*.json"):  # however slow this machine is
        path.write_text(json.dumps({**json.loads(path.read_text()), "asked": time.time()}))
    assert status().count(" running ") == 999
    assert calls() == [1, 1]
