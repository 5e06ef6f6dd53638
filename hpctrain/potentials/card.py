"""A potential's card: everything needed to trust it, to make it again, and to use it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from hpctrain import __version__
from hpctrain.engines.pacemaker.usage import usage
from hpctrain.files import read_json
from hpctrain.runs.history import History
from hpctrain.runs.run import Run
from hpctrain.runs.state.curves import Curves

# The files of a potential, by suffix; the .asi where there is one.
SUFFIXES = ("yace", "yaml", "asi")


def make_card(
    run: Run,
    history: History,
    result: Mapping[str, Any],
    name: str,
    so_far: Curves,
    archived: str,
) -> dict[str, Any]:
    """Everything needed to trust the potential, and to make it again."""
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
    """The potentials that the training went on from, and how much of the basis was theirs."""
    found = run.manifest.get("parents", [])
    counts = [read_json(run.attempt(n) / "start.json") for n in run.attempts()]
    told: dict[str, Any] = next((count for count in reversed(counts) if count), {})
    return [{**parent, **told} for parent in found]


def _job_ids(run: Run, history: History) -> list[str]:
    """Every job that trained, in order; a requeued job counts once."""
    claims = {number: (run.claim(number) or {}).get("job_id") for number in run.attempts()}
    told = [claims[number] or history.job_ids.get(number) for number in sorted(claims)]
    return list(dict.fromkeys(str(job_id) for job_id in told if job_id))
