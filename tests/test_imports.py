"""Imports point down only, room by room, and a command imports no more than it needs."""

from __future__ import annotations

import ast
import graphlib
import json
import subprocess
import sys
from functools import cache
from importlib.util import resolve_name
from pathlib import Path

import pytest

import hpctrain
from hpctrain.project import Project

PACKAGE = Path(hpctrain.__file__).parent

# A room is a folder of modules, and "" the ground, which every room but those of job may use. What
# stands behind a room is what else it may import: that folder, and with "/*" the rooms in it too.
ROOMS: dict[str, str] = {
    "cli": "cli/* launch/* propose potentials/* pages/* runs/* data/* engines/* schedulers/* "
    "sites/*",
    "cli/terminal": "launch/* propose potentials/* pages/* runs/* data/* engines/* schedulers/* "
    "sites/*",
    "launch": "potentials/* runs/* data/* engines/* schedulers/* sites/*",
    "propose": "data/* engines/*",
    "potentials": "pages/* runs/* data/* engines/* sites/*",
    "pages": "runs/* data/* engines/*",
    "runs/actions": "runs runs/state engines/* schedulers/* sites/*",
    "runs/state": "runs engines/* schedulers/* sites/*",
    "runs": "engines/* schedulers/* sites/*",
    "engines/grace": "engines",
    "engines/pacemaker": "engines",
    "engines": "",
    "schedulers/slurm": "schedulers sites",
    "schedulers/pbs": "schedulers sites",
    "schedulers/practice_cluster": "schedulers/practice_cluster/* schedulers/local_queue",
    "schedulers/practice_cluster/pbs": "schedulers/practice_cluster schedulers/local_queue",
    "schedulers/practice_cluster/slurm": "schedulers/practice_cluster schedulers/local_queue",
    "schedulers/local_queue": "",
    "schedulers": "sites",
    "data": "data/*",
    "data/check": "data/duplicates data/structures",
    "data/duplicates": "data/structures",
    "data/sources": "data/structures",
    "data/structures": "",
    "sites": "engines",
    "settings": "engines",
    "": "",
    "job": "",
    "job/checks": "job",
    "job/grace": "job job/checks",
    "job/grace/inside": "job",
    "job/pacemaker": "job job/checks",
    "job/pacemaker/inside": "job",
    "job/pacemaker/on_path": "",
}
# Modules of the ground that see more than it: as if they were in these rooms.
ELSEWHERE = {"__main__": "cli", "settings": "settings"}
# Outside libraries, and the one place that speaks to each.
OWNERS = {
    "ase": "data/sources",
    "jinja2": "render",
    "markupsafe": "render",  # what is markup was rendered there
    "matplotlib": "pages/learning_curve",
    "tensorboard": "pages/event_files",
    "click": "cli",
    "subprocess": "process",
}
# Programs of their own, which start what they look after.
PROGRAMS = ("job", "schedulers/local_queue", "schedulers/practice_cluster")
# Packages that take their time: no command may load one before it uses it.
SLOW = {"ase", "numpy", "matplotlib", "pydantic", "rich", "jinja2", "yaml", "scipy", "pandas"}


def modules() -> dict[str, Path]:
    """Find every module of hpctrain, as its path in the package: "runs/lock"; "" is the package."""
    found = {}
    for path in sorted(PACKAGE.rglob("*.py")):
        name = path.relative_to(PACKAGE).with_suffix("").as_posix()
        found[name.removesuffix("__init__").rstrip("/")] = path
    return found


MODULES = modules()
OURS = sorted(name for name in MODULES if name.split("/")[0] != "job")


def room_of(module: str) -> str:
    """Name the folder that a module is in; a package's __init__ is in the package."""
    return module if MODULES[module].name == "__init__.py" else module.rpartition("/")[0]


@cache
def imports_in(path: Path) -> list[ast.Import | ast.ImportFrom]:
    """List the import statements of a file, anywhere in it."""
    nodes = ast.walk(ast.parse(path.read_text(encoding="utf-8")))
    return [node for node in nodes if isinstance(node, (ast.Import, ast.ImportFrom))]


def imported(path: Path, room: str = "") -> set[str]:
    """List the modules of hpctrain that a file imports, anywhere in it; also for types only."""
    found = set()
    package = f"hpctrain.{room}".replace("/", ".")
    for node in imports_in(path):
        if isinstance(node, ast.Import):
            found |= {alias.name for alias in node.names}
        else:
            assert not node.level or room.split("/")[0] == "job", f"{path}: a relative import"
            base = resolve_name("." * node.level + (node.module or ""), package)
            whole = {f"{base}.{alias.name}" for alias in node.names}
            modules = {name for name in whole if _path(name) in MODULES}
            found |= modules if modules == whole else {*modules, base}
    return {_path(name) for name in found if name.split(".")[0] == "hpctrain"}


