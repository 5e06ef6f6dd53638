"""Stands in for `pacemaker` where no test needs a fit: seconds become milliseconds.

Like the real one it is started as ``pacemaker input.yaml [-p POTENTIAL]``, takes everything from
those files and from the pickles they name, calls the callbacks after each iteration (the real
callback.py then takes its checkpoints and ends the fit), and leaves metrics.txt, test_metrics.txt
(rows only with tensorpot), log.txt, output_potential.yaml, the data of the fit and the two tables
of predictions, in the real formats. What it "fits" is the mean energy per atom; its
forces are zero. So its errors are true errors, and the stand-in of pyace finds the same ones. What
real pacemaker does with wrong input, it does not know.

STANDIN steers it: ``crash NAME`` (prints a recorded traceback, exit 1), ``hang``, ``stubborn``
(hangs and ignores SIGTERM, and so does a process it started), ``leave`` (succeeds and leaves a
process behind), ``sigkill``, ``no-output``, ``nothing-trained``, ``nan``; ``pause N`` waits after
iteration N until it is asked to stop, with a file paused.pid, and ``deaf N`` for ever;
``overfit N`` makes the test errors grow after iteration N (only tensorpot looks at the test set).
"""

from __future__ import annotations

import copy
import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import pandas

COLUMNS = """
ladder_step cycle_step iter_num loss e_loss_contrib f_loss_contrib reg_loss rmse_epa rmse_f_comp
low_rmse_epa low_rmse_f_comp mae_f_comp low_mae_f_comp nfuncs ncoefs l1_reg_contrib l2_reg_contrib
smooth_orth smooth_w1 smooth_w2 smooth_w3
""".split()  # noqa: SIM905
STAMP = "2026-11-23 13:21:08,578 I - "


def read(file: str, free_atoms: dict[str, float]) -> pandas.DataFrame:
    import numpy as np
    import pandas

    table = pandas.read_pickle(file, compression="gzip")
    for column in ("ase_atoms", "energy", "forces"):
        if column not in table.columns:
            raise ValueError(f"Column `{column}` not found in dataset")
    table["NUMBER_OF_ATOMS"] = [len(atoms) for atoms in table["ase_atoms"]]
    assert all(
        np.shape(forces) == (number, 3)
        for forces, number in zip(table["forces"], table["NUMBER_OF_ATOMS"], strict=True)
    )
    table["energy_corrected"] = [
        energy - sum(free_atoms[symbol] for symbol in atoms.get_chemical_symbols())
        for energy, atoms in zip(table["energy"], table["ase_atoms"], strict=True)
    ]
    return table


def predict(table: pandas.DataFrame, per_atom: float) -> tuple[float, float]:
    """Add the predictions; the errors in eV/atom and eV/Å."""
    import numpy as np

    table["energy_pred"] = per_atom * table["NUMBER_OF_ATOMS"]
    table["forces_pred"] = [np.zeros_like(forces) for forces in table["forces"]]
    energies = (table["energy_pred"] - table["energy_corrected"]) / table["NUMBER_OF_ATOMS"]
    forces = np.vstack(table["forces"].to_list())
    return float(np.sqrt(np.mean(energies**2))), float(np.sqrt(np.mean(forces**2)))


def row(iteration: int, energy: float, force: float) -> str:
    numbers = dict.fromkeys(COLUMNS, 0.0) | {
        "ladder_step": 0, "cycle_step": 0, "iter_num": iteration, "loss": energy**2 + force**2,
        "rmse_epa": energy, "rmse_f_comp": force, "nfuncs": 5, "ncoefs": 10,
    }  # fmt: skip
    return " ".join(f"{numbers[name]!r:<22}" for name in COLUMNS) + "\n"


class Potential:
    """What the real callback asks of a potential."""

    total_number_of_functions = 5

    def __init__(self, elements: list[str], free_atoms: dict[str, float], per_atom: float) -> None:
        self.metadata = {"reference_energy": json.dumps(free_atoms)}
        self._rest = {"elements": elements, "energy_per_atom": per_atom}

    def copy(self) -> Potential:
        return copy.deepcopy(self)

    def get_all_coeffs(self) -> list[float]:
        return [0.0] * 10

    def save(self, path: str) -> None:
        import yaml

        Path(path).write_text(yaml.safe_dump({"metadata": self.metadata, **self._rest}))


