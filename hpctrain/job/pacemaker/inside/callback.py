"""Inside the trainer: checkpoints while it trains, the best potential, a proper end, and going on.

Pacemaker imports this for ``fit.callbacks: [continuation.on_iteration]``, before the fit, in the
attempt's folder. Python 3.8 and later, NumPy and SciPy of the trainer's environment. Whatever
fails here is noted in the log and in continuation.json, and the training goes on without it.

Files in the attempt's folder:
  resume/           made by the driver: the checkpoint to go on from, and plan.json
  stop              made by the driver: take a last checkpoint and end
  checkpoint/NNNNNN potential.yaml, state.json and, where there is one, hess_inv.npy (the memory of
                    BFGS), best.yaml (the best by validation), random.json and best_cycle.yaml (fit
                    cycles); renamed into place whole
  continuation.json what was used of resume/, what not and why; which potential is the best; whether
                    it was stopped, from outside or early
"""

from __future__ import annotations

import os
from typing import Any

from . import hooks
from .training_state import Attempt

_run = Attempt(os.getcwd())


def on_iteration(
    basis_config: Any,
    current_fit_iteration: int,
    current_fit_cycle: int,
    current_ladder_step: int,
    **_: Any,
) -> None:
    """Pacemaker calls this after every iteration, by keyword."""
    if _run.stopped:  # only where the hooks could not be put
        raise StopIteration("stopped as asked")
    _run.enter(current_fit_cycle, current_ladder_step)
    _run.iterated(current_fit_iteration, basis_config)
    why = _run.notes.safely("a look at the test set", _run.validation.look, _run.trainer,
                            basis_config, _run.iteration, _run.total)  # fmt: skip
    if why:
        _run.stopped_early = why
        _run.notes.say(why)
        raise StopIteration(why)  # ends this fit: the next cycle or ladder step begins
    stop = _run.stop_asked()
    if stop or _run.checkpoints.due():
        _run.notes.safely("a checkpoint", _run.checkpoint, at_any_cost=stop)
    if stop:
        _run.stopped = True
        _run.notes.say(f"asked to stop after iteration {_run.iteration}")
        _run.notes.tell(stopped=True)
        raise StopIteration("stopped as asked")


_run.notes.safely("putting the hooks into the trainer", hooks.install, _run)
