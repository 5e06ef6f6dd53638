"""A run whose job fails before its trainer: the reason is told, and the run can be resumed."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import pytest
from standin import StandIn
from waiting import wait_for

from hpctrain.cli.main import main
from hpctrain.launch.submit import submit
from hpctrain.potentials.collect import collect
from hpctrain.project import Project
from hpctrain.runs.actions.resume import resume
from hpctrain.runs.actions.status import RunStatus, status
from hpctrain.runs.state.verdict import SETTLED

pytestmark = pytest.mark.slow


def settled(project: Project) -> RunStatus:
    def look() -> RunStatus | None:
        run = status(project).runs[-1]
        return run if run.state in SETTLED else None

    found = wait_for(look, 60, "the run to end")
    assert found is not None
    return found


@pytest.mark.parametrize(
    "site",
    ["local", "practice-slurm", "practice-pbs",
     pytest.param("slurm", marks=pytest.mark.real_slurm)],
)  # fmt: skip
def test_a_module_that_is_not_there(
    site: str, project: Project, standin: StandIn, request: pytest.FixtureRequest
) -> None:
    if site == "slurm":
        request.getfixturevalue("slurm")
    changes = standin.changes(modules=["nosuch/12.4"], walltime="00:10:00", cores=1)
    run = submit(project, site, changes=changes).run_dir
    found = settled(project)
    assert found.state == "failed"
    assert found.reason.startswith(
        "before the training, module load nosuch/12.4 failed (exit code 127): "
    )
    assert "module: command not found" in found.reason
    assert (found.attempt, found.iteration) == (1, None)
    claim = json.loads((run / "attempts/01/claim.json").read_text())
    assert claim["job_id"] == found.job_id

    script = run / "job.sh"
    script.write_text(
        script.read_text().replace("module load", "true").replace("are_loaded", "true")
    )
    (resumed,) = resume(project, (run.name,))
    assert (resumed.submitted, resumed.attempt) == (True, 2)
    assert settled(project).state == "completed"


NO_GPU = """
class config:
    def list_physical_devices(kind):
        return []
"""


@pytest.mark.parametrize("site", ["practice-slurm", "practice-pbs"])
def test_a_gpu_that_the_trainer_does_not_see(
    site: str,
    project: Project,
    standin: StandIn,
    overlay: Callable[..., dict[str, str]],
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
) -> None:
    variables = overlay(("tensorpotential", "0.6.2.1", "tensorpotential"),
                        ("tensorflow-cpu", "2.20.0", "tensorflow"),
                        ("numpy", "2.3.5", None))  # fmt: skip
    (tmp_path / "overlay/tensorflow/__init__.py").write_text(NO_GPU)
    asked = {"gpus": 1, "gpu_dialect": "implicit", "walltime": "00:10:00", "cores": 1}
    training = {"evaluator": "tensorpot"}
    changes = standin.changes(training=training, environment=variables, **asked)
    run = submit(project, site, changes=changes)
    found = settled(project)
    assert found.state == "completed"
    (warning,) = found.warnings
    assert warning.startswith("1 GPU requested, but the trainer sees none (")
    assert main(["status", "--project", str(project.folder)]) == 0
    assert f"{run.run_id} warning: {warning}" in capsys.readouterr().out.replace("\n", " ")
    (potential,) = collect(project).potentials
    assert potential.card["warnings"] == [warning]
    assert potential.card["run"]["environment"]["trainer_gpus"] == []
    page = (project.potentials / "report" / potential.name / "report.html").read_text("utf-8")
    assert warning in page

    changes = standin.changes(training=training, environment=variables, require_gpu=True, **asked)
    submit(project, site, changes=changes)
    found = settled(project)
    assert (found.state, found.iteration) == ("failed", None)
    assert found.reason.startswith("1 GPU requested, but the trainer sees none (")
    assert "; require_gpu is set." in found.reason
