"""Training on over several attempts, with the real trainer: nothing of what was reached is lost.

Stopped and killed at known iterations, by callbacks before and after the one that is tested; it
writes a checkpoint at every iteration here.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from paths import CHECKOUT

from hpctrain.files import put_job
from hpctrain.job.pacemaker.inside import bfgs_memory
from hpctrain.job.pacemaker.plan import (
    apply_changes,
    newest_checkpoint,
    plan_continuation,
    prepare,
    read_state,
)

pytestmark = [pytest.mark.slow, pytest.mark.real_pacemaker, pytest.mark.usefixtures("pacemaker")]

# tensorpot: bit for bit in all runs seen. pyace: its gradients are numerical, and the potential it
# hands out is that of the last evaluation, one coefficient moved by 1.5e-8; 1.2e-8 was seen.
SEAM = {"tensorpot": 1e-9, "pyace": 1e-6}


CALLBACKS = """
import os, signal
count = 0
def stop(**_):
    global count
    count += 1
    if count == int(os.environ["STOP_AT"]):
        open("stop", "w").close()
def kill(**_):
    if count == int(os.environ["KILL_AT"]):
        os.kill(os.getpid(), signal.SIGKILL)
"""


@pytest.fixture(scope="module")
def data(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """36 and 3 structures of the demo as the trainer reads them."""
    import ase.db
    import pandas as pd

    folder = tmp_path_factory.mktemp("data")
    with ase.db.connect(str(CHECKOUT / "hpctrain/demo/al_pbe.db")) as database:
        rows = list(database.select("status=completed"))
    for name, part in (("pyace", rows[3::60]), ("tensorpot", rows[1::5])):
        table = pd.DataFrame(
            {
                "ase_atoms": [row.toatoms() for row in part],
                "energy": [row.energy for row in part],
                "forces": [row.forces for row in part],
            }
        )
        for atoms in table["ase_atoms"]:
            atoms.calc = None
        table.to_pickle(folder / f"{name}.pckl.gzip", compression="gzip", protocol=4)
    # As if nothing bound them: the better a potential is trained, the worse it is on these.
    table = table[:3].copy()
    table["energy"] = [-0.2994 * len(atoms) for atoms in table["ase_atoms"]]
    table["forces"] = [0.0 * forces for forces in table["forces"]]
    table.to_pickle(folder / "unbound.pckl.gzip", compression="gzip", protocol=4)
    return folder


def given(data: Path, evaluator: str, functions: int, **fit: Any) -> dict[str, Any]:
    return {
        "cutoff": 6.0,
        "seed": 42,
        "potential": {
            "deltaSplineBins": 0.001,
            "elements": ["Al"],
            "embeddings": {"ALL": {"npot": "FinnisSinclairShiftedScaled", "ndensity": 2,
                                   "fs_parameters": [1, 1, 1, 0.5]}},
            "bonds": {"ALL": {"radbase": "SBessel", "radparameters": [5.25], "rcut": 6.0,
                              "dcut": 0.01, "NameOfCutoffFunction": "cos"}},
            "functions": {"number_of_functions_per_element": functions,
                          "ALL": {"nradmax_by_orders": [15, 6, 4, 3],
                                  "lmax_by_orders": [0, 3, 3, 2]}},
        },
        "data": {"filename": str(data / f"{evaluator}.pckl.gzip"),
                 "reference_energy": {"Al": -0.2994}},
        "fit": {"loss": {"kappa": 0.5, "L1_coeffs": 1e-8, "L2_coeffs": 1e-8},
                "optimizer": "BFGS", "callbacks": ["at_iteration.stop", "continuation.on_iteration",
                                                   "at_iteration.kill"], **fit},
        "backend": {"evaluator": evaluator, "display_step": 10},
    }  # fmt: skip


class Training:
    """A run of several attempts, as the job's driver would do them."""

    def __init__(self, folder: Path, source: dict[str, Any], patience: int = 0) -> None:
        self.folder, self.source, self.patience = folder, source, patience
        self.attempts: list[Path] = []

    def start(self, stop: int = 0, kill: int = 0) -> subprocess.Popen[bytes]:
        """Begin an attempt, to be stopped or killed in that iteration of it."""
        attempt = self.folder / f"{len(self.attempts) + 1:02d}"
        attempt.mkdir(parents=True)
        if not self.attempts:
            put_job(self.folder)
            (self.folder / "at_iteration.py").write_text(CALLBACKS)
        arguments, source = (), self.source
        if self.attempts:
            checkpoint = newest_checkpoint(self.attempts[-1])
            assert checkpoint
            plan = plan_continuation(self.source, read_state(checkpoint))
            assert plan.reason is None
            prepare(attempt, checkpoint, plan)
            arguments, source = plan.arguments, apply_changes(self.source, plan.input_changes)
        self.attempts.append(attempt)
        # YAML 1.2, which the trainer reads, takes JSON.
        (attempt / "input.yaml").write_text(json.dumps(source))
        more = {"PYTHONPATH": f"{self.folder / 'job/pacemaker/on_path'}{os.pathsep}{self.folder}",
                "STOP_AT": str(stop), "KILL_AT": str(kill), "HPCTRAIN_PATIENCE": str(self.patience),
                "HPCTRAIN_CHECKPOINT_S": "0", "OMP_NUM_THREADS": "1", "TF_NUM_INTRAOP_THREADS": "1",
                "TF_NUM_INTEROP_THREADS": "1"}  # fmt: skip
        with (attempt / "out.txt").open("wb") as out:
            return subprocess.Popen(
                [str(Path(sys.executable).parent / "pacemaker"), "input.yaml",
                 *(["--no-predict"] if "test_filename" not in source["data"] else []), *arguments],
                cwd=attempt, stdout=out, stderr=subprocess.STDOUT, env={**os.environ, **more},
            )  # fmt: skip

    def attempt(self, stop: int = 0, kill: int = 0) -> None:
        trainer = self.start(stop, kill)
        try:
            code = trainer.wait(240)
        finally:
            trainer.kill()
        assert code == (-9 if kill else 0), (self.attempts[-1] / "out.txt").read_text()[-3000:]

    def state(self) -> dict[str, Any]:
        checkpoint = newest_checkpoint(self.attempts[-1])
        return read_state(checkpoint) if checkpoint else {}

    def report(self) -> dict[str, Any]:
        return json.loads((self.attempts[-1] / "continuation.json").read_text())

    def rows(self, attempt: int = -1) -> list[tuple[int, int, int, float]]:
        """Ladder step, cycle, iteration and loss of an attempt's table."""
        lines = (self.attempts[attempt] / "metrics.txt").read_text().splitlines()[1:]
        cells = [line.split()[:4] for line in lines]
        return [(int(a), int(b), int(c), float(d)) for a, b, c, d in cells]

    def check_seam(self) -> None:
        """It begins where the checkpoint was taken, with the optimiser's memory."""
        before = read_state(self.attempts[-1] / "resume")["loss"]
        evaluator = self.source["backend"]["evaluator"]
        assert self.rows()[0][3] == pytest.approx(before, rel=SEAM[evaluator])
        assert self.report()["memory"]["used"] is True
        assert self.report()["problems"] == []


