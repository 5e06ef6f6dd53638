"""How a potential behaves beyond its data: the checks that can be figure."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from hpctrain.pages.axes import Axis, axis
from hpctrain.pages.figure import Figure
from hpctrain.pages.html import Panel, Table, number, together
from hpctrain.pages.molecules import molecules
from hpctrain.pages.subject import Checks

# A dimer's wall is higher than anything else in the figure: it is cut off at so many eV, or at so
# many times the well's depth.
_WALL_EV, _WALL_DEPTHS = 5.0, 3.0
# Acoustic modes at Γ are zero to within this: none of them is called imaginary.
_ZERO_THZ = 0.05
_MOTION = ("time_fs", "energy_ev_per_atom", "temperature_k")
Json = Mapping[str, Any]


def physics(checks: Checks) -> list[list[Panel]]:
    """Draw each pair and phase, a list for each check, or say why there is nothing to draw."""
    pairs = checks.data("dimers", "pairs") or {}
    of_molecules, absent = molecules(checks)
    grids = [[*(_dimer(pair, one) for pair, one in pairs.items()), *of_molecules]]
    absent += [] if pairs else [Panel("Dimers", missing=checks.why("dimers"))]
    for name, title, draw in (
        ("energy_volume", "Energy against volume", _energy_volume),
        ("elastic", "Elastic constants", _elastic),
        ("phonons", "Phonons", _phonons),
    ):
        phases = checks.data(name, "phases") or []
        grids.append([draw(phase) for phase in phases])
        absent += [] if phases else [Panel(title, missing=checks.why(name))]
    motion = _nve("NVE run", {key: checks.data("nve", key) for key in _MOTION})
    grids.append(motion + _nve("NVE run without a cell", checks.data("nve", "molecule") or {}))
    absent += [] if motion else [Panel("NVE run", missing=checks.why("nve"))]
    grids.append(absent)
    return [grid for grid in grids if grid]


def _dimer(pair: str, one: Json) -> Panel:
    distances, energies = one["distances"], one["energies"]
    known = [energy for energy in energies if energy is not None]
    title = f"Dimer {pair}"
    if not known:
        return Panel(title, missing="none of its energies is a number")
    wall = max(_WALL_EV, _WALL_DEPTHS * -min(known))
    x = axis("distance, Å", distances)
    y = axis("energy, eV", [min(energy, wall) for energy in known])
    figure = Figure(title, x, y)
    if y.low < 0 < y.high:
        figure.horizontal_line(0.0)
    shortest = one.get("shortest_in_data")
    if shortest is not None:
        figure.vertical_line(shortest, f"shortest in data {shortest:.2f}")
    # The wall goes on above the figure.
    figure.line(zip(distances, energies, strict=True), "s0")
    more = f"up to {wall:.3g} eV" if max(known) > wall else ""
    return Panel(title, more, figure.svg())


def _energy_volume(phase: Json) -> Panel:
    labels = phase.get("labels") or []
    volumes, energies = phase["volumes"], phase["energies"]
    x = axis("volume, Å³/atom", [*volumes, *(volume for volume, _ in labels)])
    y = axis("energy, eV/atom", [*energies, *(energy for _, energy in labels)])
    title = f"Energy against volume, {phase['name']}"
    figure = Figure(title, x, y)
    if phase.get("v0") is not None:
        figure.vertical_line(phase["v0"], "V₀")
    figure.line(zip(volumes, energies, strict=True), "s0")
    figure.dots([(volume, energy) for volume, energy in labels], "s5", 4.5)
    notes = [
        together(name, number(phase[key]), unit)
        + (f" ({number(phase[f'label_{key}'])})" if phase.get(f"label_{key}") is not None else "")
        for name, key, unit in (("a₀", "a0", "Å"), ("B", "bulk_modulus_gpa", "GPa"))
        if phase.get(key) is not None
    ]
    notes.append("dots and brackets: labels" if labels else "no labels in the data")
    return Panel(title, ", ".join(notes), figure.svg())


def _elastic(phase: Json) -> Panel:
    rows: Sequence[Sequence[float | None]] = phase["c_gpa"]
    cells = [[f"{n}", *(number(value, ".0f") for value in row)] for n, row in enumerate(rows, 1)]
    smallest = together("eigenvalue", number(phase.get("smallest_eigenvalue_gpa")), "GPa")
    title = f"Elastic constants, {phase['name']}"
    header = ("GPa", *(str(n) for n in range(1, len(rows) + 1)))
    return Panel(title, f"smallest {smallest}{_not_lowest(phase)}", table=Table(header, cells))


def _not_lowest(phase: Json) -> str:
    # A phase above another one may be unstable: nothing is wrong with the potential then.
    return ", not the lowest phase" if phase.get("ground_state") is False else ""


def _phonons(phase: Json) -> Panel:
    points = phase["points"]
    values = [value for levels in points.values() for value in levels if value is not None]
    title = f"Phonons, {phase['name']}"
    if not values:
        return Panel(title, missing="none of its frequencies is a number")
    names = tuple((float(n), name) for n, name in enumerate(points))
    x = Axis("wave vector", -0.5, len(points) - 0.5, named=names)
    y = axis("frequency, THz (imaginary as negative)", [*values, 0.0])
    figure = Figure(title, x, y)
    figure.horizontal_line(0.0)
    for n, levels in enumerate(points.values()):
        for value in levels:
            if value is not None:
                css = "curve bad" if value < -_ZERO_THZ else "curve s0"
                figure.horizontal_line(value, css, (n - 0.3, n + 0.3))
    lowest = together("lowest", number(phase.get("lowest_thz")), "THz")
    return Panel(title, lowest + _not_lowest(phase), figure.svg())


def _nve(run: str, motion: Json) -> list[Panel]:
    times, energies, temperatures = (motion.get(key) for key in _MOTION)
    if not times or not energies:
        return []
    ps = [time / 1000.0 for time in times]
    x = axis("time, ps", ps)
    began = next((energy for energy in energies if energy is not None), 0.0)
    change = [None if one is None else 1000.0 * (one - began) for one in energies]
    panels = []
    for title, label, values in (
        (f"{run}, total energy", "change of energy, meV/atom", change),
        (f"{run}, temperature", "temperature, K", temperatures),
    ):
        if not values:
            panels.append(Panel(title, missing="the check did not record it"))
            continue
        figure = Figure(title, x, axis(label, values))
        figure.line(zip(ps, values, strict=True), "s0")
        panels.append(Panel(title, svg=figure.svg()))
    return panels
