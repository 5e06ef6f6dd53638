"""Sites as text: the list of them, a profile beside its cluster, the result of a test job."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from hpctrain.cli.terminal.tables import indented, table

if TYPE_CHECKING:
    from hpctrain.launch.site_check import SiteCheck
    from hpctrain.launch.site_test import SiteTest


def sites_table(sites: Sequence[Mapping[str, Any]]) -> str:
    """Write a line for each site, with an asterisk at the one this machine belongs to."""
    header = ("SITE", "SCHEDULER", "FACTS", "PROOF", "DESCRIPTION", "FILE")
    return table(header, [_cells(site) for site in sites])


def _cells(site: Mapping[str, Any]) -> list[str]:
    facts = " ".join(filter(None, (site["confidence"], site["checked"])))
    proofs = ", ".join(proof["words"] for proof in site["proofs"])
    name = site["name"] + (" *" if site["here"] else "")
    return [name, site["scheduler"], facts, proofs, site["description"], site["file"]]


def check_result(checked: SiteCheck) -> str:
    """Write a line for each finding, and how many targets were looked at."""
    lines = [
        f"{finding.severity:8} {finding.target or '-'}: {finding.words}"
        for finding in checked.findings
    ]
    tried = f", {len(checked.tried)} judged by the scheduler itself" if checked.tried else ""
    lines.append(f"{'ok' if checked.ok else 'not ok'}: {len(checked.targets)} looked at{tried}")
    return "\n".join(lines)


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
