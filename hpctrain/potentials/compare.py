"""Use case: how two potentials differ, and which one is better on the same data."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from hpctrain.data.split import read_marks
from hpctrain.potentials import archive
from hpctrain.potentials.card import Card, rows_of
from hpctrain.potentials.common_errors import common_errors, long_run
from hpctrain.process import Run as RunProgram
from hpctrain.project import Project
from hpctrain.runs.manifest import SIDES, Side


def diff(
    project: Project, first: str, second: str, *, program: RunProgram = long_run
) -> dict[str, Any]:
    """Compare two potentials of the archive: settings, input, versions, data and errors.

    ``common`` has the errors on structures that neither was trained on; where there is none, or
    the trainer is not on this machine, it says so.
    """
    a, b = (archive.find_card(project.potentials, name) for name in (first, second))
    return {
        "names": [a["name"], b["name"]],
        "settings": differences(_settings(a), _settings(b)),
        "input": differences(a["input"], b["input"]),
        "versions": differences(a["versions"], b["versions"]),
        "reference_energies": differences(_energies(a), _energies(b)),
        "data": data_differences(a, b),
        "errors": {side: [a["metrics"][side], b["metrics"][side]] for side in ("train", "test")},
        "common": common_errors(project, a, b, program=program),
    }


def _settings(card: Card) -> dict[str, Any]:
    return {**card["settings"], "evaluator": card["evaluator"]}


def _energies(card: Card) -> dict[str, Any]:
    return {**(card["reference_energies"] or {}), "shift": card["shift"]}


def differences(a: Any, b: Any) -> dict[str, list[Any]]:
    """List what differs between nested mappings, by dotted key: [a's, b's], None for not there."""
    return dict(_walk("", a, b))


def _walk(name: str, a: Any, b: Any) -> Iterator[tuple[str, list[Any]]]:
    if not isinstance(a, dict) or not isinstance(b, dict):
        if a != b:
            yield name, [a, b]
        return
    for key in [*a, *(key for key in b if key not in a)]:
        yield from _walk(f"{name}.{key}" if name else str(key), a.get(key), b.get(key))


def data_differences(a: Card, b: Card) -> dict[str, Any]:
    """List the rows that were added, removed, moved to the other side, or changed under their id.

    A row that moved and changed is among the changed ones.
    """
    of_a, of_b = _rows(a), _rows(b)
    fingerprints = {card["dataset"]["fingerprint"] for card in (a, b)}
    both = [row for row in of_a if row in of_b]
    changed = [row for row in both if _marks_differ(of_a[row][1], of_b[row][1])]
    same = [row for row in both if row not in set(changed)]
    facts = {
        "added": [row for row in of_b if row not in of_a],
        "removed": [row for row in of_a if row not in of_b],
        "to_test": [row for row in same if (of_a[row][0], of_b[row][0]) == ("train", "test")],
        "to_train": [row for row in same if (of_a[row][0], of_b[row][0]) == ("test", "train")],
        "changed": changed,
    }
    return {
        "same": None not in fingerprints and len(fingerprints) == 1,
        "sources": [a["settings"]["data"]["source"], b["settings"]["data"]["source"]],
        "structures": {side: [_structures(card, side) for card in (a, b)] for side in SIDES},
        **facts,
    }


def _structures(card: Card, side: Side) -> int | None:
    facts = card["dataset"][side]
    return None if facts is None else facts["structures"]


def _rows(card: Card) -> dict[str, tuple[str, str]]:
    """Return side and mark of each row; the mark is empty in older cards."""
    rows = rows_of(card)
    found: dict[str, tuple[str, str]] = {}
    for side in SIDES:
        marks = read_marks(rows, side) or [""] * len(rows[side])
        found |= {str(row): (side, mark) for row, mark in zip(rows[side], marks, strict=True)}
    return found


def _marks_differ(a: str, b: str) -> bool:
    return bool(a and b) and a != b