def _path(name: str) -> str:
    return name.removeprefix("hpctrain").removeprefix(".").replace(".", "/")


def allowed(room: str, other: str) -> bool:
    """Say whether a module of one room may import one of another."""
    if other == room or (other == "" and room.split("/")[0] != "job"):
        return True
    return any(
        other == place.removesuffix("/*")
        or (place.endswith("/*") and other.startswith(place.removesuffix("*")))
        for place in ROOMS[room].split()
    )


def imports_upwards(module: str) -> set[str]:
    room = room_of(module)
    rooms = {name: room_of(name) for name in imported(MODULES[module], room)}
    if module in ELSEWHERE:
        room = ELSEWHERE[module]
    elif MODULES[module].name == "__init__.py":
        # A package may offer what is in its own rooms, late.
        rooms = {name: r for name, r in rooms.items() if not r.startswith(f"{module}/")}
    return {name for name, other in rooms.items() if not allowed(room, other)}


def test_imports_point_down() -> None:
    found = {module: imports_upwards(module) for module in MODULES}
    assert {module: names for module, names in found.items() if names} == {}


def test_no_module_imports_itself_in_a_circle() -> None:
    graph = {name: imported(path, room_of(name)) - {name, ""} for name, path in MODULES.items()}
    for package in ("schedulers", "engines"):
        graph[package] = set()  # the registry imports its backends late, and they its base
    list(graphlib.TopologicalSorter(graph).static_order())


def test_the_walk_sees_imports_of_every_kind(tmp_path: Path) -> None:
    (tmp_path / "x.py").write_text(
        "import hpctrain.settings\nfrom hpctrain import process, __version__\n"
        "def late():\n    from hpctrain.cli.options import common\n"
        "from hpctrain.schedulers import base, scheduler_of\nimport os\nimport hpctrain_other\n"
    )
    assert imported(tmp_path / "x.py") == {
        "settings", "process", "", "cli/options", "schedulers/base", "schedulers",
    }  # fmt: skip
    (tmp_path / "y.py").write_text("from .. import evidence\nfrom .data import KEPT\n")
    assert imported(tmp_path / "y.py", "job/checks") == {"job/evidence", "job/checks/data"}


def importers_of(library: str) -> set[str]:
    found = set()
    for module in OURS:
        for node in imports_in(MODULES[module]):
            names = (
                [alias.name for alias in node.names]
                if isinstance(node, ast.Import)
                else [str(node.module)]
            )
            if any(name.split(".")[0] == library for name in names):
                found.add(module)
    return found


@pytest.mark.parametrize(("library", "owner"), OWNERS.items())
def test_what_has_one_owner(library: str, owner: str) -> None:
    importers = importers_of(library)
    assert importers
    places = {owner, *(program for program in PROGRAMS if library == "subprocess")}
    assert {
        name
        for name in importers
        if not any(f"{name}/".startswith(f"{place}/") for place in places)
    } == set()


def loaded_by(project: Project, *arguments: str) -> set[str]:
    """List the packages in memory after a command."""
    code = (
        "import json, sys\n"
        "from hpctrain.cli.main import main\n"
        "code = main(json.loads(sys.argv[1]))\n"
        "print(json.dumps([code, sorted({name.split('.')[0] for name in sys.modules})]))\n"
    )
    reply = subprocess.run(
        [sys.executable, "-c", code, json.dumps(arguments)],
        cwd=project.folder, capture_output=True, text=True, timeout=60, check=True,
    )  # fmt: skip
    code_of, packages = json.loads(reply.stdout.splitlines()[-1])
    assert code_of == 0, reply.stderr
    return set(packages)


@pytest.mark.parametrize("arguments", [("status",), ("status", "--json"), ("--help",)])
def test_looking_around_loads_nothing_slow(project: Project, arguments: tuple[str, ...]) -> None:
    loaded = loaded_by(project, *arguments)
    assert "click" in loaded
    assert loaded & SLOW == set()


def test_the_check_sees_what_is_loaded(project: Project) -> None:
    assert loaded_by(project, "sites", "list") & SLOW == {"pydantic", "yaml"}
