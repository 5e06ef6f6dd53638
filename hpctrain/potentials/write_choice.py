"""What was chosen, written: an ASE database and its page; neither is overwritten."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

from hpctrain.errors import HpctrainError, UsageError
from hpctrain.files import write_atomically
from hpctrain.potentials.choice import ASKED, CANDIDATES, RESULT, Asked, Result, describe, fits
from hpctrain.records import LARGE, damaged, read_record

if TYPE_CHECKING:
    from hpctrain.data.structures.extxyz import Structure

ENDINGS = (".db", ".json")


@dataclass(frozen=True)
class Choice:
    """What was chosen. ``facts`` are what ``--json`` prints; the paths are None if nothing was."""

    output: Path | None
    page: Path | None
    facts: dict[str, Any]


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
    refuse_output(output)
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
        refuse_output(output)
        raise


def _write_page(page: Path, facts: dict[str, Any], result: Result) -> None:
    from hpctrain import __version__
    from hpctrain.pages.select import page as make

    made = f"{datetime.now().astimezone():%Y-%m-%d %H:%M %Z}, hpctrain {__version__} select"
    text = make(facts, result["grades"], [one["index"] for one in result["chosen"]], made)
    write_atomically(page, text)


def refuse_output(output: Path) -> None:
    """Refuse a name that is no database's, has no folder, or is taken."""
    if output.suffix not in ENDINGS:
        raise UsageError(
            f"{output} is not the name of an ASE database", f"end it with {' or '.join(ENDINGS)}"
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
