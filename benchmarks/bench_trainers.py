"""The trainers on the demo's data, after equal time: errors, sizes, and what computing costs.

    python benchmarks/bench_trainers.py [--seconds 300] [--only NAME …] [--keep results.jsonl]

Each variant is trained twice by hpctrain itself (``submit --site local``, on two cores). A first,
short run tells how long the trainer takes before its first iteration, and for each. The second one
gets as many iterations as then fit into the time, so that a schedule of the learning rate comes to
its end, as in a run that was planned for that time. What it really took stands in the table. Both
have the same structures on both sides of the split, and hpctrain's defaults; early stopping, checks
and active set are switched off.

The cost of the finished potential is that of energy, forces and stress in ASE: 108 atoms of
aluminium that move a little from step to step, one thread, CPU time; the median of 20 steps, after
three in which a library may still compile. Of GRACE's preset fs the .yaml is computed, in C++.

The table is written into docs/trainers.md, between its marks. A trial of less than two minutes
(``--seconds 30``) is marked as such: it only shows that the benchmark works.
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import subprocess  # noqa: TID251
import sys
import tempfile
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tables import put_table

from hpctrain.engines import engine_of
from hpctrain.launch.submit import submit
from hpctrain.project import Project, find_project, init
from hpctrain.runs.actions.wait import wait
from hpctrain.runs.run import Run
from hpctrain.runs.state.latest import TrainingFiles

CORES, USUAL, LEAST = 2, 300.0, 120.0
VARIANTS: dict[str, dict[str, Any]] = {
    "Pacemaker, the demo's settings": {},
    "Pacemaker, 300 functions": {"b_basis_size": 300},
    "GRACE, fs": {"engine": "grace", "preset": "fs"},
    "GRACE, 1layer": {"engine": "grace", "preset": "1layer"},
    "GRACE, 2layer": {"engine": "grace", "preset": "2layer"},
}
# The first look: long enough for a pace.
PILOT = {"pacemaker": 30, "grace": 4}
OFF = {"patience": 0, "verify_minutes": 0, "active_set": False}
STEPS = """
import json, sys, time
import numpy as np
from ase.build import bulk
from job.checks.loader import loader_of

potential = loader_of({"engine": sys.argv[1]}).load(sys.argv[2])
atoms, moves = bulk("Al", cubic=True) * (3, 3, 3), np.random.RandomState(1)
times = []
for _ in range(23):
    atoms.positions += 0.01 * moves.standard_normal(atoms.positions.shape)
    began = time.process_time()
    potential.compute(atoms)
    times.append(time.process_time() - began)
