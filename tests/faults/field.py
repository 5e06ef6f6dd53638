"""What the tests of faults share: small projects, commands, and what Slurm knows."""

from __future__ import annotations

import itertools
import json
import os
import re
import shutil
import subprocess
import sys
import threading
from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from waiting import wait_for

from hpctrain import ledger
from hpctrain.history import fold
from hpctrain.init import init

HERE = Path(__file__).parent
SETTINGS = """
project: faulty
data:
  source: al_pbe.db
  select: id>1,id<9
  test_fraction: 0.25
training:
  max_iter: 4
  reference_energies: {Al: -0.2994}
"""
PROFILE = """
extends: slurm
partition: short
account: materials
walltime: "00:08:00"
margin: "00:00:30"
cores: 1
template: quick.sh.j2
trainer: {python: PYTHON, evaluator: pyace}
environment: {COUNTER: COUNTED, QUICK: BEHAVIOUR}
"""
TEMPLATE = """{% extends "slurm.sh.j2" %}
{% block run %}
exec {{ python | sh }} -B -I -S QUICK_JOB "${1:-1}"
{% endblock %}
"""
KILLED = -9
SEPARATOR = "\x1f"


@dataclass(frozen=True)
class Done:
    """What a command did; ``steps`` are what it changed, in order."""

    code: int
    out: str
    err: str
    steps: list[tuple[str, str]] = field(default_factory=list)

    @property
    def json(self) -> dict[str, Any]:
        return json.loads(self.out)


class Commands:
    """hpctrain commands, each in a process of its own."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._numbers = itertools.count()
        self._lock = threading.Lock()
        quiet = {"PYTHONDONTWRITEBYTECODE": "1", "OPENBLAS_NUM_THREADS": "1", "MPLBACKEND": "agg"}
        self._server = subprocess.Popen(
            [sys.executable, "-W", "ignore", str(HERE / "command_server.py")],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
            env={**os.environ, **quiet},
        )

    def close(self) -> None:
        assert self._server.stdin and self._server.stdout
        self._server.stdin.close()
        self._server.wait(30)
        self._server.stdout.close()

    def _say(self, order: dict[str, Any]) -> dict[str, Any]:
        assert self._server.stdin and self._server.stdout
        with self._lock:
            self._server.stdin.write(json.dumps(order) + "\n")
            self._server.stdin.flush()
            return json.loads(self._server.stdout.readline())

    def start(self, project: Path, *arguments: str, **order: Any) -> int:
        """Begin a command; ``kill`` is (step, "before" or "after")."""
        record = str(self._folder / f"{next(self._numbers):05d}")
        # The cluster may be another one than when the server was started.
        environment = {"SLURM_CONF": os.environ.get("SLURM_CONF", "")}
        order["environment"] = environment | (order.get("environment") or {})
        order |= {"folder": str(project), "arguments": list(arguments), "record": record}
        return self._say(order)["pid"]

    def wait(self, pid: int) -> Done:
        reply = self._say({"wait": pid})

        def text(suffix: str) -> str:
            path = Path(f"{reply['record']}.{suffix}")
            return path.read_text() if path.exists() else ""

        steps = [(event, path) for event, path in json.loads(text("steps") or "[]")]
        return Done(reply["code"], text("out"), text("err"), steps)

    def run(self, project: Path, *arguments: str, **order: Any) -> Done:
        return self.wait(self.start(project, *arguments, **order))


def make_project(
    folder: Path, name: str, *, behaviour: str = "completed", profile: str = ""
) -> Path:
    """A project with seven structures, whose job is over in a moment."""
    source, project = folder / "source", folder / name
    if not source.exists():
        init(source, demo=True)
    (project / "site_profiles").mkdir(parents=True)
    (project / "templates").mkdir()
    (project / "hpctrain.yaml").write_text(SETTINGS)
    (project / "al_pbe.db").symlink_to(source / "al_pbe.db")
    (project / "templates" / "quick.sh.j2").write_text(
        TEMPLATE.replace("QUICK_JOB", str(HERE / "quick_job.py"))
    )
    text = PROFILE.replace("PYTHON", sys.executable).replace("COUNTED", str(project / "counter"))
    text = text.replace("BEHAVIOUR", behaviour) + profile
    (project / "site_profiles" / "mycluster.yaml").write_text(text)
    return project


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


def runs(project: Path) -> list[ledger.Run]:
    return list(ledger.runs(project / "runs"))


def trainings(project: Path) -> list[str]:
    """Every training that began: run, attempt and job."""
    path = project / "counter"
    return path.read_text().splitlines() if path.exists() else []


def forget_answers(project: Path) -> None:
    """What the scheduler said is kept for seconds: a test need not wait for that."""
    shutil.rmtree(project / "runs" / ".cache", ignore_errors=True)


def states(done: Done) -> list[str]:
    return [run["state"] for run in done.json["runs"]]


def ask(*argv: str) -> list[list[str]]:
    reply = subprocess.run(argv, capture_output=True, text=True, check=True, timeout=60)
    return [line.split(SEPARATOR) for line in reply.stdout.splitlines()]


def jobs_by_token() -> dict[str, set[str]]:
    """Everything that Slurm knows of, by the token in the job's name."""
    found: dict[str, set[str]] = defaultdict(set)
    queue = ask("squeue", "--me", "--noheader", "--states=all", f"--format=%i{SEPARATOR}%j")
    kept = ask(
        "sacct", "-X", "-P", f"--delimiter={SEPARATOR}", "--noheader", "--starttime=now-2hours",
        "--endtime=now", "--state=BF,CA,CD,DL,F,NF,OOM,PD,PR,R,RQ,RS,RV,S,TO",
        "--format=JobID,JobName",
    )  # fmt: skip
    for job_id, name in [*queue, *kept]:
        found[name.partition(".")[2]].add(job_id)
    return found


def active_jobs() -> list[list[str]]:
    argv = ["squeue", "--me", "--noheader", f"--format=%i{SEPARATOR}%j"]
    return ask(*argv)


def queue_is_empty(limit_s: float = 120.0) -> None:
    wait_for(lambda: not active_jobs(), limit_s, "an empty queue")


def accounted(tokens: Iterable[str]) -> None:
    """Wait until the accounting has these jobs too: it lags a little behind the queue."""
    wanted = set(tokens)
    wait_for(lambda: wanted <= set(jobs_by_token()), 30, "the accounting to catch up")


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
                self.wrong.append(f"{name}: {token}: Slurm has {known}")
        if len(lines) > attempts:
            self.twice.append(f"{name}: {len(lines)} trainings in all")

    def silent(self, name: str, done: Done, state: str = "completed") -> None:
        """The command works, finds the state, and has nothing to complain of or to finish."""
        if done.code != 0 or states(done) != [state] or done.err:
            self.wrong.append(f"{name}: {done.code} {done.out[-400:]} {done.err[-400:]}")

    def check(self) -> None:
        problems = [*self.lost, *self.twice, *self.wrong]
        assert not problems, f"{len(problems)} of {self.cases}:\n" + "\n".join(problems[:12])


def kill_points(steps: Sequence[tuple[str, str]]) -> list[tuple[int, str]]:
    """Before and after every step."""
    return [(n, when) for n in range(1, len(steps) + 1) for when in ("before", "after")]


def step_name(steps: Sequence[tuple[str, str]], point: tuple[int, str]) -> str:
    number, when = point
    event, path = steps[number - 1]
    return f"{when} step {number}: {event} {re.sub(r'.*/runs/', '', path)[-70:]}"
