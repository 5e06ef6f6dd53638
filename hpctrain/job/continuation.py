"""Inside the trainer: checkpoints while it trains, a proper end on request, and going on.

Pacemaker imports this for ``fit.callbacks: [continuation.on_iteration]``, before the fit, in the
attempt's folder. Python 3.8 and later, NumPy and SciPy of the trainer's environment. Whatever
fails here is noted in the log and in continuation.json, and the training goes on without it.

Files in the attempt's folder:
  resume/           made by the driver: the checkpoint to go on from, and plan.json
  stop              made by the driver: take a last checkpoint and end
  checkpoint/NNNNNN potential.yaml, state.json and, where there is one, hess_inv.npy (the memory of
                    BFGS), random.json and best_cycle.yaml (fit cycles); renamed into place whole
  continuation.json what was used of resume/, what not and why, and whether it was stopped
"""

from __future__ import annotations

import contextlib
import functools
import importlib
import json
import logging
import os
import re
import shutil
import sys
import time
from typing import TYPE_CHECKING, Any, Callable

if TYPE_CHECKING:
    from hpctrain.job import evidence
else:
    import evidence

log = logging.getLogger("continuation")
log.setLevel(logging.INFO)

INTERVAL_S = float(os.environ.get("HPCTRAIN_CHECKPOINT_S", "60"))
# The matrix of BFGS takes 8 n² bytes: 1.15 GB at this limit.
MAX_PARAMETERS = 12_000
# Writing the matrix may take this share of the time at most.
MEMORY_SHARE = 0.02
KEEP = 2
MODULES_OF_MINIMIZE = {
    "tensorpot": ("tensorpotential.compat.pace.fit", "tensorpotential.fit"),
    "pyace": ("pyace.pyacefit",),
}
MESSAGE = "hpctrain: %s"


class Stopped(Exception):
    """The fit was asked to end: takes the way past the cycles and ladder steps that remain."""

    def __init__(self, potential: Any) -> None:
        super().__init__("stopped as asked")
        self.potential = potential


