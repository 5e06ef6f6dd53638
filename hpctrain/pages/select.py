"""The page of ``select``: the grades of all candidates, and what was chosen and why."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import numpy as np

from hpctrain.pages.axes import Axis
from hpctrain.pages.figure import Figure
from hpctrain.pages.html import Panel, Table, document, number

if TYPE_CHECKING:
    from hpctrain.render import Markup

_BARS = 40
_LISTED = 200  # candidates that cannot be graded, or are alike; all are counted
WHAT = (
    "Grade: the extrapolation grade γ, the largest of the structure's atoms, as ASE and LAMMPS "
    "compute it. Up to 1 all neighbourhoods lie within what the potential was trained on. "
    "New functions: directions among the basis functions that are zero in all of the training "
    "set, as by symmetry in perfect crystals. Adds: the logarithm of the factor by which the "
    "structure makes the volume of the active set grow, after those above it."
)


def page(
    facts: Mapping[str, Any], grades: Sequence[float | None], chosen: Sequence[int], made: str
) -> str:
    """Return the whole page.

    ``facts`` are those of ``--json``; ``grades`` [n] of all candidates, ``chosen`` the places of
    some of them; ``made`` says when it was written, and by what.
    """
    many = len(facts["chosen"])
    return document(
        "select",
        f"What to label next for {facts['potential']}",
        made,
        {
            "data": _counts(facts),
            "notes": facts["notes"],
            "what": WHAT,
            "kinds": [("all candidates", str(facts["graded"])), ("chosen", str(many))],
            "histograms": [_panel(grades, chosen)],
            "chosen": Table(
                ("", "id", "atoms", "grade", "at atom", "adds", "why"),
                [_row(one) for one in facts["chosen"]],
            ),
            "unusable": _listed(facts["unusable"], "why"),
            "alike": _listed(facts["alike"], "like"),
        },
    )


def _counts(facts: Mapping[str, Any]) -> list[tuple[str, str]]:
    files = dict.fromkeys(one["source"] for one in facts["chosen"])
    return [
        ("candidates", f"{facts['candidates']:,}"),
        ("cannot be graded", f"{len(facts['unusable']):,}"),
        ("alike others or the training set", f"{len(facts['alike']):,}"),
        ("graded", f"{facts['graded']:,}"),
        ("extrapolating", f"{facts['extrapolating']:,}"),
        ("chosen", f"{len(facts['chosen']):,} of {facts['wanted']:,}"),
        ("from", ", ".join(files)),
        (
            "active set",
            ", ".join(
                f"{name}: {one['known']} of {one['functions']} functions"
                for name, one in facts["elements"].items()
            ),
        ),
    ]


def _row(one: Mapping[str, Any]) -> list[str]:
    return [str(one["rank"]), one["id"], one["formula"], number(one["grade"], ".3g"),
            f"{one['atom']} {one['element']}", number(one["adds"], ".3g"),
            one["reason"]]  # fmt: skip


def _listed(some: Sequence[Mapping[str, str]], key: str) -> list[tuple[str, str]]:
    rows = [(one["id"], one[key]) for one in some[:_LISTED]]
    more = len(some) - len(rows)
    return [*rows, ("…", f"and {more:,} more")] if more > 0 else rows


def _panel(grades: Sequence[float | None], chosen: Sequence[int]) -> Panel:
    values = np.array([np.nan if grade is None else grade for grade in grades], dtype=float)
    of_chosen = values[list(chosen)]
    shown = values[np.isfinite(values) & (values > 0)]
    if not len(shown):
        return Panel("Extrapolation grades", missing="no candidate has a grade above zero")
    return Panel(
        "Extrapolation grades", "structures, by the grade of their highest atom",
        draw(shown, of_chosen[of_chosen > 0]),
    )  # fmt: skip


def draw(values: np.ndarray[Any, Any], chosen: np.ndarray[Any, Any]) -> Markup:
    """Draw the histogram of grades [n], all above zero, with that of those chosen."""
    # A few without any neighbour of their kind must not press all others into one bar.
    low = max(float(values.min()), 1e-3 * float(np.median(values)))
    high = float(values.max())
    if high <= low * 1.01:
        low, high = 0.5 * low, 2.0 * high
    edges = np.geomspace(low, high, _BARS + 1)
    edges[-1] *= 1 + 1e-9
    counts = np.histogram(np.clip(values, low, None), edges)[0]
    picked = np.histogram(np.clip(chosen, low, None), edges)[0]
    y = Axis("structures", 0.0, 1.25 * float(max(counts.max(), 1)), "log1p")
    whole = tuple((value, text) for value, text in y.ticks(4) if value == int(value))
    figure = Figure("Extrapolation grades", Axis("γ", low, high, "log"), replace(y, named=whole))
    figure.bars(edges.tolist(), counts.tolist(), "k0")
    figure.bars(edges.tolist(), picked.tolist(), "k1")
    figure.vertical_line(1.0, "γ = 1")
    return figure.svg()
