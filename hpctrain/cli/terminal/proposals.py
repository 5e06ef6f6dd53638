"""What was found in data, and which settings were chosen: text and JSON of `init --from`."""

from __future__ import annotations

import textwrap
from typing import TYPE_CHECKING, Any

from hpctrain.text import printable

if TYPE_CHECKING:
    from hpctrain.propose.project import ProposedProject
    from hpctrain.propose.proposal import Proposal

_WIDTH = 100


def summary(made: ProposedProject) -> str:
    """Write each setting with its reason."""
    lines = []
    for one in (*made.proposals.data, *made.proposals.training):
        if one.open:
            continue
        head = "found:" if one.key == "source" else f"{one.key}: {_value(one)} "
        text = f"{head} {one.reason}"
        lines += textwrap.wrap(printable(text), _WIDTH, subsequent_indent="    ")
    return "\n".join(lines)


def _value(one: Proposal) -> str:
    if isinstance(one.value, dict):
        return "{" + ", ".join(f"{name}: {value}" for name, value in one.value.items()) + "}"
    return "''" if one.value == "" else str(one.value)


def facts_of(made: ProposedProject) -> dict[str, Any]:
    """Return what --json tells of it."""
    facts, proposals = made.facts, made.proposals
    return {
        "found": {
            "rows": facts.rows,
            "usable": facts.usable,
            "structures": facts.pbc.total(),
            "atoms": facts.atoms,
            "single_atoms": {element: len(one) for element, one in facts.singles.items()},
            "faults": dict(facts.faults),
        },
        "settings": {
            section: [
                {"key": one.key, "value": one.value, "reason": one.reason, "open": one.open}
                for one in part
            ]
            for section, part in (("data", proposals.data), ("training", proposals.training))
        },
        "questions": proposals.questions,
        "warnings": proposals.warnings,
    }
