"""How a training goes on in its next attempt. Standard library only, Python 3.8 and later.

The trainer's side (inside/callback.py) leaves checkpoints: folders ``checkpoint/NNNNNN`` that are
renamed into place, so that one with a number for a name is whole. Here the newest is found, it is
decided how the trainer is called, and the next attempt's folder is made ready.
"""

from __future__ import annotations

import copy
import os
import shutil
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Dict, Mapping

from .. import checkpoints, evidence
from ..checkpoints import read_state

POTENTIAL = "resume/potential.yaml"
# What scipy allows where neither fit.maxiter nor the evaluator says otherwise.
DEFAULT_MAXITER = 100
# SciPy's status of a fit that used up its iterations.
AT_MAXITER = 1


@dataclass(frozen=True)
class Plan:
    """How the next attempt goes on; with a ``reason`` it cannot, and the rest is empty.

    ``arguments`` for pacemaker after the input's name; ``input_changes`` to the *first* attempt's
    input by dotted key, None to leave a key out; ``resume`` for resume/plan.json. ``remaining``
    iterations are left of the fit, or of the cycle or ladder step in progress; 0 where only what
    follows is left.
    """

    arguments: tuple[str, ...] = ()
    input_changes: dict[str, Any] = field(default_factory=dict)
    resume: dict[str, Any] = field(default_factory=dict)
    remaining: int = 0
    finished: bool = False
    reason: str | None = None


def plan_continuation(input_mapping: Mapping[str, Any], state: Mapping[str, Any]) -> Plan:
    """Plan how to go on from a checkpoint with this state; the input is the first attempt's."""
    fit = input_mapping.get("fit") or {}
    potential = input_mapping.get("potential")
    try:
        iteration, cycle = int(state["iteration"]), int(state["cycle"])
        functions, target = state["functions"], state["target_functions"]
        ended, ladder = state["ended"] not in (None, AT_MAXITER), bool(state["ladder"])
    except (KeyError, TypeError, ValueError) as error:
        return Plan(reason=f"the checkpoint's state.json is damaged ({error!r})")
    cycles = int(fit.get("fit_cycles") or 1)
    starts_from = isinstance(potential, dict) and "initial_potential" in potential
    in_input = fit.get("ladder_step") is not None or starts_from
    if in_input != ladder:
        return Plan(reason="the checkpoint is of a ladder fit and the input is not, or the reverse")
    if cycle >= cycles:
        return Plan(reason=f"the checkpoint is of fit cycle {cycle + 1}, the input has {cycles}")
    if ladder and not (isinstance(functions, int) and isinstance(target, int)):
        # -ip on a full basis trains nothing, and -p on a partial one never becomes full.
        return Plan(reason="it is not known whether the basis of the checkpoint is full already")
    climbing = ladder and functions < target
    if climbing and not isinstance(potential, dict):
        return Plan(reason="a ladder can only go on with the potential described in the input")

    options = fit.get("options") or {}
    limit = _limit(fit, options, input_mapping.get("backend") or {})
    # One that converged, or was stopped early, is not begun again; one at a maxiter that was
    # raised since goes on.
    remaining = 0 if ended else max(0, limit - iteration)
    changes: dict[str, Any] = {}
    resume: dict[str, Any] = {}
    if climbing:
        # Pacemaker would add the next functions at once: the trainer's side keeps the basis as it
        # is for the first fit, so that the step in progress gets what remains of it.
        arguments = ("-ip", POTENTIAL)
        resume["keep_first_basis"] = True
    else:
        arguments = ("-p", POTENTIAL)
        if ladder:
            # -p with ladder_step in the input starts again from an empty basis.
            changes.update({"fit.ladder_step": None, "fit.ladder_type": None})
    follows = climbing or cycle + 1 < cycles
    if follows:
        # maxiter is for each cycle and step: only the first fit of the attempt gets less.
        resume["first_maxiter"] = remaining
    else:
        changes["fit.maxiter"] = remaining
        if "maxiter" in options:
            changes["fit.options.maxiter"] = remaining
    return Plan(arguments, changes, resume, remaining, remaining == 0 and not follows)


def _limit(fit: Mapping[str, Any], options: Mapping[str, Any], backend: Mapping[str, Any]) -> int:
    # With tensorpot fit.maxiter replaces options.maxiter, with pyace it is the other way round.
    if backend.get("evaluator") == "pyace" and "maxiter" in options:
        return int(options["maxiter"])
    return int(fit.get("maxiter", DEFAULT_MAXITER))


def apply_changes(input_mapping: Mapping[str, Any], changes: Mapping[str, Any]) -> dict[str, Any]:
    """Return the input with changes by dotted key; None takes a key out."""
    result: Dict[str, Any] = copy.deepcopy(dict(input_mapping))
    for name, value in changes.items():
        *above, key = name.split(".")
        section = result
        for part in above:
            section = section.setdefault(part, {})
        if value is None:
            section.pop(key, None)
        else:
            section[key] = value
    return result


def newest_checkpoint(attempt: Path) -> Path | None:
    """Find the newest checkpoint of an attempt that can be read, or None if it came to none."""
    return checkpoints.newest_checkpoint(attempt, _can_be_read)


def newest_of_run(attempts: Path) -> Path | None:
    """Find the checkpoint to go on from: of the last attempt that came to one."""
    return checkpoints.newest_of_run(attempts, _can_be_read)


def _can_be_read(checkpoint: Path) -> bool:
    return bool(read_state(checkpoint) and _size(checkpoint / "potential.yaml"))


def _size(path: Path) -> int:
    try:
        return path.stat().st_size
    except OSError:
        return 0


def prepare(attempt: Path, checkpoint: Path, plan: Plan) -> None:
    """Put a checkpoint and its plan into the next attempt's folder, as ``resume/``.

    The optimiser's memory can be a gigabyte: it is linked where the file system can.
    """
    resume = attempt / "resume"
    if resume.exists():
        shutil.rmtree(str(resume))
    resume.mkdir(parents=True)
    for file in sorted(checkpoint.iterdir()):
        try:
            os.link(str(file), str(resume / file.name))
        except OSError:
            shutil.copyfile(str(file), str(resume / file.name))
    evidence.write_json(str(resume / "plan.json"), plan.resume)
