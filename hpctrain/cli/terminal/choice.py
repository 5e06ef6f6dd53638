"""What was chosen to be labelled next, as text."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from hpctrain.cli.terminal.layout import Column, fit_table

LISTED = 20


def choice_table(facts: Mapping[str, Any], width: int | None = None) -> str:
    """Write how many candidates there were, and a line for each of the first that were chosen."""
    counts = (
        f"{facts['candidates']:,} candidates, {facts['graded']:,} graded, "
        f"{facts['extrapolating']:,} extrapolate, {len(facts['chosen']):,} chosen"
    )
    if not facts["chosen"]:
        return f"{counts}; nothing was written"
    rows = [
        [str(one["rank"]), one["id"], one["formula"], f"{one['grade']:.3g}",
         f"{one['atom']} {one['element']}", f"{one['adds']:.3g}", one["reason"]]
        for one in facts["chosen"][:LISTED]
    ]  # fmt: skip
    columns = (
        Column(""), Column("ID", least=12), Column("ATOMS", least=8), Column("GRADE"),
        Column("AT", leaves=1), Column("ADDS", leaves=2), Column("WHY", least=0),
    )  # fmt: skip
    lines = [counts, "", fit_table(columns, rows, width)]
    more = len(facts["chosen"]) - LISTED
    return "\n".join([*lines, f"… and {more:,} more"] if more > 0 else lines)
