"""The matrix fault × step → outcome: filled by the tests, printed at the end of their run."""

from __future__ import annotations

import subprocess
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from faults.field import Commands, Tally, make_project

ROWS = pytest.StashKey[list["Row"]]()


@dataclass(frozen=True)
class Row:
    """One line of the matrix."""

    fault: str
    step: str
    cases: int
    lost: int
    twice: int
    outcome: str


def pytest_configure(config: pytest.Config) -> None:
    config.addinivalue_line("markers", "fault(name): the fault that the test injects")
    config.stash[ROWS] = []


def pytest_terminal_summary(terminalreporter: Any, config: pytest.Config) -> None:
    rows = config.stash[ROWS]
    if not rows:
        return
    write = terminalreporter.write_line
    terminalreporter.section("faults")
    width = max(len(row.fault) for row in rows)
    write(f"{'fault':<{width}}  {'step':<22} cases  lost  twice  outcome")
    for row in rows:
        write(
            f"{row.fault:<{width}}  {row.step:<22} {row.cases:>5} {row.lost:>5} {row.twice:>6}  "
            f"{row.outcome}"
        )
    points = sum(row.cases for row in rows if row.fault.startswith("SIGKILL"))
    write(
        f"{points} kill points, {len({row.fault for row in rows})} faults, "
        f"{sum(row.cases for row in rows)} cases: "
        f"{sum(row.lost for row in rows)} lost, {sum(row.twice for row in rows)} duplicates"
    )


@pytest.fixture
def matrix(request: pytest.FixtureRequest) -> Callable[..., None]:
    """Note what became of a fault; the test's marker names it."""
    marker = request.node.get_closest_marker("fault")
    assert marker is not None, "the test does not say which fault it injects"

    def note(step: str, outcome: str, tally: Tally | None = None, cases: int = 1) -> None:
        lost, twice = (len(tally.lost), len(tally.twice)) if tally else (0, 0)
        number = tally.cases if tally else cases
        request.config.stash[ROWS].append(Row(marker.args[0], step, number, lost, twice, outcome))
        if tally:
            tally.check()

    return note


@pytest.fixture(scope="session")
def commands(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Commands]:
    """Quick processes for commands; the environment they inherit is this process's of now."""
    served = Commands(tmp_path_factory.mktemp("commands"))
    yield served
    served.close()


@pytest.fixture
def new_project(tmp_path: Path) -> Iterator[Callable[..., Path]]:
    """Makes projects: (name, behaviour=…, profile=…)."""

    def make(name: str = "project", **options: Any) -> Path:
        return make_project(tmp_path, name, **options)

    yield make
    # A job that a failed test has left would be in the next one's way.
    subprocess.run(["scancel", "--me"], capture_output=True, timeout=60)
