"""What a potential does beyond its data: the checks that can be drawn."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from hpctrain.pages.axes import Axis, axis
from hpctrain.pages.figure import Figure
from hpctrain.pages.html import Panel, Table, number, together
from hpctrain.pages.subject import Checks

# A dimer's wall is higher than anything else in the figure: it is cut off at so many eV, or at so
# many times the well's depth.
_WALL_EV, _WALL_DEPTHS = 5.0, 3.0
# Acoustic modes at Γ are zero to within this: none of them is called imaginary.
_ZERO_THZ = 0.05
Json = Mapping[str, Any]


def physics(checks: Checks) -> list[list[Panel]]:
    """A figure for each pair and phase, or a word on why there is none; a grid a check."""
    pairs = checks.data("dimers", "pairs") or {}
    grids = [[_dimer(pair, one) for pair, one in pairs.items()]]
    absent = [] if pairs else [Panel("Dimers", missing=checks.why("dimers"))]
    for name, title, drawn in (
        ("energy_volume", "Energy against volume", _energy_volume),
        ("elastic", "Elastic constants", _elastic),
        ("phonons", "Phonons", _phonons),
    ):
        phases = checks.data(name, "phases") or []
        grids.append([drawn(phase) for phase in phases])
        absent += [] if phases else [Panel(title, missing=checks.why(name))]
    motion = _nve(checks)
    grids.append(motion)
    absent += [] if motion else [Panel("NVE run", missing=checks.why("nve"))]
    grids.append(absent)
    return [grid for grid in grids if grid]


def _dimer(pair: str, one: Json) -> Panel:
    distances, energies = one["distances"], one["energies"]
    known = [energy for energy in energies if energy is not None]
    title = f"Dimer {pair}"
    if not known:
        return Panel(title, missing="no energy of it is a number")
    wall = max(_WALL_EV, _WALL_DEPTHS * -min(known))
    x = axis("distance, Å", distances)
    y = axis("energy, eV", [min(energy, wall) for energy in known])
    drawn = Figure(title, x, y)
    if y.low < 0 < y.high:
        drawn.level(0.0)
    shortest = one.get("shortest_in_data")
    if shortest is not None:
        drawn.upright(shortest, f"shortest in data {shortest:.2f}")
    # The wall goes on above the figure.
    drawn.line(zip(distances, energies, strict=True), "s0")
    more = f"up to {wall:.3g} eV" if max(known) > wall else ""
    return Panel(title, more, drawn.svg())


def _energy_volume(phase: Json) -> Panel:
    labels = phase.get("labels") or []
    volumes, energies = phase["volumes"], phase["energies"]
    x = axis("volume, Å³/atom", [*volumes, *(volume for volume, _ in labels)])
    y = axis("energy, eV/atom", [*energies, *(energy for _, energy in labels)])
    title = f"Energy against volume, {phase['name']}"
    drawn = Figure(title, x, y)
    if phase.get("v0") is not None:
        drawn.upright(phase["v0"], "V₀")
    drawn.line(zip(volumes, energies, strict=True), "s0")
    drawn.dots([(volume, energy) for volume, energy in labels], "s5", 4.5)
    notes = [
        together(name, number(phase[key]), unit)
        + (f" ({number(phase[f'label_{key}'])})" if phase.get(f"label_{key}") is not None else "")
        for name, key, unit in (("a₀", "a0", "Å"), ("B", "bulk_modulus_gpa", "GPa"))
        if phase.get(key) is not None
    ]
    notes.append("dots and brackets: labels" if labels else "no labels in the data")
    return Panel(title, ", ".join(notes), drawn.svg())


def _elastic(phase: Json) -> Panel:
    rows: Sequence[Sequence[float | None]] = phase["c_gpa"]
    cells = [[f"{n}", *(number(value, ".0f") for value in row)] for n, row in enumerate(rows, 1)]
    smallest = together("eigenvalue", number(phase.get("smallest_eigenvalue_gpa")), "GPa")
    title = f"Elastic constants, {phase['name']}"
    header = ("GPa", *(str(n) for n in range(1, len(rows) + 1)))
    return Panel(title, f"smallest {smallest}{_other(phase)}", table=Table(header, cells))


def _other(phase: Json) -> str:
    """A phase above another one may be unstable: nothing is wrong with the potential then."""
    return ", not the lowest phase" if phase.get("ground_state") is False else ""


def _phonons(phase: Json) -> Panel:
    points = phase["points"]
    values = [value for levels in points.values() for value in levels if value is not None]
    title = f"Phonons, {phase['name']}"
    if not values:
        return Panel(title, missing="no frequency of it is a number")
    names = tuple((float(n), name) for n, name in enumerate(points))
    x = Axis("wave vector", -0.5, len(points) - 0.5, named=names)
    y = axis("frequency, THz (imaginary as negative)", [*values, 0.0])
    drawn = Figure(title, x, y)
    drawn.level(0.0)
    for n, levels in enumerate(points.values()):
        for value in levels:
            if value is not None:
                css = "curve bad" if value < -_ZERO_THZ else "curve s0"
                drawn.level(value, css, (n - 0.3, n + 0.3))
    lowest = together("lowest", number(phase.get("lowest_thz")), "THz")
    return Panel(title, lowest + _other(phase), drawn.svg())


def _nve(checks: Checks) -> list[Panel]:
    times = checks.data("nve", "time_fs")
    energies = checks.data("nve", "energy_ev_per_atom")
    if not times or not energies:
        return []
    ps = [time / 1000.0 for time in times]
    x = axis("time, ps", ps)
    began = next((energy for energy in energies if energy is not None), 0.0)
    change = [None if one is None else 1000.0 * (one - began) for one in energies]
    found = []
    for title, label, values in (
        ("NVE run, total energy", "change of energy, meV/atom", change),
        ("NVE run, temperature", "temperature, K", checks.data("nve", "temperature_k")),
    ):
        if not values:
            found.append(Panel(title, missing="the check did not keep it"))
            continue
        drawn = Figure(title, x, axis(label, values))
        drawn.line(zip(ps, values, strict=True), "s0")
        found.append(Panel(title, svg=drawn.svg()))
    return found
