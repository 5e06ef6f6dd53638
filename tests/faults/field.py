"""What the tests of faults share: small projects, commands, and what became of many cases."""

from __future__ import annotations

import itertools
import json
import os
import re
import shutil
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterable, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, TypeVar

import pytest
from faults.worlds import World
from waiting import wait_for

from hpctrain.engines import engine_of
from hpctrain.project import init
from hpctrain.runs.history import fold
from hpctrain.runs.run import Run, all_runs

Case = TypeVar("Case")
Result = TypeVar("Result")

HERE = Path(__file__).parent
SETTINGS = """
project: faulty
data:
  source: al_pbe.db
  select: id>1,id<9
  test_fraction: 0.25
training:
  engine: TRAINER
  max_iter: 4
  reference_energies: {Al: -0.2994}
"""
PROFILE = """
walltime: "00:08:00"
margin: "00:00:30"
cores: 1
template: quick.sh.j2
trainer: {python: PYTHON, evaluator: pyace}
environment: {COUNTER: COUNTED, QUICK: BEHAVIOUR}
"""
TEMPLATE = """{% extends "EXTENDED" %}
{% block run %}
exec {{ python | sh }} -B -I -S QUICK_JOB "${1:-1}"
{% endblock %}
"""
SUBMIT = ("submit", "--site", "mycluster", "--json")
STATUS = ("status", "--json")
KILLED = -9
# Cases that are under way at once: they wait for programs more than they compute.
AT_ONCE = 3
# Thousands of points take half an hour: a run of the whole suite takes a part of them.
SAMPLED = 16

TRAINERS = ("pacemaker", "grace")
EVERY_FAULT = bool(os.environ.get("EVERY_FAULT"))
# Most faults come before and after a training, whatever its trainer: each test takes one of them,
# the other on the next day. These take both, or for ``make faults``.
BOTH_TRAINERS = pytest.mark.parametrize("trainer", TRAINERS, indirect=True)
EACH_TRAINER = pytest.mark.parametrize(
    "trainer", TRAINERS if EVERY_FAULT else [pytest.param(None, id="one")], indirect=True
)

SLURM = pytest.param("slurm", marks=pytest.mark.real_slurm)
PBS = pytest.param("pbs")
ONLY_SLURM = pytest.mark.parametrize("world", [SLURM], indirect=True)
ONLY_PBS = pytest.mark.parametrize("world", [PBS], indirect=True)


@dataclass(frozen=True)
class Done:
    """What a command did; ``steps`` are what it changed, in order."""

    code: int
    out: str
    err: str
    steps: list[tuple[str, str]] = field(default_factory=list)
    places: list[tuple[str, int, int]] = field(default_factory=list)

    @property
    def json(self) -> dict[str, Any]:
        return json.loads(self.out)


