"""Run folders as hpctrain and its jobs leave them, and a Slurm of a few lines that answers."""

from __future__ import annotations

import json
import os
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from hpctrain.files import as_json, iso, write_atomically
from hpctrain.process import Reply
from hpctrain.project import Project
from hpctrain.runs.run import EVENTS, MANIFEST, Run

RUN_ID = "20261123-120000-abcd"
CLUSTER = "a"


def make_project(folder: Path) -> Project:
    (folder / "runs").mkdir(parents=True)
    (folder / "hpctrain.yaml").write_text("project: al\n")
    return Project(folder / "hpctrain.yaml")


def make_run(
    project: Project, run_id: str = RUN_ID, scheduler: str = "slurm", **profile: Any
) -> Run:
    folder = project.runs / run_id
    folder.mkdir()
    made = manifest(run_id, {"scheduler": scheduler, "output": "job-%j.out", **profile})
    write_atomically(folder / MANIFEST, as_json(made))
    return Run(folder)


def manifest(run_id: str, profile: dict[str, Any]) -> dict[str, Any]:
    """A run.json with every key that there must be."""
    side = {"structures": 9, "atoms": 90, "sha256": "0" * 64}
    return {
        "schema": "hpctrain.run/1",
        "run_id": run_id,
        "project": "al",
        "created": "2026-11-23T12:00:00+00:00",
        "generation": 1,
        "site": {"name": "hal", "target": None, "files": [], "profile": profile},
        "settings": {
            "data": {"source": "al.db"},
            "training": {"engine": "pacemaker", "cutoff": 6.0, "b_basis_size": 20, "max_iter": 100},
        },
        "evaluator": "pyace",
        "dataset": {
            "fingerprint": "sha256:1",
            "rows_fingerprint": "sha256:2",
            "train": {"path": "train.extxyz", **side},
            "test": {"path": "test.extxyz", **side},
            "skipped": [],
            "elements": ["Al"],
            "isolated_atoms": {"Al": [-0.3]},
            "config_types": {"bulk": 18},
            "generations": {"0": 18},
        },
        "reference_energies": {"Al": -0.3},
        "input": {"fit": {"loss": {"kappa": 0.5}}},
        "versions": {},
        "files": {},
    }


def event(run: Run, time: float, kind: str, **facts: Any) -> None:
    content = {"time": iso(time), "event": kind, **facts}
    with (run.folder / EVENTS).open("a") as file:
        file.write(json.dumps(content) + "\n")


def submitted(run: Run, time: float, attempt: int, job_id: str) -> None:
    who = {"user": "ada", "uid": os.getuid(), "cluster": CLUSTER}
    event(run, time, "submitting", attempt=attempt, host=os.uname().nodename, **who)
    event(run, time, "submitted", attempt=attempt, job_id=job_id, **who)
    event(run, time, "seen", attempt=attempt, job_id=job_id)


def submitted_long_ago(run: Run, time: float, attempt: int, job_id: str) -> None:
    """As an older version recorded it: not by whom, nor on which cluster, nor who saw it."""
    event(run, time, "submitting", attempt=attempt, host=os.uname().nodename)
    event(run, time, "submitted", attempt=attempt, job_id=job_id)


def leave(run: Run, attempt: int, name: str, written: float, content: Any) -> Path:
    """A file in an attempt's folder, as old as that."""
    path = run.attempt(attempt) / name
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(content if isinstance(content, str) else json.dumps(content))
    os.utime(path, (written, written))
    return path


def queue_row(
    job_id: str, state: str, reason: str = "None", mark: str = f"{RUN_ID}.01",
    elapsed: str = "1:00", limit: str = "1:00:00", folder: Path | None = None,
) -> str:  # fmt: skip
    place = [] if folder is None else [str(folder)]
    names = [f"al.{mark}", f"hpctrain:{mark}"]
    return "\x1f".join([job_id, state, reason, elapsed, limit, *place, *names])


def accounting_row(
    job_id: str, state: str, mark: str = f"{RUN_ID}.01", exit_code: str = "0:0",
    folder: Path | None = None,
) -> str:  # fmt: skip
    place = [] if folder is None else [str(folder)]
    return "\x1f".join([job_id, state, exit_code, "60", "60", *place, f"al.{mark}", ""])


@dataclass
class FakeSlurm:
    """Answers by program; what is asked of it is kept. An answer may be a Reply or rows."""

    squeue: Reply | list[str] = field(default_factory=list)
    sacct: Reply | list[str] = field(default_factory=list)
    sbatch: list[Reply | str] = field(default_factory=list)
    scancel: Reply | str = ""
    scontrol: Reply | str = f"ClusterName             = {CLUSTER}\n"
    asked: list[tuple[str, ...]] = field(default_factory=list)

    def __call__(self, argv: Sequence[str], *, cwd: str | None = None) -> Reply:
        self.asked.append(tuple(argv))
        answer: Any = getattr(self, argv[0])
        if argv[0] == "sbatch":
            answer = answer.pop(0)
        if isinstance(answer, Reply):
            return answer
        text = answer if isinstance(answer, str) else "".join(f"{row}\n" for row in answer)
        return Reply(tuple(argv), 0, text, "")

    def calls(self, program: str) -> list[tuple[str, ...]]:
        return [argv for argv in self.asked if argv[0] == program]


def error(program: str, words: str) -> Reply:
    return Reply((program,), 1, "", words)


DOWN = error("squeue", "squeue: error: Unable to contact slurm controller")
ACCOUNTING_DOWN = error("sacct", "sacct: error: Problem talking to the database")
ACCOUNTING_DISABLED = error("sacct", "Slurm accounting storage is disabled")
