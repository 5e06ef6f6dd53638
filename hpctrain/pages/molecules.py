"""How a potential behaves on molecules: bonds and angles, vibrations."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from hpctrain.pages.axes import Axis, axis
from hpctrain.pages.figure import Figure
from hpctrain.pages.html import Panel, number, together
from hpctrain.pages.subject import Checks

# Above the molecule at rest, eV: what is higher is cut off.
_WALL_EV = 5.0
_NUMBERED = 12  # so few vibrations have a number each
Json = Mapping[str, Any]


def molecules(checks: Checks) -> tuple[list[Panel], list[Panel]]:
    """Draw each scan and each molecule's frequencies; and say what is missing, and why.

    Data without molecules have nothing here.
    """
    scanned = checks.data("bonds", "molecules") or []
    vibrating = checks.data("vibrations", "molecules") or []
    scans = [_scan(one["name"], scan) for one in scanned for scan in one["scans"]]
    absent = [
        Panel(title, missing=checks.why(name))
        for name, title, found in (
            ("bonds", "Bonds and angles", scanned), ("vibrations", "Vibrations", vibrating)
        )
        # That there is no molecule in the data of a crystal need not be said.
        if not found and checks.data(name, "skipped") in ("time", "crash")
    ]  # fmt: skip
    return [*scans, *map(_vibrations, vibrating)], absent


def _scan(molecule: str, scan: Json) -> Panel:
    along, energies, rest = scan["along"], scan["energies"], scan.get("rest")
    known = [energy for energy in energies if energy is not None]
    title = f"{molecule}, {scan['name']}"
    if not known:
        return Panel(title, missing="none of its energies is a number")
    pairs = [pair for pair in zip(along, energies, strict=True) if pair[1] is not None]
    at_rest = min(pairs, key=lambda pair: abs(pair[0] - (rest or 0.0)))[1] if rest else min(known)
    change = [None if energy is None else energy - at_rest for energy in energies]
    y = axis("energy, eV", [min(one, _WALL_EV) for one in change if one is not None])
    what = "angle" if scan.get("unit") == "°" else "distance"
    figure = Figure(title, axis(f"{what}, {scan.get('unit') or ''}", along), y)
    if y.low < 0 < y.high:
        figure.horizontal_line(0.0)
    if rest is not None:
        figure.vertical_line(rest, "at rest")
    figure.line(zip(along, change, strict=True), "s0")
    return Panel(title, svg=figure.svg())


def _vibrations(molecule: Json) -> Panel:
    found = molecule["frequencies_cm"]
    title = f"Vibrations, {molecule['name']}"
    if not found:
        return Panel(title, missing="it has none")
    few = len(found) if len(found) <= _NUMBERED else 0
    numbers = tuple((float(n), str(n)) for n in range(1, few + 1))
    figure = Figure(title, Axis("number", 0.0, len(found) + 1.0, named=numbers),
                    axis("frequency, cm⁻¹ (imaginary as negative)", [*found, 0.0]))  # fmt: skip
    figure.horizontal_line(0.0)
    for number_, value in enumerate(found, start=1):
        css = "curve bad" if value < 0 else "curve s0"
        figure.horizontal_line(value, css, (number_ - 0.4, number_ + 0.4))
    return Panel(title, together("lowest", number(min(found), ".0f"), "cm⁻¹"), figure.svg())
