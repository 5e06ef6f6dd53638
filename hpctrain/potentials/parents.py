"""The archived potential that a training goes on from."""

from __future__ import annotations

import shutil
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from hpctrain.engines.pacemaker.parent import obstacles, parents_energies, without_ladder
from hpctrain.errors import HpctrainError
from hpctrain.files import sha256_of
from hpctrain.potentials import archive

if TYPE_CHECKING:
    from hpctrain.data.export import Dataset
    from hpctrain.settings import TrainingConfig

FILE = "parent.yaml"


@dataclass(frozen=True)
class Parent:
    """A potential of the archive whose ``file``, Pacemaker's own .yaml, is what its card says."""

    name: str
    file: Path
    card: dict[str, Any]

    def reference_energies(
        self, training: TrainingConfig, dataset: Dataset, notes: list[str]
    ) -> dict[str, float]:
        """Those of the new training; HpctrainError where they do not fit the parent's."""
        energies, said = parents_energies(
            self.card["reference_energies"], self.card["shift"], training, dataset.elements,
            dataset.isolated_atoms,
        )  # fmt: skip
        notes += said
        return energies

    def go_on(self, mapping: Mapping[str, Any], notes: list[str]) -> dict[str, Any]:
        """The input of the new training; HpctrainError where the parent cannot become it."""
        found = [*obstacles(self.card["input"]["potential"], mapping["potential"])]
        if found:
            raise HpctrainError(
                "\n".join([f"training cannot go on from {self.name}:", *(f"  {f}" for f in found)]),
                "Pacemaker would keep the parent's settings without a word: set the same "
                "(training: in hpctrain.yaml, or --set), or train without --from",
            )
        result, climbed = without_ladder(mapping)
        if climbed:
            notes.append(
                "the ladder is left out: it would begin from an empty basis; what the parent's "
                "basis lacks is added at once"
            )
        return result

    def put(self, folder: Path) -> None:
        shutil.copyfile(self.file, folder / FILE)

    def facts(self, dataset: Dataset, notes: list[str]) -> dict[str, Any]:
        """For the manifest and the card; ``seen_in_test`` structures of the new test set are among
        those that the parent was trained on."""
        rows = self.card["dataset"]["rows"]
        known = _marked(rows, "train")
        now = dataset.rows()
        seen = sum(row in known for row in _marked(now, "test"))
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


def _marked(rows: Mapping[str, Any], side: str) -> set[str]:
    """The structures of a side by the marks of what they are; older cards know ids alone."""
    from hpctrain.data.sides import MARK

    marks = (rows.get("marks") or {}).get(side)
    if not marks:
        return {str(row) for row in rows[side]}
    return {marks[start : start + MARK] for start in range(0, len(marks), MARK)}


def find(folder: Path, name: str) -> Parent:
    """A potential of the archive ``folder`` by its name, or ``current``, to go on from."""
    card = archive.card(folder, name)
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
