"""A throw-away environment with stand-ins for the trainer's programs, for fast tests only."""

from __future__ import annotations

import shutil
import subprocess
import sys
import sysconfig
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from paths import RECORDED

HERE = Path(__file__).parent
OF_PACEMAKER = RECORDED / "pacemaker"
NOT_TAKEN = ("pyace", "python_ace", "tensor", "hpctrain")
# pace_yaml2yace: the .yace of the stand-in is its .yaml. With STANDIN=hang-finish it hangs.
YAML2YACE = """
import os, shutil, sys, time
from pathlib import Path
while os.environ.get("STANDIN") == "hang-finish":
    Path("standin.pid").write_text(f"{os.getpid()}\\n")
    time.sleep(1000)
shutil.copyfile(sys.argv[1], Path(sys.argv[1]).with_suffix(".yace"))
"""
# pace_activeset -d DATA POTENTIAL.yaml: its file holds no active set.
ACTIVE_SET = """
import os, sys
from pathlib import Path
option, data, potential = sys.argv[1:]
assert option == "-d" and Path(data).is_file(), data
if os.environ.get("STANDIN") == "no-active-set":
    sys.exit("numpy.linalg.LinAlgError: Singular matrix")
Path(potential).with_suffix(".asi").write_text("an active set")
"""
# GRACE's programs and what they need, beside the module that stands in for its training.
GRACE_MODULES = {
    "tensorflow": (
        "from types import SimpleNamespace as Space\n"
        "class Callback: pass\n"
        "keras = Space(callbacks=Space(Callback=Callback))\n"
        "config = Space(list_physical_devices=lambda kind: [])\n"
    ),
    "tensorpotential": "",
    "tensorpotential/cli": "",
    "tensorpotential/cli/gracemaker.py": (
        "from tensorpotential.cli import train\n"
        "from tensorpotential.cli.train import train_adam\n"
        "def main(): train.main(train_adam)\n"
    ),
    "tensorpotential/scripts": "",
    "tensorpotential/scripts/gracemaker.py": "from tensorpotential.cli.gracemaker import main\n",
    "tensorpotential/calculator.py": "from pyace import TPCalculator\n",
    "pyace/asecalc.py": "from pyace import PyGRACEFSCalculator\n",
}
GRACE_NEEDS = ("tqdm", "requests", "sklearn", "rich", "questionary", "sympy", "matscipy")
# What a job needs to be short: ten structures, four iterations.
SMALL: dict[str, Any] = {
    "data": {"select": "id>1,id<12", "test_fraction": 0.2},
    "training": {
        "evaluator": "pyace",
        "max_iter": 4,
        "display_step": 2,
        "reference_energies": {"Al": -0.2994},
        "verify_minutes": 0,  # what it fits is the same at every distance
    },
}
OF_EVERY_ENGINE = ("max_iter", "reference_energies", "verify_minutes")


@dataclass(frozen=True)
class StandIn:
    """An environment as a site profile names it; ``packages`` is its site-packages."""

    python: Path
    packages: Path
    grace: Path

    def changes(
        self, behaviour: str = "", training: dict[str, Any] | None = None, **site: Any
    ) -> dict[str, Any]:
        """What to give to ``submit`` as changes."""
        environment = {
            "STANDIN": behaviour, "STANDIN_RECORDED": str(OF_PACEMAKER),
            **site.pop("environment", {}),
        }  # fmt: skip
        return {
            **SMALL,
            "training": {**SMALL["training"], **(training or {})},
            "site": {"trainer": {"python": str(self.python)}, "environment": environment, **site},
        }

    def of_grace(
        self, behaviour: str = "", training: dict[str, Any] | None = None, **site: Any
    ) -> dict[str, Any]:
        """The same for GRACE: two batches in each of its epochs."""
        changes = self.changes(
            behaviour, environment={"PYTHONPATH": str(self.grace)} | site.pop("environment", {}),
            **site,
        )  # fmt: skip
        kept = {key: SMALL["training"][key] for key in OF_EVERY_ENGINE}
        own = {"engine": "grace", "batch_size": 4}
        return {**changes, "training": {**kept, **own, **(training or {})}}


def add_package(packages: Path, name: str, version: str, module: str | None = None) -> None:
    """What pip leaves of a package: its metadata, and an empty module if one is named."""
    information = packages / f"{name.replace('-', '_')}-{version}.dist-info"
    information.mkdir(parents=True)
    (information / "METADATA").write_text(
        f"Metadata-Version: 2.1\nName: {name}\nVersion: {version}\n"
    )
    if module:
        (packages / module).mkdir()
        (packages / module / "__init__.py").touch()


@pytest.fixture(scope="session")
def standin(tmp_path_factory: pytest.TempPathFactory) -> StandIn:
    """This environment's packages without any trainer's, and the stand-ins."""
    folder = tmp_path_factory.mktemp("trainer")
    subprocess.run([sys.executable, "-m", "venv", "--without-pip", str(folder)], check=True)
    python = folder / "bin" / "python"
    packages = next(folder.glob("lib/python*/site-packages"))
    for place in {sysconfig.get_path(name) for name in ("purelib", "platlib")}:
        for entry in Path(place).iterdir():
            if entry.name.lower().startswith(NOT_TAKEN) or entry.suffix in (".pth", ".egg-link"):
                continue
            if entry.name != "pandas":
                (packages / entry.name).symlink_to(entry)
    add_package(packages, "python-ace", "0.4.0rc1")
    for name in ("pyace", "pandas"):
        shutil.copyfile(HERE / f"standin_{name}.py", packages / f"{name}.py")
    for name, text in (
        ("pacemaker", (HERE / "standin_pacemaker.py").read_text()),
        ("pace_yaml2yace", YAML2YACE),
        ("pace_activeset", ACTIVE_SET),
    ):
        program = folder / "bin" / name
        program.write_text(f"#!{python}\n{text}")
        program.chmod(0o755)
    return StandIn(python, packages, _of_grace(folder / "grace", packages))


def _of_grace(folder: Path, packages: Path) -> Path:
    """Make what a training of GRACE imports, to be found before the other packages."""
    for name, version in (("tensorflow", "2.20.0"), ("tensorpotential", "0.6.2.1")):
        add_package(folder, name, version, name)
    add_package(folder, "tf_keras", "2.20.1", "tf_keras")
    for name in GRACE_NEEDS:
        if not (packages / name).exists():
            add_package(folder, name, "1.0", name)
    for name, text in GRACE_MODULES.items():
        path = folder / name if name.endswith(".py") else folder / name / "__init__.py"
        path.parent.mkdir(exist_ok=True)
        path.write_text(text)
    shutil.copyfile(HERE / "standin_pyace.py", folder / "pyace" / "__init__.py")
    shutil.copyfile(HERE / "standin_grace.py", folder / "tensorpotential" / "cli" / "train.py")
    return folder


@pytest.fixture
def overlay(tmp_path: Path) -> Callable[..., dict[str, str]]:
    """Packages that come before the environment's own: (name, version, module) of each."""

    def make(*packages: tuple[str, str, str | None]) -> dict[str, str]:
        for name, version, module in packages:
            add_package(tmp_path / "overlay", name, version, module)
        return {"PYTHONPATH": str(tmp_path / "overlay")}

    return make
