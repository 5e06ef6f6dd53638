"""What was chosen to be labelled next, as text."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from hpctrain.cli.terminal.tables import table

LISTED = 20


def choice_table(facts: Mapping[str, Any]) -> str:
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
    lines = [counts, "", table(("", "ID", "ATOMS", "GRADE", "AT", "ADDS", "WHY"), rows)]
    more = len(facts["chosen"]) - LISTED
    return "\n".join([*lines, f"… and {more:,} more"] if more > 0 else lines)
