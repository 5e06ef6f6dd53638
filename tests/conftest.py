"""Fixtures for every test."""

from __future__ import annotations

import signal
from pathlib import Path
from typing import Any

import pytest

from hpctrain.project import Project, find_project, init

pytest_plugins = [
    "real_trainer", "slurm_fixture", "sites_fixture", "pbs_fixture", "postgres_fixture",
    "browser_fixture", "standin",
]  # fmt: skip


def pytest_configure() -> None:
    """Hear Ctrl-C also where the tests were started in the background: a shell has it ignored."""
    if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
        signal.signal(signal.SIGINT, signal.default_int_handler)


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Begin with what takes long, so that no process is left with it at the end."""
    items.sort(key=lambda item: ("slow" not in item.keywords, "life" not in item.path.parts))


def pytest_terminal_summary(terminalreporter: Any) -> None:
    """Which schedulers these tests have exercised: a green run without Slurm proves less."""
    import pbs_fixture
    import slurm_fixture

    passed = terminalreporter.stats.get("passed", [])
    slurm = sum("real_slurm" in report.keywords for report in passed)
    pbs = sum("real_pbs" in report.keywords for report in passed)
    practice = sum("practice" in report.nodeid or "[pbs" in report.nodeid for report in passed)
    no_slurm = slurm_fixture.missing()
    no_pbs = pbs_fixture.no_real_pbs()
    terminalreporter.section("schedulers exercised")
    for name, tests, why in (
        ("real Slurm", slurm, no_slurm or slurm_fixture.version()),
        ("real PBS", pbs, no_pbs or pbs_fixture.real_pbs_version()),
        ("practice clusters", practice, "stand-ins, pinned to recordings"),
    ):
        terminalreporter.write_line(f"{name}: {tests} tests ({why})")


@pytest.fixture
def demo_project(tmp_path: Path) -> Project:
    folder = tmp_path / "demo"
    init(folder, demo=True)
    return find_project(str(folder / "hpctrain.yaml"))


@pytest.fixture
def project(demo_project: Project) -> Project:
    return demo_project


@pytest.fixture(autouse=True)
def no_configuration_of_the_users(
    tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path_factory.getbasetemp() / "no-config"))
