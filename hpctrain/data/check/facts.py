"""What the data are: as a table of facts, and in words."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

import numpy as np

from hpctrain.data.structures.elements import SYMBOLS, formula_of
from hpctrain.text import duration, printable

if TYPE_CHECKING:
    from hpctrain.data.check import units
    from hpctrain.data.check.scan import Preflight

_MOST_LISTED = 50


def describe_data(
    preflight: Preflight, slope: units.Slope | None, verdict: units.Verdict
) -> dict[str, Any]:
    """Return what the data are, JSON-able; numbers that are not known are None."""
    columns = preflight.columns
    values = columns.energies
    counts = columns.element_counts()
    rows_of = np.bincount(columns.composition_of, minlength=len(counts))
    symbols = {int(n): SYMBOLS[n] for n in np.flatnonzero(counts.any(axis=0))}
    common = np.argsort(-rows_of, kind="stable")[:_MOST_LISTED]
    kinds = np.bincount(columns.kind_of, minlength=len(columns.kinds.names)).tolist()
    return {
        "rows": preflight.rows,
        "usable": len(columns),
        "atoms": preflight.atoms,
        "elements": {
            symbol: {
                "structures": int(rows_of[counts[:, n] > 0].sum()),
                "atoms": int((counts[:, n] * rows_of).sum()),
            }
            for n, symbol in symbols.items()
        },
        "compositions": {
            "different": len(columns.compositions.names),
            "commonest": {_formula(counts[c]): int(rows_of[c]) for c in common},
        },
        "kinds": dict(zip(columns.kinds.names, kinds, strict=True)),
        "generations": {
            "none" if generation is None else str(generation): rows
            for generation, rows in sorted(
                preflight.generations.items(), key=lambda one: (one[0] is None, one[0] or 0)
            )
        },
        "pbc": {
            "".join("T" if periodic else "F" for periodic in pbc): rows
            for pbc, rows in sorted(preflight.pbc.items())
        },
        "energy_per_atom_ev": _range(values),
        "force_ev_per_a": {
            "rms": _number(math.sqrt(preflight.force_sum / preflight.atoms))
            if preflight.atoms else None,
            "max": _number(preflight.largest_force),
        },
        "shortest_distances_a": {
            f"{SYMBOLS[a]}-{SYMBOLS[b]}": round(distance, 4)
            for (a, b), distance in sorted(preflight.shortest.items())
        },
        "cells": {
            "below_cutoff": preflight.small_cells,
            "smallest_height_a": _number(preflight.smallest_height),
            "too_flat_to_search": preflight.unsearched,
        },
        "isolated_atoms_ev": {
            SYMBOLS[n]: [energy for _, energy in atoms] for n, atoms in preflight.free.items()
        },
        "neighbours_per_atom": preflight.neighbours_per_atom(),
        "theory": preflight.theory.table(),
        "electrons": preflight.states.table(),
        "energies_follow_forces": slope
        and {"pairs": slope.pairs, "slope": slope.value, "spread": _number(slope.spread)},
        "units": {"judged_by": verdict.by, "structures": verdict.structures,
                  "not_judged": verdict.unknown},
        "seconds": preflight.seconds,
    }  # fmt: skip


def _range(values: Any) -> dict[str, float] | None:
    if not len(values):
        return None
    return {"min": float(values.min()), "median": float(np.median(values)),
            "max": float(values.max())}  # fmt: skip


def _number(value: float) -> float | None:
    return value if math.isfinite(value) else None


def _formula(counts: Any) -> str:
    return formula_of((n, counts[n]) for n in np.flatnonzero(counts)) or "(others)"


def summary(data: dict[str, Any]) -> str:
    """Say what the data are in a few lines; ``data`` as in Findings."""
    energy, force, cells = data["energy_per_atom_ev"], data["force_ev_per_a"], data["cells"]
    lines = [f"rows        {data['rows']}, of which {data['usable']} can be trained on, with "
             f"{data['atoms']} atoms"]  # fmt: skip
    if energy:
        lines.append(
            f"energies    {energy['min']:.3f} to {energy['max']:.3f} eV per atom, median "
            f"{energy['median']:.3f}"
        )
    if force["rms"] is not None:
        lines.append(f"forces      {force['rms']:.3f} eV/Å RMS, {force['max']:.2f} at most")
    shortest = sorted(data["shortest_distances_a"].items(), key=lambda one: one[1])
    if shortest:
        pairs = ", ".join(f"{pair} {distance:.2f}" for pair, distance in shortest[:6])
        lines.append(f"distances   shortest, Å: {pairs}{', …' if len(shortest) > 6 else ''}")
    if data["neighbours_per_atom"] is not None:
        lines.append(
            f"neighbours  {data['neighbours_per_atom']:.0f} per atom within the cutoff; "
            f"{cells['below_cutoff']} cells are smaller than that, which is fine"
        )
    if said := _units_in_words(data):
        lines.append(f"units       {said}")
    lines += [_describe_cost(data["training"])] if data.get("training") else []
    return "\n".join(map(printable, lines))


def _units_in_words(data: dict[str, Any]) -> str:
    verdict, follow = data["units"], data["energies_follow_forces"]
    if not data["usable"]:
        return ""
    if verdict["judged_by"] is None:
        return (
            f"could not be judged: {verdict['not_judged']}; energies must be in eV, forces in "
            "eV/Å (the negative gradient)"
        )
    if verdict["judged_by"] == "fit":
        return f"judged by a linear fit of energies and forces ({verdict['structures']} rows)"
    if follow["spread"] is None:
        return ""
    return (
        f"energies change by {follow['slope']:.2f} times what the forces predict "
        f"({follow['pairs']} pairs of rows)"
    )


def _describe_cost(task: dict[str, Any]) -> str:
    step, whole, memory = task["seconds_per_iteration"], task["seconds"], task["memory_bytes"]
    return (
        f"training    roughly {step['likely']:.2g} s per iteration on {task['cores']} "
        f"core{'s' * (task['cores'] != 1)} "
        f"({step['from']:.2g} to {step['to']:.2g}), {duration(whole['likely'])} in all "
        f"({duration(whole['from'])} to {duration(whole['to'])}), "
        f"{memory['likely'] / 1e9:.1f} GB of memory ({memory['from'] / 1e9:.1f} to "
        f"{memory['to'] / 1e9:.1f})"
    )
