"""Two commands on one project at the same instant: as if one came after the other."""

from __future__ import annotations

import json
import time
from collections.abc import Callable
from pathlib import Path

import pytest
from faults.field import (
    KILLED,
    Commands,
    Done,
    Tally,
    accounted,
    copy_of,
    jobs_by_token,
    queue_is_empty,
    runs,
    states,
    trainings,
)
from slurm_fixture import Slurm

pytestmark = [pytest.mark.slow, pytest.mark.real_slurm, pytest.mark.usefixtures("slurm")]

SUBMIT = ("submit", "--site", "mycluster", "--json")
STATUS = ("status", "--json")
TIMES = 6


def at_once(commands: Commands, project: Path, *orders: tuple[str, ...]) -> list[Done]:
    """Each in its own process, all begun at one time."""
    begin = time.time() + 0.05
    return [
        commands.wait(pid)
        for pid in [commands.start(project, *order, begin=begin) for order in orders]
    ]


@pytest.mark.fault("two at once")
def test_two_submits(
    slurm: Slurm,
    commands: Commands,
    new_project: Callable[..., Path],
    matrix: Callable[..., None],
) -> None:
    projects, tally = [new_project(str(number)) for number in range(TIMES)], Tally()
    for project in projects:
        done = at_once(commands, project, SUBMIT, SUBMIT)
        assert [one.code for one in done] == [0, 0], [one.err for one in done]
    queue_is_empty()
    accounted(f"{run.run_id}.01" for project in projects for run in runs(project))
    jobs = jobs_by_token()
    for project in projects:
        tally.cases += 1
        there = runs(project)
        # The same structures: the same generation, whoever came first.
        assert [run.manifest["generation"] for run in there] == [1, 1]
        assert [len(jobs[f"{run.run_id}.01"]) for run in there] == [1, 1]
        assert len(trainings(project)) == 2
        collected = commands.run(project, "collect", "--json").json["potentials"]
        assert {one["name"] for one in collected} == {"potential_gen_01", "potential_gen_01_r2"}
    matrix("submit and submit", "two runs, one job each", tally)


@pytest.mark.fault("two at once")
def test_submit_beside_status(
    slurm: Slurm,
    commands: Commands,
    new_project: Callable[..., Path],
    matrix: Callable[..., None],
) -> None:
    projects, tally = [new_project(str(number)) for number in range(TIMES)], Tally()
    for project in projects:
        done = at_once(commands, project, SUBMIT, STATUS, STATUS)
        assert [one.code for one in done] == [0, 0, 0], [one.err for one in done]
    queue_is_empty()
    accounted(f"{run.run_id}.01" for project in projects for run in runs(project))
    jobs = jobs_by_token()
    for project in projects:
        tally.judge(project.name, project, jobs)
        tally.silent(project.name, commands.run(project, *STATUS))
    matrix("submit beside status", "one run, one job", tally)


@pytest.mark.fault("two at once")
def test_two_that_finish_what_was_left(
    slurm: Slurm,
    commands: Commands,
    new_project: Callable[..., Path],
    matrix: Callable[..., None],
) -> None:
    """Both find a submission that was killed; one of them finishes it."""
    whole = commands.run(new_project("whole"), *SUBMIT)
    sent = [n for n, (_, path) in enumerate(whole.steps, 1) if path.startswith("sbatch")]
    projects, tally = [new_project(str(number)) for number in range(TIMES)], Tally()
    for number, project in enumerate(projects):
        kill = (sent[0], "before" if number % 2 else "after")
        assert commands.run(project, *SUBMIT, kill=kill).code == KILLED
        done = at_once(commands, project, STATUS, STATUS, STATUS)
        assert [one.code for one in done] == [0, 0, 0], [one.err for one in done]
    queue_is_empty()
    accounted(f"{run.run_id}.01" for project in projects for run in runs(project))
    jobs = jobs_by_token()
    for project in projects:
        tally.judge(project.name, project, jobs)
        tally.silent(project.name, commands.run(project, *STATUS))
    matrix("status, three times", "one of them finishes it", tally)


