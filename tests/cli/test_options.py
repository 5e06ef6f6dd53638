"""Options that several commands share."""

from __future__ import annotations

from dataclasses import fields

import click
import pytest
from click.testing import CliRunner

from hpctrain.cli.check import check_command
from hpctrain.cli.main import main
from hpctrain.cli.options import TrainingOptions, training_options
from hpctrain.cli.submit import submit_command
from hpctrain.project import Project

GIVEN = [
    "--site", "lumi", "--target", "gpu", "--set", "data.seed=1", "--set", "site.gpus=2",
    "--walltime", "12:00:00", "--gpus", "1", "--memory", "16G", "--generation", "3",
    "--from", "current", "--skip-bad", "--dedupe", "near",
]  # fmt: skip


def parsed(*words: str) -> TrainingOptions:
    """Return what a command with these options is called with."""
    seen: list[TrainingOptions] = []

    @click.command
    @training_options
    @click.option("--more", is_flag=True)
    def command(options: TrainingOptions, more: bool) -> None:
        assert more
        seen.append(options)

    result = CliRunner().invoke(command, ["--more", *words], catch_exceptions=False)
    assert result.exit_code == 0, result.output
    return seen[0]


def test_the_options_of_a_training_come_as_one_record() -> None:
    options = parsed(*GIVEN)
    assert options == TrainingOptions(
        site="lumi", target="gpu", assignments=("data.seed=1", "site.gpus=2"),
        walltime="12:00:00", gpus=1, memory="16G", generation=3, start_from="current",
        skip_bad=True, dedupe="near",
    )  # fmt: skip
    site = {"target": "gpu", "walltime": "12:00:00", "gpus": 1, "memory": "16G"}
    assert options.arguments() == {
        "changes": {"data": {"seed": 1, "dedupe": "near"}, "site": site},
        "generation": 3, "start_from": "current", "skip_bad": True,
    }  # fmt: skip


def test_what_is_not_given_changes_nothing() -> None:
    options = parsed()
    assert options.site is None
    assert options.arguments() == {
        "changes": {}, "generation": None, "start_from": None, "skip_bad": False,
    }  # fmt: skip


@pytest.mark.parametrize("command", [submit_command, check_command])
def test_submit_and_check_share_them(command: click.Command) -> None:
    names = {field.name for field in fields(TrainingOptions)}
    assert names <= {parameter.name for parameter in command.params}


def test_a_dry_run_says_each_note_once(
    project: Project, capsys: pytest.CaptureFixture[str]
) -> None:
    words = ["--project", str(project.folder), "--set", "site.account=project_1", "--gpus", "1"]
    words += ["--walltime", "12:00:00"]
    assert main(["submit", "--site", "lumi", "--dry-run", *words]) == 0
    assert capsys.readouterr().err.count("note: target gpu-shared\n") == 1
