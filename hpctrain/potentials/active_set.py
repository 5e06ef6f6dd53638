"""The potential that structures are chosen for, with its active set."""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path
from zipfile import BadZipFile

from hpctrain.engines import (
    DEFAULT,
    NAMES,
    all_suffixes,
    engine_of,
    engine_of_suffix,
    suffixes_of,
)
from hpctrain.engines.base import Engine
from hpctrain.engines.facts import Grading
from hpctrain.errors import HpctrainError
from hpctrain.files import sha256_of
from hpctrain.potentials import archive
from hpctrain.potentials.card import Card, engine_of_card
from hpctrain.project import Project


@dataclass(frozen=True)
class Origin:
    """The potential that is to be improved: its files, and its card where it has one."""

    name: str
    engine: Engine
    potential: Path
    active_set: Path
    card: Card | None


def find_origin(project: Project | None, what: str) -> Origin:
    """Find a potential by its name, ``current``, or the path of one of its files.

    HpctrainError if it has no active set, with the reason that its card tells.
    """
    path = Path(what)
    if path.suffix.removeprefix(".") in all_suffixes() or os.sep in what:
        return _of_files(path)
    if project is None:
        raise HpctrainError(
            f"'{what}' is the name of a potential, but there is no project here",
            "change into the project's folder, or name a file: --from PATH",
        )
    card = archive.find_card(project.potentials, what)
    engine = engine_of_card(card)
    grading = _grading_of(engine, card["name"])
    if grading.active_set not in card["files"]:
        raise HpctrainError(*_no_active_set(card, engine))
    files = {}
    for suffix in (grading.potential, grading.active_set):
        files[suffix] = project.potentials / card["files"][suffix]["path"]
        if not files[suffix].is_file():
            raise HpctrainError(f"{files[suffix]} is gone", "look: hpctrain potentials verify")
        if sha256_of(files[suffix]) != card["files"][suffix]["sha256"]:
            raise HpctrainError(
                f"{files[suffix]} is not the file that {card['name']}.json describes",
                f"look: hpctrain potentials verify {card['name']}",
            )
    potential, active_set = files[grading.potential], files[grading.active_set]
    return Origin(card["name"], engine, potential, active_set, card)


def _of_files(path: Path) -> Origin:
    engine = _engine_of_file(path)
    grading = _grading_of(engine, str(path))
    potential = path.with_suffix(f".{grading.potential}")
    active_set = path.with_suffix(f".{grading.active_set}")
    for file in (path, potential):
        if not file.exists():
            raise HpctrainError(
                f"there is no file {file}",
                f"name a potential's .{grading.potential}, with its .{grading.active_set} "
                "beside it",
            )
    if not active_set.is_file():
        raise HpctrainError(
            f"there is no {active_set}, the active set that the grade is measured by",
            "make it where the potential was trained: "
            + grading.command.format(potential=potential.name),
        )
    return Origin(path.stem, engine, potential, active_set, None)


def _engine_of_file(path: Path) -> Engine:
    """Tell the trainer by the potential itself, beside a file; where it is not, by the suffix."""
    for engine in map(engine_of, NAMES):
        if path.with_suffix(f".{suffixes_of(engine)[0]}").exists():
            return engine
    return engine_of_suffix(path.suffix.removeprefix(".")) or engine_of(DEFAULT)


def _grading_of(engine: Engine, what: str) -> Grading:
    if engine.grading is None:
        raise HpctrainError(
            f"{what} is of {engine.title}, and candidates cannot be graded by such a potential",
            "name one of another trainer: hpctrain potentials list",
        )
    return engine.grading


def _no_active_set(card: Card, engine: Engine) -> tuple[str, str]:
    """Say that and why a potential has no active set, and what to do."""
    why = (card.get("active_set") or {}).get("why")
    message = f"{card['name']} has no active set, which the extrapolation grade is measured by"
    if why and "switched off" in why:
        return (
            f"{message}: {why}",
            "train again with: hpctrain submit --set training.active_set=true",
        )
    told = why and card["dataset"]["train"] is not None
    return (f"{message}: {why}" if told else message), engine.to_get_active_set(card)


def elements_of(active_set: Path) -> list[str]:
    """Read the elements of an active set."""
    import numpy as np

    try:
        with np.load(active_set) as inverses:
            return sorted(inverses)
    except (OSError, ValueError, EOFError, BadZipFile) as error:
        raise HpctrainError(
            f"{active_set} is damaged, or no active set", "make it again, as after the training"
        ) from error
