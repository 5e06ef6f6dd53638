"""Going on from an archived potential, and using it, with the real trainer."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from waiting import wait_for

from hpctrain.launch.submit import submit
from hpctrain.potentials.audit import audit
from hpctrain.potentials.collect import Collected, collect
from hpctrain.potentials.compare import diff
from hpctrain.project import Project, find_project, init
from hpctrain.runs.actions.status import status
from hpctrain.runs.state.verdict import SETTLED

pytestmark = [
    pytest.mark.slow, pytest.mark.real_pacemaker, pytest.mark.usefixtures("pacemaker"),
    pytest.mark.xdist_group("from_potential"),
]  # fmt: skip

FEW: dict[str, Any] = {
    "data": {"select": "id>60,id<69", "test_fraction": 0.2},
    # Nothing that two iterations fit would pass the checks.
    "training": {"evaluator": "pyace", "b_basis_size": 4, "max_iter": 2, "verify_minutes": 0,
                 "reference_energies": {"Al": -0.2994}},
}  # fmt: skip


def train(project: Project, training: dict[str, Any], **options: Any) -> Collected:
    changes = {**FEW, "training": {**FEW["training"], **training}}
    submit(project, "local", changes=changes, **options)

    def ended() -> bool:
        return status(project).runs[-1].state in SETTLED

    wait_for(ended, 120, "the training to end")
    assert status(project).runs[-1].reason == ""
    (made,) = [one for one in collect(project).potentials if one.new]
    return made


@pytest.fixture(scope="module")
def project(tmp_path_factory: pytest.TempPathFactory, pacemaker: None) -> Project:
    folder = tmp_path_factory.mktemp("project")
    init(folder, demo=True)
    return find_project(str(folder))


@pytest.fixture(scope="module")
def parent(project: Project) -> Collected:
    return train(project, {})


def losses(project: Project, made: Collected) -> list[float]:
    lines = (project.runs / made.run_id / "attempts/01/metrics.txt").read_text().splitlines()
    return [float(line.split()[3]) for line in lines[1:]]


@pytest.fixture(scope="module")
def larger(project: Project, parent: Collected) -> Collected:
    return train(project, {"b_basis_size": 8, "max_iter": 1}, start_from=parent.name)


def start_from(folder: Path, parent: Collected, asked: dict[str, Any]) -> tuple[int, str]:
    (folder / "input.json").write_text(json.dumps(asked))
    reply = subprocess.run(
        [sys.executable, "-m", "hpctrain.job.pacemaker.start_from",
         str(parent.path.with_suffix(".yaml")), "input.json"],
        cwd=folder, capture_output=True, text=True, check=False, timeout=60,
    )  # fmt: skip
    return reply.returncode, reply.stdout


def asked_of(project: Project, made: Collected) -> dict[str, Any]:
    found: dict[str, Any] = json.loads((project.runs / made.run_id / "job/input.json").read_text())
    return found


def test_the_same_basis_keeps_every_coefficient(
    project: Project, parent: Collected, tmp_path: Path
) -> None:
    from pyace.basis import BBasisConfiguration

    assert start_from(tmp_path, parent, asked_of(project, parent))[0] == 0
    start = BBasisConfiguration(str(tmp_path / "start.yaml"))
    ended = BBasisConfiguration(str(parent.path.with_suffix(".yaml")))
    assert list(start.get_all_coeffs()) == list(ended.get_all_coeffs())
    # As it was before the repulsion was added at the end of the parent's fit.
    before = BBasisConfiguration(
        str(project.runs / parent.run_id / "attempts/01/interim_potential_0.yaml")
    )
    for key in ("r_in", "core_rep_parameters", "inner_cutoff_type", "rho_cut", "drho_cut"):
        found = [getattr(one.funcspecs_blocks[0], key) for one in (start, before, ended)]
        assert found[0] == found[1] != found[2]


def test_a_larger_basis_begins_at_the_parents_loss(
    project: Project, parent: Collected, larger: Collected
) -> None:
    # pyace hands out the potential of the last evaluation for its numerical gradient: the parent's
    # loss to 1e-8 (see continuation.md). With tensorpot it is the same to the last digits.
    assert losses(project, larger)[0] == pytest.approx(losses(project, parent)[-1], rel=1e-6)
    assert losses(project, larger)[-1] < losses(project, parent)[-1]
    (told,) = larger.card["parents"]
    assert (told["parent_functions"], told["functions"]) == (4, 8)
    run = project.runs / larger.run_id
    assert (run / "parent.yaml").read_bytes() == parent.path.with_suffix(".yaml").read_bytes()
    assert json.loads((run / "run.json").read_text())["parents"][0]["name"] == parent.name
    # The repulsion of the end of its own fit, once.
    text = larger.path.with_suffix(".yaml").read_text()
    assert text.count("inner_cutoff_type: zbl") == 1
    assert "inner_cutoff_type: distance" in (run / "attempts/01/start.yaml").read_text()


def test_the_lines_of_the_card_work(parent: Collected, monkeypatch: pytest.MonkeyPatch) -> None:
    from ase.build import bulk

    monkeypatch.chdir(parent.path.parent)
    use = parent.card["use"]
    names: dict[str, Any] = {"atoms": bulk("Al")}
    exec("\n".join(use["ase"]), names)
    energy = names["atoms"].get_potential_energy()
    exec("\n".join(use["ase_extrapolation"]), names)
    assert names["gamma"].shape == (1,)
    assert names["gamma"][0] > 0
    assert names["atoms"].get_potential_energy() == pytest.approx(energy, abs=1e-6)


def test_the_archive_is_what_it_was(project: Project, parent: Collected) -> None:
    assert audit(project, (parent.name,))[0].ok
    modes = [path.stat().st_mode & 0o222 for path in project.potentials.glob(f"{parent.name}.*")]
    assert modes == [0, 0, 0, 0]


def test_errors_on_the_same_structures(
    project: Project, parent: Collected, larger: Collected
) -> None:
    """Both were tested on the same: so the errors are those of the archived files in the cards."""
    common = diff(project, parent.name, larger.name)["common"]
    assert common["why"] is None
    for found, one in zip(common["errors"], (parent, larger), strict=True):
        told = one.card["metrics"]["archived_file_on_test"]
        assert found["structures"] == told["structures"] == common["structures"]
        assert found["rmse_energy_mev_per_atom"] == pytest.approx(told["rmse_energy_mev_per_atom"])
        assert found["rmse_force_ev_per_a"] == pytest.approx(told["rmse_force_ev_per_a"])


def test_the_job_refuses_what_the_trainer_would_ignore(
    project: Project, parent: Collected, tmp_path: Path
) -> None:
    """Also where the check before the queue could not see it."""
    asked = asked_of(project, parent)
    asked["potential"]["bonds"]["ALL"]["rcut"] = 5.0
    code, said = start_from(tmp_path, parent, asked)
    assert code == 1
    assert "rcutij of Al is 6.0 in the parent and 5.0 in the input" in said
    assert not (tmp_path / "start.yaml").exists()
