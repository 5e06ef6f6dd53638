"""The main job on this machine, with the real Pacemaker (evaluator pyace), and its last step."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from waiting import wait_for

from hpctrain.launch.submit import submit
from hpctrain.potentials.collect import collect
from hpctrain.project import Project, find_project, init
from hpctrain.runs.actions.status import RunStatus, status
from hpctrain.runs.state.verdict import SETTLED

FIVE_STRUCTURES = {
    "data": {"select": "id>1,id<7", "test_fraction": 0.2},
    "training": {
        "evaluator": "pyace",
        "b_basis_size": 5,
        "max_iter": 1,
        "reference_energies": {"Al": -0.2994},
    },
}


def settled(project: Project) -> RunStatus | None:
    run = status(project).runs[0]
    return run if run.state in SETTLED else None


@pytest.mark.slow
@pytest.mark.real_pacemaker
@pytest.mark.usefixtures("pacemaker")
def test_five_structures_one_iteration(tmp_path: Path) -> None:
    init(tmp_path, demo=True)
    project = find_project(str(tmp_path))
    submitted = submit(project, "local", changes=FIVE_STRUCTURES)
    assert submitted.manifest["dataset"]["train"]["structures"] == 4
    assert submitted.manifest["dataset"]["test"]["structures"] == 1

    run = wait_for(lambda: settled(project), 120, "the training to end")
    assert (run.state, run.reason) == ("completed", "")
    assert run.iteration == 1

    # Of one iteration becomes no potential to work with, and the job has seen it.
    (refused,) = collect(project).not_ready
    assert refused.state == "completed"
    assert refused.reason.startswith("its verification failed: ")
    assert f"hpctrain collect {run.run_id} --accept" in refused.reason
    assert not project.potentials.exists()

    done = collect(project, accept="only a test")
    assert [one.name for one in done.potentials] == ["potential_gen_01"]
    card = json.loads((tmp_path / "potentials/potential_gen_01.json").read_text())
    # pyace logs no test metrics: they were computed from its predictions.
    assert card["metrics"]["test"]["structures"] == 1
    assert card["metrics"]["test"]["rmse_energy_mev_per_atom"] > 0
    assert card["evaluator"] == "pyace"
    assert card["basis"]["functions"] == 5
    assert card["basis"]["parameters"] > 5
    assert card["metrics"]["train"]["mae_force_ev_per_a"] >= 0
    verdicts = {check["name"]: check["verdict"] for check in card["verification"]["checks"]}
    assert card["verification"]["verdict"] == "fail"
    assert card["verification"]["accepted"]["why"] == "only a test"
    assert verdicts["reproduces_test_rmse"] == "pass"
    assert verdicts["finite_differences"] == "skipped"  # crystals at rest: there are no forces
    assert verdicts["evaluators_agree"] == "skipped"  # there is only one
    archived = tmp_path / "potentials/report/potential_gen_01/verification.json"
    assert json.loads(archived.read_text())["verdict"] == "fail"
    assert card["versions"]["python-ace"]
    for suffix in ("yace", "yaml", "json"):
        assert (tmp_path / f"potentials/potential_gen_01.{suffix}").stat().st_mode & 0o222 == 0
    assert collect(project).potentials[0].new is False
    assert len(list((tmp_path / "potentials").glob("*.yace"))) == 1
