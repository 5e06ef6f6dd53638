"""What is made of on_end in hpctrain.yaml when a run is submitted."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from hpctrain.errors import HpctrainError
from hpctrain.launch.on_end import on_end_argv
from hpctrain.launch.prepare import prepare
from hpctrain.project import Project
from hpctrain.sites.profile import SiteProfile

SITE = SiteProfile(scheduler="slurm")


def said(project: Project, line: str) -> None:
    with project.file.open("a") as file:
        file.write(f"on_end: {line}\n")


def program(project: Project, mode: int = 0o755) -> Path:
    path = project.folder / "notify.sh"
    path.write_text("#!/bin/sh\n")
    path.chmod(mode)
    return path


def test_without_one_nothing_is_called(project: Project) -> None:
    notes: list[str] = []
    assert on_end_argv(project, project.config(), SITE, notes) == []
    assert notes == []


def test_a_program_beside_the_settings(project: Project) -> None:
    path, notes = program(project), []
    said(project, "[./notify.sh, it is over]")
    offline = SiteProfile(scheduler="slurm", internet="none")
    argv = on_end_argv(project, project.config(), offline, notes)
    assert argv == [str(path), "it is over"]
    assert notes == [
        f"on_end: when the run has ended, its job calls {path} 'it is over'",
        "on_end: jobs on this site reach no network outside the cluster",
    ]


@pytest.mark.parametrize("line", ["[mail, -s, done, me]", "[/only/on/the/node, done]"])
def test_a_program_that_only_the_compute_node_knows(project: Project, line: str) -> None:
    said(project, line)
    assert on_end_argv(project, project.config(), SITE, [])[0] in line


def test_a_program_that_is_not_there(project: Project) -> None:
    said(project, "[./notify.sh]")
    with pytest.raises(HpctrainError, match=r"on_end names ./notify.sh, and there is no file"):
        on_end_argv(project, project.config(), SITE, [])


def test_a_file_that_is_no_program(project: Project) -> None:
    path = program(project, 0o644)
    said(project, "[./notify.sh]")
    with pytest.raises(HpctrainError, match="may not be executed") as error:
        on_end_argv(project, project.config(), SITE, [])
    assert error.value.hint == f"chmod +x {path}"


def test_a_line_for_a_shell_is_refused(project: Project) -> None:
    said(project, "./notify.sh done")
    with pytest.raises(HpctrainError, match="it is a list of words"):
        project.config()


def test_the_job_knows_it_and_the_record_of_the_training_does_not(
    project: Project, tmp_path: Path
) -> None:
    path = program(project)
    said(project, "[./notify.sh]")
    prepared = prepare(project, tmp_path / "run", "slurm")
    assert "on_end" not in prepared.manifest["settings"]
    settings = json.loads((tmp_path / "run/job/settings.json").read_text())
    assert settings["on_end"] == [str(path)]
    assert any("its job calls" in note for note in prepared.notes)
