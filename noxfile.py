"""The tests that need neither the trainer nor a service, on every supported Python.

`make pythons`, or `nox`. Versions that are not installed are skipped, and named.
"""

from __future__ import annotations

import os
from pathlib import Path

import nox

nox.options.error_on_missing_interpreters = False
nox.options.download_python = "never"
# The versions of pyenv are used though none of them is the active one.
_PYENV = Path(os.environ.get("PYENV_ROOT", Path.home() / ".pyenv"))
os.environ["PATH"] = os.pathsep.join(
    [*map(str, _PYENV.glob("versions/3.*/bin")), os.environ.get("PATH", os.defpath)]
)
FAST = "not (slow or real_pacemaker or real_slurm or real_pbs or real_postgres or real_browser)"


@nox.session(python=["3.10", "3.11", "3.12", "3.13", "3.14"])
def tests(session: nox.Session) -> None:
    """Install hpctrain with what its tests need, and run the fast ones, or those that are named."""
    session.install("--editable", ".[test]")
    session.run("hpctrain", "--version")
    session.run("python", "-m", "pytest", "-q", "-p", "no:cacheprovider", "-m", FAST,
                *session.posargs)  # fmt: skip
