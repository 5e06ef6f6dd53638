"""What looking costs: at a long log, at many runs, and with nothing to do.

    python benchmarks/bench_following.py [MEGABYTES] [RUNS]

Ratios, since machines differ; the times beside them are this machine's. Nothing is asserted.
"""

from __future__ import annotations

import json
import os
import subprocess  # noqa: TID251
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

from hpctrain.files import iso
from hpctrain.process import Reply
from hpctrain.project import Project
from hpctrain.runs.actions.status import status
from hpctrain.runs.run import EVENTS, MANIFEST, Run
from hpctrain.runs.state.latest import TrainingFiles

ENTRY = (
    "2026-11-23 13:21:16,100 I - Iteration   #{n}   ({n} evals):   Loss: 0.100000 | "
    "RMSE Energy(low): 5.00 (5.00) meV/at | Forces(low): 30.00 (30.00) meV/A | "
    "Time/eval: 1.00 mcs/at\n"
)
COLUMNS = (
    "ladder_step cycle_step iter_num loss e_loss_contrib f_loss_contrib reg_loss rmse_epa "
    "rmse_f_comp low_rmse_epa low_rmse_f_comp mae_f_comp low_mae_f_comp nfuncs ncoefs "
    "l1_reg_contrib l2_reg_contrib smooth_orth smooth_w1 smooth_w2 smooth_w3\n"
)
ROW = "0 0 {n} 0.5 0 0 0 0.025 0.03" + " 0" * 12 + "\n"


def seconds(action: Callable[[], object]) -> float:
    began = time.perf_counter()
    action()
    return time.perf_counter() - began


def tell(what: str, took: float, against: float | None = None) -> None:
    ratio = "" if against is None else f"   {took / against:10.3g} x"
    print(f"{what:<58}{took * 1000:12.2f} ms{ratio}", flush=True)


def make_run(runs: Path, number: int, state: str, iterations: int) -> Run:
    """A run that ended well, or is training."""
    run = Run(runs / f"20261123-120000-{number:04x}")
    attempt = run.attempt(1)
    attempt.mkdir(parents=True)
    profile = {"scheduler": "slurm", "output": "job-%j.out", "setup": ["line"] * 20}
    training = {"engine": "pacemaker", "cutoff": 6.0, "b_basis_size": 20, "max_iter": 1000}
    side = {"structures": 9, "atoms": 90, "sha256": "0" * 64}
    manifest = {
        "schema": "hpctrain.run/1",
        "run_id": run.run_id,
        "project": "al",
        "created": "2026-11-23T12:00:00.000+00:00",
        "generation": 1,
        "site": {"name": "hal", "files": [], "profile": profile},
        "settings": {"data": {"source": "al.db", "select": "x"}, "training": training},
        "evaluator": "pyace",
        "dataset": {
            "fingerprint": "x",
            "rows_fingerprint": "x",
            "train": {"path": "train.extxyz", **side},
            "test": {"path": "test.extxyz", **side},
            "skipped": [],
            "elements": ["Al"],
            "isolated_atoms": {},
            "config_types": {"bulk": 18},
            "generations": {"0": 18},
        },
        "reference_energies": {"Al": -0.3},
        "input": {"fit": {"loss": {"kappa": 0.5}, "x": [0.5] * 200}},
        "versions": {},
        "files": {},
    }
    (run.folder / MANIFEST).write_text(json.dumps(manifest))
    when = iso(time.time() - 4000)
    events = [
        {"time": when, "event": "submitting", "attempt": 1, "host": os.uname().nodename},
        {"time": when, "event": "submitted", "attempt": 1, "job_id": str(number + 1)},
    ]
    (run.folder / EVENTS).write_text("".join(json.dumps(e) + "\n" for e in events))
    (attempt / "claim.json").write_text(json.dumps({"job_id": str(number + 1), "time": 0}))
    (attempt / "metrics.txt").write_text(
        COLUMNS + "".join(ROW.format(n=n) for n in range(iterations))
    )
    (attempt / "log.txt").write_text("".join(ENTRY.format(n=n) for n in range(iterations)))
    if state == "running":
        (attempt / "heartbeat.json").write_text(json.dumps({"phase": "train"}))
    else:
        errors = {"rmse_energy_mev_per_atom": 1.0, "rmse_force_ev_per_a": 0.1}
        result = {"state": "completed", "potential": {"train": errors, "test": errors}}
        (attempt / "result.json").write_text(json.dumps(result))
        os.utime(attempt / "result.json", (0, 0))
    return run


def long_log(folder: Path, megabytes: int) -> None:
    print(f"\nA log of {megabytes} MB, read by a new process each time")
    run = make_run(folder / "runs", 0, "running", 0)
    block = "".join(ENTRY.format(n=n) for n in range(10_000))
    path, cache = run.attempt(1) / "log.txt", folder / "runs" / ".cache"
    with path.open("w") as file:
        for _ in range(megabytes * 1_000_000 // len(block) + 1):
            file.write(block)

    def look() -> None:
        files = TrainingFiles(cache)
        files.latest(run, time.time())
        files.save(folder / "runs")

    first = seconds(look)
    tell("first look", first)
    tell("second look, nothing appended", seconds(look), first)
    for lines in (1, 1000, 100_000):
        with path.open("a") as file:
            file.writelines(ENTRY.format(n=n) for n in range(lines))
        tell(f"next look, {lines} lines appended", seconds(look), first)


def many_runs(folder: Path, count: int) -> None:
    print(f"\nstatus of {count} runs, half of them running; the scheduler answers at once")
    project = Project(folder / "hpctrain.yaml")
    project.file.write_text("project: al\n")
    rows = []
    for number in range(count):
        state = "completed" if number % 2 else "running"
        run = make_run(project.runs, number, state, 100)
        mark = f"{run.run_id}.01"
        row = [str(number + 1), "RUNNING", "None", "1:00", "1:00:00", f"al.{mark}", ""]
        rows.append("\x1f".join(row) + "\n")
    calls = []

    def program(argv: object, *, cwd: str | None = None) -> Reply:  # noqa: ARG001
        calls.append(argv)
        return Reply(("squeue",), 0, "".join(rows), "")

    first = seconds(lambda: status(project, program=program))
    tell("first look", first)
    tell("second look", seconds(lambda: status(project, program=program)), first)
    for number in range(0, count, 2):
        with (project.runs / f"20261123-120000-{number:04x}/attempts/01/log.txt").open("a") as file:
            file.write(ENTRY.format(n=100))
    tell(
        "next look, each running one has gone on",
        seconds(lambda: status(project, program=program)),
        first,
    )
    print(f"scheduler calls: {len(calls)}")


def nothing_to_do(folder: Path) -> None:
    print("\nhpctrain status with no runs; best of 10")
    project = folder / "hpctrain.yaml"
    project.write_text("project: al\n")

    def best(*argv: str) -> float:
        def once() -> None:
            subprocess.run([sys.executable, *argv], check=True, capture_output=True)

        return min(seconds(once) for _ in range(10))

    bare = best("-c", "pass")
    tell("python -c pass", bare)
    tell("hpctrain status", best("-m", "hpctrain", "status", "--project", str(project)), bare)


def main() -> None:
    megabytes = int(sys.argv[1]) if len(sys.argv) > 1 else 1000
    count = int(sys.argv[2]) if len(sys.argv) > 2 else 1000
    for bench in (nothing_to_do, lambda f: many_runs(f, count), lambda f: long_log(f, megabytes)):
        with tempfile.TemporaryDirectory() as folder:
            bench(Path(folder))


if __name__ == "__main__":
    main()
