"""One look at every row of some sources: what settings that fit them depend on."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from hpctrain.data.sources.any_labels import RENAMED, AnyLabels, LabelCounts
from hpctrain.data.sources.read import count_all, read_source
from hpctrain.data.structures.elements import SYMBOLS
from hpctrain.data.structures.labels import find_fault, find_not_finite, mend
from hpctrain.data.structures.neighbours import pairs_within
from hpctrain.propose.keys import Keys

if TYPE_CHECKING:
    from hpctrain.data.structures.extxyz import Structure

    Progress = Callable[[int, "int | None"], None]

# Å: within these neighbours are counted, and one of them becomes the cutoff.
RADII = tuple(4.0 + 0.5 * step for step in range(9))
_FAR = RADII[-1]
_ALONE = 6.0  # Å: single atoms whose images are nearer are crystals
_SAMPLES = 32  # structures whose neighbours are counted, to twice as many
_MOST_ATOMS = 1000  # of these
_MOST_SINGLE = 1000
_MOST_KINDS = 100


@dataclass(frozen=True)
class Sample:
    """The surroundings in one structure of more than one atom, or of one that sees its images.

    ``neighbours`` of an atom, on average, within each of RADII; ``finite``: no atom sees an image
    of its structure within the largest; ``length``: the largest distance in it (Å), if finite.
    """

    atoms: int
    neighbours: tuple[float, ...]
    finite: bool
    length: float


@dataclass
class Facts:
    """What was seen of the rows that match ``select``.

    ``usable`` rows have a label each; ``faults``: of all others, why not; ``singles``: of single
    atoms without an image within 6 Å the energy (eV) and the distance of the nearest image, by
    element. Of all other structures: ``atoms``, elements (``bound``), independent ``compositions``,
    ``pbc``, ``samples``. ``usual`` rows have their labels under the usual names.
    """

    select: str = ""
    rows: int = 0
    usable: int = 0
    atoms: int = 0
    bound: set[str] = field(default_factory=set)
    singles: dict[str, list[tuple[float, float]]] = field(default_factory=dict)
    compositions: int = 0
    pbc: Counter[tuple[bool, bool, bool]] = field(default_factory=Counter)
    samples: list[Sample] = field(default_factory=list)
    faults: Counter[str] = field(default_factory=Counter)
    labels: LabelCounts = field(default_factory=LabelCounts)
    usual: int = 0
    notes: dict[str, tuple[int, float]] = field(default_factory=dict)
    keys: Keys = field(default_factory=Keys)


class Look:
    """Gathers the facts, row by row; the memory does not grow with the rows."""

    def __init__(self, select: str) -> None:
        self.facts = Facts(select)
        self._labels = AnyLabels()
        self.facts.labels = self._labels.counts
        self._stride = 1
        self._orders: set[bytes] = set()
        self._independent = np.zeros((0, len(SYMBOLS)))

    def read(self, sources: Iterable[str], base: Path, progress: Progress) -> Facts:
        """Look at all rows of all sources."""
        facts, several = self.facts, list(sources)
        total = count_all(several, base, facts.select)
        for source in several:
            for structure in read_source(
                source, base, facts.select, several=len(several) > 1, labels=self._labels
            ):
                self.add(structure)
                progress(facts.rows, total)
        return facts

    def add(self, structure: Structure) -> None:
        """Look at the next row."""
        facts = self.facts
        facts.rows += 1
        renamed = structure.others is RENAMED
        mend(structure, _FAR)
        fault = find_fault(structure) or find_not_finite(structure)
        facts.keys.count_status(structure.keys, fault is None)
        if fault is not None:
            if fault in facts.faults or len(facts.faults) < _MOST_KINDS:
                facts.faults[fault] += 1
            return
        for sentence, size in structure.notes:
            count, largest = facts.notes.get(sentence, (0, 0.0))
            if count or len(facts.notes) < _MOST_KINDS:
                facts.notes[sentence] = count + 1, max(size, largest)
        facts.usable += 1
        facts.usual += not renamed
        facts.keys.count_sides(structure.keys)
        if self._is_single(structure):
            return
        atoms = len(structure.numbers)
        place = facts.usable - 1
        facts.atoms += atoms
        facts.pbc[structure.pbc] += 1
        self._add_composition(structure)
        facts.keys.add(structure)
        if place % self._stride == 0:
            self._sample(structure)

    def _is_single(self, structure: Structure) -> bool:
        """Note a single atom whose images are far away."""
        if len(structure.numbers) != 1:
            return False
        vectors = structure.cell[list(structure.pbc)]
        nearest = float(np.linalg.norm(vectors, axis=1).min(initial=np.inf))
        if nearest > _ALONE:
            pairs = pairs_within(structure.positions, structure.cell, structure.pbc, _FAR)
            if pairs is not None and len(pairs.distances):
                nearest = float(pairs.distances.min())
        if nearest <= _ALONE:
            return False
        assert structure.energy is not None
        found = self.facts.singles.setdefault(SYMBOLS[int(structure.numbers[0])], [])
        if len(found) < _MOST_SINGLE:
            found.append((structure.energy, nearest))
        return True

    def _add_composition(self, structure: Structure) -> None:
        """Count a composition if it is independent of those before."""
        order = structure.numbers.tobytes()
        if order in self._orders:
            return
        if len(self._orders) < 10_000:
            self._orders.add(order)
        counts = np.bincount(structure.numbers, minlength=len(SYMBOLS))
        self.facts.bound.update(SYMBOLS[number] for number in np.flatnonzero(counts))
        if self.facts.compositions < len(self.facts.bound):
            table = np.vstack([self._independent, counts])
            if np.linalg.matrix_rank(table) > len(self._independent):
                self._independent = table
                self.facts.compositions = len(table)

    def _sample(self, structure: Structure) -> None:
        """Count the neighbours; of many rows every second, fourth, … so that there are 32 to 64."""
        atoms = len(structure.numbers)
        if atoms > _MOST_ATOMS and self.facts.samples:
            return
        pairs = pairs_within(structure.positions, structure.cell, structure.pbc, _FAR)
        if pairs is None:
            return
        counts = np.searchsorted(np.sort(pairs.distances), RADII) / atoms
        within = structure.positions[pairs.second] - structure.positions[pairs.first]
        images = (np.abs(np.linalg.norm(within, axis=1) - pairs.distances) > 1e-6).any()
        # In a box, however it is wrapped, all others are seen, and no atom its own image.
        whole = len(pairs.first) == atoms * (atoms - 1) and (pairs.first != pairs.second).all()
        self.facts.samples.append(
            Sample(
                atoms, tuple(counts.tolist()), bool(whole or not images),
                float(pairs.distances.max(initial=0.0)),
            )
        )  # fmt: skip
        if len(self.facts.samples) >= 2 * _SAMPLES:
            self.facts.samples = self.facts.samples[::2]
            self._stride *= 2
