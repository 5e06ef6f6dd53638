"""A project of a few lines: what is tested here needs no data."""

from __future__ import annotations

from pathlib import Path

import pytest
from made_runs import make_project

from hpctrain.project import Project


@pytest.fixture
def project(tmp_path: Path) -> Project:
    return make_project(tmp_path / "p")
