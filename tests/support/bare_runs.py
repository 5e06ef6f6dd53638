"""Runs of which only the trainer's files matter: they have no run.json."""

from __future__ import annotations

from pathlib import Path

from hpctrain.runs.run import Run


def bare_run(folder: Path, engine: str = "pacemaker") -> Run:
    """Return a run whose manifest says nothing but the trainer."""
    run = Run(folder)
    vars(run)["manifest"] = {
        "settings": {"training": {"engine": engine}}, "input": {"seed": 42},
    }  # fmt: skip
    return run
