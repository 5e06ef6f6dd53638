"""The search for structures that are alike: on both sides of a split, or left out by data.dedupe.

Identical ones are found by their digests, at no cost. For the same written differently, and for
nearly the same, every structure is given a signature while it is read.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import IO, TYPE_CHECKING, Any, Literal, TypedDict

import numpy as np

from hpctrain.data.duplicates.groups import (
    CONFLICT,
    CONFLICT_FORCE,
    Duplicate,
    Signatures,
    choose_dropped,
    find_across,
    find_conflicts,
    find_duplicates,
    largest_difference,
)
from hpctrain.data.structures.elements import SYMBOLS
from hpctrain.data.structures.extxyz import Structure, parse_structure

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from hpctrain.data.structures.rows import Rows
    from hpctrain.fields import Likeness

NUMBERS = {symbol.encode(): number for number, symbol in enumerate(SYMBOLS)}
_MOST_FORCES = 100_000  # structures whose forces are compared: they are all in memory
LISTED = 20  # groups, and ids of each, that are listed; all are counted
DEGREES: tuple[Likeness, ...] = ("identical", "same", "near")
REASONS = {
    "identical": "identical to an earlier row (data.dedupe: identical)",
    "same": "the same structure as an earlier row (data.dedupe: same)",
    "near": "nearly the same structure as an earlier row (data.dedupe: near)",
}


class _Pair(TypedDict):
    kind: Likeness
    train: list[str]
    test: list[str]


class _Differences(TypedDict, total=False):
    energy_ev_per_atom: float
    force_ev_per_a: float


class Conflicts(_Differences):
    """Structures that are there several times, with different labels: the ids of the first."""

    groups: int
    first: list[list[str]]


class Leakage(TypedDict):
    """What is on both sides of the split, and what has two energies."""

    looked_for: Likeness
    test_structures: int
    groups: dict[Likeness, int]
    first: list[_Pair]
    conflicts: Conflicts


@dataclass(frozen=True)
class Search:
    """A search among the rows at ``places``; they are read again where it has to confirm.

    ``signatures`` of all good rows, in their order; None: only what is identical can be found.
    ``reach`` (Å): up to there distances are compared.
    """

    rows: Rows
    places: NDArray[Any]
    spool: IO[bytes]
    signatures: Signatures | None
    reach: float

    def without(self, degree: Likeness) -> tuple[Search, list[str]]:
        """Leave out all that is alike but the first: return what stays, and the ids of what goes.

        The first is that of the lowest generation, and of these the first in the source.
        """
        order = np.empty(len(self.places), dtype=np.int64)
        generations = self.rows.column("generations")[self.places]
        order[np.argsort(generations, kind="stable")] = np.arange(len(order))
        found = self.groups(degree)
        level: Literal["same", "near"] = "near" if degree == "near" else "same"
        energies, forces = self._labels(found)
        gone = choose_dropped(found, order, energies, level, forces)
        stays = np.delete(self.places, gone)
        return replace(self, places=stays), [self._id(index) for index in gone]

    def facts(self, tested: NDArray[np.bool_], degree: Likeness) -> Leakage:
        """List what is on both sides, and what has two energies, for manifests and ``--json``.

        ``tested`` [places] says which are tested on.
        """
        found = self.groups(degree)
        leaks = find_across(found, tested)
        energies, forces = self._labels(found)
        conflicts = find_conflicts(found, energies, forces)
        of_test = {index for one in leaks for index in one.indices if tested[index]}
        return {
            "looked_for": degree,
            "test_structures": len(of_test),
            "groups": {kind: sum(one.kind == kind for one in leaks) for kind in DEGREES},
            "first": [
                {
                    "kind": one.kind,
                    "train": self._ids(i for i in one.indices if not tested[i]),
                    "test": self._ids(i for i in one.indices if tested[i]),
                }
                for one in leaks[:LISTED]
            ],
            "conflicts": {
                "groups": len(conflicts),
                "first": [self._ids(one.indices) for one in conflicts[:LISTED]],
                "energy_ev_per_atom": max(
                    (
                        abs(energies[i] - energies[one.indices[0]])
                        for one in conflicts
                        for i in one.indices
                    ),
                    default=0.0,
                ),
                "force_ev_per_a": max(
                    (largest_difference(forces, one) for one in conflicts), default=0.0
                ),
            },
        }

    def groups(self, degree: Likeness) -> list[Duplicate]:
        """Find what is alike, to a degree, by its index in ``places``."""
        geometries = self.rows.geometries
        if len(self.places) < len(geometries):
            geometries = geometries[self.places]
        if degree == "identical":
            return find_duplicates(None, geometries, self._read)
        assert self.signatures is not None
        usable = np.ones(len(self.rows), dtype=np.int64)
        usable[list(self.rows.bad)] = 0
        mine = (np.cumsum(usable) - 1)[self.places]
        compositions, features = self.signatures.arrays()
        found = find_duplicates(
            (compositions[mine], features[mine]), geometries, self._read, reach=self.reach,
            **({} if degree == "near" else {"near": 0.0}),
        )  # fmt: skip
        return [one for one in found if degree == "near" or one.kind != "near"]

    def _read(self, index: int) -> Structure:
        ends, place = self.rows.column("ends"), int(self.places[index])
        begin, end = int(ends[place]), int(ends[place + 1])
        self.spool.flush()
        text = os.pread(self.spool.fileno(), end - begin, begin)
        return parse_structure(text, self.rows.ids[place], NUMBERS)

    def _labels(
        self, found: Sequence[Duplicate]
    ) -> tuple[dict[int, float], dict[int, NDArray[np.float64]]]:
        """Read the energies (eV per atom) and forces (eV/Å) that have to be compared.

        Of what is turned, or has its atoms in another order, these are the forces' sorted norms.
        """
        energies: dict[int, float] = {}
        forces: dict[int, NDArray[np.float64]] = {}
        for one in found:
            if one.kind == "near":
                continue
            for index in one.indices:
                structure = self._read(index)
                assert structure.energy is not None
                assert structure.forces is not None
                energies[index] = structure.energy / len(structure.numbers)
                if len(forces) < _MOST_FORCES:
                    forces[index] = structure.forces
                    if one.kind == "same":
                        forces[index] = np.sort(np.linalg.norm(structure.forces, axis=1))
        return energies, forces

    def _id(self, index: int) -> str:
        return self.rows.ids[self.places[index]]  # type: ignore[no-any-return]

    def _ids(self, indices: Any) -> list[str]:
        return [self._id(index) for index in list(indices)[:LISTED]]


def with_signatures(
    signatures: Signatures | None, scan: Callable[[Structure, str | None], None] | None
) -> Callable[[Structure, str | None], None] | None:
    """Return a scan that also gives every good row its signature."""
    if signatures is None:
        return scan

    def see(structure: Structure, fault: str | None) -> None:
        if fault is None:
            signatures.add(structure)
        if scan is not None:
            scan(structure, fault)

    return see


def leakage_notes(facts: Leakage | None) -> list[str]:
    """Say what people should know of a search's facts, in at most two sentences."""
    if not facts:
        return []
    lines = []
    if facts["test_structures"]:
        verb = "is" if facts["test_structures"] == 1 else "are"
        lines.append(
            f"{facts['test_structures']} of the test structures {verb} in the training set too "
            f"({count_by_degree(facts)}): {first_pairs(facts)}; "
            "leave them out with --dedupe, or keep groups together with data.split: grouped"
        )
    conflicts = facts["conflicts"]
    if conflicts["groups"]:
        words = "structures occur" if conflicts["groups"] != 1 else "structure occurs"
        lines.append(
            f"{conflicts['groups']} {words} several times with different "
            f"{conflicts_in_words(conflicts)}: hpctrain cannot tell which is right, and leaves "
            "none out"
        )
    return lines


