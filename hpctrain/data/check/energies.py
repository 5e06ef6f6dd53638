"""Findings about energies per atom, when all rows are known: outliers, units, free atoms."""

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
    """Find rows whose energy is far from those of their kind: places, and how far (eV per atom).

    Rows of one kind and composition are compared where there are ten of them. Otherwise rows of one
    kind are, after the part that each element contributes (least squares) is taken off; and rows of
    kinds that have fewer with all rows. Isolated atoms are not compared.
    """
    energies, kinds = columns.energies, columns.kind_of
    compositions, isolated = columns.composition_of, columns.isolated
    compared = ~isolated
    groups = kinds * (len(columns.compositions.names) + 1) + compositions
    _, group, size = np.unique(groups, return_inverse=True, return_counts=True)
    fine = compared & (size[group] >= ENOUGH)
    found = _find_far(energies, group, fine)
    rest = compared & ~fine
    if rest.any():
        without = energies - _element_parts(columns, energies, compared)[compositions]
        # The kind's rows of common compositions help to judge the rare ones; and where a kind
        # has few rows, all rows do.
        rare = rest & (np.bincount(kinds[compared], minlength=kinds.max() + 1)[kinds] < ENOUGH)
        everywhere = np.zeros_like(kinds)
        found += [one for one in _find_far(without, kinds, compared) if rest[one[0]]]
        found += [one for one in _find_far(without, everywhere, compared) if rare[one[0]]]
    return sorted(found)


def _find_far(values: Array, group: NDArray[np.int64], compared: NDArray[np.bool_]) -> list[
    tuple[int, float]
]:  # fmt: skip
    """Find values far from the median of their group: places, and how far."""
    places = np.flatnonzero(compared)
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
    """Return each group's number, the median of its values, and how many they are."""
    if not len(group):
        return group, values, group
    order = np.argsort(group, kind="stable")
    there, first, size = np.unique(group[order], return_index=True, return_counts=True)
    parts = np.split(values[order], first[1:])
    return there, np.array([np.median(part) for part in parts]), size


def _element_parts(columns: Columns, energies: Array, compared: NDArray[np.bool_]) -> Array:
    """Fit the energy per atom [compositions] that the elements alone explain."""
    counts = columns.element_counts().astype(float)
    share = counts / np.maximum(counts.sum(axis=1, keepdims=True), 1)
    compositions = columns.composition_of
    # One equation for each composition, with its median: no row alone can bend it.
    there, medians, _ = _group_medians(compositions[compared], energies[compared])
    solved, *_ = np.linalg.lstsq(share[there], medians, rcond=1e-6)
    result: Array = share @ solved
    return result


def find_energies_per_atom(columns: Columns) -> str | None:
    """Say where structures of one formula and different size have the same total energy.

    None if they do not: then the energies are not per atom.
    """
    counts = columns.element_counts()
    atoms = counts.sum(axis=1)
    compared = ~columns.isolated
    there, medians, sizes_of = _group_medians(
        columns.composition_of[compared], columns.energies[compared]
    )
    formulas: dict[bytes, list[tuple[int, float]]] = {}
    for place, median, rows in zip(there, medians, sizes_of, strict=True):
        if atoms[place] == 0 or rows < 3:
            continue
        unit = int(np.gcd.reduce(counts[place][counts[place] > 0]))
        total = float(median) * int(atoms[place])
        formulas.setdefault((counts[place] // unit).tobytes(), []).append(
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
    """Say what is impossible in the energies gained by binding, and in which rows.

    ``free``: the energies of free atoms (eV) by atomic number. None and no rows if all is possible.
    """
    counts = columns.element_counts()
    known = np.zeros(119)
    for number, energy in free.items():
        known[number] = energy
    there = np.zeros(119, dtype=bool)
    there[list(free)] = True
    atoms = np.maximum(counts.sum(axis=1), 1)
    covered = (counts.sum(axis=1) > 0) & ~(counts[:, ~there] > 0).any(axis=1)
    compositions = columns.composition_of
    compared = covered[compositions] & ~columns.isolated
    if not compared.any():
        return None, []
    gained = columns.energies - (counts @ known / atoms)[compositions]
    deep = np.flatnonzero(compared & (gained < -DEEPEST))
    if len(deep):
        return (
            f"up to {-gained[deep].min():.1f} eV per atom below the isolated atoms; nothing binds "
            f"by more than 9: kcal/mol or kJ/mol, or isolated atoms from other calculations?"
        ), deep.tolist()
    noble = np.zeros(119, dtype=bool)
    noble[list(NOBLE)] = True
    others: NDArray[np.int64] = counts[:, ~noble].sum(axis=1)
    compared &= others[compositions] > 0
    if compared.sum() < ENOUGH:
        return None, []
    deepest = -float(gained[compared].min())
    if deepest < SHALLOWEST:
        return (
            f"no structure is more than {deepest:.3f} eV per atom below the isolated atoms; solids "
            "and molecules bind by 0.7 to 9: Hartree, or isolated atoms from other calculations?"
        ), np.flatnonzero(compared).tolist()
    return None, []
