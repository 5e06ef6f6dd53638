"""The errors of two potentials on structures that neither was trained on.

They are computed on this machine, in the trainer's environment, as a job does.
"""

from __future__ import annotations

import json
import tempfile
from collections.abc import Sequence
from functools import partial
from pathlib import Path
from typing import Any

from hpctrain.data.sources.frames import read_frames
from hpctrain.data.split import read_marks
from hpctrain.engines.base import Engine
from hpctrain.errors import HpctrainError
from hpctrain.files import put_job, sha256_of
from hpctrain.potentials.card import Card, engine_of_card, main_file, rows_of
from hpctrain.potentials.export_again import export_again
from hpctrain.potentials.trainer import find_trainer
from hpctrain.process import Run as RunProgram
from hpctrain.process import run
from hpctrain.project import Project
from hpctrain.runs.kept import run_or_rest
from hpctrain.runs.manifest import Side, known_side

# One core of a login node: about a minute for structures of a hundred atoms.
MOST = 500
TIME_LIMIT_S = 1800.0
# Loading the trainer's library compiles nothing, and takes a second or two.
long_run = partial(run, time_limit_s=TIME_LIMIT_S)


def common_errors(
    project: Project, a: Card, b: Card, *, program: RunProgram = long_run
) -> dict[str, Any]:
    """Compute the errors of two potentials on the same structures.

    ``errors`` has those of both, in the order of the cards, or is None, and ``why`` says why;
    ``set`` says which structures they are of, ``structures`` how many these are.
    """
    for card in (a, b):
        if card["reference_energies"] is None:
            why = f"the reference energies of {card['name']} are not known"
            return {"errors": None, "why": why, "set": None, "structures": 0}
    with tempfile.TemporaryDirectory(prefix="hpctrain-") as temporary:
        try:
            description, texts = _common_structures(project, (a, b), Path(temporary))
        except HpctrainError as error:
            return {"errors": None, "why": error.message, "set": None, "structures": 0}
        nothing = {"errors": None, "set": description, "structures": len(texts)}
        if not texts:
            return {**nothing, "why": "there is no structure that neither was trained on"}
        structures = Path(temporary) / "unseen.extxyz"
        structures.write_text("".join(texts), encoding="utf-8")
        put_job(Path(temporary))
        errors: dict[int, Any] = {}
        try:
            for engine in dict.fromkeys(map(engine_of_card, (a, b))):
                errors |= _evaluate(project, engine, (a, b), structures, program)
        except HpctrainError as error:
            return {**nothing, "why": error.message}
    return {**nothing, "errors": [errors[0], errors[1]], "why": None}


def _evaluate(
    project: Project, engine: Engine, cards: Sequence[Card], structures: Path, program: RunProgram
) -> dict[int, Any]:
    """Compute the errors of those potentials that are one trainer's, by their places."""
    its = {n: card for n, card in enumerate(cards) if engine_of_card(card).name == engine.name}
    request = {
        "structures": str(structures),
        "potentials": {
            str(number): {
                "potential": str(project.potentials / main_file(card)["path"]),
                "reference_energies": card["reference_energies"],
                "shift": card["shift"],
            }
            for number, card in its.items()
        },
    }
    asked = structures.with_name(f"{engine.name}.json")
    asked.write_text(json.dumps(request), encoding="utf-8")
    python = find_trainer(project, engine, its.values(), program)
    module = f"job.{engine.name}.evaluate"
    reply = program((python, "-m", module, str(asked)), cwd=str(structures.parent))
    if reply.code != 0:
        raise HpctrainError(f"{python} could not evaluate them: {reply.last_words('?')}")
    found = json.loads(reply.out.strip().splitlines()[-1])
    return {number: found[str(number)] for number in its}


def _common_structures(
    project: Project, cards: tuple[Card, Card], folder: Path
) -> tuple[str, list[str]]:
    """Describe the test structures of both that neither was trained on, and return them as extxyz.

    Of many, MOST are taken, evenly.
    """
    trained = {mark for card in cards for mark in _marks(card, "train")}
    tested = [_marks(card, "test") for card in cards]
    texts: dict[str, str] = {}
    for number, (card, marks) in enumerate(zip(cards, tested, strict=True)):
        if not any(mark not in trained and mark not in texts for mark in marks):
            continue
        file = _test_file(project, card, folder / str(number))
        for mark, frame in zip(marks, read_frames(file, str(file)), strict=True):
            if mark not in trained:
                texts.setdefault(mark, frame.text)
    in_both = sum(mark in tested[0] and mark in tested[1] for mark in texts)
    description = (
        f"structures tested on by either, and trained on by neither: {len(texts)}, "
        f"{in_both} of them tested on by both"
    )
    if len(texts) > MOST:
        description += f"; {MOST} of them, evenly taken"
    step = max(1.0, len(texts) / MOST)
    every = list(texts.values())
    return description, [every[int(n * step)] for n in range(min(len(every), MOST))]


def _marks(card: Card, side: Side) -> list[str]:
    marks = read_marks(rows_of(card), side)
    if marks is None:
        raise HpctrainError(
            f"the card of {card['name']} is of an older version, and does not say which "
            "structures are the same"
        )
    return marks


def _test_file(project: Project, card: Card, folder: Path) -> Path:
    """Find what a potential was tested on: as the run keeps it, or written again."""
    kept = run_or_rest(project.runs, card["run"]["run_id"]).folder / "test.extxyz"
    known = known_side(card["dataset"], "test")["sha256"]
    if kept.is_file() and sha256_of(kept) == known:
        return kept
    again = export_again(
        project.potentials / f"{card['name']}.json", project.config().data, project.folder, folder
    )
    return again.test.path
