"""What a look at many runs costs, as commands: CPU time of whole processes, against git status.

    python benchmarks/bench_looking.py [RUNS]

Prints a table and puts it into docs/benchmarks.md. The peer is ``git status`` on the same folder:
it too has to find out, by the stamps of thousands of files and an index, what has changed since its
last look. CPU time, because other work on the machine hardly changes it; each figure is the least
of several.
"""

from __future__ import annotations

import os
import platform
import resource
import shutil
import subprocess  # noqa: TID251
import sys
import tempfile
from collections.abc import Callable
from pathlib import Path

from bench_following import make_run

from hpctrain.project import init

PAGE = Path(__file__).resolve().parents[1] / "docs" / "benchmarks.md"
HEADING = "## Looking at many runs"
TIMES = 5
HPCTRAIN = (sys.executable, "-m", "hpctrain")
SUBMIT = (*HPCTRAIN, "submit", "--site", "slurm", "--yes", "--set", "data.select=id>1,id<40",
          "--set", "training.reference_energies={Al: -0.3}")  # fmt: skip


def cpu(folder: Path, *argv: str, before: Callable[[], object] = lambda: None) -> float:
    """CPU seconds of a command and its children, the least of several runs."""
    found = []
    environment = {**os.environ, "PATH": f"{folder / 'bin'}:{os.environ['PATH']}"}
    for _ in range(TIMES):
        before()
        began = resource.getrusage(resource.RUSAGE_CHILDREN)
        subprocess.run(argv, cwd=folder, env=environment, check=True, capture_output=True)
        ended = resource.getrusage(resource.RUSAGE_CHILDREN)
        found.append(ended.ru_utime + ended.ru_stime - began.ru_utime - began.ru_stime)
    return min(found)


def make_project(folder: Path, count: int) -> None:
    """A project of so many runs, half of them running, and a Slurm that answers at once."""
    init(folder, demo=True)
    rows = []
    for number in range(count):
        run = make_run(folder / "runs", number, "completed" if number % 2 else "running", 100)
        row = [str(number + 1), "RUNNING", "None", "1:00", "1:00:00", f"al.{run.run_id}.01", ""]
        rows.append("\x1f".join(row) + "\n")
    (folder / "queue").write_text("".join(rows))
    (folder / "bin").mkdir()
    programs = {"squeue": f"cat {folder}/queue", "sacct": "exit 0", "sbatch": "echo 77"}
    for name, line in programs.items():
        (folder / "bin" / name).write_text(f"#!/bin/sh\n{line}\n")
        (folder / "bin" / name).chmod(0o755)


def measure(folder: Path, count: int) -> list[tuple[str, float]]:
    make_project(folder, count)
    git = ("git", "-c", "user.name=x", "-c", "user.email=x@y")
    for words in (("init", "--quiet"), ("add", "--all"), ("commit", "--quiet", "-m", "x")):
        subprocess.run((*git, *words), cwd=folder, check=True, capture_output=True)
    peer = cpu(folder, *git, "status")
    status = (*HPCTRAIN, "status", "--json")
    cache = folder / "runs" / ".cache"
    first = cpu(folder, *status, before=lambda: shutil.rmtree(cache, ignore_errors=True))
    return [
        ("git status", peer),
        ("hpctrain status, the first", first),
        ("hpctrain status, later ones", cpu(folder, *status)),
        ("hpctrain submit", cpu(folder, *SUBMIT)),
    ]


def section(count: int, many: list[tuple[str, float]], none: list[tuple[str, float]]) -> str:
    peer = many[0][1]
    lines = [
        f"| {name} | {took:.2f} | {took / peer:.1f} × | {alone:.2f} |"
        for (name, took), (_, alone) in zip(many, none, strict=True)
    ]
    return f"""{HEADING}

The command: `python benchmarks/bench_looking.py {count}`, on {os.cpu_count()} cores
({platform.machine()}), Python {platform.python_version()}.

| CPU seconds, {count:,} runs | | against git status | with no runs |
| --- | ---: | ---: | ---: |
{chr(10).join(lines)}

- Half of the runs are running, each with 100 iterations; the scheduler answers at once.
- `git status` runs on the same folder. It does a comparable thing: by the times of thousands of
  files and an index it finds out what has changed since its last look.
- The **first** `hpctrain status` has no cache and reads all tables. **Later ones** read only the
  runs whose files have changed, and those that are not over. **submit** looks for its data among
  all runs.
- The figures are the CPU time of whole processes, with Python's start: each the least of {TIMES}.
"""


def main() -> None:
    count = int(sys.argv[1]) if len(sys.argv) > 1 else 1000
    with tempfile.TemporaryDirectory() as many, tempfile.TemporaryDirectory() as none:
        text = section(count, measure(Path(many) / "p", count), measure(Path(none) / "p", 0))
    print(text)
    before, _, _ = PAGE.read_text(encoding="utf-8").partition(HEADING)
    PAGE.write_text(f"{before.rstrip()}\n\n{text}", encoding="utf-8")


if __name__ == "__main__":
    main()
