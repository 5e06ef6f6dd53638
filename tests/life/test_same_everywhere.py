"""A run's life by the command line is the same on every scheduler: commands, states, JSON."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from standin import StandIn
from waiting import wait_for

from hpctrain.cli.main import main
from hpctrain.project import Project

pytestmark = [pytest.mark.slow, pytest.mark.xdist_group("same_everywhere")]

SITES = ("local", "practice-slurm", "practice-pbs")


def shape(value: Any) -> Any:
    """The keys of an answer, all the way down, without what they hold."""
    if isinstance(value, dict):
        return {key: shape(item) for key, item in value.items()}
    if isinstance(value, list):
        return [shape(value[0])] if value else []
    return None


class Life:
    """Commands on one site; their answers are kept."""

    def __init__(self, site: str, capsys: pytest.CaptureFixture[str]) -> None:
        self.site = site
        self._capsys = capsys
        self.answers: dict[str, Any] = {}

    def say(self, name: str, *words: str) -> Any:
        code = main([*words, "--json"])
        said = self._capsys.readouterr()
        assert code == 0, said.err
        answer = json.loads(said.out)
        # A site is asked only where what the job has left does not tell enough.
        keys = {key: value for key, value in answer.items() if key != "sites"}
        self.answers[name] = {"keys": shape(keys)}
        if "runs" in answer:
            self.answers[name]["states"] = [run["state"] for run in answer["runs"]]
        return answer

    def until(self, name: str, *states: str) -> Any:
        def look() -> Any:
            answer = self.say(name, "status")
            return answer if answer["runs"][-1]["state"] in states else None

        return wait_for(look, 60, f"{self.site}: {states}")


def live(life: Life, standin: StandIn, project: Project) -> None:
    changes = standin.changes("hang")["site"]
    profile = {"extends": life.site, **changes, "walltime": "00:30:00"}
    path = project.folder / "site_profiles" / "here.yaml"
    path.parent.mkdir(exist_ok=True)
    path.write_text(json.dumps(profile))
    words = ["--site", "here", "--set", "training.evaluator=pyace", "--set", "training.max_iter=4",
             "--set", "training.reference_energies={Al: -0.2994}", "--set",
             "data.select=id>1,id<12"]  # fmt: skip
    life.say("dry run", "submit", *words, "--dry-run")
    run = life.say("submit", "submit", *words)["runs"][0]["run_id"]
    life.until("running", "running")
    life.say("cancel", "cancel", run)
    life.until("cancelled", "cancelled")
    path.write_text(json.dumps({**profile, **standin.changes("")["site"]}))
    # The run keeps the profile that it was made with: what hung there goes on without.
    (project.runs / run / "job.sh").write_text(
        (project.runs / run / "job.sh").read_text().replace("STANDIN=hang", "STANDIN=''")
    )
    life.say("resume", "resume", run)
    life.until("completed", "completed", "failed")
    life.say("collect", "collect")
    life.say("collected", "status")
    life.say("potentials", "potentials", "list")


@pytest.fixture(scope="module")
def first() -> dict[str, Any]:
    """The answers of the first site: those of the others are held against them."""
    return {}


@pytest.mark.parametrize("site", SITES)
def test_the_same_life(
    site: str,
    project: Project,
    standin: StandIn,
    first: dict[str, Any],
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.chdir(project.folder)
    life = Life(site, capsys)
    live(life, standin, project)
    assert life.answers["completed"]["states"] == ["completed"]
    assert life.answers["collected"]["states"] == ["collected"]
    expected = first.setdefault("answers", life.answers)
    assert life.answers == expected
    assert Path("potentials/potential_gen_01.yace").is_file()