@pytest.mark.fault("two at once")
def test_two_collects(
    slurm: Slurm,
    commands: Commands,
    new_project: Callable[..., Path],
    matrix: Callable[..., None],
) -> None:
    finished, tally = new_project("finished"), Tally()
    assert commands.run(finished, *SUBMIT).code == 0
    queue_is_empty()
    for number in range(TIMES):
        project = copy_of(finished, finished.parent / f"case-{number}", number)
        name = runs(project)[0].run_id
        done = at_once(commands, project, *[("collect", name, "--json")] * 2)
        assert [one.code for one in done] == [0, 0], [one.err for one in done]
        tally.cases += 1
        assert [[found["name"] for found in one.json["potentials"]] for one in done] == [
            ["potential_gen_01"], ["potential_gen_01"],
        ]  # fmt: skip
        assert len(list((project / "potentials").glob("*.yace"))) == 1
        events = [event["event"] for event in runs(project)[0].events()]
        assert events.count("collected") == 1
    matrix("collect and collect", "one potential, both name it", tally)


@pytest.mark.fault("two at once")
def test_two_resumes(
    slurm: Slurm,
    commands: Commands,
    new_project: Callable[..., Path],
    matrix: Callable[..., None],
) -> None:
    # Held, so that the second attempt cannot have ended before the second command looks.
    ended, tally = new_project("ended", behaviour="timeout"), Tally()
    assert commands.run(ended, *SUBMIT).code == 0
    queue_is_empty()
    for number in range(TIMES):
        project = copy_of(ended, ended.parent / f"case-{number}", number)
        (run,) = runs(project)
        script = run.folder / "job.sh"
        script.write_text(script.read_text().replace("\n", "\n#SBATCH --hold\n", 1))
        done = at_once(commands, project, *[("resume", run.run_id, "--json")] * 2)
        assert [one.code for one in done] == [0, 0], [one.err for one in done]
        said = [one.json["runs"][0] for one in done]
        assert sorted(one["submitted"] for one in said) == [False, True]
        assert said[0]["job_id"] == said[1]["job_id"]
        assert len(jobs_by_token()[f"{run.run_id}.02"]) == 1
        assert not jobs_by_token()[f"{run.run_id}.03"]
        assert commands.run(project, "cancel", run.run_id).code == 0
        tally.cases += 1
    queue_is_empty()
    matrix("resume and resume", "one attempt more", tally)


@pytest.mark.fault("the lock's holder was killed")
def test_a_dead_holder(
    slurm: Slurm,
    commands: Commands,
    new_project: Callable[..., Path],
    matrix: Callable[..., None],
) -> None:
    whole = commands.run(new_project("whole"), *SUBMIT)
    taken = next(n for n, (event, path) in enumerate(whole.steps, 1)
                 if event == "os.link" and "/.lock/" in path)  # fmt: skip
    project = new_project()
    pid = commands.start(project, *SUBMIT, kill=(taken, "after"))
    assert commands.wait(pid).code == KILLED
    done = commands.run(project, *SUBMIT)
    assert done.code == 0
    assert f"taking over the lock of 'submit' (process {pid} on " in done.err
    matrix("submit", "named, and followed at once")


@pytest.mark.fault("a lock held on another machine")
def test_a_holder_elsewhere(
    slurm: Slurm,
    commands: Commands,
    new_project: Callable[..., Path],
    matrix: Callable[..., None],
) -> None:
    """status goes on without it, and finishes nothing; the lock is left to its holder."""
    whole = commands.run(new_project("whole"), *SUBMIT)
    (sent,) = (n for n, (_, path) in enumerate(whole.steps, 1) if path.startswith("sbatch"))
    project = new_project()
    assert commands.run(project, *SUBMIT, kill=(sent, "before")).code == KILLED
    record = {"host": "login2", "boot": "x", "pid": 7, "start": "1", "command": "submit"}
    (project / "runs" / ".lock" / "9").write_text(json.dumps(record))
    done = commands.run(project, *STATUS)
    assert (done.code, states(done)) == (0, ["submitting"])
    assert not trainings(project)
    (project / "runs" / ".lock" / "9").write_text(json.dumps({**record, "released": True}))
    assert commands.run(project, *STATUS).code == 0
    queue_is_empty()
    tally = Tally()
    accounted([f"{runs(project)[0].run_id}.01"])
    tally.judge("afterwards", project, jobs_by_token())
    matrix("status", "waits for it; finishes when it is free", tally)
