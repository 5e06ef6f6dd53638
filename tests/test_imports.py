"""Imports point down only, and a command imports no more than it needs."""

from __future__ import annotations

import ast
import json
import subprocess
import sys
from pathlib import Path

import pytest

import hpctrain
from hpctrain.project import Project

PACKAGE = Path(hpctrain.__file__).parent

# From top to bottom; a module imports from the rows below its own, never from its own row.
LAYERS: list[set[str]] = [
    {"__main__"},
    {"cli"},
    {"cli.boundary"},
    {"cli.runs", "cli.potentials", "cli.archive", "cli.report", "cli.sites"},
    {"cli.data", "cli.verify"},
    {"cli.options"},
    {"preflight.page"},
    {"follow", "preflight.words", "preflight.charts", "card_words"},
    {"console", "preflight.report"},
    {"preflight.watch", "preflight.energies"},
    {"preflight.batch", "preflight.columns"},
    # The use cases; collect and cancel begin with what status finds.
    {"submit", "collect", "cancel", "resume", "init", "logs", "verify", "audit", "compare",
     "pointer", "report.write", "live_sites", "proof"},
    {"status"},
    {"report.page"},
    {"report.curve", "report.parity", "report.physics", "report.facts"},
    {"report.parts", "report.subject"},
    # What use cases share.
    {"witness", "recovery", "describe", "prepare", "plots", "card"},
    {"unseen"},
    {"from_card"},
    {"reuse", "parents", "usage", "planning", "job_script"},
    {"site_draft", "site_audit"},
    {"practice.__main__"},
    {"practice.pbs", "practice.slurm"},
    {"practice.pbs_qsub", "practice.pbs_qstat", "practice.pbs_queues"},
    {"practice.pbs_torque"},
    {"practice.pbs_text"},
    {"practice.pbs_attributes"},
    {"practice.pbs_server", "practice.pbs_script"},
    {"practice.pbs_resources", "practice.pbs_variables"},
    {"practice.pbs_usage"},
    {"practice.slurm_submit", "practice.slurm_squeue", "practice.slurm_sacct"},
    {"practice.slurm_environment"},
    {"practice.slurm_request"},
    {"practice.slurm_jobs", "practice.slurm_options"},
    {"terminal_curve"},
    {"submission", "trail", "verdict", "progress", "following", "archive", "dataset",
     "local_queue.__main__", "engines.pacemaker_parent", "proofs"},
    {"sides", "split_files", "alike"},
    {"history", "project", "rows", "split", "leakage", "local_queue.queue"},
    {"candidates", "environments"},
    {"signatures"},
    {"choosing", "advice", "recognition"},
    {"sites", "fitting", "labels", "preflight.pairs", "schedulers", "looks",
     "local_queue.supervisor"},
    {"pages.figure"},
    {"pages.axes", "pages.html"},
    {"render", "sources", "ledger", "lock", "local_queue.state", "schedulers.slurm",
     "schedulers.local", "schedulers.pbs", "schedulers.practice"},
    {"schedulers.slurm_cluster", "schedulers.pbs_cluster", "schedulers.slurm_directives",
     "schedulers.slurm_states", "schedulers.pbs_directives",
     "schedulers.pbs_states", "engines.pacemaker", "engines.pacemaker_log", "extxyz",
     "sqlite_rows"},
    {"schedulers.base", "schedulers.pbs_reply", "schedulers.directive_rules", "demand",
     "engines.pacemaker_faults", "engines.pacemaker_tables"},
    {"schedulers.cluster"},
    {"site_schema"},
    {"profile"},
    {"site_request"},
    {"site_facts"},
    {"models", "site_words", "process", "identity", "engines.base", "yamlfile", "mappings",
     "changes", "resources", "frames", "sqlite_file", "preflight.findings",
     "preflight.distances", "verification"},
    {"errors", "records", "local_queue", "engines", "practice", "preflight", "preflight.names",
     "neighbours", "preflight.elements", "preflight.theory",
     "preflight.cost", "pages", "report", "text", ""},
]  # fmt: skip
# Packages that take their time: no command may load one before it uses it.
SLOW = {"ase", "numpy", "matplotlib", "pydantic", "rich", "jinja2", "yaml", "scipy", "pandas"}


def modules() -> dict[str, Path]:
    """Every module of hpctrain but those that travel with a job, without "hpctrain." before it."""
    found = {}
    for path in sorted(PACKAGE.rglob("*.py")):
        parts = path.relative_to(PACKAGE).with_suffix("").parts
        if parts[0] != "job":
            found[".".join(parts[:-1] if parts[-1] == "__init__" else parts)] = path
    return found


MODULES = modules()


def imported(path: Path) -> set[str]:
    """The modules of hpctrain that a file imports, anywhere in it; also for types only."""
    found = set()
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            found |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{path}: imports are written in full"
            module = str(node.module)
            for alias in node.names:
                whole = f"{module}.{alias.name}"
                found.add(whole if whole.removeprefix("hpctrain.") in MODULES else module)
    ours = {name for name in found if name.split(".")[0] == "hpctrain"}
    return {name.removeprefix("hpctrain").removeprefix(".") for name in ours}


def test_every_module_has_its_place() -> None:
    placed = [name for layer in LAYERS for name in layer]
    assert sorted(placed) == sorted(MODULES)


@pytest.mark.parametrize("module", sorted(MODULES))
def test_imports_point_down(module: str) -> None:
    level = {name: number for number, layer in enumerate(LAYERS) for name in layer}
    upward = {name for name in imported(MODULES[module]) if level[name] <= level[module]}
    assert upward == set()


def test_the_walk_sees_imports_of_every_kind(tmp_path: Path) -> None:
    (tmp_path / "x.py").write_text(
        "import hpctrain.models\nfrom hpctrain import ledger, __version__\n"
        "def late():\n    from hpctrain.cli.options import common\n"
        "from hpctrain.schedulers import base, scheduler_of\nimport os\nimport hpctrain_other\n"
    )
    assert imported(tmp_path / "x.py") == {
        "models", "ledger", "", "cli.options", "schedulers.base", "schedulers",
    }  # fmt: skip


def importers_of(package: str) -> set[str]:
    found = set()
    for module, path in MODULES.items():
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            names = (
                [alias.name for alias in node.names]
                if isinstance(node, ast.Import)
                else [str(node.module)]
                if isinstance(node, ast.ImportFrom)
                else []
            )
            if any(name.split(".")[0] == package for name in names):
                found.add(module)
    return found


@pytest.mark.parametrize(
    ("package", "owners"),
    [("ase", {"sources"}), ("jinja2", {"render"}), ("matplotlib", {"plots"})],
)
def test_what_has_one_owner(package: str, owners: set[str]) -> None:
    assert importers_of(package) == owners


def test_click_is_spoken_on_the_command_line_only() -> None:
    assert {name.split(".")[0] for name in importers_of("click")} == {"cli"}


def loaded_by(project: Project, *arguments: str) -> set[str]:
    """The packages in memory after a command."""
    code = (
        "import json, sys\n"
        "from hpctrain.cli import main\n"
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
