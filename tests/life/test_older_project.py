"""A project of an earlier version is read as before: its runs, its cards, its files."""

from __future__ import annotations

import json
import shutil
import sys
import tarfile
from pathlib import Path
from typing import Any

import pytest
from paths import RECORDED
from waiting import wait_for

from hpctrain.cli.main import main
from hpctrain.files import resource
from hpctrain.project import Project

OF_PROJECT = RECORDED / "project_0.1.0"
COLLECTED, COMPLETED, FAILED, CANCELLED = (
    "20261128-134705-475b", "20261128-134744-dec9", "20261128-134820-c03e", "20261128-134830-78ef",
)  # fmt: skip


@pytest.fixture
def older(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Project:
    with tarfile.open(OF_PROJECT / "project.tar.gz") as archive:
        archive.extractall(tmp_path, filter="fully_trusted")
    folder = tmp_path / "al"
    shutil.copyfile(resource("demo/al_pbe.db"), folder / "al_pbe.db")
    monkeypatch.chdir(folder)
    return Project(folder / "hpctrain.yaml")


def answer(capsys: pytest.CaptureFixture[str], *words: str) -> dict[str, Any]:
    capsys.readouterr()
    assert main([*words, "--json"]) == 0
    return json.loads(capsys.readouterr().out)


def recorded(name: str, project: Project) -> dict[str, Any]:
    """Read what the earlier version answered, as if the project had been here."""
    text = (OF_PROJECT / f"{name}.json").read_text(encoding="utf-8")
    return json.loads(text.replace("/projects/al", str(project.folder)))


def as_before(now: Any, before: Any) -> Any:
    """What a version of today says, without the keys that it has added since."""
    if isinstance(before, dict) and isinstance(now, dict):
        return {key: as_before(now[key], value) for key, value in before.items() if key in now}
    if isinstance(before, list) and isinstance(now, list) and len(now) == len(before):
        return [as_before(*both) for both in zip(now, before, strict=True)]
    return now


def test_its_runs_have_the_same_states(older: Project, capsys: pytest.CaptureFixture[str]) -> None:
    now, before = answer(capsys, "status"), recorded("status", older)
    del now["queried_at"], before["queried_at"]
    # It showed the errors of the last iteration, where the run was ended; now those of the best.
    cancelled = now["runs"][-1]
    assert (cancelled["state"], cancelled["kept_iteration"] < cancelled["iteration"]) == (
        "cancelled", True
    )  # fmt: skip
    for key in ("train", "test"):
        assert cancelled.pop(key) != before["runs"][-1].pop(key)
    assert as_before(now, before) == before


@pytest.mark.parametrize(
    ("name", "words"),
    [
        ("list", ["potentials", "list"]),
        ("show", ["potentials", "show", "potential_gen_01"]),
        ("verify", ["potentials", "verify"]),
    ],
)
def test_its_archive_is_the_same(
    name: str, words: list[str], older: Project, capsys: pytest.CaptureFixture[str]
) -> None:
    before = recorded(name, older)
    assert as_before(answer(capsys, *words), before) == before


@pytest.mark.slow
def test_its_runs_can_be_archived_and_looked_at(
    older: Project, capsys: pytest.CaptureFixture[str]
) -> None:
    [potential] = answer(capsys, "collect", COMPLETED, "--accept", "--why", "a recording")[
        "potentials"
    ]
    assert (potential["name"], potential["run_id"]) == ("potential_gen_01_r2", COMPLETED)
    assert answer(capsys, "potentials", "verify")["ok"] is True
    assert answer(capsys, "potentials", "diff", "potential_gen_01", "potential_gen_01_r2")
    for run in (COLLECTED, FAILED, CANCELLED):
        assert main(["logs", run]) == 0
        assert main(["report", run, "--output", f"{run}.html"]) == 0
        assert Path(f"{run}.html").stat().st_size > 10_000


@pytest.mark.slow
@pytest.mark.real_pacemaker
@pytest.mark.usefixtures("pacemaker")
def test_a_run_goes_on_with_the_job_it_was_submitted_with(
    older: Project, capsys: pytest.CaptureFixture[str]
) -> None:
    script = older.runs / CANCELLED / "job.sh"
    text = script.read_text().replace("/projects/al", str(older.folder))
    script.write_text(text.replace("/opt/trainer/bin/python", sys.executable))
    assert main(["resume", CANCELLED]) == 0
    try:
        wait_for(lambda: iteration(capsys) > 470, 400, "the training to go on")
    finally:
        assert main(["cancel", CANCELLED]) == 0
    wait_for(lambda: shown(capsys)["state"] == "cancelled", 60, "its end")
    assert shown(capsys)["attempt"] == 2


def shown(capsys: pytest.CaptureFixture[str]) -> dict[str, Any]:
    [run] = answer(capsys, "status", CANCELLED)["runs"]
    return run


def iteration(capsys: pytest.CaptureFixture[str]) -> int:
    return shown(capsys)["iteration"] or 0
