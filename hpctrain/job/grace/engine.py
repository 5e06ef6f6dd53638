"""What an attempt asks of GRACE: where its training begins, its steps, how it ended.

Python 3.8 and later, standard library only.
"""

from __future__ import annotations

import importlib.util
import json
import sys
from importlib import metadata
from pathlib import Path
from typing import Any, Dict, List, Mapping, Tuple

from .. import checkpoints, evidence
from ..gpus import TENSORFLOW, Library
from ..steps import Failure, module
from ..trainer import Outcome, Start, Step
from . import plan, product
from .last_words import last_words

PACKAGES = (
    "tensorpotential", "tensorflow", "tensorflow-cpu", "tf_keras",
    "python-ace", "numpy", "scipy", "pandas", "ase",
)  # fmt: skip
NEEDED = (
    "tensorpotential", "tensorflow", "tf_keras", "tqdm", "requests", "sklearn", "rich",
    "questionary", "sympy", "matscipy", "pandas", "ase", "numpy",
)  # fmt: skip
SETTINGS = ("patience", "active_set")
NEWER: Mapping[str, Any] = {}
TRAIN, TEST = "train.pkl.gz", "test.pkl.gz"


def explain(said: str) -> str:
    """Make the reason for the user of what a step printed last."""
    return last_words(said)


def imports(settings: Mapping[str, Any]) -> str:  # noqa: ARG001
    """Return what a training imports."""
    return "import questionary, sklearn, tf_keras, tqdm\nimport tensorpotential.cli.gracemaker"


def gpu_library(settings: Mapping[str, Any]) -> Library | None:  # noqa: ARG001
    """Return TensorFlow."""
    return TENSORFLOW


def variant(settings: Mapping[str, Any]) -> str | None:  # noqa: ARG001
    """Return None: there is nothing to choose within it."""
    return None


def chosen(run: Path, settings: Mapping[str, Any]) -> Dict[str, Any]:  # noqa: ARG001
    """Return nothing: no step before the training chooses anything."""
    return {}


def fault(settings: Mapping[str, Any]) -> str | None:  # noqa: ARG001 every engine is told them
    """Say why GRACE cannot work in this environment, or return None. Takes a moment."""
    lacks = [name for name in NEEDED if importlib.util.find_spec(name) is None]
    if lacks:
        return (
            f"the trainer's environment ({sys.executable}) lacks {', '.join(lacks)}, which GRACE "
            "needs. Install it there, or name the right environment in the site profile: "
            "trainer: {grace: {python: /path/to/env/bin/python}}"
        )
    keras = metadata.version("tf_keras").split(".")[:2]
    for name in ("tensorflow", "tensorflow-cpu"):
        try:
            found = metadata.version(name)
        except metadata.PackageNotFoundError:
            continue
        if found.split(".")[:2] != keras:
            return (
                f"tf_keras {metadata.version('tf_keras')} is not for {name} {found}. In the "
                f"trainer's environment: pip install 'tf_keras=={'.'.join(found.split('.')[:2])}.*'"
            )
    return None


def begin(run: Path, folder: Path, attempt: int, settings: Mapping[str, Any]) -> Start:  # noqa: ARG001
    """Make the attempt's folder ready: from the newest checkpoint of the run, if there is one."""
    text = (run / "input.yaml").read_text(encoding="utf-8")
    (folder / "input.yaml").write_text(text, encoding="utf-8")
    source = plan.newest_of_run(run / "attempts") if attempt > 1 else None
    if source is None:
        message = "no earlier attempt has left a checkpoint; it begins from the start"
        return Start(_of_parent(run), message=message if attempt > 1 else "")
    state = checkpoints.read_state(source)
    seed = _input(run).get("seed", 1)
    try:
        plan.prepare(folder, source, seed)
    except OSError as error:
        raise Failure(f"it cannot go on from {source}: {error}") from error
    before, total = int(source.parent.parent.name), state.get("total")
    facts = {"attempt": before, "checkpoint": source.name, "iterations": total,
             "steps": state.get("step")}  # fmt: skip
    # The model as it is: from the input alone, it would be built anew.
    arguments = ("-p", str(plan.output(Path(), seed) / "model.yaml"), "-rl")
    return Start(arguments, {"from": facts}, f"goes on after epoch {total} of attempt {before}")


def _of_parent(run: Path) -> Tuple[str, ...]:
    """Return the arguments that begin with a parent's parameters; none where there is no parent.

    They must not be in the input: with ``potential.checkpoint_name`` there, ``-rl`` would begin
    from the parent again.
    """
    parent = run / "parent.model"
    if not parent.is_dir():
        return ()
    return ("-p", str(parent / "model.yaml"), "-cn", str(parent / "checkpoint"),
            "--reset-epoch-and-step")  # fmt: skip