def test_a_kill_loses_nothing_that_was_written(tmp_path: Path, data: Path) -> None:
    run = Training(tmp_path, given(data, "pyace", 2, maxiter=12))
    run.attempt(kill=5)
    assert run.state()["iteration"] == 5
    run.attempt()
    run.check_seam()
    assert run.rows()[-1][2] == 7
    # More iterations than were asked for at first, of a training that has ended.
    run.source["fit"]["maxiter"] = 14
    run.attempt()
    run.check_seam()
    assert run.rows()[-1][2] == 2
    # And nothing where nothing is left; the potential is written all the same.
    run.attempt()
    assert [row[2] for row in run.rows()] == [0]
    assert (run.attempts[-1] / "output_potential.yaml").is_file()


def test_an_optimiser_without_a_memory_and_a_disk_without_room(tmp_path: Path, data: Path) -> None:
    options = {"maxcor": 100, "gtol": 1e-8}
    run = Training(tmp_path, given(data, "pyace", 2, maxiter=8, optimizer="L-BFGS-B",
                                   options=options))  # fmt: skip
    run.attempt(stop=4)
    assert run.report()["problems"] == []
    reached = run.state()
    assert reached["iteration"] == 4
    trainer = run.start()
    (run.attempts[-1] / "checkpoint").write_text("no folder can be made here")
    assert trainer.wait(120) == 0
    assert run.rows()[0][3] == pytest.approx(reached["loss"], rel=SEAM["pyace"])
    assert run.rows()[-1][2] == 4
    assert run.report()["memory"] == {"used": False, "why": "there is none"}
    assert len(run.report()["problems"]) == 2


