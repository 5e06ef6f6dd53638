"""Predicted against labelled energies and forces, by kind; how the errors are distributed."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from hpctrain.pages.axes import Axis
from hpctrain.pages.figure import Figure
from hpctrain.pages.html import COLOURS, Panel, Table, number
from hpctrain.pages.kinds import Colour
from hpctrain.pages.points import SIDES, Dot, beyond, energies, kinds_of, side_of
from hpctrain.pages.ranges import bulk
from hpctrain.pages.subject import Checks

_HISTOGRAMS = (
    ("energies", "energy_error_histogram", "meV/atom"),
    ("force components", "force_error_histogram", "eV/Å"),
)
_NARROWEST = 1e-9
_FEW = 300  # so few points are drawn larger
_LISTED = 100  # kinds in a table
_HINTS = 250  # points of a figure that tell what they are
Json = Mapping[str, Any]


def parity(checks: Checks, colours: Sequence[Colour]) -> list[Panel]:
    """Draw predicted against labelled values, for each side and quantity."""
    return [
        *(_energies(checks, side, colours) for side in SIDES),
        *(_forces(checks, side, colours) for side in SIDES),
    ]


def histograms(checks: Checks) -> list[Panel]:
    """Draw how large the errors are, on both sides of the split."""
    return [_histogram(checks, plural, key, unit) for plural, key, unit in _HISTOGRAMS]


def by_kind(checks: Checks, colours: Sequence[Colour]) -> Table | None:
    """List structures and RMSEs of each kind, training side / test side."""
    sides = {side: kinds_of(checks, side) for side in SIDES}
    rows: list[list[str]] = []
    for name in (name for colour in colours for name in colour.kinds):
        both = [sides[side].get(name, {}) for side in SIDES]
        if any(both) and len(rows) < _LISTED:
            rows.append([
                name,
                " / ".join(number(one.get("structures"), ",") for one in both),
                " / ".join(number(_energy_error(one), ".1f") for one in both),
                " / ".join(number(_force_error(one), ".4f") for one in both),
            ])  # fmt: skip
    header = ("kind (train / test)", "structures", "energy RMSE, meV/atom", "force RMSE, eV/Å")
    return Table(header, rows) if rows else None


def _energy_error(kind: Json) -> float | None:
    """Return the RMSE of energies; None for free atoms, from which all energies count."""
    pairs = kind.get("energies") or []
    if pairs and not any(value for pair in pairs for value in pair):
        return None
    return kind.get("rmse_energy_mev_per_atom")


def _force_error(kind: Json) -> float | None:
    """Return the RMSE of forces; None where they are zero by symmetry, whatever the potential."""
    pairs = kind.get("forces") or []
    if pairs and not any(predicted for _, predicted in pairs):
        return None
    return kind.get("rmse_force_ev_per_a")


def judged(checks: Checks) -> Table | None:
    """List what was judged beside all structures: kinds and low energies, RMSE / spread."""
    rows = [
        [
            str(one.get("name")), number(one.get("structures"), ","),
            *(_beside(one.get(error), one.get(spread), form)
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


def _beside(error: float | None, spread: float | None, form: str) -> str:
    """Format an error beside the spread of its labels; a dash where symmetry makes both zero."""
    both = [number(value, form) for value in (error, spread)]
    return "–" if all(value.strip("0.") == "" for value in both) else " / ".join(both)


def largest(checks: Checks) -> list[Table]:
    """List the rows with the largest errors, by id."""
    tables = []
    for title, key, field, form in (
        ("energy error, meV/atom", "largest_energy_errors", "error_mev_per_atom", ".1f"),
        ("force error, eV/Å", "largest_force_errors", "error_ev_per_a", ".3f"),
    ):
        rows = [
            [f"{one.get('id')} ({one.get('kind')}, {side})", number(one.get(field), form)]
            for side in reversed(SIDES)
            for one in (side_of(checks, side).get(key) or [])[:5]
        ]
        if rows:
            tables.append(Table(("row (kind, side)", title), rows))
    return tables


def _energies(checks: Checks, side: str, colours: Sequence[Colour]) -> Panel:
    title = f"Energies, {side}"
    dots, added = energies(checks, side, colours)
    if not dots:
        return Panel(title, missing=checks.why("parity"))
    both = bulk("", (value for dot in dots for value in (dot.label, dot.predicted)))
    figure = _square(title, both, "eV/atom")
    draw_dots(figure, [(dot, dot.label, dot.predicted) for dot in dots])
    outside = [dot for dot in dots if not figure.shows(dot.label, dot.predicted)]
    structures = int(side_of(checks, side).get("structures") or 0)
    return Panel(title, _sampled(len(dots) - added, structures, "structures", added),
                 figure.svg(), note=beyond(outside))  # fmt: skip


def draw_dots(figure: Figure, places: Sequence[tuple[Dot, float, float]]) -> None:
    """Draw structures in the colours of their kinds; the rest at the bottom, then the commonest.

    So they do not hide the rarer ones. Those with the largest errors tell what they are.
    """
    size = 4.0 if len(places) < _FEW else 3.0
    by_colour: dict[int, list[tuple[float, float]]] = {}
    for dot, x, y in places:
        by_colour.setdefault(dot.colour, []).append((x, y))
    for colour in sorted(by_colour, key=lambda n: (n < COLOURS, n)):
        inside = [point for point in by_colour[colour] if figure.shows(*point)]
        figure.dots(inside, f"s{colour}", size)
        figure.crosses(set(by_colour[colour]) - set(inside), f"s{colour}")
    worst = sorted(places, key=lambda one: -abs(one[0].error))[:_HINTS]
    figure.hint(
        (x, y, f"{dot.name}: {number(dot.label, '.4f')} → {number(dot.predicted, '.4f')} eV/atom, "
               f"{number(dot.error, '+.1f')} meV/atom")
        for dot, x, y in worst
    )  # fmt: skip


def _forces(checks: Checks, side: str, colours: Sequence[Colour]) -> Panel:
    title = f"Force components, {side}"
    named = kinds_of(checks, side)
    series = [
        [(label, predicted) for name in colour.kinds
         for label, predicted in named.get(name, {}).get("forces") or []
         if label is not None and predicted is not None]
        for colour in colours
    ]  # fmt: skip
    points = [point for one in series for point in one]
    if not points:
        return Panel(title, missing=checks.why("parity"))
    both = bulk("", (value for point in points for value in point), 0.005, 0.5)
    figure = _square(title, both, "eV/Å")
    outside = 0
    for colour in [*range(COLOURS, len(series)), *range(min(COLOURS, len(series)))]:
        inside = [point for point in series[colour] if figure.shows(*point)]
        figure.dots(inside, f"s{colour}", 4.0 if len(points) < _FEW else 3.0)
        figure.crosses(set(series[colour]) - set(inside), f"s{colour}")
        outside += len(series[colour]) - len(inside)
    atoms = int(side_of(checks, side).get("atoms") or 0)
    note = f"Beyond the figure (×): {outside:,} components." if outside else ""
    return Panel(title, _sampled(len(points), 3 * atoms, "components"), figure.svg(), note=note)


def _square(title: str, both: Axis, unit: str) -> Figure:
    x = Axis(f"labelled, {unit}", both.low, both.high)
    y = Axis(f"predicted, {unit}", both.low, both.high)
    figure = Figure(title, x, y, height=300)
    figure.diagonal()
    return figure


def _sampled(drawn: int, of: int, what: str, added: int = 0) -> str:
    """Say how many points there are, and how they were chosen where they are not all."""
    if drawn >= of:
        return f"{drawn:,} {what}" if of else f"{drawn:,} points"
    more = f", and the {added} largest errors" if added else ""
    return f"{drawn:,} of {of:,}, at random{more}"


def _histogram(checks: Checks, plural: str, key: str, unit: str) -> Panel:
    title = f"Errors of {plural}"
    shares, larger = {}, []
    for side in SIDES:
        histogram = side_of(checks, side).get(key) or {}
        edges, counts = histogram.get("edges") or [], histogram.get("counts") or []
        if sum(counts):
            width = max((edges[-1] - edges[0]) / len(counts), _NARROWEST)
            shares[side] = (edges, [100.0 * count / sum(counts) / width for count in counts])
            if histogram.get("beyond"):
                larger.append(f"{histogram['beyond']:,} of {side}")
    if not shares:
        return Panel(title, missing=checks.why("parity"))
    ends = [end for edges, _ in shares.values() for end in (edges[0], edges[-1])]
    x = Axis(f"predicted − labelled, {unit}" if min(ends) < 0 else f"error, {unit}",
             min(ends), max(ends))  # fmt: skip
    highest = max(max(heights) for _, heights in shares.values())
    figure = Figure(title, x, Axis(f"share of each side, % per {unit}", 0.0, 1.05 * highest))
    for side, (edges, heights) in shares.items():
        figure.steps(edges, heights, side)
        figure.key(side, side)
    absent = [side for side in SIDES if side not in shares]
    more = f"no errors of the {absent[0]} side" if absent else ""
    note = f"The outermost bars hold what is larger, too: {', '.join(larger)}." if larger else ""
    return Panel(title, more, figure.svg(), note=note)