def conflicts_in_words(conflicts: Conflicts) -> str:
    """Say what differs by how much, and name the first rows; of older facts only energies."""
    differ = []
    if conflicts.get("energy_ev_per_atom", CONFLICT) >= CONFLICT:
        energy = conflicts.get("energy_ev_per_atom")
        differ.append("energies" + (f", by up to {energy:.3g} eV per atom" if energy else ""))
    if (force := conflicts.get("force_ev_per_a", 0.0)) > CONFLICT_FORCE:
        differ.append(f"forces, by up to {force:.3g} eV/Å")
    first = "; ".join(" = ".join(ids[:3]) for ids in conflicts["first"][:3])
    more = "; …" if conflicts["groups"] > 3 else ""
    return f"{' and '.join(differ)} (rows {first}{more})"


def count_by_degree(facts: Leakage) -> str:
    """Say how many groups there are of each degree."""
    words = {"identical": "identical", "same": "the same written differently", "near": "nearly"}
    return ", ".join(f"{count} {words[kind]}" for kind, count in facts["groups"].items() if count)


def first_pairs(facts: Leakage, most: int = 3) -> str:
    """Name the first of them, each as test ~ training rows."""
    first = [f"{one['test'][0]} ~ {one['train'][0]}" for one in facts["first"][:most]]
    more = ", …" if sum(facts["groups"].values()) > most else ""
    return f"row{'s' * (len(first) > 1)} {', '.join(first)}{more}"
