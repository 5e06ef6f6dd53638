"""SIGKILL at every step of every command that changes something, before and after each.

A first, undisturbed run of the command counts its steps, so that a step added later is killed at
too. After each kill one more command of any kind must find the truth, finish what was left, and
nothing may have trained twice.
"""

from __future__ import annotations

import hashlib
import json
import signal
from collections.abc import Callable
from pathlib import Path

import pytest
from faults.field import (
    KILLED,
    Commands,
    Done,
    Tally,
    accounted,
    active_jobs,
    copy_of,
    forget_answers,
    jobs_by_token,
    kill_points,
    queue_is_empty,
    runs,
    states,
    step_name,
    trainings,
)
from slurm_fixture import Slurm
from waiting import wait_for

pytestmark = [pytest.mark.slow, pytest.mark.real_slurm, pytest.mark.usefixtures("slurm")]

SUBMIT = ("submit", "--site", "mycluster", "--json")
STATUS = ("status", "--json")


def test_the_launcher_kills_where_it_is_told(
    slurm: Slurm, commands: Commands, new_project: Callable[..., Path]
) -> None:
    """Else the tests below would hold nothing."""
    project = new_project()
    done = commands.run(project, *SUBMIT, kill=(1, "before"))
    assert done.code == -signal.SIGKILL == KILLED
    assert not (project / "runs").exists()
    done = commands.run(project, *SUBMIT, kill=(1, "after"))
    assert done.code == KILLED
    assert (project / "runs").is_dir()


@pytest.mark.fault("SIGKILL")
def test_submit(
    slurm: Slurm,
    commands: Commands,
    new_project: Callable[..., Path],
    matrix: Callable[..., None],
) -> None:
    whole = commands.run(new_project("whole"), *SUBMIT)
    assert whole.code == 0, whole.err
    named = _named_at(whole)
    tally, killed = Tally(), {}
    for number, when in kill_points(whole.steps):
        name = step_name(whole.steps, (number, when))
        killed[name] = project = new_project(f"{number:03d}-{when}")
        assert commands.run(project, *SUBMIT, kill=(number, when)).code == KILLED, name
        then = commands.run(project, *STATUS)
        if then.code == 0 and not then.json["runs"]:
            # It died before there was a run: nothing is lost, and the same command works.
            assert number <= named, name
            then = commands.run(project, *SUBMIT)
        if then.code != 0:
            tally.wrong.append(f"{name}: {then.code} {then.err}")
    _judge(tally, commands, killed)
    matrix("submit, every step", "the next command finishes or adopts it", tally)


@pytest.mark.fault("SIGKILL")
def test_a_command_that_finishes_what_was_left(
    slurm: Slurm,
    commands: Commands,
    new_project: Callable[..., Path],
    matrix: Callable[..., None],
) -> None:
    """Killed twice: in submit, and in the command that finishes the submission."""
    first = commands.run(new_project("whole"), *SUBMIT)
    tally, killed = Tally(), {}
    # Without intent, with a torn one, with one and no job, with a job and no id.
    for number, when in _around_the_submission(first):
        left = new_project(f"{number}-{when}")
        assert commands.run(left, *SUBMIT, kill=(number, when)).code == KILLED
        whole = commands.run(left, *STATUS)
        assert whole.code == 0
        for point in kill_points(whole.steps):
            name = f"{step_name(first.steps, (number, when))}, then {step_name(whole.steps, point)}"
            project = new_project(f"{number}-{when}-{point[0]:03d}-{point[1]}")
            killed[name] = project
            assert commands.run(project, *SUBMIT, kill=(number, when)).code == KILLED
            # How many steps there are depends on how far a program that lives on has come.
            assert commands.run(project, *STATUS, kill=point).code in (KILLED, 0), name
            then = commands.run(project, *STATUS)
            if then.code != 0:
                tally.wrong.append(f"{name}: {then.code} {then.err}")
    _judge(tally, commands, killed)
    matrix("the finishing command", "the one after it finishes or adopts it", tally)


@pytest.mark.fault("SIGKILL")
def test_resume(
    slurm: Slurm,
    commands: Commands,
    new_project: Callable[..., Path],
    matrix: Callable[..., None],
) -> None:
    """Of a run that ended at its walltime; each case is a copy of it under a name of its own."""
    ended = new_project("ended", behaviour="timeout")
    assert commands.run(ended, *SUBMIT).code == 0
    queue_is_empty()

    def one(number: int) -> tuple[Path, tuple[str, ...]]:
        project = copy_of(ended, ended.parent / f"case-{number:03d}", number)
        return project, ("resume", runs(project)[0].run_id, "--json")

    project, resume = one(0)
    whole = commands.run(project, *resume)
    assert whole.code == 0, whole.err
    tally, killed = Tally(), {}
    for number, point in enumerate(kill_points(whole.steps), 1):
        name = step_name(whole.steps, point)
        killed[name], resume = one(number)
        assert commands.run(killed[name], *resume, kill=point).code == KILLED, name
        then = commands.run(killed[name], *STATUS)
        if then.code == 0 and then.json["runs"][0]["attempt"] == 1:
            # Killed before it said that it would submit: the same command works.
            then = commands.run(killed[name], *resume)
        if then.code != 0:
            tally.wrong.append(f"{name}: {then.code} {then.err}")
    _judge(tally, commands, killed, attempts=2, state="timeout")
    matrix("resume, every step", "the next command finishes or adopts it", tally)


