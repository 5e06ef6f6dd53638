"""What an attempt asks of Pacemaker: where its training begins, how far it is, why it failed.

Python 3.8 and later, standard library only.
"""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Any, Dict, Iterator, List, Mapping

from .. import checkpoints, evidence
from ..gpus import TENSORFLOW, Library
from ..steps import Failure, module
from ..trainer import Outcome, Start, Step
from . import environment, plan, size
from .last_words import last_words

PACKAGES = environment.PACKAGES
SETTINGS = ("evaluator", "patience", "start", "active_set")
NEWER: Mapping[str, Any] = {"choose_basis_size": False, "bfgs_up_to": 0}
FILES = ("output_potential.yace", "output_potential.yaml")


def fault(settings: Mapping[str, Any]) -> str | None:
    """Say why Pacemaker cannot work in this environment, or return None."""
    return environment.fault(settings["evaluator"])


def imports(settings: Mapping[str, Any]) -> str:
    """Return what a training imports; tensorpotential fails late without TensorFlow."""
    if variant(settings) != "tensorpot":
        return "import pyace"
    return "import pyace\nfrom tensorpotential.compat.pace.fit import FitTensorPotential"


def gpu_library(settings: Mapping[str, Any]) -> Library | None:
    """Return TensorFlow: pyace uses no GPU."""
    return TENSORFLOW if variant(settings) == "tensorpot" else None


def variant(settings: Mapping[str, Any]) -> str:
    """Return the evaluator."""
    return str(settings["evaluator"])


def explain(said: str) -> str:
    """Make the reason for the user of what a step printed last."""
    return last_words(said)


def before(run: Path, _settings: Mapping[str, Any]) -> List[Step]:
    """Return the conversion of the data to pickles."""
    files = (str(run / "train.extxyz"), "train.pckl.gzip",
             str(run / "test.extxyz"), "test.pckl.gzip")  # fmt: skip
    return [Step("convert", module("pacemaker.convert", *files), "convert")]


def begin(run: Path, folder: Path, attempt: int, settings: Mapping[str, Any]) -> Start:
    """Make the attempt's folder ready: from the newest checkpoint of the run, if there is one."""
    source = plan.newest_of_run(run / "attempts") if attempt > 1 else None
    choice = _basis_size(run, settings)
    if source is None:
        return _begin_anew(run, folder, attempt, choice)
    state, first_input = checkpoints.read_state(source), size.read_input(run)
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
    return Start(way.arguments, {"from": facts}, message, tuple(choice))


def _begin_anew(run: Path, folder: Path, attempt: int, choice: List[Step]) -> Start:
    if size.chosen(run):
        evidence.write_json(str(folder / "input.yaml"), size.read_input(run))
    else:
        text = (run / "input.yaml").read_text(encoding="utf-8")
        (folder / "input.yaml").write_text(text, encoding="utf-8")
    message = ""
    if attempt > 1:
        message = "no earlier attempt has left a checkpoint; it begins from the start"
    parent = run / "parent.yaml"
    if not parent.is_file():
        return Start(message=message, steps=tuple(choice))
    argv = module("pacemaker.start_from", str(parent), str(run / "job" / "input.json"))
    steps = (Step("start_from", argv, "start_from"), *choice)
    return Start(("-p", "start.yaml"), message=message, steps=steps)


def _basis_size(run: Path, settings: Mapping[str, Any]) -> List[Step]:
    """Return the choice of b_basis_size: auto, if that is asked for and no attempt has made it."""
    if not settings["choose_basis_size"] or size.chosen(run):
        return []
    argv = module("pacemaker.inside.basis_size", str(settings["bfgs_up_to"]))
    return [Step("basis_size", argv, "basis_size")]


def chosen(run: Path, settings: Mapping[str, Any]) -> Dict[str, Any]:
    """Return what was tried and chosen for b_basis_size: auto."""
    return {"basis_size": size.chosen(run)} if settings["choose_basis_size"] else {}


