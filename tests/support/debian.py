"""Installing a package of Debian's that a test needs, and nothing of it starts by itself."""

from __future__ import annotations

import fcntl
import os
import shutil
import subprocess
from collections.abc import Callable
from pathlib import Path

POLICY = Path("/usr/sbin/policy-rc.d")


def install(package: str, there: Callable[[], object]) -> str | None:
    """Why what the package brings cannot be had, or None if it is there, now or before."""
    if there():
        return None
    if shutil.which("apt-get") is None:
        return f"no {package} here, and no apt-get (Debian, Ubuntu)"
    if os.getuid() != 0:
        return f"no {package} here, and not root: apt-get install {package}"
    with Path("/tmp/hpctrain-apt.lock").open("w") as lock:
        # Several processes run tests, and apt-get takes one at a time.
        fcntl.flock(lock, fcntl.LOCK_EX)
        _apt_get(package, there)
    return None if there() else f"apt-get did not bring {package}"


def _apt_get(package: str, there: Callable[[], object]) -> None:
    added = not POLICY.exists()
    if added:
        POLICY.write_text("#!/bin/sh\nexit 101\n")
        POLICY.chmod(0o755)
    try:
        for command in (["install"], ["update"], ["install"]):
            if there():
                break
            packages = ["-y", "--no-install-recommends", package] * (command == ["install"])
            subprocess.run(
                ["apt-get", "-q", *command, *packages],
                env={**os.environ, "DEBIAN_FRONTEND": "noninteractive"},
                stdin=subprocess.DEVNULL,
                capture_output=True,
                timeout=600,
            )
    finally:
        if added:
            POLICY.unlink()