@pytest.mark.fault("SIGKILL")
@pytest.mark.parametrize("job", ["running", "held"])
def test_cancel(
    job: str,
    slurm: Slurm,
    commands: Commands,
    new_project: Callable[..., Path],
    matrix: Callable[..., None],
) -> None:
    profile = 'extra_directives: ["--hold"]' if job == "held" else ""

    def one(name: str) -> tuple[Path, str]:
        project = new_project(name, behaviour="wait", profile=profile)
        assert commands.run(project, *SUBMIT).code == 0
        if job == "running":
            wait_for(lambda: trainings(project), 60, "the training to begin")
        return project, runs(project)[0].run_id

    project, run_id = one("whole")
    whole = commands.run(project, "cancel", run_id, "--json")
    assert whole.code == 0
    tally = Tally()
    for number, when in kill_points(whole.steps):
        name = step_name(whole.steps, (number, when))
        project, run_id = one(f"{number:03d}-{when}")
        tally.cases += 1
        pid = commands.start(project, "cancel", run_id, kill=(number, when))
        assert commands.wait(pid).code == KILLED, name
        again = commands.run(project, "cancel", run_id, "--json")
        complaints = again.err.replace(f"taking over the lock of 'cancel' (process {pid}", "")
        if again.code != 0 or "process" in complaints:
            tally.wrong.append(f"{name}: {again.code} {again.err}")

        def cancelled(project: Path = project) -> Done | None:
            forget_answers(project)
            shown = commands.run(project, *STATUS)
            return shown if states(shown) == ["cancelled"] else None

        wait_for(cancelled, 30, f"{name}: cancelled")
        if any(run_id in words[1] for words in active_jobs()):
            tally.lost.append(f"{name}: there is still a job")
        if len(trainings(project)) != (job == "running"):
            tally.twice.append(f"{name}: {trainings(project)}")
    matrix(f"cancel ({job}), every step", "cancel again ends the job", tally)


@pytest.mark.fault("SIGKILL")
def test_collect(
    slurm: Slurm,
    commands: Commands,
    new_project: Callable[..., Path],
    matrix: Callable[..., None],
) -> None:
    finished = new_project("finished")
    assert commands.run(finished, *SUBMIT).code == 0
    queue_is_empty()

    def one(number: int) -> Path:
        return copy_of(finished, finished.parent / f"case-{number:03d}", number)

    project = one(0)
    whole = commands.run(project, "collect", "--json")
    assert whole.code == 0, whole.err
    archived = _names(project)
    assert len(archived) == 5, whole.out
    tally = Tally()
    for number, point in enumerate(kill_points(whole.steps), 1):
        name, project = step_name(whole.steps, point), one(number)
        tally.cases += 1
        assert commands.run(project, "collect", kill=point).code == KILLED, name
        for path in _names(project):
            if path not in archived:
                tally.wrong.append(f"{name}: left {path}")
        shown = commands.run(project, *STATUS)
        if shown.err or states(shown) not in (["completed"], ["collected"]):
            tally.wrong.append(f"{name}: {shown.out} {shown.err}")
        again = commands.run(project, "collect", runs(project)[0].run_id, "--json")
        if again.code != 0:
            tally.wrong.append(f"{name}: {again.code} {again.err}")
            continue
        if _names(project) != archived:
            (tally.lost if len(_names(project)) < 5 else tally.twice).append(
                f"{name}: {_names(project)}"
            )
        card = json.loads((project / "potentials/potential_gen_01.json").read_text())
        evidence = runs(project)[0].attempt(1) / "output_potential.yace"
        kept = project / "potentials/potential_gen_01.yace"
        if kept.read_bytes() != evidence.read_bytes():
            tally.wrong.append(f"{name}: the archived file is not the run's")
        if card["files"]["yace"]["sha256"] != hashlib.sha256(kept.read_bytes()).hexdigest():
            tally.wrong.append(f"{name}: the card is not this file's")
        tally.silent(name, commands.run(project, *STATUS), "collected")
    matrix("collect, every step", "collect again archives it, once", tally)


def _names(project: Path) -> list[str]:
    """What is in the archive under a name; what begins with a dot has none yet."""
    folder = project / "potentials"
    found = [path.relative_to(folder) for path in folder.rglob("*") if path.is_file()]
    return sorted(str(path) for path in found if not path.name.startswith("."))


def _named_at(done: Done) -> int:
    """The step that gives the run's folder its name."""
    return next(n for n, (event, path) in enumerate(done.steps, 1)
                if event == "os.rename" and ".new-" not in path and path.count("/runs/") == 1
                and ".cache" not in path and ".lock" not in path)  # fmt: skip


def _around_the_submission(done: Done) -> list[tuple[int, str]]:
    (sent,) = (n for n, (_, path) in enumerate(done.steps, 1) if path.startswith("sbatch"))
    return [(sent - 1, "before"), (sent - 1, "after"), (sent, "before"), (sent, "after"),
            (sent + 1, "before"), (sent + 1, "after")]  # fmt: skip


def _judge(
    tally: Tally,
    commands: Commands,
    projects: dict[str, Path],
    attempts: int = 1,
    state: str = "completed",
) -> None:
    queue_is_empty()
    ended = {name: commands.run(project, *STATUS) for name, project in projects.items()}
    tokens = [f"{run.run_id}.{attempts:02d}" for project in projects.values()
              for run in runs(project)]  # fmt: skip
    accounted(tokens)
    jobs = jobs_by_token()
    for name, project in projects.items():
        tally.judge(name, project, jobs, attempts)
        # Nothing is left to say, and nothing to finish: one more is as silent as the last.
        tally.silent(name, ended[name], state)
