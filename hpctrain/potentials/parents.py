"""The archived potential that a training goes on from."""

from __future__ import annotations

import shutil
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from hpctrain.engines import base as engines
from hpctrain.errors import HpctrainError
from hpctrain.files import sha256_of
from hpctrain.potentials import archive
from hpctrain.potentials.card import Card, rows_of
from hpctrain.runs.manifest import ParentFacts

if TYPE_CHECKING:
    from hpctrain.data.export import Dataset

FILE = "parent.yaml"


@dataclass(frozen=True)
class Parent:
    """A potential of the archive whose ``file``, Pacemaker's own .yaml, is what its card says."""

    name: str
    file: Path
    card: Card

    @property
    def facts_for_engine(self) -> engines.Parent:
        """Return what a trainer has to know of it."""
        return engines.Parent(self.name, self.card)

    def put(self, folder: Path) -> None:
        """Copy its file into a run's folder."""
        shutil.copyfile(self.file, folder / FILE)

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
            "sha256": self.card["files"]["yaml"]["sha256"],
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


def find_parent(folder: Path, name: str) -> Parent:
    """Find a potential to go on from, by its name or ``current``, in the archive ``folder``.

    HpctrainError if its file is gone, or not what was archived.
    """
    card = archive.find_card(folder, name)
    file = folder / card["files"]["yaml"]["path"]
    if not file.is_file():
        raise HpctrainError(
            f"{file} is gone, and training goes on from that file",
            f"look with: hpctrain potentials verify {card['name']}",
        )
    if sha256_of(file) != card["files"]["yaml"]["sha256"]:
        raise HpctrainError(
            f"{file} is not what was archived",
            f"look with: hpctrain potentials verify {card['name']}",
        )
    return Parent(card["name"], file, card)