print(json.dumps(1e6 * float(np.median(times[3:])) / len(atoms)))
"""


@dataclass(frozen=True)
class Pace:
    """How long a training takes, in seconds."""

    before: float
    each: float

    def iterations(self, seconds: float) -> int:
        """Return how many iterations fit into a time; one at least."""
        return max(1, round((seconds - self.before) / self.each))


def train(project: Project, training: dict[str, Any], iterations: int) -> Run:
    """Train to the end, by hpctrain; SystemExit where it came to none."""
    changes = {"training": {**training, **OFF, "max_iter": iterations}, "site": {"cores": CORES}}
    submitted = submit(project, "local", changes=changes, trial=True)
    (found,) = wait(project, (submitted.run_id,)).runs
    if found.state != "completed":
        raise SystemExit(f"{submitted.run_id} is {found.state}: {found.reason}")
    return Run(project.runs / submitted.run_id)


def result_of(run: Run) -> dict[str, Any]:
    """Read what the job has written at its end."""
    return dict(json.loads((run.attempt(1) / "result.json").read_text(encoding="utf-8")))


def pace_of(project: Project, run: Run) -> Pace:
    """Return the pace of a run; what it took beside is before the first iteration."""
    latest = TrainingFiles(project.cache).latest(run, time.time())
    if not latest.pace or not latest.iteration:
        raise SystemExit(f"{run.run_id} is too short to tell the pace")
    return Pace(result_of(run)["seconds"]["train"] - latest.pace * latest.iteration, latest.pace)


def files_of(run: Run) -> dict[str, float]:
    """Return what the archive would hold of the potential: megabytes by suffix."""
    sizes = {}
    for artefact in engine_of(run.engine).artefacts:
        path = run.attempt(1) / artefact.made_as
        files = [path] if path.is_file() else [file for file in path.rglob("*") if file.is_file()]
        if files:
            sizes[artefact.suffix] = sum(file.stat().st_size for file in files) / 1e6
    return sizes


def cost_of(run: Run) -> float:
    """Return what the potential costs in ASE: µs of a core per atom and step."""
    potential = run.attempt(1) / engine_of(run.engine).artefacts[0].made_as
    names = ("OMP_NUM_THREADS", "TF_NUM_INTRAOP_THREADS", "TF_NUM_INTEROP_THREADS")
    done = subprocess.run(
        [sys.executable, "-c", STEPS, run.engine, str(potential)],
        cwd=run.folder, check=True, stdout=subprocess.PIPE, text=True,
        env={**os.environ, **dict.fromkeys(names, "1"), "PYTHONPATH": str(run.folder)},
    )  # fmt: skip
    return float(done.stdout.splitlines()[-1])


def measure(project: Project, training: dict[str, Any], seconds: float) -> dict[str, Any]:
    """Train a variant for so many seconds, and measure what came of it."""
    expected = pace_of(
        project, train(project, training, PILOT[training.get("engine", "pacemaker")])
    )
    run = train(project, training, expected.iterations(seconds))
    result = result_of(run)
    told = result["potential"]
    return {
        "parameters": (told.get("basis") or {}).get("parameters"),
        "before": expected.before, "each": expected.each,
        "iterations": expected.iterations(seconds), "trained": result["seconds"]["train"],
        "kept": (result.get("best") or {}).get("iteration"),
        "train": told["train"], "test": told["test"],
        "files": files_of(run), "cost": cost_of(run),
    }  # fmt: skip


def table(rows: dict[str, dict[str, Any]], seconds: float) -> Iterator[str]:
    """Write the table, and how it was made."""
    command = "make bench-trainers"
    if seconds != USUAL:
        command = f"python benchmarks/bench_trainers.py --seconds {seconds:g}"
    if seconds < LEAST:
        yield "**A trial of the benchmark: these numbers say nothing about the trainers.**"
        yield ""
    yield f"`{command}`: {seconds:g} s for each, {CORES} cores ({platform.machine()})."
    yield ""
    yield (
        "| | parameters | iterations or epochs | before the first, s | trained, s | "
        "train: meV/atom, meV/Å | test: meV/atom, meV/Å | files, MB | µs per atom and step |"
    )
    yield "|---" * 9 + "|"
    for name, row in rows.items():
        errors = (
            f"{row[side]['rmse_energy_mev_per_atom']:.1f}, "
            f"{1000 * row[side]['rmse_force_ev_per_a']:.1f}"
            for side in ("train", "test")
        )
        files = ", ".join(f".{suffix} {size:.2g}" for suffix, size in row["files"].items())
        parameters = f"{row['parameters']:,}" if row["parameters"] else "not told"
        yield (
            f"| {name} | {parameters} | {row['iterations']} | {row['before']:.0f} | "
            f"{row['trained']:.0f} | {' | '.join(errors)} | {files} | {row['cost']:.3g} |"
        )


def read(keep: Path, seconds: float) -> dict[str, dict[str, Any]]:
    """Read the results for this time that are there, in the order of the variants."""
    lines = keep.read_text(encoding="utf-8").splitlines() if keep.exists() else []
    rows = [json.loads(line) for line in lines]
    known = {row["name"]: row for row in rows if row["seconds"] == seconds}
    return {name: known[name] for name in VARIANTS if name in known}


def main() -> None:
    """Measure what is asked for and not there yet, and write the table."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--seconds", type=float, default=USUAL)
    parser.add_argument("--only", nargs="+", choices=VARIANTS, default=list(VARIANTS))
    parser.add_argument("--keep", type=Path)
    given = parser.parse_args()
    keep = given.keep or Path(tempfile.mkdtemp()) / "results.jsonl"
    with tempfile.TemporaryDirectory() as temporary:
        init(Path(temporary) / "demo", demo=True)
        project = find_project(str(Path(temporary) / "demo" / "hpctrain.yaml"))
        for name in given.only:
            if name in read(keep, given.seconds):
                continue
            row = {"name": name, "seconds": given.seconds,
                   **measure(project, VARIANTS[name], given.seconds)}  # fmt: skip
            with keep.open("a", encoding="utf-8") as file:
                print(json.dumps(row), file=file)
            print(row, flush=True)
    lines = list(table(read(keep, given.seconds), given.seconds))
    put_table("bench-trainers", "\n".join(lines), "trainers.md")
    print("\n".join(lines))


if __name__ == "__main__":
    main()
