"""What is published: sdist and wheel. The wheel, in a clean environment, outside the checkout."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import sysconfig
import tarfile
import venv
import zipfile
from pathlib import Path

import pytest
from paths import CHECKOUT

import hpctrain

SHIPPED = [
    *CHECKOUT.glob("templates/**/*.j2"), *CHECKOUT.glob("site_profiles/*.yaml"),
    *CHECKOUT.glob("hpctrain/**/*.py"), CHECKOUT / "hpctrain" / "py.typed",
    CHECKOUT / "hpctrain" / "demo" / "al_pbe.db", CHECKOUT / "site_profiles" / "site.schema.json",
]  # fmt: skip

pytestmark = [pytest.mark.slow, pytest.mark.xdist_group("wheel")]


@pytest.fixture(scope="module")
def built(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with the sdist, and the wheel that is built from it."""
    folder = tmp_path_factory.mktemp("wheel")
    subprocess.run(
        [sys.executable, "-m", "build", "--no-isolation", "--outdir", str(folder), str(CHECKOUT)],
        check=True, capture_output=True, timeout=120,
    )  # fmt: skip
    return folder


@pytest.fixture(scope="module")
def wheel(built: Path) -> Path:
    [built_wheel] = built.glob("*.whl")
    return built_wheel


@pytest.fixture(scope="module")
def installed(wheel: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The Python of an environment with the wheel, and hpctrain's dependencies from this one.

    The dependencies come by a line in a .pth file; that line adds the folder and reads no .pth
    in it, so that an editable install of the checkout there counts for nothing.
    """
    folder = tmp_path_factory.mktemp("clean") / "venv"
    venv.create(folder, with_pip=False, symlinks=True)
    python = folder / "bin" / "python"
    site = Path(
        subprocess.run(
            [python, "-c", "import sysconfig; print(sysconfig.get_path('purelib'))"],
            check=True, capture_output=True, text=True,
        ).stdout.strip()
    )  # fmt: skip
    with zipfile.ZipFile(wheel) as archive:
        archive.extractall(site)
    paths = {sysconfig.get_path("purelib"), sysconfig.get_path("platlib")}
    (site / "dependencies.pth").write_text("".join(f"{path}\n" for path in paths))
    (folder / "bin" / "hpctrain").write_text(
        f"#!{python}\nimport sys\nfrom hpctrain.cli.main import main\nsys.exit(main())\n"
    )
    (folder / "bin" / "hpctrain").chmod(0o755)
    return python


def run(python: Path, cwd: Path, *argv: str) -> str:
    environment = {
        name: value for name, value in os.environ.items() if not name.startswith("PYTHON")
    }
    reply = subprocess.run(
        argv, cwd=cwd, env=environment, capture_output=True, text=True, timeout=120
    )
    assert reply.returncode == 0, reply.stdout + reply.stderr
    return reply.stdout


def test_both_can_be_published(built: Path) -> None:
    files = [str(path) for path in built.iterdir()]
    assert len(files) == 2
    checked = subprocess.run(
        [sys.executable, "-m", "twine", "check", "--strict", *files],
        capture_output=True, text=True, timeout=120,
    )  # fmt: skip
    assert checked.returncode == 0, checked.stdout + checked.stderr


def test_the_sdist_has_what_its_tests_and_docs_need(built: Path) -> None:
    [sdist] = built.glob("*.tar.gz")
    with tarfile.open(sdist) as archive:
        names = {name.partition("/")[2] for name in archive.getnames()}
    needed = {
        "CITATION.cff", "CHANGELOG.md", "LICENSE", "Makefile", "README.md", "SECURITY.md",
        "docs/design.md", "recipe/recipe.yaml", "tests/conftest.py",
        "tests/recorded/project_0.1.0/project.tar.gz",
    }  # fmt: skip
    assert needed - names == set()
    assert not [name for name in names if name.startswith((".venv", ".demo", "dist/", ".nox"))]


def test_everything_is_inside(wheel: Path) -> None:
    with zipfile.ZipFile(wheel) as archive:
        names = set(archive.namelist())
    assert len(SHIPPED) > 50
    for path in SHIPPED:
        name = path.relative_to(CHECKOUT).as_posix()
        assert (name if name.startswith("hpctrain/") else f"hpctrain/{name}") in names
    ours = {name for name in names if ".dist-info/" not in name}
    assert {name.split("/")[0] for name in ours} == {"hpctrain"}
    [points] = [name for name in names if name.endswith("entry_points.txt")]
    with zipfile.ZipFile(wheel) as archive:
        assert "hpctrain = hpctrain.cli.main:main" in archive.read(points).decode()
        [metadata] = [name for name in names if name.endswith(".dist-info/METADATA")]
        assert f"Version: {hpctrain.__version__}\n" in archive.read(metadata).decode()
    assert any(name.endswith("licenses/LICENSE") for name in names)


def test_it_is_the_wheel_that_is_imported(installed: Path, tmp_path: Path) -> None:
    code = (
        "import json, sys, hpctrain, pydantic\n"
        "print(json.dumps([hpctrain.__file__, sys.path, sys.prefix]))"
    )
    file, path, prefix = json.loads(run(installed, tmp_path, str(installed), "-c", code))
    assert Path(file).is_relative_to(prefix)
    assert Path(prefix) == installed.parents[1]
    assert not [entry for entry in path if entry and Path(entry).resolve() == CHECKOUT]


def test_every_template_renders_and_every_profile_loads(installed: Path, tmp_path: Path) -> None:
    code = """
import json
from hpctrain.data.check.report import find_all
from hpctrain.data.check.scan import Preflight
from hpctrain.engines.pacemaker.input import input_mapping, template_values
from hpctrain.pages.check import page as of_check
from hpctrain.pages.page import page as of_run
from hpctrain.pages.subject import Subject
from hpctrain.runs.state.curves import Curves
from hpctrain.engines.pacemaker.settings import PacemakerTraining
from hpctrain.render import render
from hpctrain.files import resource
from hpctrain.sites.load import load, names

training = PacemakerTraining()
mapping = input_mapping(training, "pyace", ("Al",), "auto")
values = {
    "version": "0", "run_id": "r", "schema": "s", "attempt": 1, "directives": [], "shell": "plain",
    "modules": [], "setup": [], "environment": {}, "run_dir": "/r", "launcher": [], "container": [],
    "python": "python3", "project": "p", "source": "x.db", "demo": False,
    "umask": None, "output": "o", "given": "x.db", "data": "", "training": "", "warnings": "",
    **template_values(mapping, training),
}
folder = resource("templates")
templates = sorted(str(path.relative_to(folder)) for path in folder.rglob("*.j2"))
for template in templates:
    assert template.startswith("pages/") or render(template, values), template
preflight = Preflight(6.0)
assert "<h2>" in of_check(find_all(preflight), preflight, "t", "u")
data = {"elements": [], **dict.fromkeys(("train", "test"), {"structures": 1, "atoms": 2})}
subject = Subject("n", "s", {}, Curves(), "none", None, "none", {}, "pyace", {}, data, {}, [])
assert "<h2" in of_run(subject)
profiles = sorted(names(None))
for profile in profiles:
    assert load(profile, None).profile.scheduler
print(json.dumps([templates, profiles]))
"""
    templates, profiles = json.loads(run(installed, tmp_path, str(installed), "-c", code))
    assert templates == sorted(
        path.relative_to(CHECKOUT / "templates").as_posix()
        for path in (CHECKOUT / "templates").rglob("*.j2")
    )
    assert profiles == sorted(path.stem for path in (CHECKOUT / "site_profiles").glob("*.yaml"))


def test_the_demo_is_made_and_could_be_submitted(installed: Path, tmp_path: Path) -> None:
    program = str(installed.with_name("hpctrain"))
    run(installed, tmp_path, program, "init", "--demo", "demo")
    folder = tmp_path / "demo"
    script = run(installed, folder, program, "submit", "--site", "slurm", "--dry-run")
    assert script.startswith("#!/bin/bash\n#SBATCH ")
    assert str(installed) in script
    text = run(installed, folder, program, "submit", "--site", "slurm", "--dry-run", "--json")
    answer = json.loads(text)
    assert (answer["schema"], answer["run_dir"]) == ("hpctrain.submit/1", None)
    assert answer["argv"][0] == "sbatch"
    assert {"job.sh", "input.yaml"} <= set(answer["files"])
    assert str(CHECKOUT) not in text
    run(installed, folder, program, "status")
