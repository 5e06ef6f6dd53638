"""Settings and data of a subject, as pairs of texts."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from hpctrain.pages.subject import Subject

_RANGES, _NAMES = 40, 100


def settings(subject: Subject) -> list[tuple[str, str]]:
    """List every setting by its whole name, as --set takes it."""
    lines = list(_flat("", subject.settings))
    size = subject.basis_size or {}
    if size:
        tried = ", ".join(
            f"{one['functions']}: {1000 * one['rmse_energy_ev_per_atom']:.3g} / "
            f"{1000 * one['rmse_force_ev_per_a']:.3g}" for one in size.get("tried") or []
        )  # fmt: skip
        why = f"; meV/atom / meV/Å on structures left out of the linear fit: {tried}"
        said = f"{size.get('chosen')} of up to {size.get('cap')}"
        lines.append(("functions per element", said + (why if tried else "")))
    return [*lines, ("evaluator used", subject.evaluator)]


def data(subject: Subject) -> list[tuple[str, str]]:
    """List what it was trained and tested on."""
    dataset = subject.dataset
    lines = [
        (
            side,
            f"{facts['structures']:,} structures, {facts['atoms']:,} atoms" if facts else "unknown",
        )
        for side in ("train", "test")
        for facts in (dataset[side],)
    ]
    lines.append(("elements", ", ".join(dataset["elements"])))
    for name, key in (("kinds", "config_types"), ("generations", "generations")):
        lines.append((name, _counts(dataset.get(key) or {})))
    left_out = [f"{one['count']:,} ({one['reason']})" for one in dataset.get("skipped") or []]
    lines.append(("left out", "; ".join(left_out) or "no row"))
    lines += [("note", note) for note in dataset.get("notes") or []]
    if subject.reference_energies:
        energies = ", ".join(f"{el} {e:.6g}" for el, e in subject.reference_energies.items())
        lines.append(("free atoms, eV", energies))
    if subject.shift is not None:
        lines.append(("shift, eV/atom", f"{subject.shift:.6g}"))
    lines += [(f"{side} rows", ranges(subject.rows.get(side) or [])) for side in ("train", "test")]
    return lines


def ranges(ids: Sequence[str]) -> str:
    """Shorten a list of ids: ``1–11, 13, 15–20``; a long one ends with a count."""
    pieces: list[list[str]] = []
    listed = 0
    for row in map(str, ids):
        last = pieces[-1][-1] if pieces else ""
        if row.isdecimal() and last.isdecimal() and int(row) == int(last) + 1:
            pieces[-1] = [pieces[-1][0], row]
        elif len(pieces) == _RANGES:
            break
        else:
            pieces.append([row])
        listed += 1
    text = ", ".join("–".join(piece) for piece in pieces)
    return (text or "unknown") + (f", and {len(ids) - listed:,} more" if listed < len(ids) else "")


def _counts(table: Mapping[str, int]) -> str:
    pieces = [f"{name}: {count:,}" for name, count in list(table.items())[:_NAMES]]
    more = [f"and {len(table) - _NAMES:,} more"] if len(table) > _NAMES else []
    return ", ".join([*pieces, *more]) or "none"


def _flat(prefix: str, value: Mapping[str, Any]) -> Iterable[tuple[str, str]]:
    for name, inner in value.items():
        if isinstance(inner, Mapping) and inner and prefix == "":
            yield from _flat(f"{name}.", inner)
        elif inner is None:
            yield f"{prefix}{name}", "none"
        else:
            text = inner if isinstance(inner, str) else json.dumps(inner, ensure_ascii=False)
            yield f"{prefix}{name}", text or "(empty)"