def training(run: Path, start: Start, settings: Mapping[str, Any]) -> Step:
    """Return the call of Pacemaker, which is to find the module of its callback."""
    path = [str(run / "job" / "pacemaker" / "on_path"), os.environ["PYTHONPATH"]]
    variables = {
        "PYTHONPATH": os.pathsep.join(path),
        "HPCTRAIN_PATIENCE": str(settings["patience"]),
        "HPCTRAIN_START": settings["start"],
    }
    return Step("pacemaker", ("pacemaker", "input.yaml", *start.arguments), "train", variables)


def ask_to_stop(folder: Path, _pid: int) -> None:
    """Make the file that the callback looks for: it takes a last checkpoint and ends the fit."""
    (folder / "stop").touch()


def stopped(folder: Path) -> bool:
    """Say whether the callback has ended the fit because it was asked to."""
    return bool(evidence.read_json(folder / "continuation.json").get("stopped"))


def problem(folder: Path) -> str | None:
    """Say why a training that ended without an error is none, or return None.

    "Fitting done" and an output file are there also if nothing was fitted.
    """
    if not (folder / "output_potential.yaml").is_file():
        return "pacemaker ended without an error and without output_potential.yaml"
    rows = sum(1 for line in _lines(folder / "metrics.txt") if line.strip()) - 1
    if rows > 0 or any("Iteration" in line for line in _lines(folder / "log.txt")):
        return None
    return (
        "pacemaker wrote output_potential.yaml, but trained nothing: neither metrics.txt nor "
        "log.txt has an iteration"
    )


def _lines(path: Path) -> Iterator[str]:
    """Read the lines of a file; none if it is not there."""
    if path.is_file():
        with open(str(path), encoding="utf-8", errors="replace") as file:
            yield from file


def notes(folder: Path) -> Dict[str, Any]:
    """Return which potential is the best, whether the fit was stopped early, and the repulsion."""
    told = evidence.read_json(folder / "continuation.json")
    keys = {"best": "best", "stopped": "stopped_early", "repulsion": "repulsion"}
    return {name: told[key] for name, key in keys.items() if told.get(key)}


def after(_run: Path, settings: Mapping[str, Any]) -> List[Step]:
    """List what makes the .yace, its errors, and the active set."""
    # The structures that the trainer trained on, as it saved them.
    active_set = ("pace_activeset", "-d", "fitting_data_info.pckl.gzip", "output_potential.yaml")
    return [
        Step("pace_yaml2yace", ("pace_yaml2yace", "output_potential.yaml"), "finish"),
        Step("evaluate", module("pacemaker.evaluate"), "finish"),
        Step(
            "pace_activeset", active_set, "active_set",
            needed=False, makes="output_potential.asi",
            left_out="" if settings["active_set"] else "switched off (training.active_set)",
        ),
    ]  # fmt: skip


def outcome(folder: Path) -> Outcome:
    """Return what evaluate.py has written, and the potential's files."""
    text = (folder / "evaluation.json").read_text(encoding="utf-8")
    return Outcome(json.loads(text), FILES)


def iterations(folder: Path) -> int | None:
    """Count the iterations of the whole training that are kept; None without a checkpoint."""
    newest = plan.newest_checkpoint(folder)
    total = checkpoints.read_state(newest or folder / "resume").get("total")
    return int(total) if isinstance(total, int) else None


def steps(folder: Path) -> int | None:  # noqa: ARG001
    """Return None: it goes on after whole iterations only."""
    return None


def progress(run: Path, done: int | None) -> str:
    """Say how much of the training is done."""
    fit = evidence.read_json(run / "job" / "input.json").get("fit") or {}
    several = fit.get("ladder_step") is not None or int(fit.get("fit_cycles") or 1) > 1
    of = f" of {fit['maxiter']}" if "maxiter" in fit and not several else ""
    return f"{done or 0}{of} iterations are done"