def test_cycles_draw_the_numbers_that_they_would_have_drawn(tmp_path: Path, data: Path) -> None:
    source = given(data, "pyace", 2, maxiter=8, fit_cycles=3, randomize_func_coeffs=0.1)
    whole, parts = Training(tmp_path / "one", source), Training(tmp_path / "two", source)
    whole.attempt()
    parts.attempt(stop=11)
    parts.attempt()
    parts.check_seam()
    begun = {row[1]: row[3] for row in whole.rows() if row[2] == 0}
    last = {row[1]: row[3] for row in parts.rows() if row[2] == 0}
    assert sorted(last) == [1, 2]
    assert last[2] == pytest.approx(begun[2], rel=1e-6)
    # The members of the ensemble that were finished, and no other.
    names = [sorted(path.name for path in one.glob("ensemble_*")) for one in parts.attempts]
    assert names == [["ensemble_potential_0.yaml"],
                     ["ensemble_potential_1.yaml", "ensemble_potential_2.yaml"]]  # fmt: skip
    assert parts.state()["best_cycle_loss"] <= min(row[3] for row in whole.rows()) * 1.02


def test_a_ladder_goes_on_within_its_step_and_in_its_last(tmp_path: Path, data: Path) -> None:
    run = Training(tmp_path, given(data, "pyace", 6, maxiter=6, ladder_step=2))
    run.attempt(stop=9)
    stopped = run.state()
    assert stopped["iteration"] == 3
    assert (stopped["ladder_step"], stopped["functions"], stopped["target_functions"]) == (1, 4, 6)
    assert max(row[0] for row in run.rows()) == 1, "no step begins after the stop"
    run.attempt(stop=5)
    run.check_seam()
    kept = [row for row in run.rows() if row[0] == 0]
    assert kept[-1][2] == 3
    stopped = run.state()
    assert (stopped["iteration"], stopped["ladder_step"], stopped["functions"]) == (2, 2, 6)
    run.attempt()
    run.check_seam()
    assert run.rows()[-1][2] == 4
    end = run.state()
    assert (end["ladder_step"], end["functions"], end["total"]) == (2, 6, 18)


def check_best(folder: Path, errors: dict[str, float]) -> None:
    """What was written, and predicted with, has these errors, and the core repulsion."""
    import pandas as pd

    table = pd.read_pickle(folder / "test_pred.pckl.gzip", compression="gzip")
    energies = (table["energy_pred"] - table["energy_corrected"]) / table["NUMBER_OF_ATOMS"]
    assert errors["rmse_energy_mev_per_atom"] == pytest.approx(1000 * (energies**2).mean() ** 0.5)
    assert "zbl" in (folder / "output_potential.yaml").read_text()


def coefficients(potential: Path) -> list[float]:
    from pyace.basis import BBasisConfiguration

    return list(BBasisConfiguration(str(potential)).get_all_coeffs())


