"""The hooks in Pacemaker: before and after each fit, and around them all.

Written against python-ace 0.4.0rc1 and tensorpotential 0.6.2.1.
"""

from __future__ import annotations

import contextlib
import functools
import importlib
from typing import Any, Callable

from ...trainer import import_module_of
from . import linear_start
from .training_state import TrainingState

MODULES_OF_MINIMIZE = {
    "tensorpot": ("tensorpotential.compat.pace.fit", "tensorpotential.fit"),
    "pyace": ("pyace.pyacefit",),
}


class Stopped(Exception):
    """The fit was asked to end: no cycle or ladder step that remains is begun."""

    def __init__(self, potential: Any) -> None:
        super().__init__("stopped as asked")
        self.potential = potential


def install(state: TrainingState) -> None:
    """Put the hooks into Pacemaker's classes."""
    fitadapter = importlib.import_module("pyace.fitadapter")
    generalfit: Any = importlib.import_module("pyace.generalfit")
    adapter, general = fitadapter.FitBackendAdapter, generalfit.GeneralACEFit
    adapter_fit, general_fit = adapter.fit, general.fit
    their_repulsion: Any = getattr(general, "set_core_rep", None)  # 0.2.7 has none
    cycle_fitting = general.cycle_fitting

    def fit_one(self: Any, *args: Any, **kwargs: Any) -> Any:
        if state.trained is not None and state.stop_asked():
            state.stopped = True
            state.notes.say("asked to stop between two fits")
            state.notes.tell(stopped=True)
            raise Stopped(state.trained)
        state.notes.safely("binding minimize", _bind_minimize, state, self.evaluator_name)
        potential = adapter_fit(self, *args, **kwargs)
        state.notes.safely("the checkpoint at the end of a fit", state.end_fit, potential,
                           self.res_opt)  # fmt: skip
        state.first = False
        if state.stopped:
            raise Stopped(potential)
        return potential

    def fit_all(self: Any) -> Any:
        state.trainer = self
        try:
            potential = general_fit(self)
        except Stopped as end:
            state.notes.say("the fit ends here, as asked; it is not finished")
            self.target_bbasisconfig = end.potential
            return end.potential
        state.notes.safely("keeping the best potential", state.finish)
        return potential

    def fit_cycles(self: Any, *args: Any, **kwargs: Any) -> Any:
        potential = cycle_fitting(self, *args, **kwargs)
        return state.cycles.best_before() or potential

    def add_repulsion(self: Any, potential: Any) -> None:
        if self.fit_config.get("repulsion") != "auto" or state.stopped:
            # What a fit leaves that was asked to stop is no potential yet, and time is short.
            state.notes.tell(repulsion=None)
            their_repulsion(self, potential)
            return
        placed = state.notes.safely("placing the core repulsion", _place, self, potential)
        if placed is None:
            their_repulsion(self, potential)
        else:
            state.notes.say("the core repulsion is below all labelled distances")
        state.notes.tell(repulsion=placed or {"by": "pacemaker"})

    adapter.fit, general.fit, general.cycle_fitting = fit_one, fit_all, fit_cycles
    if their_repulsion:
        general.set_core_rep = add_repulsion
    else:
        state.notes.tell(repulsion=None)
    for name in ("apply_gaussian_noise", "randomize_func_coeffs"):
        setattr(general, name, staticmethod(_from_best(state, getattr(general, name))))
    generalfit.extend_multispecies_basis = _around_extend(
        state, generalfit.extend_multispecies_basis
    )


def _place(trainer: Any, potential: Any) -> Any:
    return import_module_of("pacemaker", "repulsion").place(trainer, potential)


def _bind_minimize(state: TrainingState, evaluator: str) -> None:
    """Wrap SciPy's minimize: both evaluators bind it by name in the module that calls it."""
    for name in MODULES_OF_MINIMIZE[evaluator]:
        with contextlib.suppress(ImportError):
            module: Any = importlib.import_module(name)
            if not hasattr(module.minimize, "hpctrain"):
                module.minimize = _around_minimize(state, module.minimize)
            return
    raise ImportError(f"no module of {evaluator} that calls minimize")


def _around_minimize(state: TrainingState, minimize: Callable[..., Any]) -> Callable[..., Any]:
    @functools.wraps(minimize)
    def wrapped(fun: Any, x0: Any, *args: Any, **kwargs: Any) -> Any:
        # Until one has returned: after an exhausted GPU Pacemaker calls it again.
        if state.first:
            options = kwargs.get("options") or {}
            given = state.notes.safely("going on with the memory of BFGS", state.first_options, x0,
                                       kwargs.get("method"), options)  # fmt: skip
            kwargs["options"] = options if given is None else given
            state.take_up()
            if linear_start.WANTED and not state.base:
                begin = state.notes.safely("the linear start", state.linear_start, x0)
                x0 = x0 if begin is None else begin
        return minimize(fun, x0, *args, **kwargs)

    wrapped.hpctrain = True  # type: ignore[attr-defined]
    return wrapped


def _from_best(state: TrainingState, disturb: Callable[..., Any]) -> Callable[..., Any]:
    """Have the next cycle start from the best of all, also of those before this attempt."""

    @functools.wraps(disturb)
    def wrapped(potential: Any, *args: Any, **kwargs: Any) -> Any:
        return disturb(state.cycles.best_before() or potential, *args, **kwargs)

    return wrapped


def _around_extend(state: TrainingState, extend: Callable[..., Any]) -> Callable[..., Any]:
    @functools.wraps(extend)
    def wrapped(potential: Any, target: Any, *args: Any, **kwargs: Any) -> Any:
        state.target_functions = int(target.total_number_of_functions)
        if state.plan.get("keep_first_basis") and not state.basis_kept:
            state.basis_kept = True
            state.notes.say("the ladder step in progress goes on with its basis")
            same = potential.copy()
            return (same, True) if kwargs.get("return_is_extended") else same
        return extend(potential, target, *args, **kwargs)

    return wrapped
