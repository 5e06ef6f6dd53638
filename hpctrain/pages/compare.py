"""The page of ``potentials diff``: two potentials side by side."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from hpctrain.pages import facts, glance
from hpctrain.pages.compare_curves import curves
from hpctrain.pages.html import Table, document, number, together
from hpctrain.pages.subject import Checks, Subject
from hpctrain.text import stress_gpa

_ERRORS = (
    ("energy, meV/atom", lambda one: one["rmse_energy_mev_per_atom"], ".1f"),
    ("force components, eV/Å", lambda one: one["rmse_force_ev_per_a"], ".4f"),
    ("stress components, GPa", stress_gpa, ".3f"),
)
_ROWS = (("added", "only in B"), ("removed", "only in A"), ("changed", "changed"),
         ("to_test", "from training to test set"),
         ("to_train", "from test to training set"))  # fmt: skip
# What the tiles of a single page are called in a table.
_TILES = {"Speed": "cost per atom and step", "Training": "cost of the training",
          "Extrapolating": "extrapolates"}  # fmt: skip
Json = Mapping[str, Any]


def page(subjects: Sequence[Subject], found: Json) -> str:
    """Return the whole page; ``found`` is what ``potentials diff --json`` tells."""
    common = found["common"]
    why = "" if common["errors"] else f"On the same structures: not computed: {common['why']}."
    of_one = {name for only in found["only"] for name in only}
    drawn, about = curves(subjects)
    return document(
        "compare",
        f"{subjects[0].name} and {subjects[1].name}",
        "Two potentials side by side",
        {
            "names": list(zip("AB", found["names"], found["potentials"], strict=True)),
            "verdicts": [(one["verdict"] or "not verified") for one in found["potentials"]],
            "facts": Table(("", "A", "B"), _facts(subjects, found)),
            "errors": Table(("RMSE", "A", "B"), _errors(found)),
            "about_errors": why or f"The same structures: {common['set']}.",
            "curves": drawn,
            "about_curves": about,
            "checks": [_check(one) for one in found["checks"]],
            "unverified": [
                f"{one.name}: {one.unverified}" for one in subjects if one.verification is None
            ],
            "data": _data(found),
            "settings": _table(
                {key: both for key, both in found["settings"].items() if key not in of_one}
            ),
            "only": [
                (letter, one["trainer"], [(k, str(v)) for k, v in only.items() if v is not None])
                for letter, one, only in zip("AB", found["potentials"], found["only"], strict=True)
                if only
            ],
            "others": [
                (title, _table(found[key]))
                for title, key in (("Reference energies, eV", "reference_energies"),
                                   ("Versions", "versions"))
                if found[key]
            ],
        },
    )  # fmt: skip


def _facts(subjects: Sequence[Subject], found: Json) -> list[list[str]]:
    """List what one asks for first, a row each; what neither tells is left out."""
    both = found["potentials"]
    tiles = [
        {
            tile.name: (tile.value, tile.more)
            for tile in glance.tiles(one, Checks(one.verification, ""))
        }
        for one in subjects
    ]
    rows = [
        ["trainer", *(one["trainer"] for one in both)],
        ["generation", *(str(one["generation"]) for one in both)],
        ["size of the file", *(_bytes(one["bytes"]) for one in both)],
        ["iterations", *(number(one["iterations"], ",.0f") for one in both)],
    ]
    for name in dict.fromkeys(name for one in tiles for name in one):
        title = _TILES.get(name, name.lower())
        cells = ["; ".join(filter(None, one.get(name, ("–", "")))) for one in tiles]
        rows.append([title, *(cell.replace("; per atom and step: ", "; ") for cell in cells)])
    return rows


def _bytes(count: int | None) -> str:
    if count is None:
        return "–"
    return (
        together(f"{count / 1e6:,.1f}", "MB")
        if count >= 1e6
        else together(f"{count / 1e3:,.1f}", "kB")
    )


def _errors(found: Json) -> list[list[str]]:
    """List the errors of both, on the same structures and on their own."""
    sets = [("the same structures", found["common"]["errors"] or [None, None])]
    sets += [
        ("own test set", found["errors"]["test"]),
        ("own training set", found["errors"]["train"]),
    ]
    rows = []
    for name, both in sets:
        for title, read, form in _ERRORS:
            values = [None if one is None else read(one) for one in both]
            if any(value is not None for value in values):
                rows.append([f"{name}: {title}", *(number(value, form) for value in values)])
    return rows


def _check(one: Json) -> dict[str, Any]:
    unit = f" {one['unit']}" if one["unit"] else ""
    measured = ["" if value is None else f"{number(value)}{unit}" for value in one["values"]]
    words = [verdict or "not made" for verdict in one["verdicts"]]
    return {"title": one["title"], "sides": list(zip(words, measured, strict=True))}


def _data(found: Json) -> list[tuple[str, str]]:
    data = found["data"]
    prints = [str(one["fingerprint"] or "unknown") for one in found["potentials"]]
    if data["same"]:
        same = "the same structures, on the same sides"
        return [("data", same), *_counts(data), ("fingerprint", prints[0])]
    lines = [("data", "not the same"), *_counts(data)]
    lines += [
        (f"source of {letter}", _text(one))
        for letter, one in zip("AB", data["sources"], strict=True)
    ]
    lines += [
        (words, f"{len(data[key]):,} rows: {facts.ranges(data[key])}")
        for key, words in _ROWS
        if data[key]
    ]
    return [
        *lines,
        *((f"fingerprint of {letter}", one) for letter, one in zip("AB", prints, strict=True)),
    ]


def _counts(data: Json) -> list[tuple[str, str]]:
    return [
        (f"{side} structures", " and ".join(number(one, ",.0f") for one in dict.fromkeys(both)))
        for side, both in data["structures"].items()
    ]


def _table(differences: Mapping[str, Sequence[Any]]) -> Table | None:
    rows = [[key, *map(_text, both)] for key, both in differences.items()]
    return Table(("", "A", "B"), rows) if rows else None


def _text(value: object) -> str:
    return "–" if value is None else str(value)
