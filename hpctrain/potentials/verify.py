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

from hpctrain.engines import DEFAULT, NAMES, engine_of, engine_of_suffix
from hpctrain.engines.base import Engine
from hpctrain.errors import HpctrainError
from hpctrain.files import put_job, sum_of
from hpctrain.potentials.card import Card, engine_of_card, main_file, main_suffix, read_card
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

    path: Path
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
    """Run the checks on a potential: a path, or the name of one in ``potentials/``.

    The structures are those of ``data``, else those of its run, else those that its card names,
    written again from their source.
    """
    path = _find_potential(project, what)
    sha256 = sum_of(path)
    card = read_card(path.with_suffix(".json"))
    if card and sha256 != main_file(card)["sha256"]:
        raise HpctrainError(
            f"{path} is not the file that {path.stem}.json describes",
            "to verify it without its card, copy it to another folder",
        )
    of_suffix = engine_of_suffix(path.suffix.removeprefix("."))
    engine = engine_of_card(card) if card else of_suffix or engine_of(DEFAULT)
    notes: list[str] = []
    with tempfile.TemporaryDirectory() as temporary:
        folder = Path(temporary)
        if data is not None:
            structures: dict[str, Any] = {"sides": {"test": _absolute(data)}}
        elif card and card["dataset"]["test"] is None:
            structures = {"sides": {}}
            notes.append("its data are not known: most checks need them; name a file with --data")
        elif card and project is not None:
            structures = _structures_of_card(project, card, path, folder, say)
        else:
            structures = {"sides": {}}
            notes.append("no structures: most checks need them; name a file with --data")
        request = {**_request(path, engine, card, minutes, folder), **structures}
        program = program or partial(run_program, time_limit_s=60 * minutes + GRACE_S)
        python = find_trainer(project, engine, [card] if card else [], program)
        content, note = _run(request, python, folder, program)
    if note:
        notes.append(note)
    sides = [Path(path) for path in structures["sides"].values()]
    return Verified(path, sha256, sides, notes, content)


def _request(
    path: Path, engine: Engine, card: Card | None, minutes: float, folder: Path
) -> dict[str, Any]:
    """Put together what the checks want to know, but for the structures."""
    return {
        "engine": engine.name,
        "potential": str(path),
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
    suffixes = [engine_of(name).artefacts[0].suffix for name in NAMES]
    if path.suffix.removeprefix(".") in suffixes or os.sep in what:
        if not path.exists():
            raise HpctrainError(
                f"there is no file {path}",
                f"name a .{' or a .'.join(suffixes)}, or a potential",
            )
        return path.absolute()
    folder = project.potentials if project else Path("potentials")
    card = read_card(folder / f"{what}.json")
    if card is not None:
        suffixes = [main_suffix(card)]
    for suffix in suffixes:
        if (folder / f"{what}.{suffix}").exists():
            return folder / f"{what}.{suffix}"
    names = sorted(file.stem for suffix in suffixes for file in folder.glob(f"*.{suffix}"))
    raise HpctrainError(
        f"there is no potential '{what}' in {folder}{nearest(what, names)}",
        "list them with: hpctrain potentials list",
    )


def _absolute(data: Path) -> str:
    if not data.is_file():
        raise HpctrainError(f"there is no file {data}", "name an extxyz file with energies, forces")
    return str(data.absolute())


def _structures_of_card(
    project: Project,
    card: Card,
    path: Path,
    folder: Path,
    say: Callable[[str], None],
) -> dict[str, Any]:
    """Find what a potential was trained and tested on, and what is known of its errors."""
    found = structures_of(card, path.with_suffix(".json"), project, folder, say)
    # Without a test set, as an adopted training may be, its file is empty.
    sides = {side: str(path) for side, path in found.items() if path.stat().st_size}
    run = run_or_rest(project.runs, card["run"]["run_id"]).folder
    (main,) = (one for one in engine_of_card(card).artefacts if one.suffix == main_suffix(card))
    if found["train"].parent == run:
        for attempt in sorted((run / "attempts").glob("*"), reverse=True):
            if _has_sum(attempt / main.made_as, main_file(card)["sha256"]):
                return {"sides": sides, "predictions": str(attempt)}
    return {"sides": sides, "known_errors": card["metrics"].get("archived_file_on_test")}


def _has_sum(path: Path, sha256: str) -> bool:
    return path.exists() and sum_of(path) == sha256
