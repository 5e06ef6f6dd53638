"""Use case: check a potential again, as a job does in its last step."""

from __future__ import annotations

import json
import os
import tempfile
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

from hpctrain.errors import HpctrainError
from hpctrain.files import put_job, sha256_of
from hpctrain.potentials.card import Card, engine_name, read_card
from hpctrain.potentials.export_again import structures_of
from hpctrain.potentials.trainer import find_trainer
from hpctrain.potentials.verification import VERIFICATION, read_verification
from hpctrain.process import Run as RunProgram
from hpctrain.process import run as run_program
from hpctrain.project import Project
from hpctrain.runs.kept import run_or_rest
from hpctrain.runs.result import Verification
from hpctrain.yamlfile import nearest

# A verification that has not ended by itself so long after its time is ended.
GRACE_S = 60.0


@dataclass(frozen=True)
class Verified:
    """A verification, and what it was of; ``notes`` say what could not be checked."""

    yace: Path
    sha256: str
    data: list[Path]
    notes: list[str]
    content: Verification


def verify(
    project: Project | None,
    what: str,
    *,
    data: Path | None = None,
    minutes: float = 5.0,
    program: RunProgram | None = None,
    say: Callable[[str], None] = lambda _: None,
) -> Verified:
    """Run the checks on a .yace: a path, or the name of a potential in ``potentials/``.

    The structures are those of ``data``, else those of its run, else those that its card names,
    written again from their source.
    """
    yace = _find_potential(project, what)
    sha256 = sha256_of(yace)
    card = read_card(yace.with_suffix(".json"))
    if card and sha256 != card["files"]["yace"]["sha256"]:
        raise HpctrainError(
            f"{yace} is not the file that {yace.stem}.json describes",
            "to verify it without its card, copy it to another folder",
        )
    notes: list[str] = []
    with tempfile.TemporaryDirectory() as temporary:
        folder = Path(temporary)
        if data is not None:
            structures: dict[str, Any] = {"sides": {"test": _absolute(data)}}
        elif card and card["dataset"]["test"] is None:
            structures = {"sides": {}}
            notes.append("its data are not known: most checks need them; name a file with --data")
        elif card and project is not None:
            structures = _structures_of_card(project, card, yace, folder, say)
        else:
            structures = {"sides": {}}
            notes.append("no structures: most checks need them; name a file with --data")
        request = {**_request(yace, card, minutes, folder), **structures}
        program = program or partial(run_program, time_limit_s=60 * minutes + GRACE_S)
        python = find_trainer(project, [card] if card else [], program)
        content, note = _run(request, python, folder, program)
    if note:
        notes.append(note)
    sides = [Path(path) for path in structures["sides"].values()]
    return Verified(yace, sha256, sides, notes, content)


def _request(yace: Path, card: Card | None, minutes: float, folder: Path) -> dict[str, Any]:
    """Put together what the checks want to know, but for the structures."""
    return {
        "engine": engine_name(card),
        "potential": str(yace),
        "free_atoms": card["reference_energies"] if card else None,
        "shift": card["shift"] if card else None,
        "predictions": None,
        "known_errors": None,
        "variant": card["evaluator"] if card else None,
        "seconds": 60 * minutes,
        "out": str(folder / VERIFICATION),
    }


def _run(
    request: dict[str, Any], python: str, folder: Path, program: RunProgram
) -> tuple[Verification, str]:
    """Run the checks; return what they found, and a note where they did not end by themselves."""
    put_job(folder)
    reply = program([python, "-m", "job.checks.main", json.dumps(request)], cwd=str(folder))
    content = read_verification(folder / VERIFICATION)
    if content is None:
        raise HpctrainError(
            f"{request['potential']} could not be verified: {reply.last_words()}",
            f"the trainer's environment was that of {python}; another can be named as "
            "trainer.python of the site local",
        )
    ended = "" if reply.code == 0 else str(reply.problem or f"exit code {reply.code}")
    return content, ended and f"the checks did not end by themselves: {ended}"


def _find_potential(project: Project | None, what: str) -> Path:
    path = Path(what)
    if path.suffix == ".yace" or os.sep in what:
        if not path.is_file():
            raise HpctrainError(f"there is no file {path}", "name a .yace, or a potential")
        return path.absolute()
    folder = project.potentials if project else Path("potentials")
    if not (folder / f"{what}.yace").is_file():
        names = sorted(file.stem for file in folder.glob("*.yace"))
        raise HpctrainError(
            f"there is no potential '{what}' in {folder}{nearest(what, names)}",
            "list them with: hpctrain potentials list",
        )
    return folder / f"{what}.yace"


def _absolute(data: Path) -> str:
    if not data.is_file():
        raise HpctrainError(f"there is no file {data}", "name an extxyz file with energies, forces")
    return str(data.absolute())


def _structures_of_card(
    project: Project,
    card: Card,
    yace: Path,
    folder: Path,
    say: Callable[[str], None],
) -> dict[str, Any]:
    """Find what a potential was trained and tested on, and what is known of its errors."""
    found = structures_of(card, yace.with_suffix(".json"), project, folder, say)
    # Without a test set, as an adopted training may be, its file is empty.
    sides = {side: str(path) for side, path in found.items() if path.stat().st_size}
    run = run_or_rest(project.runs, card["run"]["run_id"]).folder
    if found["train"].parent == run:
        for attempt in sorted((run / "attempts").glob("*"), reverse=True):
            if _has_sum(attempt / "output_potential.yace", card["files"]["yace"]["sha256"]):
                return {"sides": sides, "predictions": str(attempt)}
    return {"sides": sides, "known_errors": card["metrics"].get("archived_file_on_test")}


def _has_sum(path: Path, sha256: str) -> bool:
    return path.is_file() and sha256_of(path) == sha256
