"""Two potentials side by side, as text."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from hpctrain.cli.terminal.layout import Column, fit_table
from hpctrain.text import rmse

MOST_IDS = 10


def comparison(diff: Mapping[str, Any], width: int | None = None) -> str:
    """Write where two potentials differ, and the errors of both."""
    a, b = diff["names"]
    parts = [f"A  {a}\nB  {b}"]
    for title, key in (("Settings", "settings"), ("Trainer's input", "input"),
                       ("Versions", "versions"), ("Reference energies (eV)", "reference_energies"),
                       ):  # fmt: skip
        rows = [["", name, _value(old), _value(new)] for name, (old, new) in diff[key].items()]
        columns = Column(""), Column(title), Column("A", least=12), Column("B", least=12)
        text = fit_table(columns, rows, width) if rows else f"{title}: the same"
        parts.append(text)
    parts.append(_data(diff["data"]))
    parts.append("Errors as in the cards, each on its own data\n" + "\n".join(
        f"  {side:<6}A {rmse(diff['errors'][side][0])}   B {rmse(diff['errors'][side][1])}"
        for side in ("train", "test")
    ))  # fmt: skip
    common = diff["common"]
    lines = [f"Errors on the same structures: {common['set'] or 'not known'}"]
    if common["errors"] is None:
        lines.append(f"  not computed: {common['why']}")
    else:
        lines.append(f"        A {rmse(common['errors'][0])}   B {rmse(common['errors'][1])}")
    parts.append("\n".join(lines))
    return "\n\n".join(parts) + "\n\nRMSE of energies (meV/atom) / forces (eV/Å)"


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
