"""The real trainer in this environment, for tests marked real_pacemaker."""

from __future__ import annotations

import importlib.util
import os

import pytest


@pytest.fixture(scope="session")
def pacemaker() -> None:
    """Skip where the trainer is not installed; in CI, fail."""
    missing = [
        name
        for name in ("pyace", "tensorpotential", "tensorflow")
        if importlib.util.find_spec(name) is None
    ]
    if not missing:
        return
    message = f"the real trainer is not installed here: {', '.join(missing)} missing"
    if os.environ.get("CI"):
        pytest.fail(message)
    pytest.skip(message)
