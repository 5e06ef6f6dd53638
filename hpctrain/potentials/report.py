"""Use case: the page about one run or one potential, as a file."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from hpctrain.errors import HpctrainError
from hpctrain.files import write_atomically
from hpctrain.pages.page import page
from hpctrain.pages.subject import Subject, archived, of_run
from hpctrain.potentials.archive import cards
from hpctrain.process import Run as RunProgram
from hpctrain.process import run as run_program
from hpctrain.project import Project
from hpctrain.runs.actions.status import status
from hpctrain.runs.run import all_runs
from hpctrain.yamlfile import nearest


@dataclass(frozen=True)
class Written:
    """A page; ``kind`` is ``potential`` or ``run``, ``verdict`` None where nothing was verified."""

    name: str
    kind: str
    path: Path
    verdict: str | None


def write(
    project: Project,
    name: str,
    output: Path | None = None,
    *,
    program: RunProgram = run_program,
    clock: Callable[[], float] = time.time,
    say: Callable[[str], None] = lambda _: None,
) -> Written:
    """Write the page about a potential, or a run in any state, to ``output``.

    By default it becomes NAME.html in the current folder. A file that is there is overwritten,
    but nothing in the archive. A run's name may be any unique beginning of its id.
    """
    kind, subject = _subject(project, name, program, clock, say)
    path = output or Path(f"{subject.name}.html")
    if path.is_dir():
        raise HpctrainError(f"{path} is a folder", f"name a file, as in {path / subject.name}.html")
    if project.potentials.absolute() in path.absolute().parents:
        raise HpctrainError(
            f"{path} is in the archive, where nothing is overwritten",
            f"name a file elsewhere, as in --output {subject.name}.html",
        )
    try:
        write_atomically(path, page(subject))
    except FileNotFoundError:
        raise HpctrainError(
            f"{path} cannot be written: there is no folder {path.parent}", f"mkdir -p {path.parent}"
        ) from None
    verdict = None if subject.verification is None else subject.verification.get("verdict")
    return Written(subject.name, kind, path, verdict)


def _subject(
    project: Project,
    name: str,
    program: RunProgram,
    clock: Callable[[], float],
    say: Callable[[str], None],
) -> tuple[str, Subject]:
    potentials = {card["name"]: card for card in cards(project.potentials)}
    if name in potentials:
        return "potential", archived(potentials[name], project.potentials)
    ids = [run.run_id for run in all_runs(project.runs)]
    if not any(run_id.startswith(name) for run_id in ids):
        raise HpctrainError(
            f"no run and no potential is called '{name}'{nearest(name, [*potentials, *ids])}",
            "list them with: hpctrain status, hpctrain potentials list",
        )
    (found,) = status(project, (name,), program=program, clock=clock, say=say).runs
    return "run", of_run(found)
