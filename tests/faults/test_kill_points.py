"""SIGKILL at every step of every command that changes something, before and after each.

A first, undisturbed run of the command counts its steps, so that a step added later is killed at
too. After each kill one more command of any kind must find the truth, finish what was left, and
nothing may have trained twice.
"""

from __future__ import annotations

import json
import signal
from pathlib import Path

import pytest
from faults.field import (
    BOTH_TRAINERS,
    EACH_TRAINER,
    KILLED,
    ONLY_PBS,
    STATUS,
    SUBMIT,
    Field,
    Tally,
    copy_of,
    each,
    forget_answers,
    kill_points,
    named_at,
    runs,
    states,
    step_name,
    trainings,
)
from waiting import wait_for

from hpctrain.files import sum_of
from hpctrain.runs.history import fold

pytestmark = pytest.mark.slow

Point = tuple[int, str]
Steps = list[tuple[str, str]]


def test_the_launcher_kills_where_it_is_told(field: Field) -> None:
    """Else the tests below would hold nothing."""
    project = field.project()
    done = field.run(project, *SUBMIT, kill=(1, "before"))
    assert done.code == -signal.SIGKILL == KILLED
    assert not (project / "runs").exists()
    done = field.run(project, *SUBMIT, kill=(1, "after"))
    assert done.code == KILLED
    assert (project / "runs").is_dir()


@pytest.mark.fault("SIGKILL")
def test_submit(field: Field) -> None:
    steps = field.steps_of_submit()
    named, tally = named_at(steps), Tally()

    def killed(point: Point) -> tuple[str, Path]:
        name, project = step_name(steps, point), field.project(f"{point[0]:03d}-{point[1]}")
        assert field.run(project, *SUBMIT, kill=point).code == KILLED, name
        then = field.run(project, *STATUS)
        if then.code == 0 and not then.json["runs"]:
            # It died before there was a run: nothing is lost, and the same command works.
            assert point[0] <= named, name
            then = field.run(project, *SUBMIT)
        if then.code != 0:
            tally.wrong.append(f"{name}: {then.code} {then.err}")
        return name, project

    field.judge(tally, dict(each(killed, kill_points(steps))))
    field.note("submit, every step", "the next command finishes or adopts it", tally)


@pytest.mark.fault("SIGKILL")
def test_submit_of_a_chain(field: Field) -> None:
    """Killed behind its first job: the next command makes it whole. Its jobs are held."""
    profile = field.held + "\ncontinuation: chain\nmax_attempts: 3\n"

    def chain(name: str) -> Path:
        return field.project(name, profile=profile)

    whole = field.run(chain("whole"), *SUBMIT)
    assert whole.code == 0, whole.err
    first, *others = (
        n for n, (_, path) in enumerate(whole.steps, 1) if path.startswith(field.world.submits)
    )
    assert len(others) == 2
    tally = Tally()

    def killed(point: Point) -> Path:
        name, project = step_name(whole.steps, point), chain(f"{point[0]:03d}-{point[1]}")
        assert field.run(project, *SUBMIT, kill=point).code == KILLED, name
        then = field.run(project, *STATUS)
        if then.code != 0 or states(then) != ["held"] or then.json["runs"][0]["warnings"]:
            tally.wrong.append(f"{name}: {then.code} {then.out} {then.err}")
        again = field.run(project, *STATUS)
        if again.code != 0 or again.err:
            tally.wrong.append(f"{name}: still something to finish: {again.err}")
        (run,) = runs(project)
        jobs = field.world.jobs_by_token()
        for attempt in (1, 2, 3):
            known = jobs.get(f"{run.run_id}.{attempt:02d}", set())
            told = fold(run.events()).job_ids.get(attempt)
            if not known or told is None:
                tally.lost.append(f"{name}: attempt {attempt}: {known}, the run says {told}")
            elif known != {told}:
                tally.twice.append(f"{name}: attempt {attempt}: {known}, the run says {told}")
        return project

    points = [point for point in kill_points(whole.steps) if point[0] > first]
    projects = each(killed, points)
    tally.cases = len(points)
    field.note("submit of a chain, behind its first job", "the next command makes it whole", tally)
    for project in projects:
        assert field.run(project, "cancel", runs(project)[0].run_id).code == 0


@pytest.mark.fault("SIGKILL")
@pytest.mark.parametrize(
    ("left", "step", "when", "job"),
    [
        ("no intent", -1, "before", False),
        ("a torn intent", -1, "after", False),
        ("an intent", 0, "before", False),
        ("it submitting", 0, "after", True),
        ("a job, no id", 1, "before", True),
        ("a job, a torn id", 1, "after", True),
    ],
)
def test_a_command_that_finishes_what_was_left(
    left: str, step: int, when: str, job: bool, field: Field
) -> None:
    """Killed twice: in submit, around the step that submits; and in the command that finishes."""
    first = field.steps_of_submit()
    at = (field.sending(first) + step, when)

    def submitting(name: str) -> Path:
        project = field.project(name)
        assert field.run(project, *SUBMIT, kill=at).code == KILLED
        return project

    project = submitting("undisturbed")
    # What was left is the same each time: where no job belongs to it, a copy will do.
    kept = None if job else copy_of(project, project.with_name("kept"), 1)
    whole = field.run(project, *STATUS)
    assert whole.code == 0
    tally = Tally()

    def killed(case: tuple[int, Point]) -> tuple[str, Path]:
        number, point = case
        name, folder = step_name(whole.steps, point), f"case-{number:03d}"
        project = copy_of(kept, kept.with_name(folder), number) if kept else submitting(folder)
        # How many steps there are depends on how far a program that lives on has come.
        assert field.run(project, *STATUS, kill=point).code in (KILLED, 0), name
        then = field.run(project, *STATUS)
        if then.code != 0:
            tally.wrong.append(f"{name}: {then.code} {then.err}")
        return name, project

    field.judge(tally, dict(each(killed, enumerate(kill_points(whole.steps), 2))))
    field.note(f"finishing, left: {left}", "the one after it finishes or adopts it", tally)