def test_the_best_of_an_attempt_before_is_kept(tmp_path: Path, data: Path) -> None:
    """The patience goes on too. pyace, whose looks at the test set are hpctrain's."""
    source = given(data, "pyace", 2, maxiter=12, repulsion="auto")
    source["data"]["test_filename"] = str(data / "unbound.pckl.gzip")
    source["backend"]["display_step"] = 1
    run = Training(tmp_path, source, patience=4)
    run.attempt(stop=7)
    assert "stopped_early" not in run.report()
    run.attempt()
    assert run.report()["problems"] == []
    assert run.report()["stopped_early"].startswith("stopped early: after iteration 5 the valid")
    assert run.rows()[-1][2] == 2
    assert run.state()["ended"] == 99
    best = run.report()["best"]
    assert (best["iteration"], best["of"]) == (5, 9)
    assert best["best"]["rmse_energy_mev_per_atom"] < best["last"]["rmse_energy_mev_per_atom"]
    check_best(run.attempts[-1], best["best"])
    kept = coefficients(run.attempts[-1] / "output_potential.yaml")
    assert kept == coefficients(run.attempts[0] / "checkpoint/000007/best.yaml")
    tested = (run.attempts[0] / "test_metrics.txt").read_text().splitlines()
    assert [line.split()[2] for line in tested[1:]] == list("1234567")


def test_the_best_is_kept_with_tensorpot(tmp_path: Path, data: Path) -> None:
    source = given(data, "tensorpot", 4, maxiter=12, repulsion="auto")
    source["data"]["test_filename"] = str(data / "unbound.pckl.gzip")
    source["backend"]["display_step"] = 2
    run = Training(tmp_path, source, patience=4)
    run.attempt()
    assert run.report()["problems"] == []
    best, of = run.report()["best"], run.rows()[-1][2]
    assert (best["of"], best["iteration"]) == (of, of - 4)
    check_best(run.attempts[-1], best["best"])
    assert "status=99" in (run.attempts[-1] / "log.txt").read_text()


@pytest.mark.parametrize("damage", ["asymmetric", "indefinite", "nan", "size", "torn", "pickle"])
def test_a_memory_that_does_not_fit_is_left_alone(
    damage: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    import numpy as np

    path = tmp_path / "hess_inv.npy"
    matrix = np.array([[2.0, 0.5, 0.0], [0.5, 2.0, 0.0], [0.0, 0.0, 1.0]])
    if damage == "asymmetric":
        matrix[0, 1] += 1e-9
    if damage == "indefinite":
        matrix[0, 1] = matrix[1, 0] = 3.0
    if damage == "nan":
        matrix[2, 2] = np.nan
    np.save(path, matrix.astype(object) if damage == "pickle" else matrix)
    if damage == "torn":
        path.write_bytes(path.read_bytes()[:-20])
    found, why = bfgs_memory.load(str(path), 4 if damage == "size" else 3, "BFGS")
    assert (found is not None) == (damage == "asymmetric"), why
    if found is not None:
        assert (found == found.T).all()
    assert bfgs_memory.load(str(path), 3, "L-BFGS-B")[0] is None


def test_the_memory_taken_on_the_way_is_that_of_the_end(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    import numpy as np
    from scipy.optimize import minimize, rosen, rosen_der

    taken: list[Any] = []
    result = minimize(rosen, np.full(6, 1.3), jac=rosen_der, method="BFGS",
                      options={"maxiter": 9},
                      callback=lambda _: taken.append(bfgs_memory.of_running_fit()))  # fmt: skip
    assert len(taken) == 9
    assert np.allclose(taken[-1], result.hess_inv, rtol=1e-6, atol=1e-9)
    minimize(rosen, np.full(6, 1.3), jac=rosen_der, method="L-BFGS-B", options={"maxiter": 2},
             callback=lambda _: taken.append(bfgs_memory.of_running_fit()))  # fmt: skip
    assert taken[-1] is None
