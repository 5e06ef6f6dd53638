"""Use case: which of many unlabelled structures to label next, for a potential.

Three steps in one folder, so that the middle one can be a job: ``prepare`` reads the candidates,
the trainer's environment grades them and chooses (job/pacemaker/select), ``finish`` writes the
database and its page.
"""

from __future__ import annotations

import contextlib
import json
import os
import shutil
import threading
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

from hpctrain.errors import HpctrainError, UsageError
from hpctrain.files import as_json, put_job, write_atomically
from hpctrain.potentials.active_set import Origin, elements_of
from hpctrain.potentials.choice import Asked, Result, describe, fits
from hpctrain.potentials.choice import Progress as ProgressFile
from hpctrain.potentials.trainer import find_trainer
from hpctrain.process import Run as RunProgram
from hpctrain.process import run as run_program
from hpctrain.records import LARGE, BadFile, damaged, read_record

if TYPE_CHECKING:
    from hpctrain.data.candidates import Candidates
    from hpctrain.data.structures.extxyz import Structure
    from hpctrain.potentials.card import Card
    from hpctrain.project import Project

# Names of the files in its folder; the first four are those of job/pacemaker/select.
REQUEST, CANDIDATES, PROGRESS, RESULT = (
    "request.json", "candidates.jsonl", "progress.json", "choice.json"
)  # fmt: skip
ASKED, POTENTIAL, ACTIVE_SET = "asked.json", "potential.yaml", "active_set.asi"
# Ten million atoms take an hour on four cores.
TIME_LIMIT_S = 6 * 3600.0
ENDINGS = (".db", ".json")
Progress = Callable[[int, "int | None"], None]


@dataclass(frozen=True)
class Choice:
    """What was chosen. ``facts`` are what ``--json`` prints; the paths are None if nothing was."""

    output: Path | None
    page: Path | None
    facts: dict[str, Any]


def prepare(
    project: Project | None,
    sources: Sequence[str],
    origin: Origin,
    folder: Path,
    *,
    wanted: int,
    cores: int | None = None,
    output: Path | None = None,
    select: str = "",
    progress: Progress = lambda *_: None,
    say: Callable[[str], None] = lambda _: None,
) -> Candidates:
    """Read the candidates, and write into ``folder`` all that is needed to choose.

    The choice is of ``wanted`` at the most, and uses ``cores``, or all that it may.
    HpctrainError if the output is there already, or if no candidate can be graded.
    """
    from hpctrain.data.candidates import read_candidates

    generation = None if origin.card is None else int(origin.card["generation"]) + 1
    if output is None:
        output = Path("selected.db" if generation is None else f"selected_gen_{generation:02d}.db")
    _refuse_output(output)
    elements = elements_of(origin.active_set)
    with _trained_on(project, origin.card, folder, say) as known:
        found = read_candidates(
            sources, Path.cwd(), select, elements, folder / CANDIDATES,
            known=known, progress=progress,
        )  # fmt: skip
    if not found.ids:
        raise HpctrainError(*_nothing_to_grade(found, sources, select, origin.name, elements))
    shutil.copyfile(origin.yaml, folder / POTENTIAL)
    shutil.copyfile(origin.active_set, folder / ACTIVE_SET)
    request = {
        "potential": POTENTIAL,
        "active_set": ACTIVE_SET,
        "wanted": wanted,
        "cores": cores,
    }
    asked: Asked = {
        "potential": origin.name,
        "generation": generation,
        "output": str(output.absolute()),
        "wanted": wanted,
        "read": found.read,
        "ids": found.ids,
        "source_of": found.sources,
        "unusable": [{"id": one.id, "why": one.why} for one in found.unusable],
        "alike": [[*pair] for pair in found.alike],
        "compared": bool(known),
    }
    write_atomically(folder / REQUEST, as_json(request))
    write_atomically(folder / ASKED, json.dumps(asked))
    return found


def cores_here() -> int:
    """Return how many cores to use here: those of OMP_NUM_THREADS, else four at the most."""
    given = os.environ.get("OMP_NUM_THREADS", "")
    return int(given) if given.isdecimal() and int(given) else 4


def _refuse_output(output: Path) -> None:
    if output.suffix not in ENDINGS:
        raise UsageError(
            f"{output} is no name of an ASE database", f"end it with {' or '.join(ENDINGS)}"
        )
    if not output.absolute().parent.is_dir():
        raise HpctrainError(
            f"there is no folder {output.absolute().parent}", f"mkdir -p {output.parent}"
        )
    for file in (output, output.with_suffix(".html")):
        if file.exists():
            raise HpctrainError(
                f"{file} is there already, and is not overwritten",
                "name another file, as in --output more.db, or move that one away",
            )


