"""Throw-away Slurm clusters for tests marked real_slurm: one for each process that runs tests."""

from __future__ import annotations

import fcntl
import os
import subprocess
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest
from paths import TESTS

SCRIPT = TESTS / "cluster" / "slurm.sh"
# Where run.sh lets clusters be made; it stops what is left there.
CLUSTERS = "HPCTRAIN_TEST_CLUSTERS"
NOT_STARTED = "`make test` starts one (as root on Debian or Ubuntu)"


@dataclass(frozen=True)
class Slurm:
    """A cluster that answers; ``environment`` is what its clients need in theirs."""

    directory: Path
    environment: dict[str, str]


def missing() -> str | None:
    """Say why there can be no cluster, or None if there can."""
    if not os.environ.get(CLUSTERS):
        return os.environ.get("HPCTRAIN_TEST_SLURM_REASON") or NOT_STARTED
    return None


def version() -> str:
    """Return what the installed Slurm calls itself."""
    # sinfo wants a configuration before it tells.
    path = {**os.environ, "PATH": f"{os.environ['PATH']}:/usr/sbin:/sbin"}
    reply = subprocess.run(["slurmctld", "-V"], env=path, capture_output=True, text=True)
    return reply.stdout.strip()


@pytest.fixture(scope="session")
def slurm() -> Iterator[Slurm]:
    """Start a cluster, and let this process's environment point at it until the session ends."""
    reason = missing()
    if reason is not None:
        message = f"no throw-away Slurm: {reason}"
        if os.environ.get("CI"):
            pytest.fail(message, pytrace=False)
        pytest.skip(message)
    directory = Path(os.environ[CLUSTERS]) / os.environ.get("PYTEST_XDIST_WORKER", "main")
    with (directory.parent / "starting").open("w") as lock:
        # One after the other: two databases that were made at the same time have been in each
        # other's way.
        fcntl.flock(lock, fcntl.LOCK_EX)
        started = subprocess.run(
            ["bash", str(SCRIPT), "start", str(directory)],
            capture_output=True, text=True, timeout=300,
        )  # fmt: skip
    if started.returncode != 0:
        pytest.fail(f"the throw-away Slurm did not start:\n{started.stderr}", pytrace=False)
    environment = {"SLURM_CONF": str(directory / "slurm.conf")}
    with pytest.MonkeyPatch.context() as patch:
        for name, value in environment.items():
            patch.setenv(name, value)
        yield Slurm(directory, environment)
    subprocess.run(["bash", str(SCRIPT), "stop", str(directory)], check=True, timeout=120)
