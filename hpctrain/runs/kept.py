"""What is kept of runs that were removed: the files by which an archived potential is verified.

``runs/.kept/RUN`` holds them. It begins with a dot, and so it is nobody's run.
"""

from __future__ import annotations

import contextlib
import os
import shutil
from pathlib import Path

from hpctrain.runs.run import EVENTS, MANIFEST, Run

FOLDER = ".kept"
# The sum of the card is in the events; the data are what the trainer was given, byte for byte.
FILES = (MANIFEST, EVENTS, "rows.json", "train.extxyz", "test.extxyz")


def run_or_rest(runs: Path, run_id: str) -> Run:
    """Return a run, or what was kept of it when it was removed; its folder may be gone, too."""
    run = Run(runs / run_id)
    kept = Run(runs / FOLDER / run_id)
    return kept if kept.folder.is_dir() and not run.folder.is_dir() else run


def keep(runs: Path, run: Run) -> Path:
    """Keep what a run's potential is verified by; it takes no room as long as the run is there."""
    target = runs / FOLDER / run.run_id
    new = target.with_name(f".{run.run_id}")
    shutil.rmtree(new, ignore_errors=True)
    new.mkdir(parents=True)
    for name in FILES:
        with contextlib.suppress(FileNotFoundError):
            _link_or_copy(run.folder / name, new / name)
    shutil.rmtree(target, ignore_errors=True)
    new.rename(target)
    return target


def _link_or_copy(source: Path, target: Path) -> None:
    try:
        os.link(source, target, follow_symlinks=False)
    except FileNotFoundError:
        raise
    except OSError:  # a file system without links
        shutil.copy2(source, target)
