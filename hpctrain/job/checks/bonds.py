"""Check that molecules hold: nothing falls inward, no jumps, no second minimum that is deeper."""

from __future__ import annotations

from typing import Any, Dict, List, Tuple

import numpy as np

from .dimers import fall_inward
from .molecules import Molecule, molecules
from .result import NotReached, count_of, not_checked, result, verdict_on, worst
from .scans import Scan, bends, stretches
from .subject import Subject

# eV: a fall on the way inward, a second minimum below the first, a jump; as for dimers.
LIMITS = (0.05, 0.5)
# eV above the rest: what lies behind a higher barrier is not reached.
BARRIER = 2.0


def bonds(subject: Subject) -> dict[str, Any]:
    """Scan the shortest bonds and angles of each molecule, from where the potential has it."""
    rows: List[Dict[str, Any]] = []
    verdicts, values, words = [], [], []
    every = molecules(subject)
    for molecule in every:
        if subject.clock.up() and rows:
            break
        molecule.relax(subject.potential, subject.clock)
        if molecule.trouble:
            words.append(f"{molecule.name} {molecule.trouble}")
            verdicts.append("fail" if molecule.falls_apart else "warn")
        scans = _scans(subject, molecule) if molecule.rest is not None else []
        troubles = [(scan, *_troubles(scan)) for scan in scans]
        for scan, size, said in troubles:
            verdicts.append(verdict_on(size, *LIMITS))
            values.append(size)
            words += [f"{molecule.name}, {scan.name}: {said}"] if size > LIMITS[0] else []
        rows.append({
            "name": molecule.name, "structures": len(molecule.frames),
            "scans": [
                {"name": scan.name, "unit": scan.unit, "rest": round(scan.rest, 4),
                 "along": [round(float(x), 4) for x in scan.along],
                 "energies": [round(float(energy), 6) for energy in scan.energies],
                 "trouble_ev": size} for scan, size, _ in troubles
            ],
        })  # fmt: skip
    if not verdicts:
        raise NotReached("no time was left for the first bond")
    if len(rows) < len(every):
        verdicts.append("warn")
        words.append(not_checked(len(every) - len(rows), "molecule"))
    count = sum(len(row["scans"]) for row in rows)
    names = ", ".join(row["name"] for row in rows)
    fine = f"no bond breaks and no angle gives way ({count_of(count, 'scan')} of {names})"
    return result(worst(verdicts), "; ".join(words) or fine, max(values, default=None), "eV",
                  LIMITS, molecules=rows)  # fmt: skip


def _scans(subject: Subject, molecule: Molecule) -> List[Scan]:
    ways = [*stretches(molecule), *bends(molecule)]
    scans = []
    for way in ways:
        if subject.clock.up():
            break
        scans.append(way(subject.potential))
    return scans


def _troubles(scan: Scan) -> Tuple[float, str]:
    """Return how large the worst of what should not be is, in eV, and what it is."""
    lowest = float(np.interp(scan.rest, scan.along, scan.energies))
    found = [_second_minimum(scan, lowest), _largest_jump(scan, lowest)]
    if scan.shortest_bond is not None:
        fall, where = fall_inward(scan.along, scan.energies, scan.rest, scan.shortest_bond)
        found.append((fall, f"falls by {fall:.2g} eV inward of {where:.2f} Å"))
    return max(found)


def _second_minimum(scan: Scan, lowest: float) -> Tuple[float, str]:
    """Find what is lower than the rest."""
    reached = [place for way in _reached(scan, lowest) for place in way]
    place = min(reached, key=lambda one: float(scan.energies[one]))
    deeper = max(0.0, lowest - float(scan.energies[place]))
    return deeper, f"{deeper:.2g} eV lower at {scan.along[place]:.4g} {scan.unit} than at rest"


def _largest_jump(scan: Scan, lowest: float) -> Tuple[float, str]:
    """Find where the energy changes by other than what the forces say."""
    largest, where = 0.0, scan.rest
    for way in _reached(scan, lowest):
        # One step farther, which may be the jump.
        step = 1 if scan.along[way[0]] >= scan.rest else -1
        ends = [*way, way[-1] + step] if 0 <= way[-1] + step < len(scan.along) else way
        for here, there in zip(ends[:-1], ends[1:]):  # noqa: B905, RUF007 (Python 3.8)
            told = (scan.along[there] - scan.along[here]) * scan.slopes[[here, there]].mean()
            off = abs(float(scan.energies[there] - scan.energies[here] - told))
            if off > largest:
                largest, where = off, float(scan.along[here])
    return largest, f"jumps by {largest:.2g} eV at {where:.4g} {scan.unit}"


def _reached(scan: Scan, lowest: float) -> List[List[int]]:
    """List the places on either side of the rest, from there to a barrier."""
    outward = np.flatnonzero(scan.along >= scan.rest).tolist()
    inward = np.flatnonzero(scan.along < scan.rest)[::-1].tolist()
    ways = []
    for way in (outward, inward):
        high = [n for n, place in enumerate(way) if scan.energies[place] > lowest + BARRIER]
        ways.append(way[: min(high, default=len(way))])
    return [way for way in ways if way]
