"""Sites as text: the list of them, a profile beside its cluster, the result of a test job."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from hpctrain.cli.terminal.layout import Column, fit_table, wrap
from hpctrain.cli.terminal.tables import indented

if TYPE_CHECKING:
    from hpctrain.launch.site_check import SiteCheck
    from hpctrain.launch.site_test import SiteTest


def sites_table(sites: Sequence[Mapping[str, Any]], width: int | None = None) -> str:
    """Write a line for each site, with an asterisk at the one this machine belongs to."""
    proved = any(site["proofs"] for site in sites)
    columns = (
        Column("SITE"), Column("SCHEDULER", leaves=4), Column("FACTS", leaves=3, least=0),
        Column("PROOF", leaves=None if proved else 0, least=0), Column("DESCRIPTION", least=24),
        Column("FILE", leaves=1),
    )  # fmt: skip
    return fit_table(columns, [_cells(site) for site in sites], width)


def _cells(site: Mapping[str, Any]) -> list[str]:
    facts = " ".join(filter(None, (site["confidence"], site["checked"])))
    proofs = ", ".join(proof["words"] for proof in site["proofs"])
    name = site["name"] + (" *" if site["here"] else "")
    return [name, site["scheduler"], facts, proofs, site["description"], site["file"]]


def check_result(checked: SiteCheck, width: int | None = None) -> str:
    """Write a line for each finding, and how many targets were looked at."""
    lines = [
        f"{finding.severity:8} {finding.target or '-'}: {finding.words}"
        for finding in checked.findings
    ]
    tried = f", {len(checked.tried)} also tested by the scheduler itself" if checked.tried else ""
    count, verdict = len(checked.targets), "ok" if checked.ok else "not ok"
    lines.append(f"{verdict}: {count} target{'s' * (count != 1)} checked{tried}")
    return wrap("\n".join(lines), width, " " * 9)


def test_result(test: SiteTest) -> str:
    """Write the verdict of a test job, and what it found, if it has ended."""
    text = f"{test.site}: {test.words()}"
    return text if test.found is None else f"{text}\n{indented(_found(test.found))}"


def _found(found: Mapping[str, Any]) -> list[str]:
    packages = ", ".join(f"{name} {version}" for name, version in found["packages"].items())
    visible = found["trainer"].get("gpus") or found["gpus"]
    lines = [
        f"host {found['host']}, Python {found['python']}",
        *([f"container {found['container']}"] if found.get("container") else []),
        f"{packages or 'no package of the trainer'}",
        f"cores {found['cores']}, threads {found['threads']}",
        f"GPUs: {', '.join(visible) or 'none'}",
    ]
    if found["scratch"]:
        state = "can be written to" if found["scratch"]["writable"] else "cannot be written to"
        lines.append(f"scratch {found['scratch']['folder']} {state}")
    return [*lines, *(f"problem: {problem}" for problem in found["problems"])]
