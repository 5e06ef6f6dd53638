"""``--set KEY=VALUE``."""

from __future__ import annotations

from typing import Any

import pytest

from hpctrain.cli.changes import parse_changes
from hpctrain.errors import HpctrainError, UsageError
from hpctrain.project import Project
from hpctrain.sites.load import load
from hpctrain.yamlfile import merge


@pytest.mark.parametrize(
    ("assignment", "changes"),
    [
        ("training.cutoff=4.5", {"training": {"cutoff": 4.5}}),
        ("training.max_iter=500", {"training": {"max_iter": 500}}),
        ("data.select=a=b,natoms<5", {"data": {"select": "a=b,natoms<5"}}),
        ("data.select=", {"data": {"select": ""}}),
        ("site.account=0123", {"site": {"account": "0123"}}),
        ("data.select=''", {"data": {"select": ""}}),
        ("data.generations=[0, 1]", {"data": {"generations": [0, 1]}}),
        ("data.source=a b.db", {"data": {"source": "a b.db"}}),
        ("site.walltime=12:00:00", {"site": {"walltime": "12:00:00"}}),
        ("site.environment.OMP_NUM_THREADS=4", {"site": {"environment": {"OMP_NUM_THREADS": "4"}}}),
        ("site.queue=010", {"site": {"queue": "010"}}),
        ("site.umask=0027", {"site": {"umask": "0027"}}),
        ("site.template=2026", {"site": {"template": "2026"}}),
        ("site.chunk.ncpus=010", {"site": {"chunk": {"ncpus": "010"}}}),
        ("site.resources.walltime=12:00:00", {"site": {"resources": {"walltime": "12:00:00"}}}),
        ("site.environment.A=", {"site": {"environment": {"A": ""}}}),
        ("site.environment={A: x}", {"site": {"environment": {"A": "x"}}}),
        ("training.overrides.fit.ladder_step=10",
         {"training": {"overrides": {"fit": {"ladder_step": 10}}}}),
        (" training.seed = 7", {"training": {"seed": 7}}),
    ],
)  # fmt: skip
def test_values_are_yaml(assignment: str, changes: dict[str, Any]) -> None:
    assert parse_changes([assignment]) == changes


def test_several_come_together_and_the_last_wins() -> None:
    given = ["data.seed=1", "site.partition=gpu", "data.seed=2", "data.split=random"]
    assert parse_changes(given) == {
        "data": {"seed": 2, "split": "random"},
        "site": {"partition": "gpu"},
    }  # fmt: skip


@pytest.mark.parametrize(
    "assignment",
    ["training.cutoff", "cutoff=4", "=4", "training=4", "training.=4", ".cutoff=4", "",
     "training..cutoff=4", "project.name=x", "Training.cutoff=4", "run.x=1"],
)  # fmt: skip
def test_what_is_no_assignment(assignment: str) -> None:
    with pytest.raises(UsageError) as caught:
        parse_changes([assignment])
    assert f"--set {assignment}: write SECTION.KEY=VALUE" in caught.value.message
    assert "data, training, site" in caught.value.message
    assert caught.value.exit_code == 2


@pytest.mark.parametrize("value", ["[1, 2", "{a: ", "a: b: c", "2024-13-45", "*x", "\x07"])
def test_what_is_no_yaml(value: str) -> None:
    with pytest.raises(UsageError, match="the value is not valid YAML"):
        parse_changes([f"training.cutoff={value}"])


def test_a_value_cannot_hold_keys() -> None:
    with pytest.raises(UsageError, match="overrides was set to a value before"):
        parse_changes(["training.overrides=3", "training.overrides.fit=4"])


def test_changes_reach_the_settings_and_the_profile(project: Project) -> None:
    changes = parse_changes(["training.cutoff=4.5", "training.overrides.fit.maxiter=3"])
    config = project.config(changes)
    assert (config.training.cutoff, config.training.max_iter) == (4.5, 200)
    assert config.training.overrides == {"fit": {"maxiter": 3}}
    site = load("slurm", None, parse_changes(["site.walltime=1:00:00"])["site"])
    assert site.profile.walltime == "1:00:00"


def test_a_wrong_change_is_told_as_such(project: Project) -> None:
    with pytest.raises(HpctrainError) as caught:
        project.config(parse_changes(["training.cutof=4.5"]))
    assert caught.value.message == (
        "--set: training.cutof: there is no such key (did you mean 'cutoff'?)"
    )
    with pytest.raises(HpctrainError) as caught:
        load("slurm", None, parse_changes(["site.partitoin=x"])["site"])
    assert caught.value.message == (
        "--set site: partitoin: there is no such key (did you mean 'partition'?)"
    )


def test_a_mistake_of_the_file_is_the_files_even_with_changes(project: Project) -> None:
    project.file.write_text(project.file.read_text().replace("cutoff: 6.0", "cutof: 6.0"))
    with pytest.raises(HpctrainError, match=r"hpctrain\.yaml, line \d+: training\.cutof"):
        project.config({"training": {"seed": 3}})


def test_merge() -> None:
    below = {"a": {"x": 1, "y": {"z": 1}}, "b": [1, 2], "c": 1}
    above = {"a": {"y": {"w": 2}}, "b": [3], "c": {"d": 1}, "e": None}
    assert merge(below, above) == {
        "a": {"x": 1, "y": {"z": 1, "w": 2}}, "b": [3], "c": {"d": 1}, "e": None,
    }  # fmt: skip
    assert below == {"a": {"x": 1, "y": {"z": 1}}, "b": [1, 2], "c": 1}
