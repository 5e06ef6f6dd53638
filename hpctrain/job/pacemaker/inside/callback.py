"""What Pacemaker calls after each iteration: takes checkpoints, and ends the fit in time.

Pacemaker imports it for ``fit.callbacks: [continuation.on_iteration]`` (see on_path), before the
fit, in the attempt's folder; the import puts the hooks in. Whatever fails here is noted in the log
and in continuation.json, and the training goes on without it. Python 3.8 and later, NumPy and SciPy
of the trainer's environment.

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
from .training_state import TrainingState

state = TrainingState(os.getcwd())


def on_iteration(
    basis_config: Any,
    current_fit_iteration: int,
    current_fit_cycle: int,
    current_ladder_step: int,
    **_: Any,
) -> None:
    """Take note of an iteration; raise StopIteration where the fit ends with it.

    Pacemaker calls this after every iteration, by keyword.
    """
    if state.stopped:  # only where the hooks could not be put
        raise StopIteration("stopped as asked")
    state.enter(current_fit_cycle, current_ladder_step)
    state.end_iteration(current_fit_iteration, basis_config)
    reason = state.notes.safely("a look at the test set", state.validation.evaluate, state.trainer,
                                basis_config, state.iteration, state.total)  # fmt: skip
    if reason:
        state.stopped_early = reason
        state.notes.say(reason)
        raise StopIteration(reason)  # ends this fit: the next cycle or ladder step begins
    stop = state.stop_asked()
    if stop or state.checkpoints.due():
        state.notes.safely("a checkpoint", state.checkpoint, at_any_cost=stop)
    if stop:
        state.stopped = True
        state.notes.say(f"asked to stop after iteration {state.iteration}")
        state.notes.tell(stopped=True)
        raise StopIteration("stopped as asked")


state.notes.safely("putting the hooks into the trainer", hooks.install, state)