class Run:
    """What this attempt goes on from, and how far it is."""

    def __init__(self, folder: str) -> None:
        self.folder = folder
        self.base = self._json("resume/state.json")
        self.plan = self._json("resume/plan.json")
        self.trainer: Any = None
        self.potential: Any = None  # of the last iteration
        self.trained: Any = None  # of the last fit that ended
        self.best: tuple[float, Any] | None = None  # of the fit cycles before this attempt
        self.best_here: tuple[float, Any] | None = None  # of this attempt's, in this ladder step
        self.target_functions: int | None = self.base.get("target_functions")
        # The first fit is the one in progress when the attempt before ended.
        self.first = True
        self.basis_kept = False
        self.stopped = False
        self.iteration = int(self.base.get("iteration", 0))
        self.cycle = int(self.base.get("cycle", 0))
        self.ladder_step = int(self.base.get("ladder_step", 0))
        self.done = 0
        self.saved_at = time.monotonic()
        self.memory_due = 0.0
        self.memory_file: str | None = None
        self.memory_iteration: int | None = None
        self.number = 0
        self.report: dict[str, Any] = {
            "schema": "hpctrain.continuation/1",
            "resumed": bool(self.base),
            "memory": {"used": False, "why": "the fit has not begun"},
            "checkpoints": 0,
            "stopped": False,
            "problems": [],
        }

    def path(self, *names: str) -> str:
        return os.path.join(self.folder, *names)

    def _json(self, name: str) -> dict[str, Any]:
        try:
            with open(self.path(name), encoding="utf-8") as file:
                content = json.load(file)
        except FileNotFoundError:
            return {}
        except (OSError, ValueError) as error:
            log.warning(MESSAGE, f"{name} cannot be read ({error}); going on without it")
            return {}
        return content if isinstance(content, dict) else {}

    def tell(self, **news: Any) -> None:
        self.report.update(news)
        with contextlib.suppress(OSError):
            evidence.write_json(self.path("continuation.json"), self.report)

    def problem(self, what: str) -> None:
        """Say once what does not work; the training matters more."""
        if what not in self.report["problems"]:
            self.report["problems"].append(what)
            log.warning(MESSAGE, what)
            self.tell()

    # -- where it is ------------------------------------------------------------------------

    def stop_asked(self) -> bool:
        return os.path.exists(self.path("stop"))

    def enter(self, cycle: int, ladder_step: int) -> None:
        """Note which fit it is; ladder steps are counted over all attempts, cycles always are."""
        ladder_step += int(self.base.get("ladder_step", 0))
        if ladder_step != self.ladder_step:
            self.best = self.best_here = None
        if (cycle, ladder_step) != (self.cycle, self.ladder_step):
            self.iteration = 0
        self.cycle, self.ladder_step = cycle, ladder_step

    def iterated(self, iteration: int) -> None:
        """Note the iteration that has ended; of the fit in progress those before count too."""
        self.done += 1
        self.iteration = iteration + 1 + (int(self.base.get("iteration", 0)) if self.first else 0)

    def cycles(self) -> int:
        return int(getattr(self.trainer, "fit_config", {}).get("fit_cycles", 1) or 1)

    def state(self, ended: int | None) -> dict[str, Any]:
        metrics = self.trainer.fit_backend.last_fit_metric_data or {}
        loss = metrics.get("loss")
        best = self.best_of_cycles()
        return {
            "schema": "hpctrain.checkpoint/1",
            "iteration": self.iteration,
            "total": int(self.base.get("total", 0)) + self.done,
            "cycle": self.cycle,
            "ladder_step": self.ladder_step,
            # The full basis of a ladder goes on as a fit without one, and is still a ladder's.
            "ladder": bool(self.base.get("ladder") or self.trainer.ladder_scheme),
            "functions": int(self.potential.total_number_of_functions),
            "target_functions": self.target_functions,
            "loss": None if loss is None else float(loss),
            "ended": ended,
            "best_cycle_loss": best[0] if best else None,
            "memory_iteration": self.memory_iteration,
            "time": time.time(),
        }

    # -- checkpoints ------------------------------------------------------------------------

    def checkpoint(
        self, ended: int | None = None, memory: Any = None, at_any_cost: bool = False
    ) -> None:
        """Write all that the next attempt needs into one folder, renamed into place when whole."""
        parent = self.path("checkpoint")
        os.makedirs(parent, exist_ok=True)
        numbers = self._numbers(parent)
        self.number = max([*numbers, self.number]) + 1
        unfinished = os.path.join(parent, f"{self.number:06d}.part")
        try:
            os.makedirs(unfinished)
            potential = self.potential.copy()
            # Pacemaker's own count is that of the best cycle so far, not of those that ended.
            potential.metadata["_fit_cycles"] = str(self.cycle)
            potential.save(os.path.join(unfinished, "potential.yaml"))
            self._save_memory(unfinished, memory, at_any_cost or ended is not None)
            if self.cycles() > 1:
                self._save_cycles(unfinished)
            _sync(os.path.join(unfinished, "potential.yaml"))
            evidence.write_json(os.path.join(unfinished, "state.json"), self.state(ended))
            final = os.path.join(parent, f"{self.number:06d}")
            os.rename(unfinished, final)
            if self.memory_file:
                self.memory_file = os.path.join(final, "hess_inv.npy")
        finally:
            shutil.rmtree(unfinished, ignore_errors=True)
            self.saved_at = time.monotonic()
        for number in sorted(numbers)[: -(KEEP - 1)]:
            shutil.rmtree(os.path.join(parent, f"{number:06d}"), ignore_errors=True)
        self.report["checkpoints"] += 1

    @staticmethod
    def _numbers(parent: str) -> list[int]:
        return [int(name) for name in os.listdir(parent) if re.match(r"[0-9]{6,}$", name)]

    def _save_memory(self, folder: str, memory: Any, at_any_cost: bool) -> None:
        """Write the memory of BFGS, or link the last one where writing it again costs too much.

        A matrix some iterations old is nearly as good as the present one.
        """
        import numpy as np

        path = os.path.join(folder, "hess_inv.npy")
        began = time.monotonic()
        if memory is None and (at_any_cost or time.monotonic() >= self.memory_due):
            memory = _matrix_of_bfgs()
        previous, self.memory_file = self.memory_file, None
        if memory is not None and len(memory) > MAX_PARAMETERS:
            self.problem(f"the memory of BFGS is not kept: {len(memory)} parameters, "
                         f"above {MAX_PARAMETERS}")  # fmt: skip
        elif memory is not None:
            try:
                np.save(path, np.asarray(memory, dtype=np.float64))
                _sync(path)
            except OSError as error:  # a full disk: the potential alone may still fit
                self.problem(f"the memory of BFGS could not be written ({error})")
                with contextlib.suppress(OSError):
                    os.unlink(path)
                return
            took = time.monotonic() - began
            self.memory_due = time.monotonic() + took / MEMORY_SHARE
            self.memory_file, self.memory_iteration = path, self.iteration
        elif previous:
            with contextlib.suppress(OSError):
                os.link(previous, path)
                self.memory_file = path

    def _save_cycles(self, folder: str) -> None:
        import numpy as np

        name, keys, *rest = np.random.get_state(legacy=True)
        evidence.write_json(os.path.join(folder, "random.json"),
                            {"state": [name, [int(key) for key in keys], *rest]})  # fmt: skip
        best = self.best_of_cycles()
        if best:
            best[1].save(os.path.join(folder, "best_cycle.yaml"))

    # -- fit cycles --------------------------------------------------------------------------

    def best_of_cycles(self) -> tuple[float, Any] | None:
        """The best of the cycles that ended, this attempt's and those before."""
        both = [best for best in (self.best, self.best_here) if best]
        return min(both, key=lambda best: best[0], default=None)

    def best_before(self) -> Any:
        """The best cycle, if it is one that this process has not seen itself."""
        best = self.best_of_cycles()
        return self.best[1].copy() if best and self.best and best is self.best else None

    def load_cycles(self) -> None:
        """Go on with the random numbers of the attempt before, and with its best cycle.

        From the seed again, the next cycle would be given the numbers of an earlier one.
        """
        import numpy as np

        drawn = self._json("resume/random.json").get("state")
        if drawn:
            np.random.set_state((drawn[0], np.array(drawn[1], dtype=np.uint32), *drawn[2:]))
        path = self.path("resume", "best_cycle.yaml")
        loss = self.base.get("best_cycle_loss")
        if loss is not None and os.path.exists(path):
            from pyace.basis import BBasisConfiguration

            self.best = (float(loss), BBasisConfiguration(path))

    # -- the first fit -----------------------------------------------------------------------

    def first_options(self, x0: Any, method: Any, options: dict[str, Any]) -> dict[str, Any]:
        """The options of the first fit: what remains of its iterations, and BFGS's memory."""
        options = dict(options)
        if "first_maxiter" in self.plan:
            options["maxiter"] = int(self.plan["first_maxiter"])
        memory, why = _usable_memory(self.path("resume", "hess_inv.npy"), len(x0), method)
        if memory is not None:
            options["hess_inv0"] = memory
            log.info(MESSAGE, f"BFGS goes on with its memory ({len(x0)} parameters)")
            self.tell(memory={"used": True, "parameters": len(x0)})
            return options
        if self.base:
            log.warning(MESSAGE, f"BFGS begins without its memory: {why}")
        self.tell(memory={"used": False, "why": why})
        return options


