"""Adopted trainings are followed before anything is said about them."""

from __future__ import annotations

import contextlib
from collections.abc import Callable
from pathlib import Path

from hpctrain.errors import HpctrainError
from hpctrain.project import Project
from hpctrain.records import BadFile
from hpctrain.runs.lock import Locked, hold_lock
from hpctrain.runs.run import Run, all_runs
from hpctrain.runs.state import adopted
from hpctrain.runs.state.settled import SettledRuns


def follow_adopted(
    project: Project, settled: SettledRuns, now: float, say: Callable[[str], None]
) -> None:
    """Take over what the adopted trainings that are not over have written since.

    Where another command is at work, or nothing can be written, the next one does it.
    """
    found = [run for run in all_runs(project.runs) if settled.find(run) is None]
    folders = [(run, folder) for run in found if (folder := _folder(run, settled)) is not None]
    if not folders:
        return
    try:
        with hold_lock(project.runs, "following adopted trainings", wait_s=0.0, say=say):
            for run, folder in folders:
                try:
                    adopted.refresh(run, folder, now)
                except HpctrainError as problem:
                    say(f"{run.run_id}: {problem.message}")
    except (Locked, OSError):
        return


def _folder(run: Run, settled: SettledRuns) -> Path | None:
    """Return the folder to follow; None of a run that was not adopted, or is over."""
    with contextlib.suppress(BadFile):
        history = settled.history(run)
        over = history.cancel_requested or run.result(1) is not None
        if history.adopted is not None and not over and Path(history.adopted).is_dir():
            return Path(history.adopted)
    return None