def active_import(name: str) -> Any:
    """Import a callback as pyace.generalfit does: the module is the first part of its name."""
    first, *rest = name.split(".")
    found = __import__(first)
    for part in rest:
        found = getattr(found, part)
    return found


class Callbacks:
    """Those that the input names, and the places where its hooks are in the trainer."""

    def __init__(self, names: list[str], potential: Potential, evaluator: str) -> None:
        self.backend = SimpleNamespace(
            last_fit_metric_data={}, last_test_metric_data={},
            fitter=SimpleNamespace(
                compute_test_metric=lambda **_: self.backend.last_test_metric_data
            ),
            setup_backend_for_predict=lambda _: None,
        )  # fmt: skip
        self.trainer = SimpleNamespace(
            fit_backend=self.backend, ladder_scheme=False, fit_config={}, current_fit_cycle=0,
            current_ladder_step=0, evaluator_name=evaluator,
            test_data="not needed" if evaluator == "tensorpot" else None,
            # Another number of functions: then the evaluator is set up anew to predict.
            target_bbasisconfig=SimpleNamespace(total_number_of_functions=0, get_all_coeffs=list),
        )  # fmt: skip
        self._potential = potential
        self._calls = [active_import(name) for name in names]
        callback: Any = sys.modules.get("job.pacemaker.inside.callback")
        self._state = callback and callback.state
        if callback:
            self._state.trainer = self.trainer

    def after(self, iteration: int, loss: float, tested: dict[str, float] | None) -> None:
        self.backend.last_fit_metric_data = {"loss": loss}
        self.backend.last_test_metric_data = tested or self.backend.last_test_metric_data
        self._potential = self._potential.copy()
        self._potential.metadata["iteration"] = str(iteration)
        for call in self._calls:
            call(basis_config=self._potential, current_fit_iteration=iteration - 1,
                 current_fit_cycle=0, current_ladder_step=0)  # fmt: skip

    def at_the_end(self, loss: float) -> Potential:
        """The potential that is to be written."""
        if not self._state:
            return self._potential
        self._state.end_fit(self._potential, SimpleNamespace(fun=loss, status=1, x=[]))
        if not self._state.stopped:
            self._state.finish()
        kept: Any = self.trainer.target_bbasisconfig
        return kept if isinstance(kept, Potential) else self._potential


def pause(until: Path) -> None:
    Path("paused.pid").write_text(f"{os.getpid()}\n")
    while not until.exists():
        time.sleep(0.01)


