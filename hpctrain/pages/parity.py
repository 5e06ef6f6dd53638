"""Predicted against labelled energies and forces, by kind; how the errors are distributed."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from hpctrain.pages.axes import Axis, axis
from hpctrain.pages.figure import Figure
from hpctrain.pages.html import COLOURS, Panel, Table, number
from hpctrain.pages.subject import Checks

SIDES = ("train", "test")
_QUANTITIES = (
    ("energies", "Energies", "eV/atom", "energy_error_histogram", "meV/atom"),
    ("forces", "Force components", "eV/Å", "force_error_histogram", "eV/Å"),
)
_FEW = 300  # so few points are drawn larger
Json = Mapping[str, Any]


def parity(checks: Checks) -> list[Panel]:
    """Draw predicted against labelled values, for each side and quantity."""
    by_colour = kinds(checks)
    return [
        _parity(checks, side, quantity, title, unit, by_colour)
        for quantity, title, unit, _, _ in _QUANTITIES
        for side in SIDES
    ]


def histograms(checks: Checks) -> list[Panel]:
    """Draw how large the errors are, on both sides of the split."""
    return [_histogram(checks, title, key, unit) for _, title, _, key, unit in _QUANTITIES]


def by_kind(checks: Checks) -> Table | None:
    """List structures and RMSEs of each kind, training side / test side."""
    sides = {side: _by_name(checks, side) for side in SIDES}
    rows = [
        [name, *(
            " / ".join(number(sides[side].get(name, {}).get(key), form) for side in SIDES)
            for key, form in (("structures", ","), ("rmse_energy_mev_per_atom", ".1f"),
                              ("rmse_force_ev_per_a", ".4f"))
        )]
        for _, _, names in kinds(checks) for name in names
    ]  # fmt: skip
    header = ("kind (train / test)", "structures", "energy RMSE, meV/atom", "force RMSE, eV/Å")
    return Table(header, rows) if rows else None


def judged(checks: Checks) -> Table | None:
    """List what was judged beside all structures: kinds and low energies, RMSE / spread."""
    rows = [
        [
            str(one.get("name")), number(one.get("structures"), ","),
            *(f"{number(one.get(error), form)} / {number(one.get(spread), form)}"
              for error, spread, form in (
                  ("rmse_energy_mev_per_atom", "energy_spread_mev_per_atom", ".1f"),
                  ("rmse_force_ev_per_a", "force_spread_ev_per_a", ".4f"))),
            str(one.get("verdict")),
        ]
        for one in checks.data("parity", "groups") or []
    ]  # fmt: skip
    header = ("RMSE / spread of the labels", "structures", "energy, meV/atom", "force, eV/Å",
              "verdict")  # fmt: skip
    return Table(header, rows) if rows else None


def largest(checks: Checks) -> list[Table]:
    """List the rows with the largest errors, by id."""
    tables = []
    for title, key, field, form in (
        ("energy error, meV/atom", "largest_energy_errors", "error_mev_per_atom", ".1f"),
        ("force error, eV/Å", "largest_force_errors", "error_ev_per_a", ".3f"),
    ):
        rows = [
            [f"{one.get('id')} ({one.get('kind')}, {side})", number(one.get(field), form)]
            for side in SIDES
            for one in (_side(checks, side).get(key) or [])[:5]
        ]
        if rows:
            tables.append(Table(("row (kind, side)", title), rows))
    return tables


def _side(checks: Checks, side: str) -> Json:
    return checks.data("parity", side) or {}


def _by_name(checks: Checks, side: str) -> dict[str, Json]:
    return dict(_side(checks, side).get("kinds") or {})


def kinds(checks: Checks) -> list[tuple[str, int, list[str]]]:
    """List each colour as (name, structures, kinds): the commonest, then the rest in one."""
    structures: dict[str, int] = {}
    for side in SIDES:
        for name, kind in _by_name(checks, side).items():
            structures[name] = structures.get(name, 0) + int(kind.get("structures") or 0)
    order = sorted(structures, key=lambda name: (-structures[name], name))
    most = order if len(order) <= COLOURS + 1 else order[:COLOURS]
    colours = [(name, structures[name], [name]) for name in most]
    rest = order[len(most) :]
    if rest:
        colours.append((f"{len(rest)} other kinds", sum(structures[n] for n in rest), rest))
    return colours


def _parity(
    checks: Checks, side: str, quantity: str, title: str, unit: str,
    by_colour: Sequence[tuple[str, int, list[str]]],
) -> Panel:  # fmt: skip
    named = _by_name(checks, side)
    series = [
        [point for name in names for point in named.get(name, {}).get(quantity) or []]
        for _, _, names in by_colour
    ]
    points = [point for one in series for point in one]
    title = f"{title}, {side}"
    if not points:
        return Panel(title, missing=checks.why("parity"))
    both = axis("", (value for point in points for value in point))
    x = Axis(f"labelled, {unit}", both.low, both.high)
    y = Axis(f"predicted, {unit}", both.low, both.high)
    figure = Figure(title, x, y, height=300)
    figure.diagonal()
    # The rest at the bottom, then the commonest, so that they do not hide the rarer ones.
    order = [*range(COLOURS, len(series)), *range(min(COLOURS, len(series)))]
    for colour in order:
        figure.dots(series[colour], f"s{colour}", 4.0 if len(points) < _FEW else 3.0)
    more = f"{len(points):,} points"
    if quantity == "energies":
        every = sum(int(kind.get("structures") or 0) for kind in named.values())
        more += f" of {every:,} structures" if every != len(points) else ""
    return Panel(title, more, figure.svg())


def _histogram(checks: Checks, title: str, key: str, unit: str) -> Panel:
    title = f"Errors of {title.lower()}"
    shares = {}
    for side in SIDES:
        histogram = _side(checks, side).get(key) or {}
        edges, counts = histogram.get("edges") or [], histogram.get("counts") or []
        if sum(counts):
            shares[side] = (edges, [100.0 * count / sum(counts) for count in counts])
    if not shares:
        return Panel(title, missing=checks.why("parity"))
    ends = [end for edges, _ in shares.values() for end in (edges[0], edges[-1])]
    x = Axis(f"predicted − labelled, {unit}" if min(ends) < 0 else f"error, {unit}",
             min(ends), max(ends))  # fmt: skip
    highest = max(max(heights) for _, heights in shares.values())
    figure = Figure(title, x, Axis("share of each side, %", 0.0, 1.05 * highest))
    for side, (edges, heights) in shares.items():
        figure.steps(edges, heights, side)
        figure.key(side, side)
    absent = [side for side in SIDES if side not in shares]
    more = f"no errors of the {absent[0]} side" if absent else ""
    return Panel(title, more, figure.svg())