def _nothing_to_grade(
    found: Candidates, sources: Sequence[str], select: str, name: str, elements: Sequence[str]
) -> tuple[str, str]:
    """Say why there is nothing to grade, and what to do."""
    if not found.read:
        words = f"{', '.join(sources)}: no structure" + (f" with '{select}'" if select else "")
        return words, "name files with candidates, or another --select"
    if not found.unusable:
        return (
            f"all {found.read} candidates are alike structures that {name} was trained or tested "
            "on",
            "make others, for example by molecular dynamics at a higher temperature",
        )
    first = found.unusable[0]
    return (
        f"none of {found.read} candidates can be graded; the first is {first.id}: {first.why}",
        f"{name} knows {', '.join(elements)}: name structures of these elements, or train with the "
        "others first",
    )


@contextlib.contextmanager
def _trained_on(
    project: Project | None, card: Card | None, folder: Path, say: Callable[[str], None]
) -> Iterator[list[Path]]:
    """Find the structures that a potential was trained and tested on; none where that fails."""
    from hpctrain.potentials.export_again import export_again

    if project is None or card is None:
        yield []
        return
    kept = [project.runs / card["run"]["run_id"] / f"{side}.extxyz" for side in ("train", "test")]
    if all(path.is_file() for path in kept):
        yield kept
        return
    again = folder / "known"
    try:
        dataset = export_again(
            project.potentials / f"{card['name']}.json",
            project.config().data,
            project.folder,
            again,
        )
        yield [dataset.train.path, dataset.test.path]
    except HpctrainError as error:
        say(
            f"note: candidates that {card['name']} was trained on are not recognised: "
            f"{error.message}"
        )
        yield []
    finally:
        shutil.rmtree(again, ignore_errors=True)


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
    python = find_trainer(project, [origin.card] if origin.card else [], program)
    put_job(folder)
    with _watched(folder / PROGRESS, progress):
        reply = program([python, "-m", "job.pacemaker.select"], cwd=str(folder))
    if reply.code != 0 or not (folder / RESULT).is_file():
        said = (reply.problem or reply.err.strip() or reply.out.strip()).splitlines()
        raise HpctrainError(
            f"the candidates could not be graded: {said[-1] if said else 'nothing was said'}",
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


def finish(folder: Path) -> Choice:
    """Write the database of what was chosen in ``folder``, and its page; neither is overwritten.

    Nothing is written where no candidate extrapolates.
    """
    asked = read_record(folder / ASKED, Asked, LARGE)
    if asked is None:
        raise HpctrainError(
            f"{folder} is not the folder of a choice",
            "name one of those in runs/.choices",
        )
    result = read_record(folder / RESULT, Result, LARGE)
    if result is None:
        raise HpctrainError(
            f"{folder} holds no choice.json: its job has not ended, or failed",
            f"look at what it printed, in {folder}",
        )
    if not fits(asked, result):
        raise damaged(folder / RESULT, "it is not of the candidates in asked.json")
    structures = _chosen(folder / CANDIDATES, asked, result)
    facts = describe(asked, result, structures)
    output = Path(asked["output"])
    if not facts["chosen"]:
        return Choice(None, None, facts)
    _refuse_output(output)
    page = output.with_suffix(".html")
    _write_database(output, structures, facts)
    _write_page(page, facts, result)
    return Choice(output, page, {**facts, "output": str(output), "page": str(page)})


def _chosen(candidates: Path, asked: Asked, result: Result) -> list[Structure]:
    """Read the structures that were chosen, in their order."""
    from hpctrain.data.candidates import parse, read_lines

    places = [one["index"] for one in result["chosen"]]
    lines = read_lines(candidates, places)
    return [parse(lines[place], asked["ids"][place], asked["source_of"][place]) for place in places]


def _write_database(output: Path, structures: list[Structure], facts: dict[str, Any]) -> None:
    from hpctrain.data.sources.write import write_database

    rows = []
    for one, structure in zip(facts["chosen"], structures, strict=True):
        keys = {"status": "new", "grade": one["grade"], "rank": one["rank"], "adds": one["adds"],
                "source": one["source"], "source_id": one["id"],
                "selected_by": facts["potential"]}  # fmt: skip
        if facts["generation"] is not None:
            keys["generation"] = facts["generation"]
        rows.append((structure, keys))
    try:
        write_database(output, rows)
    except FileExistsError:
        _refuse_output(output)
        raise


def _write_page(page: Path, facts: dict[str, Any], result: Result) -> None:
    from hpctrain import __version__
    from hpctrain.pages.select import page as make

    made = f"{datetime.now().astimezone():%Y-%m-%d %H:%M %Z}, hpctrain {__version__} select"
    text = make(facts, result["grades"], [one["index"] for one in result["chosen"]], made)
    write_atomically(page, text)
