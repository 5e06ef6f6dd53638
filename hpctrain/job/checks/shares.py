"""How large errors are beside the spread of the labels: of all, of each kind, of low energies.

Over all structures a few far apart make the spread: of a structure search with dimers it is 1.3
eV/atom, and 0.18 eV/atom of error seems little. So each kind is looked at alone, and the structures
that are low in energy, where simulations are.
"""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass
from typing import Any, Dict, List, NamedTuple, Sequence, Tuple

import numpy as np

from .result import verdict_on, worst

# Error as a part of the labels' own spread: 1 - its square is the part that is explained,
# 96 % and 75 %. A spread below these (eV/atom, eV/Å) counts as that much.
LIMITS = (0.2, 0.5)
SPREAD = (0.02, 0.1)
# The same of a kind or of low energies: half and nothing. The spread of a kind is often small, and
# up to 35 meV/atom (kT at 400 K) and 0.175 eV/Å are no warning.
GROUP_LIMITS = (0.7, 1.0)
GROUP_SPREAD = (0.05, 0.25)
# Fewer structures say nothing of a kind.
LEAST = 5
# eV/atom above the lowest of the same composition.
LOW = 0.5
# eV/atom or eV/Å: labels that vary by less are the same but for rounding.
NO_SPREAD = 1e-6
# eV of a whole molecule, 1 kcal/mol: what chemists call accurate is no warning.
CHEMICAL = 0.0434


class Row(NamedTuple):
    """A structure without its positions: energies in eV per atom, forces [n, 3] in eV/Å."""

    id: str
    kind: str
    composition: str
    fractions: Dict[str, float]
    periodic: bool
    label: float
    energy: float
    label_forces: Any
    forces: Any
    number: int = -1  # of the structure, on its side


@dataclass(frozen=True)
class Share:
    """An error beside the spread of its labels; eV/atom or eV/Å."""

    error: float
    spread: float
    least: float

    @property
    def part(self) -> float:
        """Return the error as a part of the spread."""
        return self.error / max(self.spread, self.least)


def energy_errors(rows: Sequence[Row]) -> Any:
    """Return predicted less labelled energies, eV/atom."""
    return np.array([row.energy - row.label for row in rows])


def force_errors(rows: Sequence[Row]) -> Any:
    """Return predicted less labelled force components, eV/Å."""
    return flat([row.forces - row.label_forces for row in rows])


def flat(arrays: Sequence[Any]) -> Any:
    """Return all numbers of some arrays as one."""
    return np.concatenate([array.ravel() for array in arrays])


def rms(values: Any) -> float:
    """Return the root of the mean square."""
    return float(np.sqrt(np.mean(np.square(values))))


def explained(errors: Any, labels: Any) -> float | None:
    """Return R², the explained part of the labels' variance; None where they do not vary.

    Forces that are zero by symmetry vary by rounding alone.
    """
    variance = float(np.mean(np.square(labels - np.mean(labels))))
    if variance <= NO_SPREAD**2:
        return None
    return 1.0 - float(np.mean(np.square(errors))) / variance


def shares_of_all(rows: Sequence[Row], known: bool) -> Dict[str, Share | None]:
    """Return the shares of one side; of energies None where the free atoms are unknown."""
    energies = None
    if known:
        least = SPREAD[0]
        if not any(row.periodic for row in rows):
            atoms = float(np.median([len(row.forces) for row in rows]))
            least = max(least, CHEMICAL / atoms / LIMITS[0])
        labels = [row.label for row in rows]
        energies = Share(rms(energy_errors(rows)), float(np.std(labels)), least)
    return {"energies": energies, "forces": _force_share(rows, SPREAD[1])}


