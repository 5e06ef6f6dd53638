"""A life with the real gracemaker: a tiny potential, archived, and loaded as its card says.

`make test` trains it on one site, another each day; ``make faults`` on both.
"""

from __future__ import annotations

import json
import math
import os
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest
from lives import project_on, when
from waiting import wait_for

from hpctrain.launch.submit import submit
from hpctrain.potentials.audit import audit
from hpctrain.potentials.collect import collect
from hpctrain.potentials.verify import verify
from hpctrain.project import Project
from hpctrain.runs.actions.status import RunStatus
from hpctrain.runs.run import Run
from hpctrain.runs.state.curves import curves

pytestmark = [pytest.mark.slow, pytest.mark.real_pacemaker, pytest.mark.usefixtures("pacemaker")]

EPOCHS = 3
MYCLUSTER = """
extends: slurm
partition: cpu
account: materials
walltime: "00:20:00"
cores: 1
memory: 3G
"""
TODAY = int(time.time() // 86400) % 2
SITES = [pytest.param("local"), pytest.param("mycluster", marks=pytest.mark.real_slurm)]
TINY = {
    "data": {"select": "status=completed,id>90,id<103", "test_fraction": 0.25},
    "training": {
        "engine": "grace",
        "max_iter": EPOCHS,
        "batch_size": 4,
        "reference_energies": {"Al": -0.2994},
        "verify_minutes": 0.2,
        "overrides": {
            "potential": {
                "kwargs": {
                    "lmax": [1, 1], "max_order": 2, "n_rad_max": [3, 2], "embedding_size": 4,
                    "fs_parameters": [[1.0, 1.0]],
                }
            }
        },
    },
}  # fmt: skip
# What a stranger does with an archived potential: the lines of its card, in its folder.
USE = """
import json, sys
from pathlib import Path
import pandas
card, table = json.loads(Path(sys.argv[1]).read_text()), pandas.read_pickle(sys.argv[2], "gzip")
structures = pandas.read_pickle(sys.argv[3], "gzip")["ase_atoms"]
found = {}
for lines, some in (("ase", 1), ("ase_without_tensorflow", None), ("ase_extrapolation", 1)):
    of_lines = found[lines] = []
    for atoms in structures[:some]:
        names = {"atoms": atoms}
        exec("\\n".join(card["use"][lines]), names)
        of_lines.append([atoms.get_potential_energy(), atoms.get_forces().tolist()])
        found["gamma"] = [float(one) for one in names.get("gamma", [])]
found["predicted"] = [[float(e), f.tolist()] for e, f in zip(table.energy_pred, table.forces_pred)]
found["labels"] = [[float(e), f.tolist()] for e, f in zip(table.energy_corrected, table.forces)]
print(json.dumps(found))
"""


@pytest.mark.parametrize("site", SITES if os.environ.get("EVERY_FAULT") else [SITES[TODAY]])
def test_a_potential_of_grace(site: str, tmp_path: Path, request: pytest.FixtureRequest) -> None:
    if site != "local":
        request.getfixturevalue("slurm")
    project = project_on(tmp_path, mycluster=MYCLUSTER)
    submitted = submit(project, site, changes=TINY)
    run = wait_for(lambda: when(project), 300, "the training to end")
    assert (run.state, run.reason) == ("completed", "")
    is_as_its_card_says(project, submitted.run_dir, run)


def is_as_its_card_says(project: Project, run_dir: Path, run: RunStatus) -> None:
    assert run.iteration == EPOCHS
    curve = curves(Run(run_dir))
    for points in (curve.train, curve.test):
        assert [point.epoch for point in points] == list(range(EPOCHS + 1))
    assert run.test is not None
    assert run.test["rmse_force_ev_per_a"] == pytest.approx(curve.test[-1].rmse_force, rel=1e-6)

    (refused,) = collect(project).not_ready
    assert "its verification failed" in refused.reason
    (potential,) = collect(project, accept="only a test").potentials
    card = json.loads(potential.card_path.read_text())
    folder = project.potentials

    # The best by validation was archived: its row of the test table is the card's.
    claimed = card["metrics"]["test"]
    best = min(curve.test[1:], key=lambda point: point.loss or math.inf)
    assert claimed["rmse_energy_mev_per_atom"] == pytest.approx(best.rmse_energy, rel=1e-6)
    assert claimed["rmse_force_ev_per_a"] == pytest.approx(best.rmse_force, rel=1e-6)

    attempt = run_dir / "attempts" / "01"
    files = (str(potential.card_path), attempt / "test_pred.pckl.gzip", attempt / "test.pkl.gz")
    used = subprocess.run(
        [sys.executable, "-c", USE, *map(str, files)], cwd=folder, capture_output=True, text=True,
        env={**os.environ, "TF_CPP_MIN_LOG_LEVEL": "2"}, check=False,
    )  # fmt: skip
    assert used.returncode == 0, used.stderr
    found = json.loads(used.stdout.splitlines()[-1])
    # The exported model computes in float32.
    for lines, most in {"ase": 1e-5, "ase_without_tensorflow": 1e-9}.items():
        for mine, known in zip(found[lines], found["predicted"], strict=False):
            assert mine[0] == pytest.approx(known[0], abs=most), lines
            np.testing.assert_allclose(mine[1], known[1], atol=most, err_msg=lines)
    assert len(found["gamma"]) == len(found["predicted"][0][1])
    energies = [
        (mine - label) / len(forces)
        for (mine, forces), (label, _) in zip(
            found["ase_without_tensorflow"], found["labels"], strict=True
        )
    ]
    assert claimed["rmse_energy_mev_per_atom"] == pytest.approx(
        1000 * math.sqrt(np.mean(np.square(energies))), rel=1e-9
    )

    (audited,) = audit(project)
    assert audited.ok, audited.findings
    again = verify(project, potential.name, minutes=0.2)
    verdicts = {check["name"]: check["verdict"] for check in again.content["checks"]}
    assert verdicts["reproduces_test_rmse"] == "pass"
    assert verdicts["finite_differences"] in ("pass", "skipped")