class Commands:
    """hpctrain commands, each in a process of its own; any thread may begin one and wait for it."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._numbers = itertools.count()
        self._lock = threading.Lock()
        self._begun: dict[str, Future[int]] = {}
        self._ended: dict[int, tuple[str, Future[int]]] = {}
        quiet = {"PYTHONDONTWRITEBYTECODE": "1", "OPENBLAS_NUM_THREADS": "1", "MPLBACKEND": "agg"}
        self._server = subprocess.Popen(
            [sys.executable, "-W", "ignore", str(HERE / "command_server.py")],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
            env={**os.environ, **quiet},
        )
        self._reader = threading.Thread(target=self._read)
        self._reader.start()

    def close(self) -> None:
        assert self._server.stdin and self._server.stdout
        self._server.stdin.close()
        self._server.wait(30)
        self._reader.join(30)
        self._server.stdout.close()

    def _read(self) -> None:
        assert self._server.stdout
        for line in self._server.stdout:
            reply = json.loads(line)
            if "began" in reply:
                pid, record = reply["began"], reply["record"]
                # Before its end can be told: numbers are used again.
                self._ended[pid] = (record, Future())
                self._begun.pop(record).set_result(pid)
            else:
                self._ended[reply["ended"]][1].set_result(reply["code"])

    def start(self, project: Path, *arguments: str, **order: Any) -> int:
        """Begin a command.

        ``kill`` is (step, "before" or "after"); ``fail`` is (step, error, "once", "on" or "sync");
        ``press`` is a place where Ctrl-C is pressed, ``times`` times.
        """
        assert self._server.stdin
        record = str(self._folder / f"{next(self._numbers):05d}")
        order |= {"folder": str(project), "arguments": list(arguments), "record": record}
        begun = self._begun[record] = Future()
        with self._lock:
            self._server.stdin.write(json.dumps(order) + "\n")
            self._server.stdin.flush()
        return begun.result(180)

    def wait(self, pid: int) -> Done:
        record, ended = self._ended[pid]
        code = ended.result(600)

        def text(suffix: str) -> str:
            path = Path(f"{record}.{suffix}")
            return path.read_text() if path.exists() else ""

        steps = [(event, path) for event, path in json.loads(text("steps") or "[]")]
        places = [(file, line, count) for file, line, count in json.loads(text("places") or "[]")]
        return Done(code, text("out"), text("err"), steps, places)


@dataclass
class Field:
    """Where a fault is injected: a scheduler, projects that use it, and commands on them."""

    world: World
    folder: Path
    commands: Commands
    note: Callable[..., None]
    trainer: str
    _lock: threading.Lock = field(default_factory=threading.Lock)

    def project(
        self, name: str = "project", *, behaviour: str = "completed", profile: str = ""
    ) -> Path:
        """A project with seven structures, whose job is over in a moment."""
        project = self.folder / name
        (project / "site_profiles").mkdir(parents=True)
        (project / "templates").mkdir()
        (project / "hpctrain.yaml").write_text(SETTINGS.replace("TRAINER", self.trainer))
        (project / "al_pbe.db").symlink_to(self._source() / "al_pbe.db")
        template = TEMPLATE.replace("EXTENDED", self.world.template)
        (project / "templates" / "quick.sh.j2").write_text(
            template.replace("QUICK_JOB", str(HERE / "quick_job.py"))
        )
        text = PROFILE.replace("PYTHON", sys.executable).replace("BEHAVIOUR", behaviour)
        text = self.world.profile + text.replace("COUNTED", str(project / "counter")) + profile
        (project / "site_profiles" / "mycluster.yaml").write_text(text)
        return project

    def _source(self) -> Path:
        source = self.folder / "source"
        with self._lock:
            if not source.exists():
                init(source, demo=True)
        return source

    def submitted(self, name: str = "project", **options: Any) -> Path:
        """A project with one run, which was submitted."""
        project = self.project(name, **options)
        done = self.run(project, *SUBMIT)
        assert done.code == 0, done.err
        return project

    def finished(self, name: str = "project", **options: Any) -> Path:
        """A project with one run, whose job is over."""
        project = self.submitted(name, **options)
        self.world.queue_is_empty()
        return project

    def training(self, name: str = "project") -> Path:
        """A project with one run, which trains until somebody ends it."""
        project = self.submitted(name, behaviour="wait")
        wait_for(lambda: trainings(project), 60, "the training to begin")
        return project

    def copy_to_resume(self, ended: Path, number: int) -> tuple[Path, tuple[str, ...]]:
        """Copy a project whose run has ended; return the copy, and the command that resumes it."""
        project = copy_of(ended, ended.with_name(f"case-{number:03d}"), number)
        return project, ("resume", runs(project)[0].run_id, "--json")

    @property
    def main(self) -> str:
        """The suffix of the file, or folder, that is the potential itself."""
        return engine_of(self.trainer).artefacts[0].suffix

    @property
    def held(self) -> str:
        """What a profile says so that its jobs are held."""
        return f"extra_directives: ['{self.world.hold}']"

    def counting(self, folder: Path) -> dict[str, str]:
        """An environment in which every submission adds a line to ``folder/submissions``."""
        lines = f'echo "$PWD" >>{folder}/submissions\nexec "$REAL" "$@"'
        return self.wrapped(folder, self.world.submits, lines)

    def steps_of_submit(self) -> list[tuple[str, str]]:
        """What an undisturbed submit changes, in order."""
        done = self.run(self.project("whole"), *SUBMIT)
        assert done.code == 0, done.err
        return done.steps

    def sending(self, steps: Sequence[tuple[str, str]]) -> int:
        """The step that starts the program which submits."""
        (number,) = (
            n for n, (_, path) in enumerate(steps, 1) if path.startswith(self.world.submits)
        )
        return number

    def start(self, project: Path, *arguments: str, **order: Any) -> int:
        order["environment"] = {**self.world.environment, **order.get("environment", {})}
        return self.commands.start(project, *arguments, **order)

    def wait(self, pid: int) -> Done:
        return self.commands.wait(pid)

    def run(self, project: Path, *arguments: str, **order: Any) -> Done:
        return self.wait(self.start(project, *arguments, **order))

    def wrapped(self, folder: Path, program: str, lines: str) -> dict[str, str]:
        """An environment in which a program is these lines of shell; $REAL is the real one."""
        here = self.world.environment.get("PATH", os.environ["PATH"])
        wrappers = folder / "wrappers"
        wrappers.mkdir(exist_ok=True)
        path = wrappers / program
        path.write_text(f"#!/bin/bash\nREAL={shutil.which(program, path=here)}\n{lines}\n")
        path.chmod(0o755)
        return {"PATH": f"{wrappers}:{here}"}

    def ends_well(self, project: Path, outcome: str, step: str = "submit") -> None:
        """Without the fault, one more command finds the truth; one training, one job."""
        # A pause after a failure is not over yet: the answer that is kept would be shown.
        forget_answers(project)
        shown = self.run(project, *STATUS)
        assert shown.code == 0, shown.err
        tally = Tally()
        self.judge(tally, {"the run": project})
        self.note(step, outcome, tally)

    def judge(
        self,
        tally: Tally,
        projects: dict[str, Path],
        attempts: int = 1,
        state: str = "completed",
    ) -> None:
        """Every run trained once, nothing is left to say of it, and nothing to finish."""
        self.world.queue_is_empty()
        shown = each(lambda project: self.run(project, *STATUS), projects.values())
        jobs = self.world.accounted(
            f"{run.run_id}.{attempts:02d}" for project in projects.values() for run in runs(project)
        )
        for (name, project), done in zip(projects.items(), shown, strict=True):
            tally.judge(name, project, jobs, attempts)
            tally.silent(name, done, state)


def each(one: Callable[[Case], Result], cases: Iterable[Case]) -> list[Result]:
    """The results of ``one`` for cases that have nothing to do with each other."""
    with ThreadPoolExecutor(AT_ONCE) as pool:
        return list(pool.map(one, cases))


def copy_of(project: Path, target: Path, number: int) -> Path:
    """The same project elsewhere, as if it had been made there, its run under another id."""
    shutil.copytree(project, target, symlinks=True)
    forget_answers(target)
    (run,) = runs(target)
    new_id = f"{run.run_id[:-4]}{number:04x}"
    for path in target.rglob("*"):
        if path.is_file() and not path.is_symlink() and path.suffix != ".db":
            text = path.read_text()
            changed = text.replace(str(project), str(target)).replace(run.run_id, new_id)
            if changed != text:
                path.chmod(0o644)
                path.write_text(changed)
    run.folder.rename(run.folder.with_name(new_id))
    return target


def runs(project: Path) -> list[Run]:
    return list(all_runs(project / "runs"))


def trainings(project: Path) -> list[str]:
    """Every training that began: run, attempt and job."""
    path = project / "counter"
    return path.read_text().splitlines() if path.exists() else []


def forget_answers(project: Path) -> None:
    """What the scheduler said is kept for seconds: a test need not wait for that."""
    shutil.rmtree(project / "runs" / ".cache", ignore_errors=True)


def states(done: Done) -> list[str]:
    return [run["state"] for run in done.json["runs"]]


@dataclass
class Tally:
    """What became of the runs of many cases."""

    cases: int = 0
    lost: list[str] = field(default_factory=list)
    twice: list[str] = field(default_factory=list)
    wrong: list[str] = field(default_factory=list)

    def judge(self, name: str, project: Path, jobs: dict[str, set[str]], attempts: int = 1) -> None:
        """One run; each of its attempts trained once, by the one job that both sides know."""
        self.cases += 1
        there = runs(project)
        if len(there) != 1:
            (self.lost if not there else self.twice).append(f"{name}: {len(there)} runs")
            return
        run, lines = there[0], trainings(project)
        history = fold(run.events())
        for attempt in range(1, attempts + 1):
            token = f"{run.run_id}.{attempt:02d}"
            known = jobs.get(token, set())
            trained = [line.split()[2] for line in lines if line.split()[1] == str(attempt)]
            if not trained:
                self.lost.append(f"{name}: {token} never trained (jobs {known})")
            if len(trained) > 1 or len(known) > 1:
                self.twice.append(f"{name}: {token}: jobs {known}, trainings {trained}")
            if len(trained) == 1 and history.job_ids.get(attempt) != trained[0]:
                told = history.job_ids.get(attempt)
                self.wrong.append(f"{name}: {token} trained as {trained[0]}, the run says {told}")
            if len(known) == 1 and known != {history.job_ids.get(attempt)}:
                self.wrong.append(f"{name}: {token}: the scheduler has {known}")
        if len(lines) > attempts:
            self.twice.append(f"{name}: {len(lines)} trainings in all")

    def silent(self, name: str, done: Done, state: str = "completed") -> None:
        """The command works, finds the state, and has nothing to complain of or to finish."""
        if done.code != 0 or states(done) != [state] or done.err:
            self.wrong.append(f"{name}: {done.code} {done.out[-400:]} {done.err[-400:]}")

    def check(self) -> None:
        problems = [*self.lost, *self.twice, *self.wrong]
        assert not problems, f"{len(problems)} of {self.cases}:\n" + "\n".join(problems[:12])


def sample(points: Sequence[Case]) -> list[Case]:
    """Take a sixteenth of the points, another each day; all of them for ``make faults``."""
    return list(points) if EVERY_FAULT else list(points)[today() % SAMPLED :: SAMPLED]


def today() -> int:
    """The number of the day."""
    return int(time.time() // 86400)


def kill_points(steps: Sequence[tuple[str, str]]) -> list[tuple[int, str]]:
    """Before and after every step, or a sixteenth of these points."""
    return sample([(n, when) for n in range(1, len(steps) + 1) for when in ("before", "after")])


def step_name(steps: Sequence[tuple[str, str]], point: tuple[int, str]) -> str:
    number, when = point
    event, path = steps[number - 1]
    return f"{when} step {number}: {event} {re.sub(r'.*/runs/', '', path)[-70:]}"


def named_at(steps: Sequence[tuple[str, str]]) -> int:
    """The step that gives the run's folder its name."""
    return next(n for n, (event, path) in enumerate(steps, 1)
                if event == "os.rename" and ".new-" not in path and path.count("/runs/") == 1
                and ".cache" not in path and ".lock" not in path)  # fmt: skip
