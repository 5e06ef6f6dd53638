"""Structures as pictures: their atoms in the cell, seen from the side."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from itertools import product
from typing import TYPE_CHECKING, Any

from hpctrain.pages.html import Panel, number, together
from hpctrain.pages.points import SIDES, side_of
from hpctrain.pages.subject import Checks
from hpctrain.render import render_page

if TYPE_CHECKING:
    from hpctrain.render import Markup

WIDTH, HEIGHT = 300, 240
_MARGIN = 12.0
_TURN, _TILT = math.radians(25.0), math.radians(18.0)  # about z, then towards the eye
_SIZE = 0.6  # of a covalent radius
_SHADES = 6
_NO_ERROR = 5e-4  # eV/Å: zero by symmetry, or nearly
_REPEATED, _ON_FACE = 32, 1e-3  # atoms of a structure whose images are drawn, and where these are
_LETTER = 5.2
Json = Mapping[str, Any]
Vector = Sequence[float]


def worst(checks: Checks) -> list[Panel]:
    """Draw the structures with the largest errors of the side that was judged."""
    side = next((side for side in reversed(SIDES) if side_of(checks, side)), None)
    if side is None:
        return []
    panels: dict[str, Panel] = {}
    for key in ("largest_energy_errors", "largest_force_errors"):
        for row in side_of(checks, side).get(key) or []:
            if row.get("structure") and str(row.get("id")) not in panels:
                panels[str(row.get("id"))] = _panel(row, side)
    return list(panels.values())


def _panel(row: Json, side: str) -> Panel:
    name, count = str(row.get("id")), int(row.get("atoms") or 0)
    words = []
    if row.get("error_mev_per_atom") is not None:
        words.append(together("ΔE", number(row["error_mev_per_atom"], "+.1f"), "meV/atom"))
    if (row.get("error_ev_per_a") or 0.0) > _NO_ERROR:
        force = together("|ΔF|", number(row["error_ev_per_a"], ".3f"), "eV/Å")
        words.append(f"{force} {together('on', 'atom', str(row.get('atom')))}")
    of = f"{row.get('kind')}, {side}, {count} {'atom' if count == 1 else 'atoms'}"
    return Panel(f"Row {name}", of, draw(row["structure"], name), note="; ".join(words))


def draw(structure: Json, name: str) -> Markup:
    """Draw a structure; the redder an atom, the larger the error of its force.

    The numbers are the atoms' places in the structure, from 0.
    """
    cell = [vector for vector in structure["cell"] if any(vector)]
    ways = list(product((0, 1), repeat=len(cell)))
    corners = {way: _project(_between(cell, way)) for way in ways} if cell else {}
    whole = list(_with_images(structure))
    atoms = [_project(position) for _, position in whole]
    radii = [_SIZE * structure["radii"][n] for n, _ in whole]
    place, scale = _fit([*atoms, *corners.values()], max(radii))
    shapes: list[dict[str, str]] = [
        {"kind": "edge", "d": f"M{_at(place(corners[start]))}L{_at(place(corners[end]))}"}
        for start, end in _edges(len(cell))
    ]
    errors, symbols = structure["force_errors"], structure["symbols"]
    most = max(*errors, _NO_ERROR)
    several = len(set(symbols)) > 1
    # Far ones first: the eye is at large depth.
    for here in sorted(range(len(atoms)), key=lambda here: atoms[here][2]):
        (x, y), radius, n = place(atoms[here]), radii[here] * scale, whole[here][0]
        shapes.append({"kind": "atom", "shade": str(round(_SHADES * errors[n] / most)),
                       "x": f"{x:.1f}", "y": f"{y:.1f}", "r": f"{radius:.1f}"})  # fmt: skip
        words = f"{symbols[n]}{n}" if several else str(n)
        if _LETTER * len(words) < 2.2 * radius:
            shapes.append({"kind": "name", "x": f"{x:.1f}", "y": f"{y + 3:.1f}", "words": words})
    return render_page(
        "pages/structure.html.j2",
        {"title": f"The structure {name}", "width": WIDTH, "height": HEIGHT, "shapes": shapes},
    )


def _project(position: Vector) -> tuple[float, float, float]:
    """Return where a place is in the picture, to the right and up, and how near it is."""
    x, y, z = position
    right = x * math.cos(_TURN) + y * math.sin(_TURN)
    away = y * math.cos(_TURN) - x * math.sin(_TURN)
    up = z * math.cos(_TILT) + away * math.sin(_TILT)
    return right, up, z * math.sin(_TILT) - away * math.cos(_TILT)


def _fit(places: Sequence[Vector], radius: float) -> tuple[Any, float]:
    """Return what puts a place into the picture, and how many pixels an Å is."""
    low = [min(place[n] for place in places) - radius for n in (0, 1)]
    high = [max(place[n] for place in places) + radius for n in (0, 1)]
    scale = min((WIDTH - 2 * _MARGIN) / (high[0] - low[0]),
                (HEIGHT - 2 * _MARGIN) / (high[1] - low[1]), 34.0)  # fmt: skip

    def place(one: Vector) -> tuple[float, float]:
        return (WIDTH / 2 + scale * (one[0] - (low[0] + high[0]) / 2),
                HEIGHT / 2 - scale * (one[1] - (low[1] + high[1]) / 2))  # fmt: skip

    return place, scale


def _edges(vectors: int) -> list[tuple[tuple[int, ...], tuple[int, ...]]]:
    """List the edges of a cell of so many vectors, each between two corners."""
    return [
        (corner, (*corner[:n], 1, *corner[n + 1 :]))
        for corner in product((0, 1), repeat=vectors) for n in range(vectors) if not corner[n]
    ]  # fmt: skip


def _with_images(structure: Json) -> Iterator[tuple[int, Vector]]:
    """List each atom's number and place, and again on the other faces of a cell that it is on."""
    cell, pbc = structure["cell"], structure["pbc"]
    reciprocal = _inverse(cell) if all(map(any, cell)) else None
    for n, position in enumerate(structure["positions"]):
        yield n, position
        if reciprocal is None or len(structure["positions"]) > _REPEATED:
            continue
        within = [sum(position[i] * reciprocal[i][k] for i in range(3)) for k in range(3)]
        ways = [(0, 1) if on and abs(part) < _ON_FACE else (0,)
                for part, on in zip(within, pbc, strict=True)]  # fmt: skip
        for way in list(product(*ways))[1:]:
            moved = _between(cell, way)
            yield n, [one + more for one, more in zip(position, moved, strict=True)]


def _between(cell: Sequence[Vector], way: Sequence[int]) -> list[float]:
    """Return the sum of those vectors of a cell that are asked for."""
    return [sum(vector[n] for vector, on in zip(cell, way, strict=True) if on) for n in range(3)]


def _inverse(cell: Sequence[Vector]) -> list[list[float]]:
    """Return what turns places into parts of the cell's vectors, by columns."""
    import numpy as np

    columns: list[list[float]] = np.linalg.pinv(np.array(cell)).tolist()
    return columns


def _at(place: tuple[float, float]) -> str:
    return f"{place[0]:.1f} {place[1]:.1f}"