def _usable_memory(path: str, n: int, method: Any) -> tuple[Any, str]:
    """The saved matrix, or None and why not. SciPy ends the fit if it is not positive definite."""
    import numpy as np

    scipy: Any = importlib.import_module("scipy")
    if not os.path.exists(path):
        return None, "there is none"
    if method != "BFGS":
        return None, f"the optimiser is {method}"
    version = tuple(int(part) for part in re.findall(r"\d+", scipy.__version__)[:2])
    if version < (1, 12):
        return None, f"SciPy {scipy.__version__} cannot take it (1.12 can)"
    try:
        matrix = np.load(path, allow_pickle=False)
    except (OSError, ValueError, EOFError) as error:
        return None, f"hess_inv.npy cannot be read ({error})"
    if matrix.shape != (n, n) or matrix.dtype.kind != "f":
        return None, f"it is {matrix.dtype} {matrix.shape}, the fit has {n} parameters"
    if not np.isfinite(matrix).all():
        return None, "it is not finite"
    matrix = (matrix + matrix.T) / 2
    if not (matrix.diagonal() > 0).all():
        return None, "its diagonal is not positive"
    try:
        np.linalg.cholesky(matrix)
    except np.linalg.LinAlgError:
        return None, "it is not positive definite"
    return matrix, ""


