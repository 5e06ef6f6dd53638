"""Energies per atom, judged when all rows are known: outliers, units, and free atoms."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

import numpy as np

from hpctrain.data.check.elements import NOBLE

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from hpctrain.data.check.columns import Columns

    Array = NDArray[np.float64]

# Rows of a kind that its median and scatter are taken from, at least.
ENOUGH = 10
# In scatters (1.4826 MAD), and eV per atom: both must be exceeded. Rattled and strained structures
# have tails that a normal distribution has not, hence 10 and not the 3.5 of Iglewicz and Hoaglin.
FAR, FAR_EV = 10.0, 0.1
# Of all solids, molecules and surfaces the deepest is tungsten with 8.9 eV per atom; the
# shallowest, but for noble gases, is mercury with 0.67 (Kittel, chapter 3). In Hartree the deepest
# would be 0.33, in kcal/mol the shallowest 15.
DEEPEST, SHALLOWEST = 12.0, 0.35


def find_outliers(columns: Columns) -> list[tuple[int, float]]:
    """Places of rows whose energy is far from those of their kind, and how far (eV per atom).

    Compared are rows of one kind and composition where there are ten of them, otherwise rows of one
    kind after the part that each element contributes (least squares) is taken off, and rows of
    kinds that have fewer with all rows. Isolated atoms are not compared.
    """
    energies, kinds = columns.energies, columns.kind_of
    compositions, isolated = columns.composition_of, columns.isolated
    judged = ~isolated
    groups = kinds * (len(columns.compositions.names) + 1) + compositions
    _, group, size = np.unique(groups, return_inverse=True, return_counts=True)
    fine = judged & (size[group] >= ENOUGH)
    found = _find_far(energies, group, fine)
    rest = judged & ~fine
    if rest.any():
        without = energies - _element_parts(columns, energies, judged)[compositions]
        # The kind's rows of common compositions help to judge the rare ones; and where a kind
        # has few rows, all rows do.
        rare = rest & (np.bincount(kinds[judged], minlength=kinds.max() + 1)[kinds] < ENOUGH)
        everywhere = np.zeros_like(kinds)
        found += [one for one in _find_far(without, kinds, judged) if rest[one[0]]]
        found += [one for one in _find_far(without, everywhere, judged) if rare[one[0]]]
    return sorted(found)


def _find_far(values: Array, group: NDArray[np.int64], judged: NDArray[np.bool_]) -> list[
    tuple[int, float]
]:  # fmt: skip
    places = np.flatnonzero(judged)
    order = places[np.argsort(group[places], kind="stable")]
    found = []
    borders = np.flatnonzero(np.diff(group[order])) + 1
    for members in np.split(order, borders):
        if len(members) < ENOUGH:
            continue
        off = values[members] - np.median(values[members])
        scatter = 1.4826 * np.median(np.abs(off))
        far = np.abs(off) > max(FAR * scatter, FAR_EV)
        found += [(int(p), float(d)) for p, d in zip(members[far], off[far], strict=True)]
    return found


def _group_medians(group: NDArray[np.int64], values: Array) -> tuple[
    NDArray[np.int64], Array, NDArray[np.int64]
]:  # fmt: skip
    """Each group's number, the median of its values, and how many they are."""
    if not len(group):
        return group, values, group
    order = np.argsort(group, kind="stable")
    there, first, size = np.unique(group[order], return_index=True, return_counts=True)
    parts = np.split(values[order], first[1:])
    return there, np.array([np.median(part) for part in parts]), size


def _element_parts(columns: Columns, energies: Array, judged: NDArray[np.bool_]) -> Array:
    """Energy per atom [compositions] that the elements alone explain."""
    counted = columns.element_counts().astype(float)
    share = counted / np.maximum(counted.sum(axis=1, keepdims=True), 1)
    compositions = columns.composition_of
    # One equation for each composition, with its median: no row alone can bend it.
    there, medians, _ = _group_medians(compositions[judged], energies[judged])
    solved, *_ = np.linalg.lstsq(share[there], medians, rcond=1e-6)
    result: Array = share @ solved
    return result


def find_energies_per_atom(columns: Columns) -> str | None:
    """Words, if structures of one formula and different size have the same energy in all."""
    counted = columns.element_counts()
    atoms = counted.sum(axis=1)
    judged = ~columns.isolated
    there, medians, sizes_of = _group_medians(
        columns.composition_of[judged], columns.energies[judged]
    )
    formulas: dict[bytes, list[tuple[int, float]]] = {}
    for place, median, rows in zip(there, medians, sizes_of, strict=True):
        if atoms[place] == 0 or rows < 3:
            continue
        unit = int(np.gcd.reduce(counted[place][counted[place] > 0]))
        total = float(median) * int(atoms[place])
        formulas.setdefault((counted[place] // unit).tobytes(), []).append(
            (int(atoms[place]), total)
        )
    equal = different = 0
    example = ""
    for sizes in formulas.values():
        (small, low), (large, high) = min(sizes), max(sizes)
        # Energies that nearly vanish per atom are relative ones: sizes say nothing then.
        if large < 2 * small or abs(low) < 0.5 * small:
            continue
        if abs(high / low - 1) < 0.15:
            equal += 1
            example = f"{small} atoms have {low:.3f} and {large} atoms {high:.3f}"
        else:
            different += 1
    return f"of the same formula, {example}" if equal > different else None


def find_wrong_binding(columns: Columns, free: Mapping[int, float]) -> tuple[str | None, list[int]]:
    """Words and rows, if what free atoms (eV, by atomic number) gain by binding cannot be."""
    counted = columns.element_counts()
    known = np.zeros(119)
    for number, energy in free.items():
        known[number] = energy
    there = np.zeros(119, dtype=bool)
    there[list(free)] = True
    atoms = np.maximum(counted.sum(axis=1), 1)
    covered = (counted.sum(axis=1) > 0) & ~(counted[:, ~there] > 0).any(axis=1)
    compositions = columns.composition_of
    judged = covered[compositions] & ~columns.isolated
    if not judged.any():
        return None, []
    gained = columns.energies - (counted @ known / atoms)[compositions]
    deep = np.flatnonzero(judged & (gained < -DEEPEST))
    if len(deep):
        return (
            f"up to {-gained[deep].min():.1f} eV per atom below the isolated atoms; nothing binds "
            f"by more than 9: kcal/mol or kJ/mol, or isolated atoms from other calculations?"
        ), deep.tolist()
    noble = np.zeros(119, dtype=bool)
    noble[list(NOBLE)] = True
    others: NDArray[np.int64] = counted[:, ~noble].sum(axis=1)
    judged &= others[compositions] > 0
    if judged.sum() < ENOUGH:
        return None, []
    deepest = -float(gained[judged].min())
    if deepest < SHALLOWEST:
        return (
            f"no structure is more than {deepest:.3f} eV per atom below the isolated atoms; solids "
            "and molecules bind by 0.7 to 9: Hartree, or isolated atoms from other calculations?"
        ), np.flatnonzero(judged).tolist()
    return None, []
