"""Check of energy against volume: where phases of the data are at rest, and how stiff."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Dict, List, Sequence, Tuple

import numpy as np

from .phases import GPA, Phase, phases
from .result import NotReached, not_checked, result, verdict_on, worst
from .subject import Potential, Subject

# Per cent between the potential's and the labels' own, from the same fit at the same volumes.
LENGTH_LIMITS = (1.0, 3.0)
BULK_LIMITS = (15.0, 50.0)
# Part of the volume around the minimum that is fitted: wide enough for the few volumes that data
# hold, and both fits, which share the error of the form, are at the same ones.
WITHIN = 0.25
POINTS = 5
SCANNED = np.linspace(0.7, 1.4, 71)
DRAWN = 61


@dataclass(frozen=True)
class Rest:
    """``volume`` in Å^3 and ``energy`` in eV, per atom; ``bulk`` modulus in GPa."""

    volume: float
    energy: float
    bulk: float


def equation_of_state(curve: Sequence[Tuple[float, float]]) -> Rest | None:
    """Fit Birch and Murnaghan's, third order, by least squares: a cubic in V^(-2/3).

    None unless enough volumes near the minimum, on both sides of it, are there.
    """
    volumes, energies = np.array(sorted(curve)).T
    lowest = volumes[int(np.argmin(energies))]
    near = np.abs(volumes / lowest - 1) <= WITHIN
    volumes, energies = volumes[near], energies[near]
    if len(set(np.round(volumes, 3))) < POINTS:
        return None
    # In units of the lowest volume, so that the fit is well conditioned.
    fit = np.poly1d(np.polyfit((volumes / lowest) ** (-2 / 3), energies, 3))
    first, second = fit.deriv(1), fit.deriv(2)
    for root in first.roots:
        if abs(root.imag) > 1e-9 or second(root.real) <= 0 or root.real <= 0:
            continue
        volume = lowest * root.real ** (-3 / 2)
        if min(volumes) < volume < max(volumes):
            # V d²E/dV² at the minimum, with x = (V/V_lowest)^(-2/3): 4/9 x² E''(x) / V.
            bulk = 4 / 9 * root.real**2 * second(root.real) / volume * GPA
            return Rest(float(volume), float(fit(root.real)), float(bulk))
    return None


def at_rest(potential: Potential, phase: Phase) -> Rest | None:
    """Find where the potential has a phase at rest: by a scan, then a fit to its minimum."""
    middle = min(phase.curve, key=lambda point: point[1])[0]
    scan = [(middle * part, _energy(potential, phase, middle * part)) for part in SCANNED]
    lowest = min(range(len(scan)), key=lambda i: scan[i][1])
    # At the edge of the scan, there is no minimum in it.
    if lowest in (0, len(scan) - 1):
        return None
    return equation_of_state(scan)


def energy_volume(subject: Subject) -> dict[str, Any]:
    """Check each phase; where the labels hold a curve, both are fitted at its volumes."""
    rows: List[Dict[str, Any]] = []
    verdicts, differences, words = [], [], []
    every = phases(subject)
    for phase in every:
        if subject.clock.up():
            break
        row, verdict = _row(subject.potential, phase)
        rows.append(row)
        # What the labels do not find stable is less of a matter.
        verdicts.append(verdict if phase.ground_state or verdict != "fail" else "warn")
        if row["a0_difference_percent"] is not None:
            differences.append(abs(row["a0_difference_percent"]))
        words.append(_words(phase.name, row))
    if not rows:
        raise NotReached("no time was left for the first phase")
    if len(rows) < len(every):
        verdicts.append("warn")
        words.append(not_checked(len(every) - len(rows), "phase"))
    return result(
        worst(verdicts), "; ".join(words), max(differences, default=None), "% of a0", LENGTH_LIMITS,
        phases=rows, bulk_modulus_limits_percent=list(BULK_LIMITS),
    )  # fmt: skip


def _row(potential: Potential, phase: Phase) -> Tuple[Dict[str, Any], str]:
    own = at_rest(potential, phase)
    labels = equation_of_state(phase.curve)
    predicted = [(volume, _energy(potential, phase, volume)) for volume, _ in phase.curve]
    same = equation_of_state(predicted) if labels else None
    verdicts = ["fail" if own is None else "pass"]
    length = bulk = None
    best = same or own
    if labels and best:
        length = 100 * ((best.volume / labels.volume) ** (1 / 3) - 1)
        bulk = 100 * (best.bulk / labels.bulk - 1)
        verdicts += [verdict_on(abs(length), *LENGTH_LIMITS), verdict_on(abs(bulk), *BULK_LIMITS)]
    span = _span([volume for volume, _ in phase.curve], own)
    return {
        "name": phase.name,
        "atoms": len(phase.cell),
        "ground_state": phase.ground_state,
        "volumes": [round(float(volume), 5) for volume in span],
        "energies": [round(_energy(potential, phase, float(volume)), 6) for volume in span],
        "labels": [[round(volume, 5), round(energy, 6)] for volume, energy in phase.curve],
        "v0": best.volume if best else None,
        "a0": _length(phase, best),
        "bulk_modulus_gpa": best.bulk if best else None,
        "label_v0": labels.volume if labels else None,
        "label_a0": _length(phase, labels),
        "label_bulk_modulus_gpa": labels.bulk if labels else None,
        "a0_difference_percent": length,
        "bulk_modulus_difference_percent": bulk,
    }, worst(verdicts)


def _span(labelled: Sequence[float], own: Rest | None) -> Any:
    """Return volumes to draw: around the minimum, and as far as the labels go."""
    middle = own.volume if own else min(labelled)
    low, high = min(0.8 * middle, *labelled), max(1.25 * middle, *labelled)
    # In even steps of the length: a compressed crystal's energy changes fastest.
    return np.linspace(low ** (1 / 3), high ** (1 / 3), DRAWN) ** 3


def _energy(potential: Potential, phase: Phase, volume: float) -> float:
    return potential.compute(phase.at(volume)).energy / len(phase.cell)


def _length(phase: Phase, rest: Rest | None) -> float | None:
    """Return the lattice constant a in Å of the Bravais lattice; of a primitive cell, too."""
    if rest is None:
        return None
    cell = phase.at(rest.volume).cell
    try:
        lattice = cell.get_bravais_lattice(eps=1e-3)
    except Exception:  # noqa: BLE001 ase does not know every lattice
        return float(cell.lengths()[0])
    return float(lattice.vars().get("a", cell.lengths()[0]))


def _words(name: str, row: Dict[str, Any]) -> str:
    if row["v0"] is None:
        return f"{name}: no minimum between 0.7 and 1.4 of the volume in the data"
    text = f"{name}: a0 {row['a0']:.3f} Å, B {row['bulk_modulus_gpa']:.0f} GPa"
    if row["a0_difference_percent"] is not None:
        text += f" (labels {row['label_a0']:.3f}, {row['label_bulk_modulus_gpa']:.0f})"
        if abs(row["a0_difference_percent"]) > LENGTH_LIMITS[0]:
            text += f", a0 is off by {row['a0_difference_percent']:+.1f} %"
        if abs(row["bulk_modulus_difference_percent"]) > BULK_LIMITS[0]:
            text += f", B is off by {row['bulk_modulus_difference_percent']:+.0f} %"
    return text
