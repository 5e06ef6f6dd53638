"""Candidates graded on this machine, in the trainer's environment; and how far that is."""

from __future__ import annotations

import contextlib
import os
import threading
from collections.abc import Iterator
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

from hpctrain.errors import HpctrainError
from hpctrain.files import put_job
from hpctrain.potentials.active_set import Origin
from hpctrain.potentials.choice import PROGRESS, RESULT
from hpctrain.potentials.choice import Progress as ProgressFile
from hpctrain.potentials.trainer import find_trainer
from hpctrain.process import Run as RunProgram
from hpctrain.process import run as run_program
from hpctrain.project import Project
from hpctrain.records import BadFile, read_record

if TYPE_CHECKING:
    from hpctrain.data.read import Progress

# Ten million atoms take an hour on four cores.
TIME_LIMIT_S = 6 * 3600.0


def cores_here() -> int:
    """Return how many cores to use here: those of OMP_NUM_THREADS, else four at the most."""
    given = os.environ.get("OMP_NUM_THREADS", "")
    return int(given) if given.isdecimal() and int(given) else 4


def grade_here(
    project: Project | None,
    origin: Origin,
    folder: Path,
    *,
    program: RunProgram | None = None,
    progress: Progress = lambda *_: None,
) -> None:
    """Grade and choose on this machine, in the trainer's environment."""
    program = program or partial(run_program, time_limit_s=TIME_LIMIT_S)
    python = find_trainer(project, origin.engine, [origin.card] if origin.card else [], program)
    put_job(folder)
    with _watched(folder / PROGRESS, progress):
        reply = program([python, "-m", f"job.{origin.engine.name}.select"], cwd=str(folder))
    if reply.code != 0 or not (folder / RESULT).is_file():
        raise HpctrainError(
            f"the candidates could not be graded: {reply.last_words()}",
            f"the trainer's environment was that of {python}; another can be named as "
            "trainer.python of the site local",
        )


@contextlib.contextmanager
def _watched(file: Path, progress: Progress) -> Iterator[None]:
    """Show how far the other program is, as long as it runs."""
    over = threading.Event()

    def watch() -> None:
        while not over.wait(0.5):
            show_progress(file, progress)

    thread = threading.Thread(target=watch, daemon=True)
    thread.start()
    try:
        yield
    finally:
        over.set()
        thread.join()


def show_progress(file: Path, progress: Progress) -> None:
    """Show what a progress.json says; nothing where there is none."""
    with contextlib.suppress(BadFile):
        seen = read_record(file, ProgressFile)
        if seen is not None:
            progress(seen["done"], seen["of"])
