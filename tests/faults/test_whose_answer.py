"""Answers that are somebody else's, or not whole: what they do not show is not gone.

The programs of the other cluster, and those that filter, are a few lines around the real ones.
"""

from __future__ import annotations

import json
import os
import shutil
from pathlib import Path
from typing import Any

import pytest
from faults.field import (
    KILLED,
    STATUS,
    SUBMIT,
    Field,
    Tally,
    each,
    forget_answers,
    kill_points,
    runs,
    states,
    step_name,
    trainings,
)
from waiting import wait_for

from hpctrain.files import iso, timestamp

pytestmark = pytest.mark.slow

# Another cluster, with the same home: it answers, and has no job of ours. What it is sent is noted.
SENT = 'echo sent >> "$(dirname "$0")/../sent"; echo 424242'
OTHER = {
    "slurm": {
        "sbatch": SENT, "squeue": "exit 0", "sacct": "exit 0", "scancel": SENT,
        "scontrol": "echo ClusterName = other",
    },
    "pbs": {
        "qsub": SENT, "qselect": "exit 0", "qstat": 'echo "Server: other"', "qdel": SENT,
    },
}  # fmt: skip
NOTHING = {
    "slurm": {"squeue": "exit 0", "sacct": "exit 0"},
    "pbs": {"qselect": "exit 0"},
}
CUT = {
    "slurm": {"squeue": '"$REAL" "$@" | head -c -20'},
    "pbs": {"qstat": 'case "$*" in *-B*) exec "$REAL" "$@";; esac; "$REAL" "$@" | head -c -20'},
}
ANOTHER_FORM = {
    "slurm": {"sbatch": 'echo 20261128; exec "$REAL" "$@"'},
    "pbs": {"qsub": 'id=$("$REAL" "$@"); echo 20261128; echo "$id.cluster.example.org"'},
}


def programs(field: Field, project: Path, lines: dict[str, dict[str, str]]) -> dict[str, str]:
    """An environment in which these programs are other ones."""
    environment: dict[str, str] = {}
    for program, text in lines[field.world.name].items():
        environment = field.wrapped(project, program, text)
    return environment


def aged(project: Path, seconds: float = 7200.0, **facts: Any) -> None:
    """As if all had happened so long ago, and as these facts tell it."""
    (run,) = runs(project)
    events = run.events()
    for event in events:
        event["time"] = iso(timestamp(event["time"]) - seconds)
        event.update(facts)
    text = "".join(f"{json.dumps(event)}\n" for event in events)
    (run.folder / "events.jsonl").write_text(text)
    for path in run.folder.glob("attempts/*/*"):
        then = path.stat().st_mtime - seconds
        os.utime(path, (then, then))
    forget_answers(project)


def left_alone(field: Field, project: Path, words: str, **order: Any) -> None:
    """Nothing but a word is had from ``status``, ``resume`` and ``cancel``."""
    (run,) = runs(project)
    shown = field.run(project, *STATUS, **order)
    assert (shown.code, states(shown)) == (0, ["unknown"]), shown.err
    assert words in shown.json["runs"][0]["reason"]
    for command in ("resume", "cancel"):
        done = field.run(project, command, run.run_id, **order)
        assert done.code == 1, (command, done.out, done.err)
        assert words in done.err
    assert not (project / "sent").exists()


def running_and_cancelled(field: Field, project: Path) -> None:
    """The job is what it was, and is ended by the right answer."""
    forget_answers(project)
    (run,) = runs(project)
    assert states(field.run(project, *STATUS)) == ["running"]
    assert field.run(project, "cancel", run.run_id).code == 0
    field.world.queue_is_empty()
    assert len(trainings(project)) == 1


@pytest.mark.fault("another cluster answers")
def test_another_cluster(field: Field) -> None:
    project = field.training()
    environment = programs(field, project, OTHER)
    aged(project)
    left_alone(field, project, "this is the cluster other", environment=environment)
    running_and_cancelled(field, project)
    field.note("status, resume, cancel", "unknown, and nothing is sent there")


@pytest.mark.fault("another cluster answers")
def test_killed_here_and_looked_at_there(field: Field) -> None:
    """SIGKILL at every step of submit; then the other cluster is asked, and then the right one."""
    steps = field.steps_of_submit()
    tally = Tally()

    def killed(point: tuple[int, str]) -> tuple[str, Path]:
        name, project = step_name(steps, point), field.project(f"{point[0]:03d}-{point[1]}")
        assert field.run(project, *SUBMIT, kill=point).code == KILLED, name
        there = field.run(project, *STATUS, environment=programs(field, project, OTHER))
        if there.code != 0 or (project / "sent").exists():
            tally.wrong.append(f"{name}: {there.code} {there.out} {there.err}")
        forget_answers(project)
        here = field.run(project, *STATUS)
        if here.code == 0 and not here.json["runs"]:
            here = field.run(project, *SUBMIT)
        if here.code != 0:
            tally.wrong.append(f"{name}: {here.code} {here.err}")
        return name, project

    field.judge(tally, dict(each(killed, kill_points(steps))))
    field.note("submit killed at every step, status there", "nothing is sent there", tally)


