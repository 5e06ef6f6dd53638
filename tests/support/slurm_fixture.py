"""The throw-away Slurm that ``tests/cluster/run.sh`` started, for tests marked real_slurm."""

from __future__ import annotations

import os
import shutil
import subprocess
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

NOT_STARTED = "`make test` starts one (as root on Debian or Ubuntu)"


@dataclass(frozen=True)
class Slurm:
    """A cluster that answers; ``environment`` is what its clients need in theirs."""

    directory: Path
    environment: dict[str, str]


def missing(directory: str | None) -> str | None:
    """Why there is no cluster, or None if it answers."""
    if not directory:
        return os.environ.get("HPCTRAIN_TEST_SLURM_REASON") or NOT_STARTED
    configuration = Path(directory) / "slurm.conf"
    if not configuration.is_file():
        return f"{configuration} does not exist"
    if shutil.which("sinfo") is None:
        return "sinfo is not on this machine"
    environment = {**os.environ, "SLURM_CONF": str(configuration)}
    try:
        reply = subprocess.run(
            ["sinfo", "--noheader"], env=environment, capture_output=True, text=True, timeout=30
        )
    except subprocess.TimeoutExpired:
        return "sinfo did not answer in 30 s"
    return None if reply.returncode == 0 else reply.stderr.strip()


def version() -> str:
    return subprocess.run(["sinfo", "--version"], capture_output=True, text=True).stdout.strip()


@pytest.fixture(scope="session")
def slurm() -> Iterator[Slurm]:
    """The cluster, with this process's environment pointing at it until the session ends."""
    directory = os.environ.get("HPCTRAIN_TEST_SLURM")
    reason = missing(directory)
    if reason is not None or directory is None:
        message = f"no throw-away Slurm: {reason}"
        if os.environ.get("CI"):
            pytest.fail(message, pytrace=False)
        pytest.skip(message)
    environment = {"SLURM_CONF": str(Path(directory) / "slurm.conf")}
    with pytest.MonkeyPatch.context() as patch:
        for name, value in environment.items():
            patch.setenv(name, value)
        yield Slurm(Path(directory), environment)