def fit(asked: dict[str, Any], behaviour: str, number: str) -> None:
    data, backend = asked["data"], asked["backend"]
    free_atoms = data["reference_energy"]
    train, test = (read(data[key], free_atoms) for key in ("filename", "test_filename"))
    train.to_pickle("fitting_data_info.pckl.gzip", compression="gzip")
    symbols = {s for atoms in train["ase_atoms"] for s in atoms.get_chemical_symbols()}
    assert symbols <= set(asked["potential"]["elements"])
    per_atom = float((train["energy_corrected"] / train["NUMBER_OF_ATOMS"]).mean())
    if behaviour == "nan":
        per_atom = float("nan")
    train_errors, test_errors = predict(train, per_atom), predict(test, per_atom)
    potential = Potential(asked["potential"]["elements"], free_atoms, per_atom)
    callbacks = Callbacks(asked["fit"].get("callbacks", []), potential, backend["evaluator"])
    header, last = " ".join(f"{name:<22}" for name in COLUMNS) + "\n", asked["fit"]["maxiter"]
    with (
        Path("metrics.txt").open("w") as metrics,
        Path("test_metrics.txt").open("w") as tested,
        Path("log.txt").open("a") as log,
    ):
        log.write(f"{STAMP}Start pacemaker\n{STAMP}pacemaker/pyace version: 0.4.0rc1\n")
        metrics.write(header)
        tested.write(header)
        energy = force = 0.0
        for iteration in [] if behaviour == "nothing-trained" else range(last + 1):
            above = 2.0 ** (last - iteration)  # twice as good in each iteration
            energy, force = train_errors[0] * above, train_errors[1] * above
            metrics.write(row(iteration, energy, force))
            look = None
            if backend["evaluator"] == "tensorpot" and (
                iteration % backend["display_step"] == 0 or iteration == last
            ):
                turned = iteration - int(number) if behaviour == "overfit" else 0
                worse = above * 4.0 ** max(0, turned)
                energies, forces = test_errors[0] * worse, test_errors[1] * worse
                tested.write(row(iteration, energies, forces))
                look = {"iter_num": iteration, "loss": energies**2 + forces**2,
                        "rmse_epa": energies, "rmse_f_comp": forces}  # fmt: skip
            log.write(
                f"{STAMP}Iteration   #{iteration:<5}({iteration + 1} evals):        "
                f"Loss: {energy**2 + force**2:.4e} | "
                f"RMSE Energy(low): {energy * 1e3:.2f} ({energy * 1e3:.2f}) meV/at | "
                f"Forces(low): {force * 1e3:.2f} ({force * 1e3:.2f}) meV/A | "
                "Time/eval: 131.37 mcs/at\n"
            )
            for file in (metrics, tested, log):
                file.flush()
            if behaviour in ("pause", "deaf") and iteration == int(number):
                pause(Path("stop" if behaviour == "pause" else "never"))
            try:
                if iteration:
                    callbacks.after(iteration, energy**2 + force**2, look)
            except StopIteration:
                break
        potential = callbacks.at_the_end(energy**2 + force**2)
        log.write(
            f"{STAMP}Optimization result(success=False, status=1, message=Maximum number of "
            f"iterations has been exceeded., nfev=9, njev=9)\n{STAMP}Fitting done\n"
        )
    if behaviour == "no-output":
        return
    potential.save("output_potential.yaml")
    wanted = ["energy_corrected", "energy_pred", "forces", "forces_pred", "NUMBER_OF_ATOMS"]
    train[wanted].to_pickle("train_pred.pckl.gzip", compression="gzip")
    test[wanted].to_pickle("test_pred.pckl.gzip", compression="gzip")


def hang(folder: Path) -> None:
    (folder / "standin.pid").write_text(f"{os.getpid()}\n")
    while True:
        time.sleep(1000)


def main() -> int:
    behaviour, _, name = os.environ.get("STANDIN", "").partition(" ")
    if behaviour == "crash":
        recorded = Path(os.environ["STANDIN_RECORDED"]) / f"crash_{name}" / "out.txt"
        sys.stderr.write(recorded.read_text())
        return 1
    if behaviour in ("stubborn", "leave"):
        # In a session of its own, as a daemon would be, and its parent ends before it.
        ignore = "signal.signal(15, signal.SIG_IGN); " if behaviour == "stubborn" else ""
        daemon = f"import os, signal, time; {ignore}os.setsid(); time.sleep(1000)"
        start = f"import subprocess, sys; c = [sys.executable, '-c', {daemon!r}]"
        start += "; print(subprocess.Popen(c, stdout=subprocess.DEVNULL).pid)"
        told = subprocess.run([sys.executable, "-c", start], stdout=subprocess.PIPE, check=True)
        Path("left.pid").write_bytes(told.stdout)
    if behaviour == "stubborn":
        signal.signal(signal.SIGTERM, signal.SIG_IGN)
    if behaviour in ("hang", "stubborn"):
        hang(Path.cwd())
    if behaviour == "sigkill":
        os.kill(os.getpid(), signal.SIGKILL)
    import yaml

    if sys.argv[2:]:
        option, potential = sys.argv[2:]
        assert option == "-p"
        assert "energy_per_atom" in yaml.safe_load(Path(potential).read_text(encoding="utf-8"))
    fit(yaml.safe_load(Path(sys.argv[1]).read_text(encoding="utf-8")), behaviour, name)
    return 0


if __name__ == "__main__":
    sys.exit(main())
