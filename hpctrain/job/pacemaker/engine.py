"""What an attempt asks of Pacemaker: where its training begins, how far it is, why it failed.

Python 3.8 and later, standard library only.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

from .. import evidence
from ..steps import Failure
from ..trainer import Start
from . import plan, size
from .last_words import last_words

explain = last_words


def begin(run: Path, folder: Path, attempt: int) -> Start:
    """Make the attempt's folder ready: from the newest checkpoint of the run, if there is one."""
    source = plan.newest_of_run(run / "attempts") if attempt > 1 else None
    if source is None:
        return _begin_anew(run, folder, attempt)
    state, first_input = plan.read_state(source), size.read_input(run)
    way = plan.plan_continuation(first_input, state)
    if way.reason:
        raise Failure(f"it cannot go on from {source}: {way.reason}")
    plan.prepare(folder, source, way)
    # JSON is YAML too.
    evidence.write_json(
        str(folder / "input.yaml"), plan.apply_changes(first_input, way.input_changes)
    )
    before = int(source.parent.parent.name)
    facts = {"attempt": before, "checkpoint": source.name, "iterations": state.get("total")}
    message = f"goes on after iteration {state.get('total')} of attempt {before}"
    return Start(way.arguments, {"from": facts}, message)


def _begin_anew(run: Path, folder: Path, attempt: int) -> Start:
    if size.chosen(run):
        evidence.write_json(str(folder / "input.yaml"), size.read_input(run))
    else:
        text = (run / "input.yaml").read_text(encoding="utf-8")
        (folder / "input.yaml").write_text(text, encoding="utf-8")
    message = ""
    if attempt > 1:
        message = "no earlier attempt has left a checkpoint; it begins from the start"
    parent = run / "parent.yaml"
    if parent.is_file():
        return Start(("-p", "start.yaml"), message=message, parent=parent)
    return Start(message=message)


def basis_size(run: Path) -> dict[str, Any]:
    """Return what was tried and chosen for b_basis_size: auto; empty as long as nothing was."""
    return size.chosen(run)


def iterations(folder: Path) -> int | None:
    """Count the iterations of the whole training that are kept; None without a checkpoint."""
    newest = plan.newest_checkpoint(folder)
    total = plan.read_state(newest or folder / "resume").get("total")
    return int(total) if isinstance(total, int) else None


def progress(run: Path, done: int | None) -> str:
    """Say how much of the training is done."""
    fit = evidence.read_json(run / "job" / "input.json").get("fit") or {}
    several = fit.get("ladder_step") is not None or int(fit.get("fit_cycles") or 1) > 1
    of = f" of {fit['maxiter']}" if "maxiter" in fit and not several else ""
    return f"{done or 0}{of} iterations are done"
