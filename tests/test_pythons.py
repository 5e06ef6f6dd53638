"""hpctrain on another Python than this one, without the trainer: one a day of those that are here.

With EVERY_FAULT=1 it is all of them. `make pythons` runs every fast test on each.
"""

from __future__ import annotations

import datetime
import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from paths import CHECKOUT

VERSIONS = re.findall(r'"(3\.\d+)"', (CHECKOUT / "noxfile.py").read_text())
# Of the quick tests, those of what a login node needs first.
QUICK = (
    "tests/test_settings.py", "tests/test_yamlfile.py", "tests/test_render.py", "tests/engines",
    "tests/schedulers", "tests/sites", "tests/data/test_split.py",
)  # fmt: skip
FAST = "not (slow or real_pacemaker or real_slurm or real_pbs or real_postgres or real_browser)"


def other_pythons() -> list[str]:
    """List the supported Pythons of this machine that are not the running one."""
    pyenv = Path(os.environ.get("PYENV_ROOT", Path.home() / ".pyenv"))
    # Before the PATH: a shim of pyenv stands there for versions that are not the active one.
    places = [*map(str, pyenv.glob("versions/3.*/bin")), os.environ.get("PATH", os.defpath)]
    running = f"{sys.version_info[0]}.{sys.version_info[1]}"
    found = [
        shutil.which(f"python{version}", path=os.pathsep.join(places))
        for version in VERSIONS
        if version != running
    ]
    every = [python for python in found if python is not None and _works(python)]
    if os.environ.get("EVERY_FAULT") or not every:
        return every
    return [every[datetime.date.today().toordinal() % len(every)]]


def _works(python: str) -> bool:
    """Say whether it starts, and can make an environment."""
    return subprocess.run([python, "-c", "import venv"], capture_output=True).returncode == 0


@pytest.mark.slow
def test_another_python(tmp_path: Path) -> None:
    pythons = other_pythons()
    if not pythons:
        pytest.skip("no other supported Python is installed here")
    for python in pythons:
        venv = tmp_path / Path(python).name
        subprocess.run([python, "-m", "venv", str(venv)], check=True)
        here = str(venv / "bin" / "python")
        install = [here, "-m", "pip", "install", "--quiet", f"{CHECKOUT}[test]"]
        subprocess.run(install, check=True, capture_output=True)
        subprocess.run([str(venv / "bin" / "hpctrain"), "--version"], check=True)
        command = [here, "-m", "pytest", "-q", "-p", "no:cacheprovider", "-m", FAST,
                   f"--basetemp={tmp_path / 'tests'}", *QUICK]  # fmt: skip
        done = subprocess.run(command, cwd=CHECKOUT, capture_output=True, text=True)
        assert done.returncode == 0, f"{python}:\n{done.stdout[-5000:]}{done.stderr[-2000:]}"
