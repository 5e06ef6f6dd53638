"""hpctrain's defaults against Pacemaker's own template: validation errors after equal time.

    python benchmarks/bench_training.py [--seconds 120] [--splits 4 1]

Both train on the demo's data with the real trainer (tensorpot), one thread each, and are ended
once the trainer's process has used so many seconds of CPU time, from its start: what it takes to
build the graphs counts. The template is what ``pacemaker -t`` writes when every question is
answered by Enter; it is given the same files, the same reference energy, and the time limit. The
table is written into docs/training.md, between its marks.

The trainer imports this file for ``fit.callbacks``.
"""

from __future__ import annotations

import json
import os
import subprocess  # noqa: TID251
import sys
import time
from pathlib import Path
from typing import Any

FOREVER = 100_000


def until(**_: Any) -> None:
    """A callback: end the fit when the time is over."""
    if time.process_time() >= float(os.environ["BENCH_CPU_S"]):
        raise StopIteration("the time is over")


def prepared(folder: Path, split: int) -> Path:
    """An attempt of a run of the demo's data with the defaults of ``training``."""
    from hpctrain.engines.pacemaker.settings import PacemakerTraining
    from hpctrain.launch.prepare import prepare
    from hpctrain.project import find_project, init

    project = folder / "project"
    if not project.exists():
        init(project, demo=True)
    own = {"evaluator": "tensorpot", "max_iter": FOREVER,
           "overrides": {"fit": {"callbacks": ["bench_training.until"]}}}  # fmt: skip
    defaults = PacemakerTraining().model_dump(exclude={"evaluator", "max_iter", "overrides"})
    run = folder / f"run-{split}"
    prepare(find_project(str(project / "hpctrain.yaml")), run, "local",
            changes={"data": {"seed": split}, "training": {**defaults, **own}})  # fmt: skip
    attempt = run / "attempts" / "01"
    attempt.mkdir(parents=True)
    convert(run, attempt)
    (attempt / "input.yaml").write_text((run / "input.yaml").read_text())
    return attempt


def convert(run: Path, folder: Path) -> None:
    subprocess.run(
        [sys.executable, "-m", "job.pacemaker.convert", str(run / "train.extxyz"),
         "train.pckl.gzip", str(run / "test.extxyz"), "test.pckl.gzip"],
        cwd=folder, check=True, stdout=subprocess.DEVNULL,
        env={**os.environ, "PYTHONPATH": str(run)},
    )  # fmt: skip


def template(folder: Path, run: Path, split: int) -> Path:
    """What ``pacemaker -t`` writes, for the same data."""
    import yaml

    attempt = folder / f"template-{split}"
    attempt.mkdir()
    convert(run, attempt)
    # The file; then Enter for all: no test set, the data's elements, 700 functions, 7 Å, uniform.
    answers = "train.pckl.gzip\n" + "\n" * 6
    subprocess.run([program(), "-t"], cwd=attempt, input=answers, text=True, check=True,
                   stdout=subprocess.DEVNULL)  # fmt: skip
    # Its 1e-8 has no point, and is text in YAML 1.1; Pacemaker reads YAML 1.2.
    text = (attempt / "input.yaml").read_text().replace("1e-8", "1.0e-8")
    asked = yaml.safe_load(text)
    ours = json.loads((run / "job" / "input.json").read_text())
    asked["data"].update(ours["data"])
    asked["fit"].update(maxiter=FOREVER, callbacks=["bench_training.until"])
    (attempt / "input.yaml").write_text(json.dumps(asked))
    return attempt


def program() -> str:
    return str(Path(sys.executable).parent / "pacemaker")


def train(attempt: Path, seconds: float, on_path: Path) -> None:
    from hpctrain.engines.pacemaker.settings import PacemakerTraining

    one = dict.fromkeys(
        ("OMP_NUM_THREADS", "TF_NUM_INTRAOP_THREADS", "TF_NUM_INTEROP_THREADS"), "1"
    )
    defaults = PacemakerTraining()
    told = {"HPCTRAIN_START": defaults.start, "HPCTRAIN_PATIENCE": str(defaults.patience),
            "BENCH_CPU_S": str(seconds),
            "PYTHONPATH": f"{on_path}{os.pathsep}{Path(__file__).parent}"}  # fmt: skip
    with (attempt / "pacemaker.out").open("wb") as out:
        subprocess.run([program(), "input.yaml", "--no-predict"], cwd=attempt, check=True,
                       env={**os.environ, **one, **told}, stdout=out, stderr=out)  # fmt: skip


def outcome(attempt: Path) -> tuple[int, float, float, float, float]:
    """Iterations; errors on the test set (meV/atom, eV/Å) of what was written, and of the last."""
    from hpctrain.runs.state.curves import read_attempt

    training, test = read_attempt(attempt)
    last = (test[-1].rmse_energy, test[-1].rmse_force)
    told = attempt / "continuation.json"
    best = json.loads(told.read_text()).get("best") if told.exists() else None
    kept = tuple(best["best"].values()) if best else last
    return training[-1].epoch, kept[0], kept[1], *last


def main() -> None:
    import argparse
    import tempfile

    parser = argparse.ArgumentParser()
    parser.add_argument("--seconds", type=float, default=120)
    parser.add_argument("--splits", type=int, nargs="+", default=[4, 1])
    given = parser.parse_args()
    rows = []
    with tempfile.TemporaryDirectory() as temporary:
        folder = Path(temporary)
        for split in given.splits:
            own = prepared(folder, split)
            run = own.parents[1]
            for name, attempt in (
                ("Pacemaker's template", template(folder, run, split)),
                ("hpctrain's defaults", own),
            ):
                train(attempt, given.seconds, run / "job" / "pacemaker" / "on_path")
                n, *errors = outcome(attempt)
                rows.append((split, name, n, *errors))
                print(rows[-1], flush=True)
    write(given.seconds, given.splits, rows)


def write(seconds: float, splits: list[int], rows: list[tuple[Any, ...]]) -> None:
    command = "make bench-training"
    if (seconds, splits) != (120, [4, 1]):
        command = f"python benchmarks/bench_training.py --seconds {seconds:g} --splits "
        command += " ".join(map(str, splits))
    lines = [
        f"`{command}`, {seconds:g} s of CPU time each:", "",
        "| `data.seed` | settings | iterations | energy, test (meV/atom) | forces, test (eV/Å) |",
        "|---|---|---|---|---|",
        *(f"| {split} | {name} | {n} | {energy:.1f} | {force:.3f} |"
          for split, name, n, energy, force, *_ in rows),
    ]  # fmt: skip
    from tables import put_table  # the trainer imports this file, from elsewhere

    put_table("bench-training", "\n".join(lines))


if __name__ == "__main__":
    main()