def _matrix_of_bfgs() -> Any:
    """The inverse Hessian of a BFGS that is running above us, or None.

    SciPy calls back before it updates the matrix; the last step is added here, so that the matrix
    belongs to the potential of this iteration.
    """
    import numpy as np

    frame: Any = sys._getframe()
    while frame is not None and frame.f_code.co_name != "_minimize_bfgs":
        frame = frame.f_back
    if frame is None:
        return None
    inside = frame.f_locals
    matrix, step, change = (inside.get(name) for name in ("Hk", "sk", "yk"))
    if not isinstance(matrix, np.ndarray) or matrix.ndim != 2 or len(matrix) > MAX_PARAMETERS:
        return matrix if isinstance(matrix, np.ndarray) and matrix.ndim == 2 else None
    matrix = matrix.astype(np.float64)  # a copy
    if not isinstance(step, np.ndarray) or not isinstance(change, np.ndarray):
        return matrix
    curvature = float(step @ change)
    if step.shape == change.shape == (len(matrix),) and curvature > 0:
        turned = matrix @ change
        both = np.outer(turned, step) / curvature
        matrix -= both
        matrix -= both.T
        matrix += np.outer(step, step) * ((curvature + float(change @ turned)) / curvature**2)
    return matrix


def _sync(path: str) -> None:
    """Have a file on the disk before its name says that it is whole."""
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


_run = Run(os.getcwd())


def _safely(what: str, action: Callable[..., Any], *arguments: Any, **named: Any) -> Any:
    """Do something that the training does not depend on."""
    try:
        return action(*arguments, **named)
    except Exception as error:  # noqa: BLE001 whatever it is, the training goes on
        # The message of an OSError names the file, another one each time.
        words = getattr(error, "strerror", None) or error
        _run.problem(f"{what} failed: {type(error).__name__}: {words}")
        return None


def on_iteration(
    basis_config: Any,
    current_fit_iteration: int,
    current_fit_cycle: int,
    current_ladder_step: int,
    **_: Any,
) -> None:
    """Pacemaker calls this after every iteration, by keyword."""
    if _run.stopped:  # only where the hooks below could not be put
        raise StopIteration("stopped as asked")
    _run.enter(current_fit_cycle, current_ladder_step)
    _run.iterated(current_fit_iteration)
    _run.potential = basis_config
    stop = _run.stop_asked()
    if stop or time.monotonic() - _run.saved_at >= INTERVAL_S:
        _safely("a checkpoint", _run.checkpoint, at_any_cost=stop)
    if stop:
        _run.stopped = True
        log.info(MESSAGE, f"asked to stop after iteration {_run.iteration}")
        _run.tell(stopped=True)
        raise StopIteration("stopped as asked")


# -- hooks into the trainer ----------------------------------------------------------------------


def _around_minimize(minimize: Callable[..., Any]) -> Callable[..., Any]:
    @functools.wraps(minimize)
    def wrapped(*args: Any, **kwargs: Any) -> Any:
        # Until one has returned: after an exhausted GPU Pacemaker calls it again.
        if _run.first:
            x0 = args[1] if len(args) > 1 else kwargs["x0"]
            options = kwargs.get("options") or {}
            given = _safely("going on with the memory of BFGS", _run.first_options, x0,
                            kwargs.get("method"), options)  # fmt: skip
            kwargs["options"] = options if given is None else given
            _safely("going on with the fit cycles", _run.load_cycles)
        return minimize(*args, **kwargs)

    wrapped.hpctrain = True  # type: ignore[attr-defined]
    return wrapped


