"""A potential's card: all that is needed to trust it, to make it again, and to use it.

And of a verification (docs/verification.md) what a card keeps.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from hpctrain import __version__
from hpctrain.engines.pacemaker.usage import usage
from hpctrain.files import read_json
from hpctrain.potentials.archive import SUFFIXES
from hpctrain.runs.history import History
from hpctrain.runs.run import Run
from hpctrain.runs.state.curves import Curves

VERIFICATION = "verification.json"
VERIFICATION_SCHEMA = "hpctrain.verification/1"
# What a card keeps of each check.
KEPT = ("name", "title", "verdict", "value", "unit", "seen")


def make_card(
    run: Run,
    history: History,
    result: Mapping[str, Any],
    name: str,
    so_far: Curves,
    archived: str,
) -> dict[str, Any]:
    """Put the card together, but for its verification.

    ``archived`` is the time; ``so_far`` are the whole learning curves.
    """
    manifest = run.manifest
    potential = result["potential"]
    files = result["files"]
    environment = read_json(run.attempt(result["attempt"]) / "environment.json") or {}
    return {
        "schema": "hpctrain.potential/1",
        "name": name,
        "generation": manifest["generation"],
        "archived": archived,
        "parents": _parents(run),
        "files": {
            suffix: {"path": f"{name}.{suffix}", **files[f"output_potential.{suffix}"]}
            for suffix in SUFFIXES
            if f"output_potential.{suffix}" in files
        },
        "active_set": result.get("active_set"),
        "elements": manifest["dataset"]["elements"],
        "units": {"energy": "eV", "length": "Å", "force": "eV/Å"},
        "reference_energies": potential["reference_energies"],
        "shift": potential["shift"],
        "metrics": {
            "train": potential["train"],
            "test": potential["test"],
            "archived_file_on_test": potential["yace"],
            "iterations": so_far.iteration,
        },
        "best": result.get("best"),
        "stopped": result.get("stopped"),
        "dataset": {**manifest["dataset"], "rows": read_json(run.folder / "rows.json")},
        "settings": manifest["settings"],
        "evaluator": manifest["evaluator"],
        "input": manifest["input"],
        "run": {
            "run_id": run.run_id,
            "created": manifest["created"],
            "site": manifest["site"],
            "job_ids": _job_ids(run, history),
            "attempts": len(run.attempts()),
            "seams": so_far.seams,
            "started": result["started"],
            "ended": result["ended"],
            "seconds": result["seconds"],
            "environment": environment,
        },
        "versions": {**manifest["versions"], **environment.get("packages", {})},
        "collected_by": {"hpctrain": __version__},
        "use": usage(name, manifest["dataset"]["elements"], "output_potential.asi" in files),
    }


def _parents(run: Run) -> list[dict[str, Any]]:
    """List the potentials that the training went on from, and how much of the basis was theirs."""
    starts = [read_json(run.attempt(n) / "start.json") for n in run.attempts()]
    counts: dict[str, Any] = next((start for start in reversed(starts) if start), {})
    return [{**parent, **counts} for parent in run.manifest.get("parents", [])]


def _job_ids(run: Run, history: History) -> list[str]:
    """List the jobs that trained, in order; a requeued job counts once."""
    claims = {number: (run.claim(number) or {}).get("job_id") for number in run.attempts()}
    job_ids = [claims[number] or history.job_ids.get(number) for number in sorted(claims)]
    return list(dict.fromkeys(str(job_id) for job_id in job_ids if job_id))


def verification_summary(content: Mapping[str, Any]) -> dict[str, Any]:
    """Reduce a verification to what a card keeps: verdicts and numbers, without points of plots."""
    return {
        "verdict": content["verdict"],
        "checks": [{key: check[key] for key in KEPT} for check in content["checks"]],
    }


def is_verification(content: Mapping[str, Any] | None) -> bool:
    """Say whether this is a verification that this version can read."""
    return (
        content is not None
        and content.get("schema") == VERIFICATION_SCHEMA
        and content.get("verdict") in ("pass", "warn", "fail")
        and bool(content.get("checks"))
        and all(set(KEPT) <= set(check) for check in content["checks"])
    )


def failed_checks(content: Mapping[str, Any]) -> list[str]:
    """List the checks that failed, each with what was seen."""
    return [
        f"{check['name']} ({check['seen']})"
        for check in content["checks"]
        if check["verdict"] == "fail"
    ]
