"""The preflight: looks at every selected row once, in order."""

from __future__ import annotations

import math
import time
from collections import Counter, defaultdict
from typing import TYPE_CHECKING, Literal

import numpy as np

from hpctrain.data.check import batch
from hpctrain.data.check.columns import Columns, Histogram
from hpctrain.data.check.findings import Hits
from hpctrain.data.check.sample import Sample
from hpctrain.data.check.states import States
from hpctrain.data.check.theory import Theory
from hpctrain.data.check.units import NearlyEqualPairs
from hpctrain.data.structures.labels import is_isolated
from hpctrain.data.structures.rows import TEST

if TYPE_CHECKING:
    from hpctrain.data.structures.extxyz import Structure

# Thresholds; docs/preflight.md says where each comes from.
LARGE_FORCE = 50.0  # eV/Å
NET_FORCE = 0.005  # eV/Å per atom
LARGE_STRESS = 5.0  # eV/Å^3
ABSURD_ENERGY = 1e6  # eV per atom
OVERLAP = 0.5  # Å
SHORT = 0.7  # of the sum of the covalent radii
TELLS = 1e-3  # eV/Å: forces that vanish, as in a crystal at rest, determine next to nothing

_TOGETHER = 64  # structures of one size that are measured together …
_ATOMS = 4096  # … or fewer, of so many atoms
_WAITING = 16_384  # atoms of all sizes that wait to be measured
_SAMPLES = 32  # structures whose neighbours are counted


