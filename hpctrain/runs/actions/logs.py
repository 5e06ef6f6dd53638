"""Use case: show what the trainer and the job have printed."""

from __future__ import annotations

import io
import stat
import time
from collections.abc import Callable, Iterator
from pathlib import Path

from hpctrain.engines import engine_of
from hpctrain.errors import HpctrainError
from hpctrain.project import Project
from hpctrain.records import PIECE, BadFile, open_binary
from hpctrain.runs.names import find_runs

POLL_S = 0.5


def log_files(
    project: Project, name: str, say: Callable[[str], None] = lambda _: None
) -> list[Path]:
    """List the logs of a run that are there, the most telling first."""
    run = find_runs(project.runs, (name,))[0]
    found = [
        run.attempt(number) / file
        for number in reversed(run.attempts())
        for file in engine_of(run.engine).logs
    ]
    try:
        found += [run.job_output(job_id) for job_id in run.history().job_ids.values()]
    except BadFile as bad:
        say(bad.message)
    return [path for path in found if _has_text(path, say)]


def _has_text(path: Path, say: Callable[[str], None]) -> bool:
    """Say whether a file has something to show; one that is none is told of."""
    try:
        found = path.lstat()
    except OSError:
        return False
    if not stat.S_ISREG(found.st_mode):
        say(f"{path} is not a regular file, and is not read")
        return False
    return found.st_size > 0


def tail(project: Project, name: str, ended: Callable[[], bool]) -> Iterator[str]:
    """Yield the first of the logs, in pieces, and what is appended to it until ``ended``."""
    files = log_files(project, name)
    while not files:
        if ended():
            raise HpctrainError(f"{name} has not logged anything", "see: hpctrain status")
        time.sleep(POLL_S)
        files = log_files(project, name)
    opened = open_binary(files[0])
    if opened is None:
        raise HpctrainError(f"{files[0]} has just gone", "see: hpctrain status")
    with opened, io.TextIOWrapper(opened, encoding="utf-8", errors="replace") as log:
        while True:
            last = ended()
            while text := log.read(PIECE):
                yield text
            if last:
                return
            else:
                time.sleep(POLL_S)
