"""A training in three attempts against the same one in one piece: the losses at the end.

    python benchmarks/bench_continuation.py [--engine grace] [--total 30]

The demo's data, on this machine, one thread, through hpctrain itself: two attempts are sent the
signal that Slurm sends before a walltime, after about a third of the training each, and `resume`
submits the next. Prints the losses for docs/continuation.md; nothing is asserted.
"""

from __future__ import annotations

import argparse
import json
import os
import signal
import sys
import tempfile
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

from hpctrain.launch.submit import submit
from hpctrain.project import find_project, init
from hpctrain.runs.actions.resume import resume
from hpctrain.runs.actions.status import status
from hpctrain.runs.run import Run
from hpctrain.runs.state.curves import Curves, curves
from hpctrain.runs.state.verdict import SETTLED

ONE_THREAD = ("OMP_NUM_THREADS", "TF_NUM_INTRAOP_THREADS", "TF_NUM_INTEROP_THREADS")
TRAINING: dict[str, dict[str, Any]] = {
    # 752 parameters.
    "grace": {
        "engine": "grace",
        "overrides": {
            "potential": {
                "kwargs": {
                    "lmax": [3, 2], "max_order": 2, "n_rad_max": [8, 4], "embedding_size": 8,
                    "fs_parameters": [[1.0, 1.0], [1.0, 0.5]],
                }
            }
        },
    },
    "pacemaker": {
        "evaluator": "tensorpot", "b_basis_size": 100, "start": "zero", "force_share": 0.5
    },
}  # fmt: skip


def train(folder: Path, engine: str, total: int, stops: list[int]) -> Curves:
    """Train, stopping once the test table is at each of the iterations in ``stops``."""
    init(folder, demo=True)
    project = find_project(str(folder))
    changes = {
        "data": {"select": "status=completed"},
        "training": {
            **TRAINING[engine], "max_iter": total, "active_set": False, "verify_minutes": 0,
            "reference_energies": {"Al": -0.2994},
        },
        "site": {"cores": 1, "environment": dict.fromkeys(ONE_THREAD, "1")},
    }  # fmt: skip
    submitted = submit(project, "local", changes=changes)
    run, left = submitted.run_id, list(stops)
    signalled = 0
    while True:
        (now,) = status(project, (run,)).runs
        if now.state in SETTLED:
            if now.state == "completed":
                return curves(Run(submitted.run_dir))
            if now.state != "timeout":
                sys.exit(f"{run}: {now.state}: {now.reason}")
            print(f"attempt {now.attempt}: {now.reason}", flush=True)
            resume(project, (run,))
        elif left and (now.iteration or 0) >= left[0] and now.attempt != signalled:
            claim = submitted.run_dir / "attempts" / f"{now.attempt:02d}" / "claim.json"
            os.kill(json.loads(claim.read_text())["pid"], signal.SIGUSR1)
            signalled = now.attempt
            left.pop(0)
        time.sleep(0.2)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--engine", choices=sorted(TRAINING), default="grace")
    parser.add_argument("--total", type=int, default=30)
    asked = parser.parse_args()
    thirds = [asked.total // 3, 2 * asked.total // 3]
    with tempfile.TemporaryDirectory() as made, ThreadPoolExecutor(2) as pool:
        one, three = pool.map(
            lambda stops: train(
                Path(made) / f"{len(stops)}", asked.engine, asked.total, stops
            ),
            ([], thirds),
        )  # fmt: skip
    print(f"{asked.engine}, {asked.total} iterations, seams {three.seams}")
    for side in ("train", "test"):
        first, second = (getattr(found, side)[-1] for found in (one, three))
        print(
            f"{side} loss: in one piece {first.loss:.10g}, in three attempts {second.loss:.10g}, "
            f"{second.loss / first.loss:.6f} ×; iterations {first.epoch} and {second.epoch}"
        )


if __name__ == "__main__":
    main()
