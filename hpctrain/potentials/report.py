"""Use case: write the page about one run or one potential."""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import quote

from hpctrain.engines import engine_of
from hpctrain.errors import HpctrainError
from hpctrain.files import write_atomically
from hpctrain.pages.learning_curve import curves_of_csv
from hpctrain.pages.page import page
from hpctrain.pages.subject import Link, RunFiles, Subject, of_potential, of_run
from hpctrain.potentials.archive import read_cards
from hpctrain.potentials.card import Card
from hpctrain.potentials.verification import VERIFICATION, read_verification
from hpctrain.process import Run as RunProgram
from hpctrain.process import run_scheduler
from hpctrain.project import Project
from hpctrain.records import LARGE, BadFile, read_bytes
from hpctrain.runs.actions.status import status
from hpctrain.runs.manifest import RowIds
from hpctrain.runs.names import run_names
from hpctrain.runs.result import Environment, Evaluation, Result
from hpctrain.runs.run import Run, all_runs
from hpctrain.runs.spent import spent
from hpctrain.runs.state.curves import Curves, curves
from hpctrain.yamlfile import nearest


@dataclass(frozen=True)
class WrittenPage:
    """A page; ``kind`` is ``potential`` or ``run``, ``verdict`` None where nothing was verified."""

    name: str
    kind: str
    path: Path
    verdict: str | None


def write_page(
    project: Project,
    name: str,
    output: Path | None = None,
    *,
    program: RunProgram = run_scheduler,
    clock: Callable[[], float] = time.time,
    say: Callable[[str], None] = lambda _: None,
) -> WrittenPage:
    """Write the page about a potential, or a run in any state, to ``output``.

    By default it becomes NAME.html in the current folder. A file that is there is overwritten,
    but nothing in the archive. A run's name may be any unique beginning of its id.
    """
    kind, subject = _find_subject(project, name, output, program, clock, say)
    path = output or Path(f"{subject.name}.html")
    put_page(project, path, page(subject), f"{subject.name}.html")
    verdict = None if subject.verification is None else subject.verification.get("verdict")
    return WrittenPage(subject.name, kind, path, verdict)


def put_page(project: Project, path: Path, text: str, example: str) -> None:
    """Write a page, but not into the archive. ``example`` is the name of a file, for the hints."""
    if path.is_dir():
        raise HpctrainError(f"{path} is a folder", f"name a file, as in {path / example}")
    if project.potentials.absolute() in path.absolute().parents:
        raise HpctrainError(
            f"{path} is in the archive, where nothing is overwritten",
            f"name a file elsewhere, as in {example}",
        )
    try:
        write_atomically(path, text)
    except FileNotFoundError:
        raise HpctrainError(
            f"{path} cannot be written: there is no folder {path.parent}", f"mkdir -p {path.parent}"
        ) from None


def _find_subject(
    project: Project,
    name: str,
    output: Path | None,
    program: RunProgram,
    clock: Callable[[], float],
    say: Callable[[str], None],
) -> tuple[str, Subject]:
    potentials = {card["name"]: card for card in read_cards(project.potentials, say)}
    if name in potentials:
        return "potential", read_potential(potentials[name], project.potentials, say, output)
    ids = [run.run_id for run in all_runs(project.runs)]
    named = run_names(project.runs)
    if name not in named and not any(run_id.startswith(name) for run_id in ids):
        raise HpctrainError(
            f"no run and no potential is called '{name}'"
            f"{nearest(name, [*potentials, *named, *ids])}",
            "list them with: hpctrain status, hpctrain potentials list",
        )
    (found,) = status(project, (name,), program=program, clock=clock, say=say).runs
    assert found.run is not None
    files = _read_files(found.run, max(1, found.attempt), output)
    for words in found.run.bad_files.values():
        say(words)
    return "run", of_run(found, files)


def read_potential(
    card: Card,
    potentials: Path,
    say: Callable[[str], None] = lambda _: None,
    output: Path | None = None,
) -> Subject:
    """Describe a potential by its card and what lies beside it in the archive.

    Links are as from the page ``output``, by default one in the current folder.
    """
    folder = potentials / "report" / card["name"]
    table, so_far = folder / "learning_curve.csv", Curves()
    try:
        text = read_bytes(table, LARGE)
        if text is not None:
            so_far = curves_of_csv(text.decode(), card["run"].get("seams") or [])
    except BadFile as bad:
        say(bad.message)
    except (ValueError, KeyError, TypeError):
        say(f"{table} is damaged: it is not a table of a learning curve")
    verification = read_verification(folder / VERIFICATION, lambda bad: say(bad.message))
    return of_potential(card, so_far, verification, _link(potentials, output))


def _link(there: Path, output: Path | None) -> str:
    """Return where a file or folder is from the page, as an address."""
    page_in = output.parent if output is not None else Path()
    return quote(Path(os.path.relpath(there, page_in)).as_posix())


# Of a run: what is worth a look.
_OF_RUN = {"job.sh": "the job script", "input.yaml": "the trainer's input"}


def _links(run: Run, folder: Path, output: Path | None) -> Iterator[Link]:
    engine = engine_of(run.engine)
    of_attempt = {
        **{one.made_as: one.words for one in engine.artefacts},
        engine.logs[0]: "the trainer's log of the latest attempt",
        VERIFICATION: "what the checks measured",
    }
    for there, files in ((folder, of_attempt), (run.folder, _OF_RUN)):
        for name, what in files.items():
            if (there / name).exists():
                yield Link(name, what, _link(there / name, output))


def _read_files(run: Run, attempt: int, output: Path | None) -> RunFiles:
    folder = run.attempt(attempt)
    return RunFiles(
        manifest=run.manifest,
        attempts=len(run.attempts()),
        result=run.try_read(folder / "result.json", Result) or {},
        evaluation=run.try_read(folder / "evaluation.json", Evaluation) or {},
        environment=run.try_read(folder / "environment.json", Environment) or {},
        verification=read_verification(folder / VERIFICATION, run.note),
        rows=run.try_read(run.folder / "rows.json", RowIds, LARGE) or {},
        curves=curves(run),
        spent=spent(run),
        links=tuple(_links(run, folder, output)),
    )
