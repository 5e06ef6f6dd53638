"""The archive as text: its potentials, whether they are unchanged, which is the current one."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from hpctrain.cli.terminal.layout import Column, fit_table
from hpctrain.cli.terminal.tables import day, file_size, table
from hpctrain.text import rmse

if TYPE_CHECKING:
    from hpctrain.potentials.audit import Audit
    from hpctrain.potentials.current import Pointer


def potentials_table(potentials: Sequence[Mapping[str, Any]], width: int | None = None) -> str:
    """Write a line for each potential, with a star at the current one."""
    rows = [
        ["*" if one["current"] else "", one["name"], str(one["generation"]),
         str(one["revision"]), rmse(one["train"]), rmse(one["test"]),
         "retired" if one.get("retired") else one["verdict"] or "not verified",
         day(one["archived"]), file_size(one["bytes"]),
         one["run_id"]]
        for one in potentials
    ]  # fmt: skip
    columns = (
        Column(""), Column("NAME"), Column("GEN", leaves=5), Column("REV", leaves=3),
        Column("TRAIN", leaves=6), Column("TEST"), Column("VERDICT", least=0),
        Column("DATE", leaves=4), Column("SIZE", leaves=2), Column("RUN", leaves=1),
    )  # fmt: skip
    return (
        f"{fit_table(columns, rows, width)}\n\n"
        "TRAIN and TEST: RMSE of energies (meV/atom) / forces (eV/Å)"
        + ("\n* the current one" if any(one["current"] for one in potentials) else "")
    )


def audit_table(audit: Audit) -> str:
    """Write what was looked at of one potential, and why something is not as archived."""
    rows = [["", finding.what, finding.state] for finding in audit.findings]
    text = table(("", audit.name, "as archived" if audit.ok else "NOT AS ARCHIVED"), rows)
    reasons = [f"  {finding.what}: {finding.why}" for finding in audit.findings if finding.why]
    return "\n".join([text, *reasons])


def current_potential(pointer: Pointer) -> str:
    """Write which potential is the current one, where it is found, and every move so far."""
    if pointer.name is None:
        return "no potential is the current one; to choose one: hpctrain potentials current NAME"
    lines = [f"{pointer.name} is the current one"]
    lines += [f"  {link}" for link in pointer.links]
    lines += [
        f"{day(move['time'])}  {move['from'] or 'none'} → {move['to']}  ({move['by']})"
        for move in pointer.history
    ]
    return "\n".join(lines)
