"""The archived potential that a training goes on from."""

from __future__ import annotations

import shutil
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from hpctrain.engines import base as engines
from hpctrain.engines.base import Engine
from hpctrain.errors import HpctrainError
from hpctrain.files import sum_of
from hpctrain.potentials import archive
from hpctrain.potentials.card import Card, engine_of_card, rows_of
from hpctrain.runs.manifest import ParentFacts

if TYPE_CHECKING:
    from hpctrain.data.export import Dataset


@dataclass(frozen=True)
class Parent:
    """A potential of the archive; its ``file`` is what its card says."""

    name: str
    engine: Engine
    file: Path
    card: Card

    @property
    def facts_for_engine(self) -> engines.Parent:
        """Return what a trainer has to know of it."""
        return engines.Parent(self.name, self.card, self.engine.read_parent(self.file))

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
        now = dataset.rows()
        seen = _count_seen(rows_of(self.card), now)
        if seen:
            notes.append(
                f"{self.name} was trained on {seen} of the {len(now['test'])} structures that are "
                "now tested on: their errors say less; data.split: stable keeps the sides"
            )
        return {
            "name": self.name,
            "sha256": self.card["files"][self.engine.parent]["sha256"],
            "seen_in_test": seen,
        }


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

    HpctrainError if it is another trainer's, its file is gone, or not what was archived.
    """
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
    return Parent(card["name"], engine, file, card)
