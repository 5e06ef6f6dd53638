"""Two commands on one project at the same instant: as if one came after the other."""

from __future__ import annotations

import json
import time
from pathlib import Path

import pytest
from faults.field import (
    KILLED,
    STATUS,
    SUBMIT,
    Done,
    Field,
    Tally,
    copy_of,
    each,
    runs,
    states,
    trainings,
)

pytestmark = pytest.mark.slow

TIMES = 6


def at_once(field: Field, project: Path, *orders: tuple[str, ...]) -> list[Done]:
    """Each in its own process, all begun at one time."""
    begin = time.time() + 0.05
    return [
        field.wait(pid) for pid in [field.start(project, *order, begin=begin) for order in orders]
    ]


@pytest.mark.fault("two at once")
def test_two_submits(field: Field) -> None:
    projects, tally = [field.project(str(number)) for number in range(TIMES)], Tally()
    for project in projects:
        done = at_once(field, project, SUBMIT, SUBMIT)
        assert [one.code for one in done] == [0, 0], [one.err for one in done]
    field.world.queue_is_empty()
    jobs = field.world.accounted(
        f"{run.run_id}.01" for project in projects for run in runs(project)
    )
    collected = each(lambda project: field.run(project, "collect", "--json"), projects)
    for project, done in zip(projects, collected, strict=True):
        tally.cases += 1
        there = runs(project)
        # The same structures: the same generation, whoever came first.
        assert [run.manifest["generation"] for run in there] == [1, 1]
        assert [len(jobs[f"{run.run_id}.01"]) for run in there] == [1, 1]
        assert len(trainings(project)) == 2
        assert {one["name"] for one in done.json["potentials"]} == {
            "potential_gen_01",
            "potential_gen_01_r2",
        }
    field.note("submit and submit", "two runs, one job each", tally)


@pytest.mark.fault("two at once")
def test_submit_beside_status(field: Field) -> None:
    projects, tally = [field.project(str(number)) for number in range(TIMES)], Tally()
    for project in projects:
        done = at_once(field, project, SUBMIT, STATUS, STATUS)
        assert [one.code for one in done] == [0, 0, 0], [one.err for one in done]
    field.judge(tally, {project.name: project for project in projects})
    field.note("submit beside status", "one run, one job", tally)


@pytest.mark.fault("two at once")
def test_two_that_finish_what_was_left(field: Field) -> None:
    """Both find a submission that was killed; one of them finishes it."""
    sent = field.sending(field.steps_of_submit())
    projects, tally = [field.project(str(number)) for number in range(TIMES)], Tally()
    for number, project in enumerate(projects):
        kill = (sent, "before" if number % 2 else "after")
        assert field.run(project, *SUBMIT, kill=kill).code == KILLED
        done = at_once(field, project, STATUS, STATUS, STATUS)
        assert [one.code for one in done] == [0, 0, 0], [one.err for one in done]
    field.judge(tally, {project.name: project for project in projects})
    field.note("status, three times", "one of them finishes it", tally)


@pytest.mark.fault("two at once")
def test_two_collects(field: Field) -> None:
    finished, tally = field.finished("finished"), Tally()
    for number in range(TIMES):
        project = copy_of(finished, finished.parent / f"case-{number}", number)
        name = runs(project)[0].run_id
        done = at_once(field, project, *[("collect", name, "--json")] * 2)
        assert [one.code for one in done] == [0, 0], [one.err for one in done]
        tally.cases += 1
        assert [[found["name"] for found in one.json["potentials"]] for one in done] == [
            ["potential_gen_01"], ["potential_gen_01"],
        ]  # fmt: skip
        assert len(list((project / "potentials").glob(f"*.{field.main}"))) == 1
        events = [event["event"] for event in runs(project)[0].events()]
        assert events.count("collected") == 1
    field.note("collect and collect", "one potential, both name it", tally)


@pytest.mark.fault("two at once")
def test_two_resumes(field: Field) -> None:
    # Held, so that the second attempt cannot have ended before the second command looks.
    ended, tally = field.finished("ended", behaviour="timeout"), Tally()
    for number in range(TIMES):
        project = copy_of(ended, ended.parent / f"case-{number}", number)
        (run,) = runs(project)
        script = run.folder / "job.sh"
        held = f"\n{field.world.prefix} {field.world.hold}\n"
        script.write_text(script.read_text().replace("\n", held, 1))
        done = at_once(field, project, *[("resume", run.run_id, "--json")] * 2)
        assert [one.code for one in done] == [0, 0], [one.err for one in done]
        said = [one.json["runs"][0] for one in done]
        assert sorted(one["submitted"] for one in said) == [False, True]
        assert said[0]["job_id"] == said[1]["job_id"]
        jobs = field.world.jobs_by_token()
        assert len(jobs[f"{run.run_id}.02"]) == 1
        assert not jobs[f"{run.run_id}.03"]
        assert field.run(project, "cancel", run.run_id).code == 0
        tally.cases += 1
    field.world.queue_is_empty()
    field.note("resume and resume", "one attempt more", tally)


@pytest.mark.fault("the lock's holder was killed")
def test_a_dead_holder(field: Field) -> None:
    taken = next(n for n, (event, path) in enumerate(field.steps_of_submit(), 1)
                 if event == "os.link" and "/.lock/" in path)  # fmt: skip
    project = field.project()
    pid = field.start(project, *SUBMIT, kill=(taken, "after"))
    assert field.wait(pid).code == KILLED
    done = field.run(project, *SUBMIT)
    assert done.code == 0
    assert f"taking over the lock of 'submit' (process {pid} on " in done.err
    field.note("submit", "named, and followed at once")


@pytest.mark.fault("a lock held on another machine")
def test_a_holder_elsewhere(field: Field) -> None:
    """status goes on without it, and finishes nothing; the lock is left to its holder."""
    sent = field.sending(field.steps_of_submit())
    project = field.project()
    assert field.run(project, *SUBMIT, kill=(sent, "before")).code == KILLED
    record = {"host": "login2", "boot": "x", "pid": 7, "start": "1", "command": "submit"}
    (project / "runs" / ".lock" / "9").write_text(json.dumps(record))
    done = field.run(project, *STATUS)
    assert (done.code, states(done)) == (0, ["submitting"])
    assert not trainings(project)
    (project / "runs" / ".lock" / "9").write_text(json.dumps({**record, "released": True}))
    assert field.run(project, *STATUS).code == 0
    tally = Tally()
    field.judge(tally, {"afterwards": project})
    field.note("status", "waits for it; finishes when it is free", tally)
