"""Use case: wait until runs have ended, for scripts and notebooks."""

from __future__ import annotations

import time
from collections.abc import Callable

from hpctrain.process import Run as RunProgram
from hpctrain.process import run_scheduler
from hpctrain.project import Project
from hpctrain.runs.actions.status import StatusReport, status
from hpctrain.runs.state.latest import TrainingFiles


def wait(
    project: Project,
    names: tuple[str, ...] = (),
    *,
    look: Callable[[StatusReport], None] = lambda _: None,
    program: RunProgram = run_scheduler,
    say: Callable[[str], None] = lambda _: None,
    pause: Callable[[float], None] = time.sleep,
) -> StatusReport:
    """Wait until the named runs, or all, will change no more by themselves; return their status.

    ``look`` is shown each status on the way. ``pause`` is called with the seconds until the next,
    which depend on the scheduler.
    """
    files = TrainingFiles(project.cache)
    while True:
        report = status(project, names, program=program, say=say, files=files)
        look(report)
        if not report.may_change:
            return report
        pause(report.poll_s)