def judge_groups(
    sides: Dict[str, List[Row]], judged_on: str, known: bool
) -> Tuple[List[Dict[str, Any]], str]:
    """Judge each kind and the low energies; return what is to be told of each, and the worst.

    A kind with too few structures on the side that is judged is looked at on both.
    """
    every = [row for rows in sides.values() for row in rows]
    by_kind = len({row.kind for row in every}) > 1
    groups: List[Tuple[str, str, List[Row]]] = []
    names = sorted({row.kind if by_kind else row.composition for row in every})
    for name in names if len(names) > 1 else []:
        of_name = [[row for row in rows if (row.kind if by_kind else row.composition) == name]
                   for rows in (sides[judged_on], every)]  # fmt: skip
        rows = of_name[0] if len(of_name[0]) >= LEAST else of_name[1]
        groups.append(("kind" if by_kind else "composition", name, rows))
    low = _low(sides[judged_on], every) if known else []
    if len(low) < len(sides[judged_on]):
        name = f"up to {LOW:g} eV/atom above the lowest of the composition"
        groups.append(("low energies", name, low))
    told = [_judge(by, name, rows, known) for by, name, rows in groups if len(rows) >= LEAST]
    return told, worst([one["verdict"] for one in told])


def _judge(by: str, name: str, rows: Sequence[Row], known: bool) -> Dict[str, Any]:
    energies = _energy_share(rows) if known else None
    forces = _force_share(rows, GROUP_SPREAD[1])
    parts = [share.part for share in (energies, forces) if share is not None]
    return {
        "by": by,
        "name": name,
        "structures": len(rows),
        "rmse_energy_mev_per_atom": 1000 * energies.error if energies else None,
        "energy_spread_mev_per_atom": 1000 * energies.spread if energies else None,
        "energy_part": energies.part if energies else None,
        "rmse_force_ev_per_a": forces.error,
        "force_spread_ev_per_a": forces.spread,
        "force_part": forces.part,
        "verdict": verdict_on(max(parts), *GROUP_LIMITS),
    }


def _energy_share(rows: Sequence[Row]) -> Share:
    """Return the share of energies beside their spread about what the composition explains."""
    elements = sorted({element for row in rows for element in row.fractions})
    table = np.array([[row.fractions.get(element, 0.0) for element in elements] for row in rows])
    labels = np.array([row.label for row in rows])
    explained = table @ np.linalg.lstsq(table, labels, rcond=None)[0]
    return Share(rms(energy_errors(rows)), float(np.std(labels - explained)), GROUP_SPREAD[0])


def _force_share(rows: Sequence[Row], least: float) -> Share:
    labels = flat([row.label_forces for row in rows])
    return Share(rms(force_errors(rows)), float(np.std(labels)), least)


def _low(rows: Sequence[Row], every: Sequence[Row]) -> List[Row]:
    lowest: Dict[str, float] = defaultdict(lambda: float("inf"))
    for row in every:
        lowest[row.composition] = min(row.label, lowest[row.composition])
    return [row for row in rows if row.label - lowest[row.composition] <= LOW]


def in_words(one: Dict[str, Any]) -> str:
    """Say how large a group's errors are beside its spread: the worse of the two."""
    if (one["energy_part"] or 0.0) >= one["force_part"]:
        share = Share(one["rmse_energy_mev_per_atom"], one["energy_spread_mev_per_atom"],
                      1000 * GROUP_SPREAD[0])  # fmt: skip
        return f"{one['name']} ({one['structures']}): {describe(share, 'meV/atom', '.1f')}"
    share = Share(one["rmse_force_ev_per_a"], one["force_spread_ev_per_a"], GROUP_SPREAD[1])
    return f"{one['name']} ({one['structures']}): {describe(share, 'eV/Å', '.3f')}"


def describe(share: Share, unit: str, form: str) -> str:
    """Say what part of the spread an error is, and of how large a one."""
    counted = share.spread < share.least
    small = f", counted as {share.least:.3g}" if counted else ""
    return (
        f"{share.error:{form}} {unit} is {share.part:.2f} of the labels' spread, "
        f"{share.spread:.3g} {unit}{small}"
    )
