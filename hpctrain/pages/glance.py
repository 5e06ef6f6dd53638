"""The numbers that one asks for first: size, speed, cost, errors."""

from __future__ import annotations

import math
import re
from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

from hpctrain.pages.html import Table, number, together
from hpctrain.pages.subject import Checks, Subject
from hpctrain.text import Metrics, stress_gpa

_STRESS = "_stress_gpa"
_ERRORS = (
    ("Energy, meV/atom", "_energy_mev_per_atom", ".1f"),
    ("Force components, eV/Å", "_force_ev_per_a", ".4f"),
    ("Stress components, GPa", _STRESS, ".3f"),
)
_MEASURES = (("rmse", "RMSE"), ("mae", "MAE"), ("max", "largest"))
Json = Mapping[str, Any]


class Tile(NamedTuple):
    """A number with its name, and what it is of."""

    name: str
    value: str
    more: str = ""


def tiles(subject: Subject, checks: Checks) -> list[Tile]:
    """List what is known of size, data, speed, cost and extrapolation."""
    training = subject.settings.get("training") or {}
    sides = [subject.dataset[side] for side in ("train", "test")]
    found = [
        Tile("Elements", ", ".join(subject.dataset["elements"]),
             f"cutoff {number(training.get('cutoff'))} Å"),
        _size(subject),
        _structures(sides),
        _speed(subject, checks),
        _cost(subject),
        _grades(checks),
    ]  # fmt: skip
    return [tile for tile in found if tile is not None]


def _structures(sides: Sequence[Mapping[str, Any] | None]) -> Tile:
    """Count the structures of both sets; those of an adopted training may not be known."""
    known = [side for side in sides if side is not None]
    if len(known) < len(sides):
        return Tile("Structures", "unknown", "trained by hand")
    return Tile("Structures", " + ".join(f"{side['structures']:,}" for side in known),
                f"train + test; {sum(side['atoms'] for side in known):,} atoms")  # fmt: skip


def errors(subject: Subject) -> list[Table]:
    """List the errors of energies, forces, stresses: RMSE, and what else is known of each set."""
    sets = _sets(subject)
    tables = []
    for title, suffix, form in _ERRORS:
        # Energies and forces are always told, as not known if need be.
        if not sets or (
            suffix == _STRESS and not any(one.get(f"rmse{_STRESS}") for one in sets.values())
        ):
            continue
        keys = [
            (f"{key}{suffix}", words, form) for key, words in _MEASURES
            if key == "rmse" or any(one.get(f"{key}{suffix}") is not None for one in sets.values())
        ]  # fmt: skip
        explained = f"r2_{suffix.split('_')[1]}"
        if any(one.get(explained) is not None for one in sets.values()):
            keys.append((explained, "R²", "R²"))
        rows = [
            [
                name,
                *(
                    _r2(one.get(key)) if how == "R²" else number(one.get(key), how)
                    for key, _, how in keys
                ),
            ]
            for name, one in sets.items()
        ]
        tables.append(Table((title, *(words for _, words, _ in keys)), rows))
    return tables


def _sets(subject: Subject) -> dict[str, Metrics]:
    """Return the errors that are known, by what they are of, in words."""
    words = {"archived_file_on_test": f"the .{subject.main} itself, on test"}
    return {
        words.get(name, name): {**value, f"rmse{_STRESS}": stress_gpa(value)}
        for name, value in subject.metrics.items()
        if value
    }


def structures_of(subject: Subject) -> str:
    """Say how many structures the sets of the errors have, where that is known."""
    counts = {name: value.get("structures") for name, value in _sets(subject).items()}
    known = [f"{name} {count:,}" for name, count in counts.items() if count is not None]
    return f"Structures: {', '.join(known)}." if known else ""


def _r2(value: float | None) -> str:
    """Format R², with as many digits as tell it from 1."""
    left = abs(1.0 - value) if value is not None else 0.0
    digits = 4 if left > 1e-4 or not left else min(8, 2 - math.floor(math.log10(left)) - 1)
    return number(value, f".{digits}f")


def _size(subject: Subject) -> Tile | None:
    basis = subject.basis
    if basis:
        count = basis.get("functions")
        of = f"of {count:,} basis functions" if count else ""
        return Tile("Parameters", f"{basis['parameters']:,}", of)
    training = subject.settings.get("training")
    asked = subject.engine.summary(training, dict(subject.input))[:1] if training else []
    return Tile("Parameters", "not counted", "".join(asked))


def _speed(subject: Subject, checks: Checks) -> Tile | None:
    cost = checks.data("nve", "us_per_atom_and_step")
    atoms = checks.data("nve", "atoms")
    if cost is None:
        return Tile("Speed", "not measured") if checks.content else None
    name = re.sub(r"\((R|TM)\)", "", subject.cpu or "")
    where, by = f" of {name}" if name else "", subject.engine.method.computes(subject.suffixes)
    return Tile("Speed", together(number(cost, ".3g"), "µs"),
                f"per atom and step: {atoms} atoms, {by} in ASE, one core{where}")  # fmt: skip


def _cost(subject: Subject) -> Tile | None:
    spent = subject.spent
    if not spent or not spent["attempts"]:
        return None
    value = together(number(spent["core_hours"], ".3g"), "core-hours")
    if spent.get("gpu_hours"):
        value += f", {together(number(spent['gpu_hours'], '.3g'), 'GPU-hours')}"
    counted, of = spent["attempts"], spent["of"]
    more = "in one attempt" if of == 1 else f"in {of} attempts"
    if counted < of:
        more = f"in {counted} of {of} attempts; the others did not tell"
    return Tile("Training", value, more)


def _grades(checks: Checks) -> Tile | None:
    grades = checks.data("parity", "grades") or {}
    if not grades.get("points"):
        return None
    return Tile("Extrapolating", f"{grades['outside']:,} of {grades['structures']:,}",
                "test structures with γ above 1")  # fmt: skip
