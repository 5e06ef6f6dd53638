"""The labels of rows under whatever names, where nobody has said which they are."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from hpctrain.data.sources.label_names import Labels, Raw
from hpctrain.data.structures.other_labels import OtherLabels

if TYPE_CHECKING:
    from hpctrain.data.structures.extxyz import Structure

_MOST_KINDS = 100
# What stands for the other labels of a row whose labels have other names than the usual ones.
RENAMED = OtherLabels()


@dataclass
class NamedSet:
    """A full set of labels under other names than the usual ones, and how many rows have it."""

    names: dict[str, str]
    rows: int = 0


@dataclass
class LabelCounts:
    """Under which names rows have their labels.

    ``named`` by the names of energy and forces; ``energy_only``: rows with an energy of another
    name and no forces, by that name; ``several``: rows with several full sets; ``lacking``: rows
    that have no label, and their keys.
    """

    named: dict[tuple[str, str], NamedSet] = field(default_factory=dict)
    energy_only: Counter[str] = field(default_factory=Counter)
    several: Counter[OtherLabels] = field(default_factory=Counter)
    lacking: Counter[OtherLabels] = field(default_factory=Counter)


class AnyLabels(Labels):
    """Labels by the usual names; where a row has none, by the only other names that it has."""

    def __init__(self) -> None:
        super().__init__({})
        self.counts = LabelCounts()

    def structure(
        self, raw: Raw, row_id: str, source: str, config_type: str | None, generation: int | None
    ) -> Structure:
        """Return a row with its labels, and count under which names it has them."""
        found = super().structure(raw, row_id, source, config_type, generation)
        others = found.others
        if found.fault is not None or others is None:
            return found
        if found.energy is not None and found.forces is not None:
            _count(self.counts.several, others)
            return found
        sets = list(others.sets())
        energies = [name for name in others.energy if name not in ("energy", "free_energy")]
        if len(sets) == 1:
            names = sets[0]
            key = names["energy"], names["forces"]
            known = self.counts.named.setdefault(key, NamedSet(names))
            known.rows += 1
            known.names = {**names, **known.names}
        elif sets:
            _count(self.counts.several, others)
            names = sets[0]
        elif found.energy is None and len(energies) == 1 and len(raw.numbers) == 1:
            names = {"energy": energies[0]}
            self.counts.energy_only[energies[0]] += 1
        else:
            _count(self.counts.lacking, others)
            return found
        again = Labels(names).structure(raw, row_id, source, config_type, generation)
        again.others = RENAMED
        return again


def _count(counts: Counter[OtherLabels], one: OtherLabels) -> None:
    if one in counts or len(counts) < _MOST_KINDS:
        counts[one] += 1
