"""The errors on the test set while the trainer fits: the best potential so far, and when to end.

Evaluator tensorpot computes them every ``display_step`` iterations by itself. pyace never does:
there it is done here, and written into the trainer's own table, test_metrics.txt. The validation
loss is that table's ``loss``. Python 3.8 and later, NumPy of the trainer's environment.
"""

from __future__ import annotations

import os
from dataclasses import dataclass
from typing import Any, Mapping

from ... import early_stopping

# Iterations; 0 ends nothing. The driver passes it on from training.patience.
PATIENCE = int(os.environ.get("HPCTRAIN_PATIENCE", "0"))
FILE = "best.yaml"


@dataclass(frozen=True)
class Best:
    """The potential with the lowest validation loss, after ``iteration`` of the whole training.

    ``errors`` are RMSEs on the test set: meV/atom, and eV/Å per force component.
    """

    iteration: int
    loss: float
    errors: dict[str, float]
    potential: Any


class Validation:
    """The errors on the test set so far, over all attempts."""

    def __init__(self) -> None:
        self.best: Best | None = None
        self.last: dict[str, float] | None = None
        self._best_of_fit: early_stopping.Look | None = None
        self._seen: Any = None

    def next_fit(self) -> None:
        """Begin a fit cycle or ladder step, whose end is decided by itself; the best is of all."""
        self._best_of_fit = None

    def evaluate(self, trainer: Any, potential: Any, iteration: int, total: int) -> str | None:
        """Take note of new errors after an iteration; say why the fit ends here, or return None."""
        found = self._new_metrics(trainer, potential)
        if not found:
            return None
        train = (trainer.fit_backend.last_fit_metric_data or {}).get("loss", float("nan"))
        now = early_stopping.Look(iteration, float(train), float(found["loss"]))
        self._note(found, potential, total)
        ends = early_stopping.is_over_fitting(self._best_of_fit, now, PATIENCE)
        if ends and self._best_of_fit:
            return early_stopping.in_words(self._best_of_fit, now)
        self._best_of_fit = early_stopping.better(self._best_of_fit, now)
        return None

    def evaluate_at_end(self, trainer: Any, potential: Any, x: Any, total: int) -> None:
        """Take note of the errors of what a fit has ended with.

        Pacemaker's own closing row is of the coefficients that were evaluated last, which after a
        line search that failed are not those that it keeps.
        """
        if getattr(trainer, "test_data", None) is None:
            return
        if trainer.evaluator_name == "pyace":
            found = self._compute_with_pyace(trainer, potential)
        else:
            found = trainer.fit_backend.fitter.compute_test_metric(updating_coefs=x)
        self._note(found, potential, total)

    def _new_metrics(self, trainer: Any, potential: Any) -> Mapping[str, Any] | None:
        """Return the trainer's numbers on the test set, if they are of this iteration."""
        if getattr(trainer, "test_data", None) is None:
            return None
        if trainer.evaluator_name == "pyace":
            due = trainer.fit_backend.fitter.iter_num % trainer.display_step == 0
            return self._compute_with_pyace(trainer, potential) if due else None
        found: Mapping[str, Any] = trainer.fit_backend.last_test_metric_data or {}
        # Those of the start, numbered 0, are there until the first look.
        new = found is not self._seen and found.get("iter_num", 0) > 0
        self._seen = found
        return found if new else None

    @staticmethod
    def _compute_with_pyace(trainer: Any, potential: Any) -> Mapping[str, Any]:
        """Compute the same numbers as tensorpot's, and write them into test_metrics.txt."""
        import numpy as np
        from pyace.metrics_aggregator import FitMetrics

        fitter, test, kappa = trainer.fit_backend.fitter, trainer.test_data, trainer.loss_spec.kappa
        predicted = _predict(potential, test["atomic_env"])
        atoms = test["NUMBER_OF_ATOMS"].to_numpy()
        energies = np.array([energy for energy, _ in predicted]) - test["energy_corrected"]
        energies = energies.to_numpy(dtype=float)
        forces = np.vstack([force for _, force in predicted]) - np.vstack(test["forces"].to_list())
        metrics = FitMetrics(
            np.vstack(test["w_energy"].to_list()), np.hstack(test["w_forces"].to_list())[:, None],
            1.0 - kappa, kappa, fitter.metrics.ncoefs,
        )  # fmt: skip
        metrics.nfuncs, metrics.loss, metrics.eval_time = fitter.nfuncs, 0.0, 0.0
        metrics.regs, metrics.reg_weights = fitter.get_reg_components(), fitter.get_reg_weights()
        metrics.compute_metrics(
            energies[:, None], (energies / atoms)[:, None], forces, atoms, dataframe=test
        )
        found: dict[str, Any] = metrics.to_FitMetricsDict()
        found["loss"] = (
            found["e_loss_contrib"] + found["f_loss_contrib"] + found["l1_reg_contrib"]
            + found["l2_reg_contrib"] + sum(found["extra_regularization_contrib"])
        )  # fmt: skip
        found.update(
            iter_num=fitter.iter_num,
            cycle_step=trainer.current_fit_cycle,
            ladder_step=trainer.current_ladder_step,
        )
        trainer.metrics_aggregator.test_metric_callback(found)
        return found

    def _note(self, found: Mapping[str, Any], potential: Any, total: int) -> None:
        self.last = {
            "rmse_energy_mev_per_atom": 1000.0 * float(found["rmse_epa"]),
            "rmse_force_ev_per_a": float(found["rmse_f_comp"]),
        }
        loss = float(found["loss"])
        if loss == loss and (self.best is None or loss < self.best.loss):
            self.best = Best(total, loss, self.last, potential)

    # -- to the end of the training, and to the next attempt ---------------------------------

    def put_best(self, trainer: Any) -> None:
        """Have the trainer write, and predict with, the best potential instead of the last.

        Before the core repulsion is added, so that the best one has it too.
        """
        assert self.best
        potential, backend = self.best.potential.copy(), trainer.fit_backend
        if trainer.evaluator_name == "tensorpot" and _size(potential) == _size(
            trainer.target_bbasisconfig
        ):
            from pyace.basis import ACEBBasisSet

            # The trainer's graph is there already: another takes seconds to build.
            backend.fitter.tensorpot.potential.set_coefs(ACEBBasisSet(potential).all_coeffs)
        else:
            backend.setup_backend_for_predict(potential)
        trainer.target_bbasisconfig = potential

    def summary(self, total: int) -> dict[str, Any] | None:
        """Return what the result tells of the best potential."""
        if self.best is None:
            return None
        return {
            "iteration": self.best.iteration, "of": total, "by": "validation loss",
            "best": self.best.errors, "last": self.last,
        }  # fmt: skip

    def save(self, folder: str) -> None:
        """Save the best potential."""
        if self.best:
            self.best.potential.save(os.path.join(folder, FILE))

    def state(self) -> dict[str, Any]:
        """Return what a checkpoint keeps of it beside the potential."""
        best = self.best
        return {
            "best": best
            and {"iteration": best.iteration, "loss": best.loss, "errors": best.errors},
            "last": self.last,
            "best_of_fit": self._best_of_fit,
        }

    def load(self, folder: str, state: Mapping[str, Any]) -> None:
        """Go on with the best of the attempts before."""
        best, of_fit = state.get("best"), state.get("best_of_fit")
        self.last = state.get("last")
        self._best_of_fit = early_stopping.Look(*of_fit) if of_fit else None
        if best:
            from pyace.basis import BBasisConfiguration

            potential = BBasisConfiguration(os.path.join(folder, FILE))
            self.best = Best(best["iteration"], best["loss"], best["errors"], potential)


def _predict(potential: Any, environments: Any) -> list[tuple[float, Any]]:
    """Compute energies (eV) and forces [n, 3] (eV/Å) with the fit's own evaluator.

    Not by PyACEFit.predict: it puts the structures where the running fit has its own.
    """
    import numpy as np
    from pyace.basis import ACEBBasisSet
    from pyace.calculator import ACECalculator
    from pyace.evaluator import ACECTildeEvaluator

    evaluator, calculator = ACECTildeEvaluator(), ACECalculator()
    # By name: the evaluator keeps a bare pointer to it, and crashes when it is gone.
    basis = ACEBBasisSet(potential).to_ACECTildeBasisSet()
    evaluator.set_basis(basis)
    calculator.set_evaluator(evaluator)
    found = []
    for environment in environments:
        calculator.compute(environment)
        found.append((float(calculator.energy), np.array(calculator.forces)))
    return found


def _size(potential: Any) -> tuple[int, int]:
    return potential.total_number_of_functions, len(potential.get_all_coeffs())