class Preflight:
    """What one pass over the rows gathers; check.report.find_all says what is wrong.

    ``cutoff`` in Å. ``generations`` and ``up_to`` are data.generations and --generation: rows of
    other generations are not looked at. ``given_tests``: those of data.test_source are, whatever
    their generation. Memory: about 30 bytes a row.
    """

    def __init__(
        self,
        cutoff: float,
        *,
        generations: Literal["all", "latest"] | list[int] = "all",
        up_to: int | None = None,
        given_tests: bool = False,
    ) -> None:
        self.cutoff = cutoff
        self._given_tests = given_tests
        self._latest = generations == "latest"
        self._wanted = set(generations) if isinstance(generations, list) else None
        self._up_to = up_to
        self._newest: int | None = None
        self._fresh()

    def _fresh(self) -> None:
        self.rows = 0
        self.atoms = 0
        self.seconds = 0.0
        self.hits: dict[str, Hits] = defaultdict(Hits)
        self.faults: dict[str, Hits] = {}
        self.columns = Columns()
        self.pairs_of_rows = NearlyEqualPairs()
        self.theory, self.states = Theory(), States()
        self.sample = Sample()
        self.generations: Counter[int | None] = Counter()
        self.pbc: Counter[tuple[bool, bool, bool]] = Counter()
        self.free: dict[int, list[tuple[str, float]]] = defaultdict(list)  # id, eV
        self.shortest: dict[tuple[int, int], float] = {}
        self.small_cells = 0
        self.smallest_height = math.inf
        self.unsearched = 0
        self.force_sum, self.largest_force = 0.0, 0.0
        self.telling_atoms = 0  # whose force does not vanish
        self.forces = Histogram(1e-4, 1e3, 140, log=True)
        self.distances = Histogram(0.0, 6.0, 120)
        self.volumes = Histogram(1.0, 1e3, 150, log=True)
        self.samples: list[tuple[int, float]] = []  # atoms, neighbours within the cutoff
        self._stride = 1
        self._waiting: dict[int, list[tuple[int, int, Structure]]] = defaultdict(list)
        self._waiting_atoms = 0

    def add(self, structure: Structure, fault: str | None) -> None:
        """Look at the next selected row; ``fault`` is why it cannot be trained on."""
        began = time.perf_counter()
        wanted = self._given_tests and structure.side == TEST
        if wanted or self._is_wanted(structure.generation):
            self._add(structure, fault)
        self.seconds += time.perf_counter() - began

    def _is_wanted(self, generation: int | None) -> bool:
        if self._wanted is not None and generation not in self._wanted:
            return False
        if self._up_to is not None and (generation is None or generation > self._up_to):
            return False
        if self._latest:
            if generation is None or (self._newest is not None and generation < self._newest):
                return False
            if generation != self._newest:
                # All before was of an older generation: there is one pass, so forget it.
                self._newest = generation
                self._fresh()
        return True

    def _add(self, structure: Structure, fault: str | None) -> None:
        place = self.rows
        self.rows += 1
        if fault is not None:
            self.faults.setdefault(fault, Hits()).add(place, structure.row_id)
            self.hits["unusable"].add(place, structure.row_id)
            return
        assert structure.energy is not None
        numbers = structure.numbers
        atoms = len(numbers)
        self.atoms += atoms
        self.generations[structure.generation] += 1
        self.pbc[structure.pbc] += 1
        alone = atoms == 1 and is_isolated(structure, self.cutoff)
        if alone:  # free atoms have spins of their own
            self.theory.add(structure.keys)
        else:
            more = structure.calculation or {}
            self.theory.add(structure.keys, more)
            self.sample.add(structure)
            self.states.add(place, structure.row_id, numbers, structure.keys, more)
        if alone and len(self.free[int(numbers[0])]) < 1000:
            self.free[int(numbers[0])].append((structure.row_id, structure.energy))
        row, kind = self.columns.add(
            structure.row_id, structure.config_type or "unnamed", numbers, structure.energy, alone
        )
        if structure.energy == 0.0 and not alone:
            self._hit("zero_energy", place, structure)
        if abs(structure.energy) > ABSURD_ENERGY * atoms:
            self._hit("absurd_energy", place, structure, abs(structure.energy) / atoms)
        if len(set(structure.pbc)) > 1:
            self._hit("mixed_pbc", place, structure)
        self.pairs_of_rows.add(structure)
        if row % self._stride == 0:
            self._sample(structure)
        queue = self._waiting[atoms]
        queue.append((place, kind, structure))
        self._waiting_atoms += atoms
        if len(queue) >= _TOGETHER or len(queue) * atoms >= _ATOMS:
            self._measure(atoms)
        elif self._waiting_atoms > _WAITING:
            self.finish()

    def _hit(self, name: str, place: int, structure: Structure, badness: float = 0.0) -> None:
        self.hits[name].add(place, structure.row_id, badness)

    def _sample(self, structure: Structure) -> None:
        """Count the neighbours; of many rows every second, fourth, … so that there are 32 to 64."""
        pairs = batch.count_neighbours(structure, self.cutoff)
        self.samples.append((len(structure.numbers), pairs))
        if len(self.samples) >= 2 * _SAMPLES:
            self.samples = self.samples[::2]
            self._stride *= 2

    def elements(self) -> set[int]:
        """Return the atomic numbers of all elements."""
        return set(np.flatnonzero(self.columns.element_counts().any(axis=0)).tolist())

    def neighbours_per_atom(self) -> float | None:
        """Return the mean over the atoms of a sample of the rows, within the cutoff."""
        known = [(atoms, pairs) for atoms, pairs in self.samples if math.isfinite(pairs)]
        if not known:
            return None
        return sum(pairs for _, pairs in known) / sum(atoms for atoms, _ in known)

    def finish(self) -> None:
        """Measure the structures that still wait for others of their size."""
        for atoms in list(self._waiting):
            self._measure(atoms)

    def _measure(self, atoms: int) -> None:
        waiting = self._waiting.pop(atoms)
        self._waiting_atoms -= atoms * len(waiting)
        structures = [structure for _, _, structure in waiting]
        kinds = np.array([kind for _, kind, _ in waiting])
        found = batch.measure(structures, self.cutoff)
        largest = found.force.max(axis=1)
        self.force_sum += float((found.force**2).sum())
        self.largest_force = max(self.largest_force, float(largest.max()))
        self.telling_atoms += int((found.force > TELLS).sum())
        self.forces.add(np.repeat(kinds, atoms), found.force.ravel())
        near = np.isfinite(found.shortest)
        if near.any():
            self.distances.add(kinds[near], found.shortest[near])
        filled = np.isfinite(found.volume)
        if filled.any():
            self.volumes.add(kinds[filled], found.volume[filled])
        periodic = np.isfinite(found.height)
        self.small_cells += int((found.height[periodic] < self.cutoff).sum())
        self.smallest_height = min(self.smallest_height, float(found.height.min()))
        self.unsearched += found.unsearched
        for pair, distance in found.pairs.items():
            self.shortest[pair] = min(distance, self.shortest.get(pair, math.inf))
        for name, which, badness in (
            ("large_force", largest > LARGE_FORCE, largest),
            ("net_force", found.net > NET_FORCE, found.net),
            ("large_stress", found.stress > LARGE_STRESS, found.stress),
            ("overlapping", found.shortest < OVERLAP, -found.shortest),
            ("short_distance", (found.ratio < SHORT) & (found.shortest >= OVERLAP), -found.ratio),
            ("few_neighbours", found.fewest < min(batch.FEW, atoms - 1), -found.fewest),
            ("zero_forces", (largest == 0.0) & (atoms > 1), largest),
        ):
            for member in np.flatnonzero(which):
                place, _, structure = waiting[member]
                if name == "zero_forces" and batch.is_held_by_symmetry(structure, self.cutoff):
                    continue
                self._hit(name, place, structure, float(badness[member]))
