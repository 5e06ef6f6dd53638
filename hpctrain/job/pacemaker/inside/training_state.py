"""The state of this start of the trainer: what it goes on from, how far it is, what it leaves.

Python 3.8 and later, in the trainer's environment.
"""

from __future__ import annotations

import json
import os
from typing import Any

from . import bfgs_memory, linear_start
from .checkpoint import Checkpoints
from .fit_cycles import Cycles
from .notes import Notes
from .validation import Validation


class TrainingState:
    """One start of the trainer, that is one attempt, from within."""

    def __init__(self, folder: str) -> None:
        self.folder = folder
        self.notes = Notes(folder)
        self.base = self._json("resume/state.json")
        self.plan = self._json("resume/plan.json")
        self.notes.content["resumed"] = bool(self.base)
        self.trainer: Any = None
        self.potential: Any = None  # of the last iteration
        self.trained: Any = None  # of the last fit that ended
        self.checkpoints = Checkpoints(folder, self.notes)
        self.cycles = Cycles()
        self.validation = Validation()
        self.target_functions: int | None = self.base.get("target_functions")
        # The first fit is the one in progress when the attempt before ended.
        self.first = True
        self.basis_kept = False
        self.stopped = False
        self.stopped_early: str | None = self.base.get("stopped_early")
        self.iteration = int(self.base.get("iteration", 0))
        self.cycle = int(self.base.get("cycle", 0))
        self.ladder_step = int(self.base.get("ladder_step", 0))
        self.done = 0

    def _json(self, name: str) -> dict[str, Any]:
        try:
            with open(os.path.join(self.folder, name), encoding="utf-8") as file:
                content = json.load(file)
        except FileNotFoundError:
            return {}
        except (OSError, ValueError) as error:
            self.notes.warn(f"{name} cannot be read ({error}); going on without it")
            return {}
        return content if isinstance(content, dict) else {}

    # -- where it is ------------------------------------------------------------------------

    def stop_asked(self) -> bool:
        """Say whether the driver has asked the trainer to stop."""
        return os.path.exists(os.path.join(self.folder, "stop"))

    def enter(self, cycle: int, ladder_step: int) -> None:
        """Note which fit it is; ladder steps are counted over all attempts, cycles always are."""
        ladder_step += int(self.base.get("ladder_step", 0))
        if ladder_step != self.ladder_step:
            self.cycles.next_ladder_step()
        if (cycle, ladder_step) != (self.cycle, self.ladder_step):
            self.iteration = 0
            self.stopped_early = None
            self.validation.next_fit()
        self.cycle, self.ladder_step = cycle, ladder_step

    def end_iteration(self, iteration: int, potential: Any) -> None:
        """Note the iteration that has ended; of the fit in progress those before count too."""
        self.done += 1
        self.iteration = iteration + 1 + (int(self.base.get("iteration", 0)) if self.first else 0)
        self.potential = potential

    @property
    def total(self) -> int:
        """Count the iterations of the whole training: all attempts, cycles and ladder steps."""
        return int(self.base.get("total", 0)) + self.done

    def state(self, ended: int | None) -> dict[str, Any]:
        """Return a checkpoint's state.json; ``ended`` is SciPy's status of a fit that has ended."""
        loss = (self.trainer.fit_backend.last_fit_metric_data or {}).get("loss")
        best = self.cycles.best()
        return {
            "schema": "hpctrain.checkpoint/1",
            "iteration": self.iteration,
            "total": self.total,
            "cycle": self.cycle,
            "ladder_step": self.ladder_step,
            # The full basis of a ladder goes on as a fit without one, and is still a ladder's.
            "ladder": bool(self.base.get("ladder") or self.trainer.ladder_scheme),
            "functions": int(self.potential.total_number_of_functions),
            "target_functions": self.target_functions,
            "loss": None if loss is None else float(loss),
            "ended": ended,
            "stopped_early": self.stopped_early,
            "best_cycle_loss": best[0] if best else None,
            "validation": self.validation.state(),
        }

    def checkpoint(
        self, ended: int | None = None, memory: Any = None, at_any_cost: bool = False
    ) -> None:
        """Save a checkpoint, with the memory of BFGS at any cost where the fit ends with it."""
        several = int(getattr(self.trainer, "fit_config", {}).get("fit_cycles", 1) or 1) > 1
        self.checkpoints.save(
            self.potential,
            self.state(ended),
            memory=memory,
            at_any_cost=at_any_cost or ended is not None,
            more=[self.validation.save, *([self.cycles.save] if several else [])],
        )

    # -- the beginning and the end of a fit ---------------------------------------------------

    def take_up(self) -> None:
        """Take up what the attempts before have left, beside the potential."""
        folder = os.path.join(self.folder, "resume")
        self.notes.safely("going on with the fit cycles", self.cycles.load, folder,
                          self.base.get("best_cycle_loss"))  # fmt: skip
        self.notes.safely("going on with the best potential", self.validation.load, folder,
                          self.base.get("validation") or {})  # fmt: skip

    def first_options(self, x0: Any, method: Any, options: dict[str, Any]) -> dict[str, Any]:
        """Return the options of the first fit: the iterations that remain, and the memory."""
        options = dict(options)
        if "first_maxiter" in self.plan:
            options["maxiter"] = int(self.plan["first_maxiter"])
        path = os.path.join(self.folder, "resume", bfgs_memory.FILE)
        memory, why = bfgs_memory.load(path, len(x0), method)
        if memory is not None:
            options["hess_inv0"] = memory
            self.notes.say(f"BFGS goes on with its memory ({len(x0)} parameters)")
            self.notes.tell(memory={"used": True, "parameters": len(x0)})
            return options
        if self.base:
            self.notes.warn(f"BFGS begins without its memory: {why}")
        self.notes.tell(memory={"used": False, "why": why})
        return options

    def linear_start(self, x0: Any) -> Any:
        """The coefficients to begin the whole training with, or None where those given are it."""
        backend = self.trainer.fit_backend
        why = linear_start.obstacle(x0, backend.bbasisconfig)
        if getattr(backend.fitter, "jacobian_factor", None) is not None:
            why = "not all coefficients are fitted"
        if why:
            self.notes.say(f"no linear start: {why}")
            self.notes.tell(linear_start={"used": False, "why": why})
            return None
        found = linear_start.start(
            x0, backend.bbasisconfig, self.trainer.fitting_data, self.trainer.loss_spec.kappa,
            self.trainer.cutoff, self.notes.say,
        )  # fmt: skip
        self.notes.say(f"linear start, from {found.structures} structures: loss {found.loss:.4g}; "
                       f"{found.seconds:.1f} s")  # fmt: skip
        self.notes.tell(linear_start={"used": True, "loss": found.loss,
                                      "structures": found.structures})  # fmt: skip
        return found.x

    def end_fit(self, potential: Any, result: Any) -> None:
        """Take note of the end of one fit, that is of one cycle or ladder step."""
        self.trained = potential
        by_itself = not self.stopped
        # There may have been no iteration to tell of it.
        self.enter(self.trainer.current_fit_cycle, self.trainer.current_ladder_step)
        self.potential = potential
        self.first = False
        memory = bfgs_memory.of_result(result)
        if by_itself:
            self.cycles.end_cycle(float(result.fun), potential)
            self.notes.safely("the closing look at the test set", self.validation.evaluate_at_end,
                              self.trainer, potential, result.x, self.total)  # fmt: skip
            if self.stopped_early is None and getattr(self.trainer, "early_stopping_occured", None):
                self.stopped_early = "stopped early: progress was slow, by Pacemaker's own rule"
            self.checkpoint(ended=int(getattr(result, "status", -1)), memory=memory)
        elif memory is not None and self.checkpoints.memory_iteration != self.iteration:
            self.checkpoint(memory=memory)
        self.checkpoints.next_fit()
        self.notes.tell()

    def finish(self) -> None:
        """Keep the best potential, after all fits have ended by themselves."""
        if self.validation.best:
            self.validation.put_best(self.trainer)
        self.notes.tell(best=self.validation.summary(self.total), stopped_early=self.stopped_early)
