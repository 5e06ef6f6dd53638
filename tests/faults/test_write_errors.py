"""A disk that fails at every step of a submission: after it, there is one run, and one job.

A first, undisturbed run counts the steps that write. Once the run has its name, the message says
so, and which command finishes it: whoever would submit again would make another run.
"""

from __future__ import annotations

import errno
from pathlib import Path

import pytest
from faults.field import (
    STATUS,
    SUBMIT,
    Field,
    Tally,
    each,
    named_at,
    runs,
    sample,
    step_name,
)

pytestmark = pytest.mark.slow

Failure = tuple[int, int, str]


def failures(steps: list[tuple[str, str]]) -> list[Failure]:
    """Once, from a step on, and when what was written is to reach the disk."""
    writing = [n for n, (event, _) in enumerate(steps, 1) if event.startswith("o")]
    return [
        (n, error, which)
        for n in writing
        for error, which in ((errno.EIO, "once"), (errno.ENOSPC, "on"), (errno.ENOSPC, "sync"))
        if which != "sync" or steps[n - 1][0] == "open"
    ]


@pytest.mark.fault("writing fails")
def test_submit(field: Field) -> None:
    steps = field.steps_of_submit()
    named, tally = named_at(steps), Tally()

    def failed(case: tuple[int, Failure]) -> tuple[str, Path]:
        number, failure = case
        name = f"{step_name(steps, (failure[0], 'at'))} {failure[1:]}"
        project = field.project(f"{number:03d}")
        done = field.run(project, *SUBMIT, fail=failure)
        there = runs(project)
        if done.code not in (0, 1) or (done.code == 1 and failure[0] > named and not there):
            tally.wrong.append(f"{name}: {done.code} {done.err}")
        if done.code == 1 and there:
            words = (there[0].run_id, "hpctrain status", "another run")
            if not all(word in done.err for word in words):
                tally.wrong.append(f"{name}: {done.err}")
        if done.code == 0 and not there:
            tally.lost.append(name)
        # What the message says.
        then = field.run(project, *(STATUS if there else SUBMIT))
        if then.code != 0:
            tally.wrong.append(f"{name}: then {then.code} {then.err}")
        return name, project

    cases = [one for one in failures(steps) if one[0] > named]
    field.judge(tally, dict(each(failed, enumerate(sample(cases)))))
    field.note("submit, every step once the run has its name", "one run; said what ends it", tally)


@pytest.mark.fault("writing fails")
def test_resume(field: Field) -> None:
    ended = field.finished("ended", behaviour="timeout")

    project, resume = field.copy_to_resume(ended, 0)
    steps = field.run(project, *resume).steps
    tally = Tally()

    def failed(case: tuple[int, Failure]) -> tuple[str, Path]:
        number, failure = case
        name = f"{step_name(steps, (failure[0], 'at'))} {failure[1:]}"
        project, resume = field.copy_to_resume(ended, number)
        done = field.run(project, *resume, fail=failure)
        if done.code not in (0, 1):
            tally.wrong.append(f"{name}: {done.code} {done.err}")
        then = field.run(project, *STATUS)
        if then.code == 0 and then.json["runs"][0]["attempt"] == 1:
            then = field.run(project, *resume)
        if then.code != 0:
            tally.wrong.append(f"{name}: then {then.code} {then.err}")
        return name, project

    cases = [one for one in failures(steps) if one[1] == errno.ENOSPC]
    field.judge(tally, dict(each(failed, enumerate(sample(cases), 1))), attempts=2, state="timeout")
    field.note("resume, every step", "one attempt more, one job", tally)


@pytest.mark.fault("writing fails")
def test_what_is_printed(field: Field) -> None:
    """The run is there, whatever becomes of the words about it."""
    project = field.project()
    done = field.run(project, *SUBMIT, stdout="/dev/full")
    (run,) = runs(project)
    assert done.code == 1
    assert run.run_id in done.err
    assert "hpctrain status" in done.err
    field.ends_well(project, "says that the run was submitted")
