"""Use case: show what the trainer and the job have printed."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from pathlib import Path

from hpctrain.errors import HpctrainError
from hpctrain.project import Project
from hpctrain.runs.history import fold
from hpctrain.runs.run import find_runs

POLL_S = 0.5


def log_files(project: Project, name: str) -> list[Path]:
    """List the logs of a run that are there, the most telling first."""
    run = find_runs(project.runs, (name,))[0]
    found = [
        run.attempt(number) / file
        for number in reversed(run.attempts())
        for file in (
            "log.txt",
            "pacemaker.out",
            "convert.out",
            "pace_yaml2yace.out",
            "evaluate.out",
        )
    ]
    found += [run.job_output(job_id) for job_id in fold(run.events()).job_ids.values()]
    return [path for path in found if path.is_file() and path.stat().st_size]


def tail(project: Project, name: str, ended: Callable[[], bool]) -> Iterator[str]:
    """Yield the first of the logs, and what is appended to it until ``ended``."""
    files = log_files(project, name)
    while not files:
        if ended():
            raise HpctrainError(f"{name} has not logged anything", "see: hpctrain status")
        time.sleep(POLL_S)
        files = log_files(project, name)
    with files[0].open(encoding="utf-8", errors="replace") as log:
        while True:
            last = ended()
            text = log.read()
            if text:
                yield text
            elif last:
                return
            else:
                time.sleep(POLL_S)
