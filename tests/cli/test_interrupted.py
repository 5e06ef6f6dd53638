"""Ctrl-C while something is watched: it ends the watching, and says what goes on."""

from __future__ import annotations

import io
import json
from pathlib import Path

import pytest
from made_runs import RUN_ID, make_project, make_run

import hpctrain.runs.actions.status as module
from hpctrain.cli.main import main
from hpctrain.cli.terminal.live import follow
from hpctrain.interrupts import Stopped
from hpctrain.runs.actions.status import RunStatus, StatusReport
from hpctrain.runs.state.latest import TrainingFiles


def report(*states: str) -> StatusReport:
    runs = [
        RunStatus(f"r{n}", "hal", "7", state, None, "", 1, 1, 10, None, None, None)
        for n, state in enumerate(states)
    ]
    return StatusReport("", [], runs, 5.0)


@pytest.mark.parametrize(
    ("states", "said"),
    [
        (["running", "completed"], "Stopped watching; the training goes on. To end it: hpctrain "
         "cancel r0"),
        (["queued", "running"], "Stopped watching; the trainings go on. To end one: hpctrain "
         "cancel RUN"),
    ],
)  # fmt: skip
def test_what_goes_on(
    states: list[str], said: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def press(_: float) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr("time.sleep", press)
    with pytest.raises(Stopped, match=f"^{said}$"):
        follow(lambda: report(*states), TrainingFiles(tmp_path), io.StringIO())


def test_the_exit_code_stays(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    project = make_project(tmp_path)
    make_run(project)

    def press(*_: object, **__: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(module, "recover", press)
    arguments = ["status", RUN_ID, "--watch", "--project", str(project.file)]
    assert main(arguments) == 130
    assert "Stopped watching; the trainings go on." in capsys.readouterr().err
    assert main([*arguments, "--json"]) == 130
    content = json.loads(capsys.readouterr().out)
    assert content["exit_code"] == 130
    assert content["error"].startswith("Stopped watching")
