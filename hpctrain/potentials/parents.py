"""The potential that a training goes on from: an archived one, or a published one, by its path."""

from __future__ import annotations

import os
import shutil
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from hpctrain.engines import facts as engines
from hpctrain.engines.base import Engine
from hpctrain.errors import HpctrainError
from hpctrain.files import sum_of
from hpctrain.potentials import archive
from hpctrain.potentials.card import Card, engine_of_card, rows_of
from hpctrain.runs.manifest import ParentFacts

if TYPE_CHECKING:
    from hpctrain.data.export import Dataset
    from hpctrain.engines.training import TrainingConfig


@dataclass(frozen=True)
class Parent:
    """A potential of the archive, whose ``file`` is what its card says; or one without a card."""

    name: str
    engine: Engine
    file: Path
    sha256: str
    card: Card | None

    @property
    def facts_for_engine(self) -> engines.Parent:
        """Return what a trainer has to know of it."""
        return engines.Parent(self.name, self.card, self.engine.read_parent(self.file))

    @property
    def unknown(self) -> list[str]:
        """Say for manifest and card what of it is not known."""
        if self.card is not None:
            return []
        return [f"whether {self.name}, which it goes on from, was trained on its test structures"]

    def notes(self, training: TrainingConfig) -> list[str]:
        """Say what nobody can check of a potential without a card."""
        if self.card is not None:
            return []
        given = training.reference_energies
        words = "given" if isinstance(given, dict) else given
        return [
            f"whether {self.name} was trained on structures that are now tested on is not known",
            f"{self.name} predicts energies of its own reference, mostly total energies of its "
            f"DFT; here training.reference_energies ({words}) are taken off the labels. Where the "
            "labels are total energies of the same kind of calculation, 0 is right for each "
            "element: see docs/training.md",
        ]

    def put(self, folder: Path) -> None:
        """Copy its file into a run's folder."""
        target = folder / f"parent.{self.engine.parent}"
        if self.file.is_dir():
            shutil.copytree(self.file, target, copy_function=shutil.copyfile)
        else:
            shutil.copyfile(self.file, target)

    def facts(self, dataset: Dataset, notes: list[str]) -> ParentFacts:
        """Say for manifest and card what it is; ``seen_in_test`` structures of the new test set
        are among those that it was trained on."""
        seen = None
        if self.card is not None:
            now = dataset.rows()
            seen = _count_seen(rows_of(self.card), now)
            if seen:
                notes.append(
                    f"{self.name} was trained on {seen} of the {len(now['test'])} structures that "
                    "are now tested on: their errors say less; data.split: stable keeps the sides"
                )
        return {"name": self.name, "sha256": self.sha256, "seen_in_test": seen}


def _count_seen(parent: Mapping[str, Any], now: Mapping[str, Any]) -> int:
    """Count the structures tested on now that the parent was trained on.

    Of both, rows as ``rows.json`` holds them. They are compared by marks of what they are; where a
    card of an older version has none, by their ids.
    """
    from hpctrain.data.split import read_marks

    trained, tested = read_marks(parent, "train"), read_marks(now, "test")
    if trained is None or tested is None:
        trained, tested = parent["train"], now["test"]
    return len({*map(str, trained)} & {*map(str, tested)})


def find_parent(folder: Path, name: str, engine: Engine) -> Parent:
    """Find a potential to go on from, by its name or ``current``, in the archive ``folder``.

    A path, or a folder that is not named as those of the archive, is a published one.
    HpctrainError if it is another trainer's, its file is gone, not what was archived, or nothing
    to go on from.
    """
    of_archive = name == "current" or archive.number_of(name)
    if os.sep in name or (not of_archive and Path(name).is_dir()):
        return _published(Path(name), engine)
    card = archive.find_card(folder, name)
    made_by = engine_of_card(card)
    if made_by.name != engine.name:
        raise HpctrainError(
            f"{card['name']} is of {made_by.name}, and the training is of {engine.name}",
            f"train with: --set training.engine={made_by.name}, or go on from another potential",
        )
    known = card["files"].get(engine.parent)
    if known is None:
        raise HpctrainError(
            f"{card['name']} has no file .{engine.parent}, which training goes on from",
            "choose another one: hpctrain potentials list",
        )
    file = folder / known["path"]
    if not file.exists():
        raise HpctrainError(
            f"{file} is gone, and training goes on from that file",
            f"look with: hpctrain potentials verify {card['name']}",
        )
    if sum_of(file) != known["sha256"]:
        raise HpctrainError(
            f"{file} is not what was archived",
            f"look with: hpctrain potentials verify {card['name']}",
        )
    return Parent(card["name"], engine, file, known["sha256"], card)


def _published(path: Path, engine: Engine) -> Parent:
    """Take a potential that no card tells of, by its path."""
    if not engine.takes_published:
        raise HpctrainError(
            f"{path} is no potential of the archive, and {engine.title} goes on from no other: "
            "what its input must be like is in a potential's card",
            "name one of them: hpctrain potentials list",
        )
    if not path.is_dir():
        raise HpctrainError(
            f"there is no folder {path}",
            f"name the folder of a published model of {engine.title}, or a potential of the "
            "archive: hpctrain potentials list",
        )
    links = [entry for entry in path.rglob("*") if entry.is_symlink()]
    if links:
        raise HpctrainError(
            f"{links[0]} is a link, and the sum of a folder does not tell what is behind one",
            f"copy it with the files themselves, and name the copy: cp -rL {path} COPY",
        )
    engine.read_parent(path)
    return Parent(path.absolute().name, engine, path, sum_of(path), None)
