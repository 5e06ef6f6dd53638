"""The main job on a real Slurm, with the real Pacemaker (evaluator tensorpot), on real labels."""

from __future__ import annotations

import json
import math
from pathlib import Path

import numpy as np
import pytest
from lives import project_on, when
from slurm_fixture import Slurm
from waiting import wait_for

from hpctrain.launch.submit import submit
from hpctrain.potentials.collect import collect
from hpctrain.project import Project
from hpctrain.runs.actions.status import RunStatus, status

pytestmark = [
    pytest.mark.slow,
    pytest.mark.real_slurm,
    pytest.mark.usefixtures("slurm"),
]

PROFILE = """
extends: slurm
partition: cpu
account: materials
walltime: "00:20:00"
cores: 2
memory: 4G
"""


@pytest.fixture
def project(tmp_path: Path) -> Project:
    return project_on(tmp_path, mycluster=PROFILE)


@pytest.mark.real_pacemaker
@pytest.mark.usefixtures("pacemaker")
def test_labels_to_potential(project: Project, slurm: Slurm) -> None:
    import ase.io
    from pyace import PyACECalculator

    changes = {"training": {"evaluator": "tensorpot", "b_basis_size": 40, "max_iter": 40}}
    submitted = submit(project, "mycluster", changes=changes)
    assert submitted.job_id.isdecimal()

    def training() -> RunStatus | None:
        run = when(project)
        return run or next((r for r in status(project).runs if (r.iteration or 0) >= 2), None)

    run = wait_for(training, 240, "the second iteration")
    assert run.state == "running", run.reason
    assert run.job_id == submitted.job_id
    assert run.train is not None
    assert run.eta_s is not None

    run = wait_for(lambda: when(project), 240, "the training to end")
    assert (run.state, run.reason) == ("completed", "")
    assert run.iteration == 40

    # Forty iterations are few: whatever the checks say of it is accepted.
    archived = collect(project, accept="only a test").potentials[0]
    card = json.loads(archived.card_path.read_text())
    assert card["run"]["job_ids"] == [submitted.job_id]
    assert card["run"]["environment"]["variables"]["SLURM_JOB_ID"] == submitted.job_id
    assert card["run"]["environment"]["variables"]["OMP_NUM_THREADS"] == "2"

    # The archived file, loaded by a stranger, has the errors that its card claims.
    calculator = PyACECalculator(str(archived.path))
    energy_errors, force_errors = [], []
    for atoms in ase.io.read(submitted.run_dir / "test.extxyz", ":"):
        labels = atoms.calc.results
        atoms.calc = calculator
        energy = atoms.get_potential_energy() + sum(
            card["reference_energies"][symbol] for symbol in atoms.get_chemical_symbols()
        )
        energy_errors.append((energy - labels["energy"]) / len(atoms))
        force_errors.append(atoms.get_forces() - labels["forces"])
    rmse_energy = 1000 * math.sqrt(np.mean(np.square(energy_errors)))
    rmse_force = math.sqrt(np.mean(np.square(np.vstack(force_errors))))
    claimed = card["metrics"]["test"]
    assert rmse_energy == pytest.approx(claimed["rmse_energy_mev_per_atom"], rel=1e-4)
    assert rmse_force == pytest.approx(claimed["rmse_force_ev_per_a"], rel=1e-4)


def test_a_job_script_that_fails(project: Project) -> None:
    changes = {"site": {"setup": ["echo no such module: pacemaker/2042 >&2", "exit 7"]}}
    submit(project, "mycluster", changes=changes)
    run = wait_for(lambda: when(project), 120, "the job to end")
    assert run.state == "failed"
    assert "no such module: pacemaker/2042" in run.reason
    done = collect(project)
    assert done.potentials == []
    assert done.not_ready[0].state == "failed"
