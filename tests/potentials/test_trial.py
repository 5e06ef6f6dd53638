"""The potential of a trial is never archived, and a trial counts for no generation's number."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from made_runs import FakeSlurm, leave, make_project, make_run, submitted

from hpctrain.cli.main import main
from hpctrain.files import as_json
from hpctrain.potentials import archive
from hpctrain.potentials.collect import TRIAL, NotReady, collect
from hpctrain.runs.run import MANIFEST

NOW = 1_795_000_000.0


def test_a_trial_is_left_out_and_told(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    project = make_project(tmp_path)
    run = make_run(project)
    content = json.loads((run.folder / MANIFEST).read_text())
    assert archive.generation_of(project, "other rows", None) == 2
    (run.folder / MANIFEST).write_text(as_json({**content, "trial": True, "name": "quick"}))
    assert archive.generation_of(project, "other rows", None) == 1
    submitted(run, NOW, 1, "7")
    leave(run, 1, "result.json", NOW, {"state": "completed", "ended": NOW})
    found = collect(project, ("quick",), program=FakeSlurm())
    assert found.potentials == []
    assert found.not_ready == [NotReady(run.run_id, "completed", TRIAL, trial=True)]
    monkeypatch.chdir(tmp_path)
    assert main(["collect"]) == 0
    assert "1 trial left out: never archived" in capsys.readouterr().err
    assert main(["collect", "quick"]) == 1
    assert f"{run.run_id} is not ready: completed: {TRIAL}" in capsys.readouterr().err
    assert main(["collect", "quick", "--accept"]) == 1
