"""PBS for tests: a practice cluster always, and a real one where it is on the PATH and answers."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest


def no_real_pbs() -> str | None:
    """Why there is no real PBS here, or None if it answers, and takes jobs of this user."""
    if shutil.which("qsub") is None or shutil.which("qstat") is None:
        return "qsub is not on the PATH"
    try:
        reply = subprocess.run(["qstat", "-B", "-f"], capture_output=True, text=True, timeout=30)
    except subprocess.TimeoutExpired:
        return "qstat did not answer in 30 s"
    if reply.returncode != 0 or "pbs_version" not in reply.stdout:
        return f"qstat -B answers {reply.returncode}: {reply.stderr.strip()}"
    if os.getuid() == 0:
        return "it answers, and takes no jobs of root: run the tests as another user"
    return None


def no_history() -> str | None:
    """Why the real PBS cannot show how a job ended, or None if it can.

    Exit code 0 says nothing: a 23.06.06 without history gives it too.
    """
    reply = subprocess.run(["qstat", "-x"], capture_output=True, text=True, timeout=30)
    return reply.stderr.strip() or None


def real_pbs_version() -> str:
    reply = subprocess.run(["qstat", "-B", "-f"], capture_output=True, text=True, timeout=30)
    lines = [line for line in reply.stdout.splitlines() if "pbs_version" in line]
    return lines[0].partition("=")[2].strip() if lines else "of an unknown version"


@pytest.fixture(params=["practice", pytest.param("real", marks=pytest.mark.real_pbs)])
def pbs(
    request: pytest.FixtureRequest, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> Iterator[str]:
    """A PBS whose qsub, qstat, qselect and qdel are on the PATH of this process."""
    if request.param == "real":
        reason = no_real_pbs() or no_history()
        if reason:
            pytest.skip(f"no real PBS: {reason}")
        yield "real"
        return
    folder = tmp_path / "practice-pbs"
    argv = [
        sys.executable,
        "-m",
        "hpctrain.schedulers.practice_cluster",
        str(folder),
        "setup",
        "pbs",
    ]
    subprocess.run(argv, check=True, timeout=60)
    monkeypatch.setenv("PATH", f"{folder / 'bin'}{os.pathsep}{os.environ['PATH']}")
    yield "practice"
    listed = subprocess.run(["qselect"], capture_output=True, text=True, timeout=60).stdout.split()
    if listed:
        subprocess.run(["qdel", *listed], capture_output=True, timeout=60)
