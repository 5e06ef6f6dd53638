"""How a training goes on in its next attempt. Standard library only, Python 3.8 and later.

The trainer's side (inside/checkpoints.py) leaves folders ``checkpoint/NNNNNN`` that are renamed
into place, so that one with a number for a name was whole. Its state.json names its files and their
sizes: one that was damaged later (a full disk, a copy that broke off) is passed over.
"""

from __future__ import annotations

import os
import re
import shutil
from pathlib import Path

from .. import checkpoints
from ..checkpoints import read_state

POTENTIAL = "final_model"


def newest_checkpoint(attempt: Path) -> Path | None:
    """Find the newest checkpoint of an attempt that is whole, or None if it came to none."""
    return checkpoints.newest_checkpoint(attempt, _is_whole)


def newest_of_run(attempts: Path) -> Path | None:
    """Find the checkpoint to go on from: of the last attempt that came to one."""
    return checkpoints.newest_of_run(attempts, _is_whole)


def _is_whole(checkpoint: Path) -> bool:
    """Say whether all files of a checkpoint are there, as long as they were written."""
    sizes = read_state(checkpoint).get("files")
    if not isinstance(sizes, dict) or "checkpoint.index" not in sizes:
        return False
    try:
        return all((checkpoint / name).stat().st_size == size for name, size in sizes.items())
    except OSError:
        return False


def output(folder: Path, seed: int) -> Path:
    """Return where gracemaker writes."""
    return folder / "seed" / str(seed)


def prepare(folder: Path, checkpoint: Path, seed: int) -> None:
    """Put a checkpoint where ``gracemaker -rl`` looks for its own, and its state into resume/."""
    resume, there = folder / "resume", output(folder, seed)
    shutil.rmtree(str(resume), ignore_errors=True)
    resume.mkdir(parents=True)
    (there / "checkpoints").mkdir(parents=True, exist_ok=True)
    shutil.copyfile(str(checkpoint / "state.json"), str(resume / "state.json"))
    shutil.copyfile(str(checkpoint / "model.yaml"), str(there / "model.yaml"))
    for file in sorted(checkpoint.iterdir()):
        name = re.sub("^best", "checkpoint.best_test_loss", file.name)
        if name.startswith("checkpoint."):
            _link(file, there / "checkpoints" / name)


def _link(source: Path, target: Path) -> None:
    """Link a file where the file system can, else copy it; gracemaker replaces its files."""
    if target.exists():
        target.unlink()
    try:
        os.link(str(source), str(target))
    except OSError:
        shutil.copyfile(str(source), str(target))
