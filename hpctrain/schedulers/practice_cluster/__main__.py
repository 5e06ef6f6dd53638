"""The program of the practice clusters: it is one of theirs, on the cluster in a folder."""

from __future__ import annotations

import os
import shlex
import sys
from pathlib import Path

PROGRAMS = {
    "pbs": ("qsub", "qstat", "qselect", "qdel", "qhold", "qrls", "pbsnodes"),
    "slurm": ("sbatch", "squeue", "sacct", "scancel", "scontrol"),
}
MODULE = "hpctrain.schedulers.practice_cluster"
USAGE = f"usage: python -m {MODULE} FOLDER PROGRAM [ARGUMENTS], or FOLDER setup pbs|slurm"


def setup(folder: Path, kind: str) -> None:
    """Put the programs under their own names into ``bin``, for a PATH."""
    (folder / "bin").mkdir(parents=True, exist_ok=True)
    for name in PROGRAMS[kind]:
        path = folder / "bin" / name
        if not path.exists():
            words = [
                sys.executable,
                "-m",
                MODULE,
                str(folder),
                name,
            ]
            new = path.with_name(f".{name}.{os.getpid()}")
            new.write_text(f'#!/bin/sh\nexec {shlex.join(words)} "$@"\n', encoding="utf-8")
            new.chmod(0o755)
            new.replace(path)


def main(arguments: list[str]) -> int:
    """Run one of the cluster's programs, and return its exit code."""
    if len(arguments) < 2:
        print(USAGE, file=sys.stderr)
        return 2
    folder, program, words = Path(arguments[0]).absolute(), arguments[1], arguments[2:]
    if program == "setup" and words and words[0] in PROGRAMS:
        setup(folder, words[0])
        return 0
    if program in PROGRAMS["pbs"]:
        from hpctrain.schedulers.practice_cluster.pbs import main as pbs

        setup(folder, "pbs")
        return pbs.main(folder, program, words)
    if program in PROGRAMS["slurm"]:
        from hpctrain.schedulers.practice_cluster.slurm import main as slurm

        setup(folder, "slurm")
        return slurm.main(folder, program, words)
    print(USAGE, file=sys.stderr)
    return 2


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