def _bind_minimize(evaluator: str) -> None:
    """Both evaluators bind SciPy's minimize by name in the module that calls it."""
    for name in MODULES_OF_MINIMIZE[evaluator]:
        with contextlib.suppress(ImportError):
            module: Any = importlib.import_module(name)
            if not hasattr(module.minimize, "hpctrain"):
                module.minimize = _around_minimize(module.minimize)
            return
    raise ImportError(f"no module of {evaluator} that calls minimize")


def _after_fit(potential: Any, result: Any) -> None:
    """The end of one fit, that is of one cycle or ladder step."""
    _run.trained = potential
    by_itself = not _run.stopped
    # There may have been no iteration to tell of it.
    _run.enter(_run.trainer.current_fit_cycle, _run.trainer.current_ladder_step)
    _run.potential = potential
    _run.first = False
    if by_itself:
        loss = float(result.fun)
        if _run.best_here is None or loss < _run.best_here[0]:
            _run.best_here = (loss, potential.copy())
    memory = getattr(result, "hess_inv", None)
    if not hasattr(memory, "diagonal"):  # L-BFGS-B has an operator there, of the same shape
        memory = None
    if by_itself:
        _run.checkpoint(ended=int(getattr(result, "status", -1)), memory=memory)
    elif memory is not None and _run.memory_iteration != _run.iteration:
        _run.checkpoint(memory=memory)
    _run.memory_file = _run.memory_iteration = None
    _run.tell()


def _install() -> None:
    fitadapter = importlib.import_module("pyace.fitadapter")
    generalfit: Any = importlib.import_module("pyace.generalfit")
    adapter, general = fitadapter.FitBackendAdapter, generalfit.GeneralACEFit
    adapter_fit, general_fit = adapter.fit, general.fit
    cycle_fitting = general.cycle_fitting

    def fit_one(self: Any, *args: Any, **kwargs: Any) -> Any:
        if _run.trained is not None and _run.stop_asked():
            _run.stopped = True
            log.info(MESSAGE, "asked to stop between two fits")
            _run.tell(stopped=True)
            raise Stopped(_run.trained)
        _safely("binding minimize", _bind_minimize, self.evaluator_name)
        potential = adapter_fit(self, *args, **kwargs)
        _safely("the checkpoint at the end of a fit", _after_fit, potential, self.res_opt)
        _run.first = False
        if _run.stopped:
            raise Stopped(potential)
        return potential

    def fit_all(self: Any) -> Any:
        _run.trainer = self
        try:
            return general_fit(self)
        except Stopped as end:
            log.info(MESSAGE, "the fit ends here, as asked; it is not finished")
            self.target_bbasisconfig = end.potential
            return end.potential

    def fit_cycles(self: Any, *args: Any, **kwargs: Any) -> Any:
        potential = cycle_fitting(self, *args, **kwargs)
        return _run.best_before() or potential

    adapter.fit, general.fit, general.cycle_fitting = fit_one, fit_all, fit_cycles
    for name in ("apply_gaussian_noise", "randomize_func_coeffs"):
        setattr(general, name, staticmethod(_from_best(getattr(general, name))))
    generalfit.extend_multispecies_basis = _around_extend(generalfit.extend_multispecies_basis)


def _from_best(disturb: Callable[..., Any]) -> Callable[..., Any]:
    """The next cycle starts from the best of all, also of those before this attempt."""

    @functools.wraps(disturb)
    def wrapped(potential: Any, *args: Any, **kwargs: Any) -> Any:
        return disturb(_run.best_before() or potential, *args, **kwargs)

    return wrapped


def _around_extend(extend: Callable[..., Any]) -> Callable[..., Any]:
    @functools.wraps(extend)
    def wrapped(potential: Any, target: Any, *args: Any, **kwargs: Any) -> Any:
        _run.target_functions = int(target.total_number_of_functions)
        if _run.plan.get("keep_first_basis") and not _run.basis_kept:
            _run.basis_kept = True
            log.info(MESSAGE, "the ladder step in progress goes on with its basis")
            same = potential.copy()
            return (same, True) if kwargs.get("return_is_extended") else same
        return extend(potential, target, *args, **kwargs)

    return wrapped


_safely("putting the hooks into the trainer", _install)
