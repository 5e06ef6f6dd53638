"""Two potentials side by side, as text."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from hpctrain.cli.terminal.layout import Column, fit_table, wrap
from hpctrain.cli.terminal.tables import file_size
from hpctrain.text import rmse, stress_gpa

MOST_IDS = 10
_FACTS = (
    ("trainer", "{}", "trainer"), ("size of the file", "bytes", "bytes"),
    ("parameters", "{:,}", "parameters"), ("basis functions", "{:,}", "functions"),
    ("iterations", "{:,}", "iterations"), ("core-hours", "{:.3g}", "core_hours"),
    ("GPU-hours", "{:.3g}", "gpu_hours"),
    ("µs per atom and step", "{:.3g}", "us_per_atom_and_step"),
    ("computed by", "{}", "computed_by"), ("checks", "{}", "verdict"),
)  # fmt: skip


def comparison(diff: Mapping[str, Any], width: int | None = None) -> str:
    """Write where two potentials differ, and the errors of both."""
    a, b = diff["names"]
    parts = [f"A  {a}\nB  {b}", _facts(diff["potentials"], width)]
    of_one = {name for only in diff["only"] for name in only}
    of_both = [(name, both) for name, both in diff["settings"].items() if name not in of_one]
    parts.append(_table("Settings", of_both, width))
    for letter, only, one in zip("AB", diff["only"], diff["potentials"], strict=True):
        if only:
            told = {name: value for name, value in only.items() if value is not None}
            listed = ", ".join(f"{name} {value}" for name, value in told.items())
            parts.append(wrap(f"Only {one['trainer']} ({letter}) has: {listed}", width))
    for title, key in (("Trainer's input", "input"), ("Versions", "versions"),
                       ("Reference energies (eV)", "reference_energies"),
                       ):  # fmt: skip
        if key == "input" and of_one:
            parts.append(f"{title}: of two trainers, not compared")
        else:
            parts.append(_table(title, diff[key].items(), width))
    parts += [_data(diff["data"]), _checks(diff["checks"], width)]
    parts.append("Errors as in the cards, each on its own data\n" + "\n".join(
        f"  {side:<6}{_both_errors(diff['errors'][side])}" for side in ("train", "test")
    ))  # fmt: skip
    common = diff["common"]
    lines = [wrap(f"Errors on the same structures: {common['set'] or 'not known'}", width)]
    if common["errors"] is None:
        lines.append(wrap(f"  not computed: {common['why']}", width, "    "))
    else:
        lines.append(f"        {_both_errors(common['errors'])}")
    parts.append("\n".join(lines))
    return "\n\n".join(filter(None, parts)) + "\n\n" + wrap(_units(diff), width)


def _facts(potentials: Sequence[Mapping[str, Any]], width: int | None) -> str:
    rows = []
    for title, form, key in _FACTS:
        values = [one[key] for one in potentials]
        if any(value not in (None, 0.0) for value in values):
            rows.append(["", title, *(_fact(value, form) for value in values)])
    columns = Column(""), Column(""), Column("A", least=12), Column("B", least=12)
    return fit_table(columns, rows, width)


def _fact(value: Any, form: str) -> str:
    if value is None:
        return "–"
    return file_size(value) if form == "bytes" else form.format(value)


def _table(title: str, pairs: Iterable[tuple[str, Sequence[Any]]], width: int | None) -> str:
    rows = [["", name, _value(old), _value(new)] for name, (old, new) in pairs]
    columns = Column(""), Column(title), Column("A", least=12), Column("B", least=12)
    return fit_table(columns, rows, width) if rows else f"{title}: the same"


def _checks(checks: Sequence[Mapping[str, Any]], width: int | None) -> str:
    rows = [["", one["title"], *(verdict or "–" for verdict in one["verdicts"])] for one in checks]
    columns = Column(""), Column("Checks", least=20), Column("A"), Column("B")
    return fit_table(columns, rows, width) if rows else ""


def _both_errors(both: Sequence[Any]) -> str:
    pieces = []
    for letter, errors in zip("AB", both, strict=True):
        stress = stress_gpa(errors)
        pieces.append(f"{letter} {rmse(errors)}" + ("" if stress is None else f" / {stress:.3g}"))
    return "   ".join(pieces)


def _units(diff: Mapping[str, Any]) -> str:
    every = [*diff["errors"]["train"], *diff["errors"]["test"], *(diff["common"]["errors"] or [])]
    words = "RMSE of energies (meV/atom) / forces (eV/Å)"
    known = any(stress_gpa(one) is not None for one in every)
    return words + (" / stresses (GPa), where they are known" if known else "")


def _data(data: Mapping[str, Any]) -> str:
    if data["same"]:
        return "Data: the same structures, on the same sides"
    counts = data["structures"]
    lines = [
        f"Data    train {counts['train'][0]} → {counts['train'][1]} structures, "
        f"test {counts['test'][0]} → {counts['test'][1]}"
    ]
    if data["sources"][0] != data["sources"][1]:
        lines.append(f"  source {data['sources'][0]} → {data['sources'][1]}: "
                     "the same row ids may mean other structures")  # fmt: skip
    for key, words in (("added", "added"), ("removed", "removed"), ("changed", "changed"),
                       ("to_test", "from train to test"),
                       ("to_train", "from test to train")):  # fmt: skip
        ids = data[key]
        if ids:
            some = ", ".join(ids[:MOST_IDS]) + ", …" * (len(ids) > MOST_IDS)
            lines.append(f"  {words}: {len(ids)} (row {some})")
    return "\n".join(lines)


def _value(value: Any) -> str:
    return "–" if value is None else str(value)
