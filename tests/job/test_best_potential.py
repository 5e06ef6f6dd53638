"""The best potential by validation is the one that is archived, and the card tells of both.

With a stand-in for the trainer; test_continuation_real.py does it with the real one, over attempts.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import yaml
from standin import StandIn
from waiting import wait_for

from hpctrain.launch.submit import submit
from hpctrain.potentials.collect import collect
from hpctrain.project import Project
from hpctrain.runs.actions.status import RunStatus, status
from hpctrain.runs.state.verdict import SETTLED

pytestmark = pytest.mark.slow

LIMIT_S = 60.0
Overlay = Callable[..., dict[str, str]]


@pytest.fixture
def variables(overlay: Overlay) -> dict[str, str]:
    """An environment that seems to have the evaluator which looks at the test set."""
    return overlay(
        ("tensorpotential", "0.6.2.1", "tensorpotential"),
        ("tensorflow-cpu", "2.20.0", "tensorflow"),
        ("numpy", "2.3.5", None),
    )


def settled(project: Project) -> RunStatus:
    def look() -> RunStatus | None:
        run = status(project).runs[-1]
        return run if run.state in SETTLED else None

    return wait_for(look, LIMIT_S, "the run to end")


def training(**news: Any) -> dict[str, Any]:
    return {"evaluator": "tensorpot", "max_iter": 12, "display_step": 2, **news}


def written(folder: Path) -> str:
    """The iteration of the potential that an attempt has written."""
    content = yaml.safe_load((folder / "output_potential.yaml").read_text())
    return str(content["metadata"]["iteration"])


def test_it_stops_early_and_keeps_the_best(
    project: Project, standin: StandIn, variables: dict[str, str]
) -> None:
    changes = standin.changes("overfit 4", training(patience=4), environment=variables)
    run = submit(project, "local", changes=changes)
    done = settled(project)
    assert (done.state, done.iteration) == ("completed", 8)
    assert done.reason.startswith("stopped early: after iteration 4 the validation loss")
    assert written(run.run_dir / "attempts/01") == "4"
    (potential,) = collect(project).potentials
    assert potential.card["stopped"] == done.reason
    best = potential.card["best"]
    assert (best["iteration"], best["of"], best["by"]) == (4, 8, "validation loss")
    # Twice as good in training and four times as bad in testing, in each of four iterations.
    for key in ("rmse_energy_mev_per_atom", "rmse_force_ev_per_a"):
        assert best["last"][key] == pytest.approx(16 * best["best"][key])


def test_switched_off_it_goes_on_to_the_end(
    project: Project, standin: StandIn, variables: dict[str, str]
) -> None:
    changes = standin.changes("overfit 4", training(patience=0), environment=variables)
    run = submit(project, "local", changes=changes)
    done = settled(project)
    assert (done.state, done.reason, done.iteration) == ("completed", "", 12)
    assert written(run.run_dir / "attempts/01") == "4"
    (potential,) = collect(project).potentials
    assert potential.card["stopped"] is None
    assert (potential.card["best"]["iteration"], potential.card["best"]["of"]) == (4, 12)
