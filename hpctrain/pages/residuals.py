"""Where errors are large: against the energy, the shortest distance, and the force itself."""

from __future__ import annotations

from collections.abc import Sequence

from hpctrain.pages.axes import Axis
from hpctrain.pages.figure import Figure
from hpctrain.pages.html import COLOURS, Panel, number, together
from hpctrain.pages.kinds import Colour
from hpctrain.pages.parity import draw_dots
from hpctrain.pages.points import SIDES, Dot, energies, kinds_of, side_of
from hpctrain.pages.ranges import bulk, quantile
from hpctrain.pages.subject import Checks

_FEW = 300
_SMALL = {"width": 300, "height": 215}
# eV/Å: smaller forces are noise of the labels, and smaller errors need no look.
_LEAST_FORCE, _LEAST_ERROR = 1e-3, 1e-4
_PARTS = (1.0, 0.1)


def residuals(checks: Checks, colours: Sequence[Colour]) -> list[Panel]:
    """Draw the errors of one side after the other, three figures each.

    Verifications of older versions have no distances and no lengths of forces: then there is one.
    """
    panels = []
    for side in SIDES:
        dots, _ = energies(checks, side, colours)
        if not dots:
            continue
        rmse = side_of(checks, side).get("rmse_energy_mev_per_atom")
        panels.append(_errors(f"ΔE against E, {side}", "labelled energy, eV/atom",
                              [(dot, dot.label) for dot in dots], rmse))  # fmt: skip
        near = [(dot, dot.nearest) for dot in dots if dot.nearest is not None]
        if near:
            panels.append(_errors(f"ΔE against shortest distance, {side}",
                                  "shortest distance, Å", near, rmse))  # fmt: skip
        panels += _forces(checks, side, colours)
    return panels


def _errors(
    title: str, label: str, places: Sequence[tuple[Dot, float]], rmse: float | None
) -> Panel:
    x = bulk(label, (value for _, value in places))
    y = bulk("", (dot.error for dot, _ in places), 0.02, 0.25)
    widest = max(abs(y.low), abs(y.high), 1.3 * (rmse or 0.0))
    y = Axis("predicted − labelled, meV/atom", -widest, widest)
    figure = Figure(title, x, y, **_SMALL)
    figure.horizontal_line(0.0, "axis")
    for sign in (1, -1) if rmse else ():
        figure.horizontal_line(sign * float(rmse or 0.0))
    draw_dots(figure, [(dot, value, dot.error) for dot, value in places])
    outside = sum(not figure.shows(value, dot.error) for dot, value in places)
    lines = f"lines at ±RMSE, {together(number(rmse, '.3g'), 'meV/atom')}" if rmse else ""
    beyond = f"{outside:,} beyond the figure (×)" if outside else ""
    words = "; ".join(filter(None, [lines, beyond]))
    return Panel(title, svg=figure.svg(), note=f"{words[:1].upper()}{words[1:]}." if words else "")


def _forces(checks: Checks, side: str, colours: Sequence[Colour]) -> list[Panel]:
    named = kinds_of(checks, side)
    every = [
        [(force, error) for name in colour.kinds
         for force, error in named.get(name, {}).get("norms") or []
         if force is not None and error is not None]
        for colour in colours
    ]  # fmt: skip
    count = sum(map(len, every))
    series = [
        [(force, max(error, _LEAST_ERROR)) for force, error in one if force >= _LEAST_FORCE]
        for one in every
    ]
    points = [point for one in series for point in one]
    if not points:
        return []
    title = f"|ΔF| against |F|, {side}"
    errors = sorted(error for _, error in points)
    x = _decades("labelled |F|, eV/Å", [force for force, _ in points])
    y = _decades("|ΔF|, eV/Å", [quantile(errors, 0.002), errors[-1]])
    figure = Figure(title, x, y, **_SMALL)
    for part in _PARTS:
        figure.line([(x.low, part * x.low), (x.high, part * x.high)], "mark")
    for colour in [*range(COLOURS, len(series)), *range(min(COLOURS, len(series)))]:
        figure.dots(series[colour], f"s{colour}", 4.0 if len(points) < _FEW else 2.5)
    atoms = int(side_of(checks, side).get("atoms") or 0)
    sampled = f"{count:,} of {atoms:,} atoms, at random" if atoms > count else f"{count:,} atoms"
    left = count - len(points)
    words = [sampled[:1].upper() + sampled[1:]]
    if left:
        words.append(f"{left:,} with forces below {number(_LEAST_FORCE)} eV/Å are left out")
    words.append("lines: errors of 100 % and 10 %")
    return [Panel(title, svg=figure.svg(), note=f"{'; '.join(words)}.")]


def _decades(label: str, values: Sequence[float]) -> Axis:
    """Return a logarithmic axis with a little room on either side."""
    return Axis(label, min(values) / 1.2, max(values) * 1.2, "log")
