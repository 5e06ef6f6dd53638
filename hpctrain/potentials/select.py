"""Use case: which of many unlabelled structures to label next, for a potential.

Three steps in one folder, so that the middle one can be a job: ``prepare`` reads the candidates,
the trainer's environment grades them and chooses (``grade``, job/NAME/select), ``finish``
writes the database and its page (``write_choice``).
"""

from __future__ import annotations

import contextlib
import json
import shutil
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from hpctrain.errors import HpctrainError
from hpctrain.files import as_json, write_atomically
from hpctrain.potentials.active_set import Origin, elements_of
from hpctrain.potentials.choice import ACTIVE_SET, ASKED, CANDIDATES, POTENTIAL, REQUEST, Asked
from hpctrain.potentials.write_choice import refuse_output

if TYPE_CHECKING:
    from hpctrain.data.candidates import Candidates
    from hpctrain.data.read import Progress
    from hpctrain.potentials.card import Card
    from hpctrain.project import Project


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
    refuse_output(output)
    elements = elements_of(origin.active_set)
    with _trained_on(project, origin.card, folder, say) as known:
        found = read_candidates(
            sources, Path.cwd(), select, elements, folder / CANDIDATES,
            known=known, progress=progress,
        )  # fmt: skip
    if not found.ids:
        raise HpctrainError(*_nothing_to_grade(found, sources, select, origin.name, elements))
    shutil.copyfile(origin.potential, folder / POTENTIAL)
    shutil.copyfile(origin.active_set, folder / ACTIVE_SET)
    request = {
        "engine": origin.engine.name,
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


def _nothing_to_grade(
    found: Candidates, sources: Sequence[str], select: str, name: str, elements: Sequence[str]
) -> tuple[str, str]:
    """Say why there is nothing to grade, and what to do."""
    if not found.read:
        words = f"{', '.join(sources)}: no structure" + (f" with '{select}'" if select else "")
        return words, "name files with candidates, or another --select"
    if not found.unusable:
        return (
            f"all {found.read} candidates are nearly the same as structures that {name} was "
            "trained or tested on",
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
    from hpctrain.potentials.export_again import structures_of

    if project is None or card is None:
        yield []
        return
    again, path = folder / "known", project.potentials / f"{card['name']}.json"
    known: list[Path] = []
    try:
        known += structures_of(card, path, project, again, lambda _: None).values()
    except HpctrainError as error:
        say(
            f"note: candidates that {card['name']} was trained on are not recognised: "
            f"{error.message}"
        )
    try:
        yield known
    finally:
        shutil.rmtree(again, ignore_errors=True)
