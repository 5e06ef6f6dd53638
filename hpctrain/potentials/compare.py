"""Use case: how two potentials differ, and which one is better on the same data."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

from hpctrain.data.split import read_marks
from hpctrain.pages.compare import page
from hpctrain.pages.subject import Checks, Subject
from hpctrain.potentials import archive
from hpctrain.potentials.card import Card, engine_of_card, main_file, rows_of
from hpctrain.potentials.common_errors import common_errors, long_run
from hpctrain.potentials.report import put_page, read_potential
from hpctrain.process import Run as RunProgram
from hpctrain.project import Project
from hpctrain.runs.manifest import SIDES, Side


def diff(
    project: Project,
    first: str,
    second: str,
    *,
    html: Path | None = None,
    program: RunProgram = long_run,
    say: Callable[[str], None] = lambda _: None,
) -> dict[str, Any]:
    """Compare two potentials of the archive: settings, input, versions, data and errors.

    ``common`` has the errors on structures that neither was trained on; where there is none, or
    the trainer is not on this machine, it says so. ``html`` is a page to write of all that.
    """
    a, b = (archive.find_card(project.potentials, name) for name in (first, second))
    subjects = [read_potential(card, project.potentials, say) for card in (a, b)]
    found = {
        "names": [a["name"], b["name"]],
        "potentials": [_facts(card, one) for card, one in zip((a, b), subjects, strict=True)],
        "checks": _checks(*subjects),
        "settings": differences(_settings(a), _settings(b)),
        "only": _only(a, b),
        "input": differences(a["input"], b["input"]),
        "versions": differences(a["versions"], b["versions"]),
        "reference_energies": differences(_energies(a), _energies(b)),
        "data": data_differences(a, b),
        "errors": {side: [a["metrics"][side], b["metrics"][side]] for side in ("train", "test")},
        "common": common_errors(project, a, b, program=program),
    }
    if html is not None:
        put_page(project, html, page(subjects, found), "compared.html")
    return found


def _facts(card: Card, subject: Subject) -> dict[str, Any]:
    """Return what can be compared of any two potentials; None for what is not known."""
    basis, spent = subject.basis or {}, subject.spent or {}
    told = bool(spent.get("attempts")) and spent["attempts"] == spent["of"]
    files = card["files"].values()
    return {
        "trainer": engine_of_card(card).title,
        "generation": card["generation"],
        "bytes": main_file(card).get("bytes"),
        "bytes_of_all_files": sum(file["bytes"] for file in files),
        "parameters": basis.get("parameters"),
        "functions": basis.get("functions"),
        "iterations": card["metrics"].get("iterations"),
        # An attempt that left no result did not tell what it used.
        "core_hours": spent["core_hours"] if told else None,
        "gpu_hours": spent["gpu_hours"] if told else None,
        "us_per_atom_and_step": Checks(subject.verification, "").data(
            "nve", "us_per_atom_and_step"
        ),
        "computed_by": engine_of_card(card).method.computes(card["files"]),
        "verdict": (subject.verification or {}).get("verdict"),
        "fingerprint": card["dataset"]["fingerprint"],
    }


def _checks(a: Subject, b: Subject) -> list[dict[str, Any]]:
    """List the checks of either, by name: title and unit, and verdicts and values of both."""
    both = [{one["name"]: one for one in Checks(side.verification, "").all} for side in (a, b)]
    return [
        {
            "name": name,
            "title": known["title"],
            "unit": known["unit"],
            "verdicts": [of[name]["verdict"] if name in of else None for of in both],
            "values": [of[name]["value"] if name in of else None for of in both],
        }
        for name, known in {**both[1], **both[0]}.items()
    ]


def _settings(card: Card) -> dict[str, Any]:
    return {**card["settings"], "evaluator": card["evaluator"]}


def _only(a: Card, b: Card) -> list[dict[str, Any]]:
    """Return the settings that the trainer of one has, and that of the other has not."""
    of_both = [card["settings"]["training"] for card in (a, b)]
    if engine_of_card(a).name == engine_of_card(b).name:
        return [{}, {}]
    return [
        {f"training.{key}": value for key, value in one.items() if key not in other}
        for one, other in (of_both, of_both[::-1])
    ]


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