@EACH_TRAINER
@pytest.mark.fault("SIGKILL")
def test_resume(field: Field) -> None:
    """Of a run that ended at its walltime; each case is a copy of it under a name of its own."""
    ended = field.finished("ended", behaviour="timeout")

    project, resume = field.copy_to_resume(ended, 0)
    whole = field.run(project, *resume)
    assert whole.code == 0, whole.err
    tally = Tally()

    def killed(case: tuple[int, Point]) -> tuple[str, Path]:
        number, point = case
        name = step_name(whole.steps, point)
        project, resume = field.copy_to_resume(ended, number)
        assert field.run(project, *resume, kill=point).code == KILLED, name
        then = field.run(project, *STATUS)
        if then.code == 0 and then.json["runs"][0]["attempt"] == 1:
            # Killed before it said that it would submit: the same command works.
            then = field.run(project, *resume)
        if then.code != 0:
            tally.wrong.append(f"{name}: {then.code} {then.err}")
        return name, project

    cases = dict(each(killed, enumerate(kill_points(whole.steps), 1)))
    field.judge(tally, cases, attempts=2, state="timeout")
    field.note("resume, every step", "the next command finishes or adopts it", tally)


@pytest.mark.fault("SIGKILL")
@pytest.mark.parametrize("job", ["running", "held"])
def test_cancel(job: str, field: Field) -> None:
    def one(name: str) -> tuple[Path, str]:
        if job == "running":
            project = field.training(name)
        else:
            project = field.submitted(name, behaviour="wait", profile=field.held)
        return project, runs(project)[0].run_id

    project, run_id = one("whole")
    whole = field.run(project, "cancel", run_id, "--json")
    assert whole.code == 0
    tally = Tally()

    def killed(point: Point) -> None:
        name = step_name(whole.steps, point)
        project, run_id = one(f"{point[0]:03d}-{point[1]}")
        pid = field.start(project, "cancel", run_id, kill=point)
        assert field.wait(pid).code == KILLED, name
        again = field.run(project, "cancel", run_id, "--json")
        complaints = again.err.replace(f"taking over the lock of 'cancel' (process {pid}", "")
        if again.code != 0 or "process" in complaints:
            tally.wrong.append(f"{name}: {again.code} {again.err}")

        def cancelled() -> bool:
            forget_answers(project)
            return states(field.run(project, *STATUS)) == ["cancelled"]

        wait_for(cancelled, 30, f"{name}: cancelled")
        if f"{run_id}.01" in field.world.active_jobs().values():
            tally.lost.append(f"{name}: there is still a job")
        if len(trainings(project)) != (job == "running"):
            tally.twice.append(f"{name}: {trainings(project)}")

    points = kill_points(whole.steps)
    each(killed, points)
    tally.cases = len(points)
    field.note(f"cancel ({job}), every step", "cancel again ends the job", tally)


# collect asks no scheduler about a run that has ended: one world is enough.
@ONLY_PBS
@BOTH_TRAINERS
@pytest.mark.fault("SIGKILL")
def test_collect(field: Field) -> None:
    finished = field.finished("finished")

    def one(number: int) -> Path:
        return copy_of(finished, finished.with_name(f"case-{number:03d}"), number)

    project = one(0)
    whole = field.run(project, "collect", "--json")
    assert whole.code == 0, whole.err
    assert not [path for _, path in whole.steps if path.startswith(field.world.asks)]
    archived = _names(project)
    assert len(archived) == {"pacemaker": 6, "grace": 8}[field.trainer], whole.out
    tally = Tally()

    def killed(case: tuple[int, Point]) -> None:
        number, point = case
        name, project = step_name(whole.steps, point), one(number)
        assert field.run(project, "collect", kill=point).code == KILLED, name
        for path in _names(project):
            if path not in archived:
                tally.wrong.append(f"{name}: left {path}")
        shown = field.run(project, *STATUS)
        if shown.err or states(shown) not in (["completed"], ["collected"]):
            tally.wrong.append(f"{name}: {shown.out} {shown.err}")
        again = field.run(project, "collect", runs(project)[0].run_id, "--json")
        if again.code != 0:
            tally.wrong.append(f"{name}: {again.code} {again.err}")
            return
        if _names(project) != archived:
            (tally.lost if len(_names(project)) < len(archived) else tally.twice).append(
                f"{name}: {_names(project)}"
            )
        card = json.loads((project / "potentials/potential_gen_01.json").read_text())
        evidence = runs(project)[0].attempt(1) / f"output_potential.{field.main}"
        kept = project / f"potentials/potential_gen_01.{field.main}"
        if sum_of(kept) != sum_of(evidence):
            tally.wrong.append(f"{name}: the archived file is not the run's")
        if card["files"][field.main]["sha256"] != sum_of(kept):
            tally.wrong.append(f"{name}: the card is not this file's")
        tally.silent(name, field.run(project, *STATUS), "collected")

    points = kill_points(whole.steps)
    each(killed, enumerate(points, 1))
    tally.cases = len(points)
    field.note("collect, every step", "collect again archives it, once", tally)


def _names(project: Path) -> list[str]:
    """What is in the archive under a name; what begins with a dot has none yet."""
    folder = project / "potentials"
    found = [path.relative_to(folder) for path in folder.rglob("*") if path.is_file()]
    return sorted(
        str(path) for path in found if not any(part.startswith(".") for part in path.parts)
    )
