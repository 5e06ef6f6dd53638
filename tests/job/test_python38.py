"""What travels with a run works with any Python from 3.8, and needs only the trainer's packages."""

from __future__ import annotations

import ast
import re
import sys
from pathlib import Path

import pytest

import hpctrain
from hpctrain.files import put_job

JOB = Path(hpctrain.__file__).parent / "job"
FILES = sorted(path.relative_to(JOB).as_posix() for path in JOB.rglob("*.py"))
# Run in the trainer's environment after it was found whole; the others need nothing.
WITH_PACKAGES = {
    *(name for name in FILES if name.startswith(("checks/", "grace/inside/", "pacemaker/inside/"))),
    *(
        f"pacemaker/{name}.py"
        for name in (
            "convert",
            "evaluate",
            "evaluators",
            "potential",
            "repulsion",
            "select",
            "start_from",
        )
    ),
    *(f"grace/{name}.py" for name in ("convert", "evaluate", "potential", "select")),
    "choose.py",
    "maxvol.py",
}
PACKAGES = {
    "ase", "numpy", "pandas", "pyace", "scipy", "tensorflow", "tensorpotential", "threadpoolctl",
    "yaml",
}  # fmt: skip
# In the standard library only after 3.8.
LATER = {"graphlib", "zoneinfo", "tomllib"}


class _AtRunTime(ast.NodeTransformer):
    """Leaves out what only a type checker reads, and imports that may fail."""

    def visit_Try(self, node: ast.Try) -> ast.AST:
        caught = {ast.unparse(handler.type) for handler in node.handlers if handler.type}
        if "ImportError" in caught:
            node.body = [ast.Pass()]
        return self.generic_visit(node)

    def visit_If(self, node: ast.If) -> ast.AST:
        if isinstance(node.test, ast.Name) and node.test.id == "TYPE_CHECKING":
            node.body = [ast.Pass()]
        return self.generic_visit(node)


def trees() -> dict[str, ast.Module]:
    """Parse each file as Python 3.8 does."""
    return {
        name: ast.parse((JOB / name).read_text(encoding="utf-8"), name, feature_version=(3, 8))
        for name in FILES
    }


def packages(tree: ast.Module) -> set[str]:
    """List the packages that a module imports from outside of this one."""
    found = set()
    for node in ast.walk(_AtRunTime().visit(tree)):
        if isinstance(node, ast.Import):
            found |= {alias.name.split(".")[0] for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and not node.level:
            found.add(str(node.module).split(".")[0])
    return found


def test_what_is_here_travels_and_nothing_else(tmp_path: Path) -> None:
    copy = put_job(tmp_path / "run")
    assert copy == tmp_path / "run" / "job"
    files = sorted(path for path in copy.rglob("*") if path.is_file())
    scripts = [path.name for path in JOB.glob("*.sh")]
    assert [path.relative_to(copy).as_posix() for path in files] == sorted([*FILES, *scripts])
    assert all(path.stat().st_mode & 0o200 for path in (copy, *copy.rglob("*")))


def test_python_3_8_can_parse_it() -> None:
    assert len(trees()) > 50


def test_it_imports_only_what_is_there() -> None:
    found = {name: packages(tree) for name, tree in trees().items()}
    known = {name: PACKAGES if name in WITH_PACKAGES else set[str]() for name in FILES}
    foreign = {name: some - sys.stdlib_module_names - known[name] for name, some in found.items()}
    assert {name: some for name, some in foreign.items() if some} == {}
    assert {name: some & LATER for name, some in found.items() if some & LATER} == {}


def test_annotations_are_never_evaluated() -> None:
    """`int | None` in a signature needs Python 3.10, or this import."""

    def annotated(tree: ast.Module) -> bool:
        return any(
            isinstance(node, ast.AnnAssign) or getattr(node, "returns", None) is not None
            for node in ast.walk(tree)
        )

    def future(tree: ast.Module) -> bool:
        return any(
            isinstance(node, ast.ImportFrom) and node.module == "__future__" for node in tree.body
        )

    assert [name for name, tree in trees().items() if annotated(tree) and not future(tree)] == []


@pytest.mark.parametrize(
    "source",
    [
        "with (open('a') as a, open('b') as b): pass", "match x:\n    case 1: pass",
        "try: pass\nexcept* ValueError: pass",
    ],
)  # fmt: skip
def test_the_parser_refuses_what_3_8_does(source: str) -> None:
    with pytest.raises(SyntaxError):
        ast.parse(source, feature_version=(3, 8))


def test_what_is_imported_is_seen() -> None:
    source = (
        "import os.path\nif TYPE_CHECKING:\n    import rich\nelse:\n    import click\n"
        "def late():\n    from yaml.nodes import Node\n"
    )
    assert packages(ast.parse(source)) == {"os", "click", "yaml"}


# Names that came after 3.8 and parse all the same.
METHODS = {
    "removeprefix",
    "removesuffix",
    "is_relative_to",
    "with_stem",
    "hardlink_to",
    "bit_count",
}


def test_it_calls_no_method_that_came_later() -> None:
    used = {
        name: {node.attr for node in ast.walk(tree) if isinstance(node, ast.Attribute)} & METHODS
        for name, tree in trees().items()
    }
    assert {name: later for name, later in used.items() if later} == {}


# The words by which the first trainer would be known, and the one place that may name it: what
# names no trainer is of the time when there was one.
ITS_WORDS = re.compile(r"pacemaker|pyace|tensorpot|yace|metrics\.txt", re.IGNORECASE)
ENGINES = {path.parent.name for path in JOB.glob("*/engine.py")}


def test_the_driver_and_the_checks_know_no_trainer_by_name() -> None:
    found = [
        f"{name}: {line.strip()}"
        for name in FILES
        if name.split("/")[0] not in ENGINES
        for line in (JOB / name).read_text(encoding="utf-8").splitlines()
        if ITS_WORDS.search(line)
    ]
    assert found == ['trainer.py: FIRST = "pacemaker"']