@pytest.mark.fault("another user asks")
def test_another_user(field: Field) -> None:
    """A project that is shared; the run is ada's, and her jobs are not shown to us."""
    project = field.training()
    (run,) = runs(project)
    events = (run.folder / "events.jsonl").read_text()
    aged(project, user="ada", uid=4242)
    environment = programs(field, project, {**NOTHING})
    left_alone(field, project, "and ada submitted it", environment=environment)
    (run.folder / "events.jsonl").write_text(events)
    running_and_cancelled(field, project)
    field.note("status, resume, cancel", "unknown, and nothing is submitted in the other's name")


@pytest.mark.fault("another user asks")
def test_another_users_interrupted_submission(field: Field) -> None:
    first = field.steps_of_submit()
    project = field.project()
    assert field.run(project, *SUBMIT, kill=(field.sending(first), "before")).code == KILLED
    (run,) = runs(project)
    events = (run.folder / "events.jsonl").read_text()
    aged(project, user="ada", uid=4242)
    shown = field.run(project, *STATUS)
    assert (shown.code, states(shown)) == (0, ["submitting"])
    assert "and ada submitted it" in shown.err
    assert f"{run.run_id}.01" not in field.world.jobs_by_token()
    (run.folder / "events.jsonl").write_text(events)
    field.ends_well(project, "told whose it is; finished by its user", "submit killed, status")


@pytest.mark.fault("the queue shows nothing")
def test_a_filtered_queue(field: Field) -> None:
    """Both programs answer with nothing: a queue that never showed the job proves nothing."""
    project = field.project(behaviour="wait")
    environment = programs(field, project, NOTHING)
    assert field.run(project, *SUBMIT, environment=environment).code == 0
    wait_for(lambda: trainings(project), 60, "the training to begin")
    aged(project)
    (run,) = runs(project)
    shown = field.run(project, *STATUS, environment=environment)
    assert states(shown) == ["unknown"]
    assert "the queue has never shown it" in shown.json["runs"][0]["reason"]
    assert field.run(project, "resume", run.run_id, environment=environment).code == 1
    running_and_cancelled(field, project)
    field.note("submit, status, resume", "unknown, and nothing is submitted")


@pytest.mark.fault("the queue's answer is cut off")
def test_a_cut_queue(field: Field) -> None:
    """In mid-line, with exit code 0."""
    project = field.training()
    (run,) = runs(project)
    environment = programs(field, project, CUT)
    aged(project)
    shown = field.run(project, *STATUS, environment=environment)
    assert (shown.code, states(shown)) == (4, ["unknown"])
    forget_answers(project)
    for command in ("resume", "cancel"):
        done = field.run(project, command, run.run_id, environment=environment)
        assert done.code in (1, 4), (command, done.out, done.err)
    running_and_cancelled(field, project)
    field.note("status, resume, cancel", "no answer: unknown, and nothing is submitted")


@pytest.mark.fault("the id is printed in another form")
def test_an_id_in_another_form(field: Field) -> None:
    """Behind a banner of digits; on PBS also with a longer name of the server."""
    project = field.project(behaviour="wait")
    environment = programs(field, project, ANOTHER_FORM)
    assert field.run(project, *SUBMIT, environment=environment).code == 0
    wait_for(lambda: trainings(project), 60, "the training to begin")
    running_and_cancelled(field, project)
    field.note("submit, status, cancel", "the job is found, and ended")


@pytest.mark.fault("a submission is made twice")
def test_submitted_twice(field: Field) -> None:
    """Both are held: neither has ended because of the other."""
    project = field.project(profile=field.held)
    lines = {field.world.submits: '"$REAL" "$@" >/dev/null; exec "$REAL" "$@"'}
    environment = programs(field, project, {field.world.name: lines})
    assert field.run(project, *SUBMIT, environment=environment).code == 0
    assert len(field.world.active_jobs()) == 2
    (run,) = runs(project)
    assert field.run(project, "cancel", run.run_id).code == 0
    field.world.queue_is_empty()
    assert states(field.run(project, *STATUS)) == ["cancelled"]
    assert not trainings(project)
    field.note("submit, cancel", "both jobs are ended")


@pytest.mark.fault("a run folder is deleted")
def test_deleted(field: Field) -> None:
    project = field.training()
    (run,) = runs(project)
    (job_id,) = field.world.active_jobs()
    shutil.rmtree(run.folder)
    shown = field.run(project, *STATUS)
    assert (shown.code, shown.json["runs"]) == (0, [])
    (stray,) = shown.json["strays"]
    assert (stray["run_id"], stray["job_id"]) == (run.run_id, job_id)
    assert stray["command"] in shown.err
    field.world.ask(*stray["command"].split())
    field.world.queue_is_empty()
    forget_answers(project)
    assert "strays" not in field.run(project, *STATUS).json
    field.note("status", "its job is named, with the command that ends it")
