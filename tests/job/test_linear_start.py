"""Where a fit begins: what the equations promise is what the trainer finds."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from paths import CHECKOUT

from hpctrain.engines.pacemaker.faults import SHAPE
from hpctrain.files import put_job


def trained(folder: Path, **potential: Any) -> tuple[dict[str, Any], list[float]]:
    """Two iterations with pyace on six structures; continuation.json, and the losses."""
    import ase.db
    import pandas as pd

    with ase.db.connect(str(CHECKOUT / "hpctrain/demo/al_pbe.db")) as database:
        rows = list(database.select("status=completed,config_type=rattle_fcc4"))[:6]
    structures = [row.toatoms() for row in rows]
    for atoms in structures:
        atoms.calc = None
        atoms.symbols[1] = "Ni"  # no such labels exist; the equations do not mind
    pd.DataFrame(
        {"ase_atoms": structures, "energy": [row.energy for row in rows],
         "forces": [row.forces for row in rows]}
    ).to_pickle(folder / "train.pckl.gzip", compression="gzip", protocol=4)  # fmt: skip
    embedding = {"npot": "FinnisSinclairShiftedScaled", "ndensity": 2,
                 "fs_parameters": [1, 1, 1, 0.5], **potential}  # fmt: skip
    given = {
        "cutoff": 5.0, "seed": 1,
        "potential": {
            "deltaSplineBins": 0.001, "elements": ["Al", "Ni"], "embeddings": {"ALL": embedding},
            "bonds": {"ALL": {"radbase": "SBessel", "radparameters": [5.25], "rcut": 5.0,
                              "dcut": 0.01, "NameOfCutoffFunction": "cos"}},
            "functions": {"number_of_functions_per_element": 4, **SHAPE},
        },
        "data": {"filename": "train.pckl.gzip", "reference_energy": {"Al": -0.3, "Ni": -0.2}},
        "fit": {"loss": {"kappa": 0.3, "L1_coeffs": 0, "L2_coeffs": 0}, "optimizer": "BFGS",
                "maxiter": 1, "callbacks": ["continuation.on_iteration"]},
        "backend": {"evaluator": "pyace", "display_step": 1},
    }  # fmt: skip
    (folder / "input.yaml").write_text(json.dumps(given))
    more = {"PYTHONPATH": str(put_job(folder) / "pacemaker/on_path"), "HPCTRAIN_START": "linear",
            "OMP_NUM_THREADS": "1"}  # fmt: skip
    program = str(Path(sys.executable).parent / "pacemaker")
    subprocess.run([program, "input.yaml", "--no-predict"], cwd=folder, check=True,
                   env={**os.environ, **more}, capture_output=True)  # fmt: skip
    lines = (folder / "metrics.txt").read_text().splitlines()[1:]
    told = json.loads((folder / "continuation.json").read_text())
    return told, [float(line.split()[3]) for line in lines]


@pytest.mark.slow
@pytest.mark.real_pacemaker
@pytest.mark.usefixtures("pacemaker")
def test_the_loss_is_the_one_that_the_equations_tell(tmp_path: Path) -> None:
    told, losses = trained(tmp_path)
    assert told["problems"] == []
    assert told["linear_start"]["used"] is True
    assert told["linear_start"]["structures"] == 6
    # pyace's first row is of zero; then there is one iteration from the linear start.
    assert losses[1] <= told["linear_start"]["loss"] * 1.001 < losses[0] / 10
    assert losses[1] > told["linear_start"]["loss"] / 5


@pytest.mark.slow
@pytest.mark.real_pacemaker
@pytest.mark.usefixtures("pacemaker")
def test_an_embedding_that_is_not_linear(tmp_path: Path) -> None:
    told, _ = trained(tmp_path, fs_parameters=[1, 0.5, 1, 1])
    assert told["linear_start"] == {
        "used": False, "why": "the embedding is not linear in the first density",
    }  # fmt: skip
