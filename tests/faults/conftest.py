"""The matrix world × fault × step → outcome: filled by the tests, printed at their end."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import astuple, dataclass
from pathlib import Path
from typing import Any
from zlib import crc32

import pytest
from faults.field import HERE, PBS, SLURM, TRAINERS, Commands, Field, Tally, today
from faults.worlds import PbsWorld, SlurmWorld, World
from slurm_fixture import Slurm


@dataclass(frozen=True)
class Row:
    """One line of the matrix."""

    world: str
    fault: str
    step: str
    cases: int
    lost: int
    twice: int
    outcome: str

    @property
    def order(self) -> tuple[str, str, str]:
        return self.fault, self.world, self.step


def pytest_configure(config: pytest.Config) -> None:
    config.addinivalue_line("markers", "fault(name): the fault that the test injects")


def pytest_terminal_summary(terminalreporter: Any) -> None:
    """Print the matrix, and how many runs were lost or submitted twice."""
    ended = [
        report
        for outcome in ("passed", "failed")
        for report in terminalreporter.stats.get(outcome, [])
    ]
    told = {value for report in ended for name, value in report.user_properties if name == "fault"}
    rows = sorted((Row(*json.loads(value)) for value in told), key=lambda row: row.order)
    if not rows:
        return
    write = terminalreporter.write_line
    terminalreporter.section("faults")
    width, step = (max(len(getattr(row, key)) for row in rows) for key in ("fault", "step"))
    write(f"world  {'fault':<{width}}  {'step':<{step}}  cases  lost  twice  outcome")
    for row in rows:
        write(
            f"{row.world:<5}  {row.fault:<{width}}  {row.step:<{step}}  {row.cases:>5} "
            f"{row.lost:>5} {row.twice:>6}  {row.outcome}"
        )
    points = sum(row.cases for row in rows if row.fault.startswith("SIGKILL"))
    write(
        f"{points} kill points, {len({row.fault for row in rows})} faults, "
        f"{sum(row.cases for row in rows)} cases: "
        f"{sum(row.lost for row in rows)} lost, {sum(row.twice for row in rows)} duplicates"
    )


@pytest.fixture(scope="session")
def commands(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Commands]:
    """Quick processes for commands."""
    served = Commands(tmp_path_factory.mktemp("commands"))
    yield served
    served.close()


@pytest.fixture(scope="session")
def practice(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """Where the programs of every practice PBS are served."""
    address = tmp_path_factory.mktemp("programs") / "s"
    argv = [sys.executable, str(HERE / "program_server.py"), str(address)]
    with subprocess.Popen(argv, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE) as served:
        assert served.stdout
        assert served.stdout.readline() == b"ready\n"
        yield address
        served.terminate()


@pytest.fixture(scope="session")
def crowded(slurm: Slurm) -> str:
    """A partition where many jobs share a core: a job takes half a second to leave one for good."""
    argv = ["scontrol", "create", "PartitionName=crowded", "Nodes=ALL", "MaxTime=00:10:00",
            "OverSubscribe=FORCE:16"]  # fmt: skip
    subprocess.run(argv, check=True, timeout=60)
    return "crowded"


@pytest.fixture(params=[SLURM, PBS])
def world(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[World]:
    """Each scheduler in turn. The practice PBS is each test's own; Slurm is one for all."""
    if request.param == "slurm":
        one: World = SlurmWorld(request.getfixturevalue("crowded"))
    else:
        one = PbsWorld(tmp_path / "pbs", request.getfixturevalue("practice"))
    yield one
    one.tidy()


@pytest.fixture
def trainer(request: pytest.FixtureRequest) -> str:
    """The one that the test names; else one of them, by the test's name, the other tomorrow."""
    named: str | None = getattr(request, "param", None)
    return named or TRAINERS[(crc32(request.node.name.encode()) + today()) % len(TRAINERS)]


@pytest.fixture
def field(
    request: pytest.FixtureRequest, world: World, trainer: str, tmp_path: Path, commands: Commands
) -> Field:
    marker = request.node.get_closest_marker("fault")

    def note(step: str, outcome: str, tally: Tally | None = None, cases: int = 1) -> None:
        """What became of the fault that the test's marker names."""
        assert marker is not None, "the test does not say which fault it injects"
        lost, twice = (len(tally.lost), len(tally.twice)) if tally else (0, 0)
        number = tally.cases if tally else cases
        named = f"{step} ({trainer})"
        row = Row(world.name, marker.args[0], named, number, lost, twice, outcome)
        # A property travels with the report, whichever process ran the test.
        request.node.user_properties.append(("fault", json.dumps(astuple(row))))
        if tally:
            tally.check()

    return Field(world, tmp_path / "field", commands, note, trainer)
