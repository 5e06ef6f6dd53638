"""Check of the errors against the labels, by kind, with the largest ones by name."""

from __future__ import annotations

from collections import defaultdict
from typing import Any, Dict, List

import numpy as np

from .data import SEED
from .grades import grades
from .result import NotReached, Skipped, result, verdict_on, worst
from .samples import largest, points
from .shares import (
    LIMITS,
    Row,
    Share,
    describe,
    energy_errors,
    force_errors,
    in_words,
    judge_groups,
    rms,
    shares_of_all,
)
from .subject import Subject

# eV/atom and eV/Å: below it the words say that the labels differ little.
LITTLE = (0.05, 0.25)
LARGEST = 10
# Of more kinds nobody would look at each: every structure may have its own.
KINDS = 200
BINS = 40
# A histogram reaches so many times as far as this part of the errors: a few far ones must not press
# all others into one bin.
MOST, WIDE = 0.98, 1.5


def parity(subject: Subject) -> dict[str, Any]:
    """Compare energies and forces of both sides; the verdict is about the test structures."""
    # Test first: if the time is up, it is the training structures that were not all computed.
    graded = None
    if "test" in subject.sides:
        graded = grades(subject, "test", subject.clock.half().half())
    read = {name: _rows(subject, name) for name in ("test", "train") if name in subject.sides}
    sides = {name: rows for name, rows in read.items() if rows}
    if not sides:
        raise NotReached("no structure was computed") if read else Skipped("there are no labels")
    judged_on = next(iter(sides))
    known = {name: bool(np.isfinite(energy_errors(rows)).all()) for name, rows in sides.items()}
    of_spread = {name: shares_of_all(rows, known[name]) for name, rows in sides.items()}
    errors = {
        name: _errors(subject, name, rows, known[name], of_spread[name])
        for name, rows in sides.items()
    }
    shares = of_spread[judged_on]
    part = max(share.part for share in shares.values() if share is not None)
    groups, of_groups = judge_groups(sides, judged_on, all(known.values()))
    words = [f"{name}: {_words(side)}" for name, side in errors.items()]
    words += _why(shares)
    words += [in_words(one) for one in groups if one["verdict"] != "pass"]
    return result(
        worst([verdict_on(part, *LIMITS), of_groups]), "; ".join(words), part,
        "of the labels' spread", LIMITS, judged_on=judged_on, groups=groups, grades=graded,
        **errors,
    )  # fmt: skip


def _why(shares: Dict[str, Share | None]) -> List[str]:
    """Say what is beyond the first limit, and where that is since the labels differ little."""
    told = []
    for name, factor, unit, little in (("energies", 1000, "meV/atom", LITTLE[0]),
                                       ("forces", 1, "eV/Å", LITTLE[1])):  # fmt: skip
        share = shares[name]
        if share is None or verdict_on(share.part, *LIMITS) == "pass":
            continue
        scaled = Share(factor * share.error, factor * share.spread, factor * share.least)
        text = f"{name}: {describe(scaled, unit, '.3g')}"
        if share.spread < little:
            left = (share.error / share.spread) ** 2 if share.spread else 1.0
            text += (f"; the labels differ little, and {max(0.0, 1 - left):.0%} of their variance "
                     "is explained")  # fmt: skip
        told.append(text)
    return told


def _rows(subject: Subject, name: str) -> List[Row]:
    """Compute as many structures as there is time for."""
    structures, rows = subject.sides[name], []
    for number in structures.shuffled():
        if subject.clock.up():
            break
        here, one = subject.predicted(name, number), structures.read(number)
        rows.append(
            Row(
                one.id,
                one.kind,
                one.atoms.get_chemical_formula(empirical=True),
                _fractions(one.atoms),
                any(one.atoms.pbc),
                one.energy / len(one.atoms),
                here.energy / len(one.atoms),
                one.forces,
                here.forces,
                number,
            )
        )
    return rows


def _fractions(atoms: Any) -> Dict[str, float]:
    symbols = atoms.get_chemical_symbols()
    return {element: symbols.count(element) / len(symbols) for element in set(symbols)}


def _errors(
    subject: Subject, side: str, rows: List[Row], known: bool, shares: Dict[str, Share | None]
) -> Dict[str, Any]:
    """Return the errors of one side; of energies null where the free atoms are unknown."""
    kinds = _by_kind(rows)
    order = np.random.RandomState(SEED)
    energies, forces = energy_errors(rows), force_errors(rows)
    return {
        "structures": len(rows),
        "of": len(subject.sides[side]),
        "atoms": sum(len(row.forces) for row in rows),
        **_rmses(rows, known),
        "of_spread": {name: share and share.part for name, share in shares.items()},
        "kinds": {
            kind: {
                "structures": len(some),
                **_rmses(some, known),
                **points(subject, side, some, len(kinds), known, order),
            }
            for kind, some in sorted(kinds.items())
        },
        "largest_energy_errors": largest(subject, side, rows, "energies", LARGEST) if known else [],
        "largest_force_errors": largest(subject, side, rows, "forces", LARGEST),
        "energy_error_histogram": _histogram(1000 * energies) if known else None,
        "force_error_histogram": _histogram(forces),
    }


def _by_kind(rows: List[Row]) -> Dict[str, List[Row]]:
    """Put the rows of each kind together; those of kinds beyond so many as one."""
    kinds: Dict[str, List[Row]] = defaultdict(list)
    for row in rows:
        kinds[row.kind].append(row)
    if len(kinds) <= KINDS:
        return kinds
    order = sorted(kinds, key=lambda kind: -len(kinds[kind]))
    told = {kind: kinds[kind] for kind in order[: KINDS - 1]}
    rest = [row for kind in order[KINDS - 1 :] for row in kinds[kind]]
    return {**told, f"{len(order) - KINDS + 1} rarer kinds": rest}


def _words(side: Dict[str, Any]) -> str:
    energy = side["rmse_energy_mev_per_atom"]
    energies = "energies unknown" if energy is None else f"{energy:.1f} meV/atom"
    return (
        f"{energies}, {side['rmse_force_ev_per_a']:.4f} eV/Å on {side['structures']} of "
        f"{side['of']} structures"
    )


def _rmses(rows: List[Row], known: bool) -> Dict[str, float | None]:
    return {
        "rmse_energy_mev_per_atom": 1000 * rms(energy_errors(rows)) if known else None,
        "rmse_force_ev_per_a": rms(force_errors(rows)),
    }


def _histogram(errors: Any) -> Dict[str, Any]:
    """Count the errors by size, of either sign; ``beyond`` are in the outermost bins."""
    sizes = np.abs(errors)
    limit = max(min(float(sizes.max()), WIDE * float(np.quantile(sizes, MOST))), 1e-9)
    counts, edges = np.histogram(np.clip(errors, -limit, limit), bins=BINS, range=(-limit, limit))
    return {
        "edges": [round(float(edge), 6) for edge in edges],
        "counts": counts.tolist(),
        "beyond": int((sizes > limit).sum()),
    }