def before(run: Path, settings: Mapping[str, Any]) -> List[Step]:  # noqa: ARG001
    """List the steps before the training."""
    batch = str(int((_input(run).get("fit") or {}).get("batch_size") or 1))
    files = (str(run / "train.extxyz"), TRAIN, str(run / "test.extxyz"), TEST)
    return [Step("convert", module("grace.convert", batch, *files), "convert")]


def training(run: Path, start: Start, settings: Mapping[str, Any]) -> Step:
    """Return the call of gracemaker, with the hooks."""
    more = ["-sf"] if _is_fs(run) else []
    if not settings["gpus"] and "jit_compile" not in (_input(run).get("fit") or {}):
        more.append("-nj")  # on cores, compiling each shape of a batch takes longer than it saves
    argv = module("grace.inside.fit", "input.yaml", *start.arguments, *more)
    variables = {"HPCTRAIN_PATIENCE": str(settings["patience"]), "TF_CPP_MIN_LOG_LEVEL": "1"}
    return Step("gracemaker", argv, "train", variables)


def after(run: Path, settings: Mapping[str, Any]) -> List[Step]:
    """List what puts the potential in one place, its errors, and its active set."""
    seed = str(_input(run).get("seed", 1))
    left_out = "" if settings["active_set"] else "switched off (training.active_set)"
    if not _is_fs(run):
        left_out = "only the preset fs has one"
    return [
        Step("collect_potential", module("grace.product", seed), "finish"),
        Step("evaluate", module("grace.evaluate"), "finish"),
        Step(
            "pace_activeset", ("pace_activeset", "-d", TRAIN, product.FS), "active_set",
            needed=False, makes="output_potential.asi", left_out=left_out,
        ),
    ]  # fmt: skip


def ask_to_stop(folder: Path, pid: int) -> None:  # noqa: ARG001 the trainer looks for the file
    """Ask the trainer to take a checkpoint and to end, after the batch in progress."""
    (folder / "stop").touch()


def stopped(folder: Path) -> bool:
    """Say whether the training ended because it was asked to."""
    return bool(evidence.read_json(folder / "continuation.json").get("stopped"))


def problem(folder: Path) -> str | None:
    """Say what is missing after gracemaker ended with exit code 0: it also does on SIGINT."""
    seed = _input(folder.parent.parent).get("seed", 1)
    there = plan.output(folder, seed)
    if not (there / "final_model" / "saved_model.pb").is_file():
        return "gracemaker ended without an error and without a potential (final_model)"
    rows = there / "train_metrics.yaml"
    trained = rows.is_file() and '"step":' in rows.read_text(encoding="utf-8", errors="replace")
    if not trained and not evidence.read_json(folder / "resume" / "state.json"):
        return "gracemaker wrote a potential, but trained nothing: train_metrics.yaml has no epoch"
    return None


def iterations(folder: Path) -> int | None:
    """Count the epochs of the whole training that are kept; None without a checkpoint."""
    return _count(folder, "total")


def steps(folder: Path) -> int | None:
    """Count the optimiser's steps, one per batch, that are kept; None without a checkpoint."""
    return _count(folder, "step")


def _count(folder: Path, name: str) -> int | None:
    newest = plan.newest_checkpoint(folder)
    count = checkpoints.read_state(newest or folder / "resume").get(name)
    return int(count) if isinstance(count, int) else None


def progress(run: Path, done: int | None) -> str:
    """Say how much of the training is done."""
    fit = _input(run).get("fit") or {}
    of = f" of {fit['maxiter']}" if "maxiter" in fit else ""
    return f"{done or 0}{of} epochs are done"


def notes(folder: Path) -> Dict[str, Any]:
    """Return which epoch is the best, and whether the fit was stopped early."""
    told = evidence.read_json(folder / "continuation.json")
    keys = {"best": "best", "stopped": "stopped_early"}
    return {name: told[key] for name, key in keys.items() if told.get(key)}


def outcome(folder: Path) -> Outcome:
    """Return what evaluate.py has written, and the potential's files."""
    text = (folder / "evaluation.json").read_text(encoding="utf-8")
    fs = (product.FS,) if (folder / product.FS).is_file() else ()
    return Outcome(json.loads(text), (product.MODEL, *fs))


def _input(run: Path) -> Dict[str, Any]:
    return evidence.read_json(run / "job" / "input.json")


def _is_fs(run: Path) -> bool:
    return (_input(run).get("potential") or {}).get("preset") == "FS"
