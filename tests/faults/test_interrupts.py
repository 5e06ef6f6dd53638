"""Ctrl-C at every line of a submission: the job is known, or it is known that none is wanted.

A first, undisturbed run goes through the lines that lead from the run's folder to the job's id, so
that a line that is added later is interrupted too. A user who pressed Ctrl-C wants no job that is
not there yet: no later command submits one, and none is submitted twice.
"""

from __future__ import annotations

import json
import os
import signal
from pathlib import Path
from typing import Any

import pytest
from faults.field import (
    STATUS,
    SUBMIT,
    Done,
    Field,
    Tally,
    each,
    runs,
    sample,
    states,
    trainings,
)
from waiting import wait_for

pytestmark = pytest.mark.slow

Place = tuple[str, int, int]
CHAIN = "continuation: chain\nmax_attempts: 3\n"


def submissions(project: Path) -> int:
    path = project / "submissions"
    return len(path.read_text().splitlines()) if path.exists() else 0


def name_of(place: Place) -> str:
    return f"{place[0]}:{place[1]} ({place[2]})"


class Cases:
    """Projects in each of which Ctrl-C was pressed at one place, and what became of them."""

    def __init__(self, field: Field, attempts: int = 1) -> None:
        self.field, self.attempts, self.tally = field, attempts, Tally()
        self.projects: dict[str, Path] = {}

    def pressed(self, place: Place, project: Path, done: Done, before: int = 0) -> None:
        """Look at a project where it was pressed; ``before`` submissions were made before it."""
        name, field, tally = name_of(place), self.field, self.tally
        tally.cases += 1
        if done.code not in (130, 0) or "Traceback" in done.err:
            tally.wrong.append(f"{name}: {done.code} {done.err}")
        made = submissions(project)
        for _ in range(2):
            then = field.run(project, *STATUS, environment=field.counting(project))
            if then.code != 0:
                tally.wrong.append(f"{name}: status: {then.code} {then.err}")
        if then.err:
            tally.wrong.append(f"{name}: still something to say: {then.err}")
        if submissions(project) != made:
            tally.twice.append(f"{name}: submitted by status, after Ctrl-C")
        if made - before > self.attempts:
            tally.twice.append(f"{name}: submitted {made - before} times")
        self.projects[name] = project

    def judge(self, step: str, outcome: str) -> None:
        """When all jobs are over: what was submitted has trained, and is known."""
        field, tally = self.field, self.tally
        field.world.queue_is_empty()
        for name, project in self.projects.items():
            shown = field.run(project, *STATUS)
            there, lines = runs(project), trainings(project)
            if len(there) > 1 or len(lines) != len(set(lines)):
                tally.twice.append(f"{name}: {lines}")
            if shown.code != 0 or (not there and lines):
                tally.lost.append(f"{name}: {lines} {shown.err}")
            for run in there:
                events = [event["event"] for event in run.events()]
                if not {"submitted", "interrupted"} & set(events):
                    tally.wrong.append(f"{name}: {events}")
        field.note(step, outcome, tally)


# Where the order of writing is; Ctrl-C is pressed twice there.
OF_SUBMISSION = ("submission.py", "chain.py", "recording.py")


@pytest.mark.fault("Ctrl-C")
@pytest.mark.parametrize("times", [1, 2])
def test_submit(times: int, field: Field) -> None:
    whole = field.project("whole")
    undisturbed = field.run(whole, *SUBMIT, trace=True, environment=field.counting(whole))
    assert (undisturbed.code, submissions(whole)) == (0, 1)
    places = [place for place in undisturbed.places if place[2] == 1]
    assert len(places) > 100
    if times > 1:
        places = [place for place in places if place[0].endswith(OF_SUBMISSION)]
    cases = Cases(field)

    def press(case: tuple[int, Place]) -> None:
        number, place = case
        project = field.project(f"{number:03d}")
        order: dict[str, Any] = {"press": place, "times": times}
        done = field.run(project, *SUBMIT, **order, environment=field.counting(project))
        cases.pressed(place, project, done)

    each(press, enumerate(sample(places)))
    cases.judge(f"submit, every line, pressed {times} times", "the job is known, or none is made")


@pytest.mark.fault("Ctrl-C")
def test_submit_of_a_chain(field: Field) -> None:
    """What was submitted of it stays; the rest is not submitted by the next command."""
    whole = field.project("whole", behaviour="wait", profile=CHAIN)
    undisturbed = field.run(whole, *SUBMIT, trace=True, environment=field.counting(whole))
    assert (undisturbed.code, submissions(whole)) == (0, 3)
    # Those of the first submission are pressed at above.
    places = [place for place in undisturbed.places if place[2] == 2]
    cases = Cases(field, attempts=3)

    def press(case: tuple[int, Place]) -> None:
        number, place = case
        project = field.project(f"{number:03d}", profile=CHAIN)
        done = field.run(project, *SUBMIT, press=place, environment=field.counting(project))
        cases.pressed(place, project, done)

    each(press, enumerate(sample(places)))
    field.run(whole, "cancel", runs(whole)[0].run_id)
    cases.judge("submit of a chain", "it stays as long as it is")


@pytest.mark.fault("Ctrl-C")
def test_resume(field: Field) -> None:
    ended = field.finished("ended", behaviour="timeout")

    project, resume = field.copy_to_resume(ended, 0)
    whole = field.run(project, *resume, trace=True, environment=field.counting(project))
    assert (whole.code, submissions(project)) == (0, 1), whole.err
    places = [place for place in whole.places if place[2] == 1]
    cases = Cases(field)

    def press(case: tuple[int, Place]) -> None:
        number, place = case
        project, resume = field.copy_to_resume(ended, number)
        done = field.run(project, *resume, press=place, environment=field.counting(project))
        cases.pressed(place, project, done)

    each(press, enumerate(sample(places), 1))
    cases.judge("resume, every line", "the job is known, or none is made")


@pytest.mark.fault("Ctrl-C")
def test_a_scheduler_that_hangs(field: Field) -> None:
    """The user is not kept waiting, and what was not submitted is not submitted later."""
    project = field.project()
    hangs = field.wrapped(project, field.world.submits, f"touch {project}/begun; sleep 1000")
    pid = field.start(project, *SUBMIT, environment=hangs)
    wait_for((project / "begun").exists, 60, "the submission to begin")
    os.kill(pid, signal.SIGINT)
    done = field.wait(pid)
    (run,) = runs(project)
    assert done.code == 130
    assert run.run_id in done.err
    assert json.loads(done.out)["exit_code"] == 130
    shown = field.run(project, *STATUS, environment=field.counting(project))
    assert states(shown) == ["prepared"]
    assert submissions(project) == 0
    # Whoever wants it after all says so.
    assert field.run(project, "resume", run.run_id).code == 0
    field.ends_well(project, "nothing is submitted until it is asked for")
