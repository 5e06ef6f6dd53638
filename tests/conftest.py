"""Fixtures for every test."""

from __future__ import annotations

from pathlib import Path

import pytest

from hpctrain.init import init
from hpctrain.project import Project, find_project

pytest_plugins = ["real_trainer", "slurm_fixture", "standin"]


@pytest.fixture
def project(tmp_path: Path) -> Project:
    """A demo project."""
    folder = tmp_path / "demo"
    init(folder, demo=True)
    return find_project(str(folder / "hpctrain.yaml"))


@pytest.fixture(autouse=True)
def no_configuration_of_the_users(
    tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path_factory.getbasetemp() / "no-config"))
