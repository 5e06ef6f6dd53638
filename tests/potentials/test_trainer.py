"""Which Python of this machine has the trainer: one answer for every command."""

from __future__ import annotations

import json
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest
from made_archive import make_potential

from hpctrain.engines import DEFAULT, engine_of
from hpctrain.errors import HpctrainError
from hpctrain.potentials.compare import diff
from hpctrain.potentials.trainer import find_trainer
from hpctrain.potentials.verify import verify
from hpctrain.process import Reply
from hpctrain.project import Project

ONE, TWO = "potential_gen_01", "potential_gen_02"


class Machine:
    """A machine some of whose Pythons have the trainer; notes which one was asked to work."""

    def __init__(self, *have: Path | str) -> None:
        self._have = {str(python) for python in have}
        self.worked: list[str] = []

    def __call__(self, argv: Sequence[str], *, cwd: str | None = None) -> Reply:
        python = argv[0]
        if argv[1] == "-c":
            lacks = "Traceback\nModuleNotFoundError: No module named 'pyace'\n"
            there = python in self._have
            return Reply(tuple(argv), 0 if there else 1, "", "" if there else lacks)
        self.worked.append(python)
        return Reply(tuple(argv), 1, "", "it broke")


@pytest.fixture
def pythons(tmp_path: Path) -> dict[str, Path]:
    """Pythons that are named: by the site local, and by the card of a potential."""
    found = {name: tmp_path / name / "python" for name in ("local", "card")}
    for python in found.values():
        python.parent.mkdir()
        python.write_text("#!/bin/sh\n")
        python.chmod(0o755)
    return found


def name_local(project: Project, python: Path) -> None:
    folder = project.folder / "site_profiles"
    folder.mkdir()
    (folder / "local.yaml").write_text(f"scheduler: local\ntrainer: {{python: {python}}}\n")


def trained_with(python: Path | str | None) -> dict[str, Any]:
    return {"run": {"site": {"profile": {"trainer": {"python": python and str(python)}}}}}


def test_the_site_local_then_the_cards_then_hpctrains_own(
    project: Project, pythons: dict[str, Path]
) -> None:
    name_local(project, pythons["local"])
    cards = [trained_with(None), trained_with("/not/here/python"), trained_with(pythons["card"])]
    every = (pythons["local"], pythons["card"], sys.executable)
    for number, expected in enumerate(every):
        machine = Machine(*every[number:])
        assert find_trainer(project, engine_of(DEFAULT), cards, machine) == str(expected)
    with pytest.raises(HpctrainError, match="the trainer is not on this machine") as caught:
        find_trainer(project, engine_of(DEFAULT), cards, Machine())
    assert "/not/here/python: not on this machine" in caught.value.message
    assert f"{sys.executable}: ModuleNotFoundError: No module named" in caught.value.message
    assert find_trainer(None, engine_of(DEFAULT), [], Machine(sys.executable)) == sys.executable


@pytest.mark.parametrize("has", ["local", "card"])
def test_verify_and_diff_agree(project: Project, pythons: dict[str, Path], has: str) -> None:
    name_local(project, pythons["local"])
    for name in (ONE, TWO):
        card = make_potential(project, name)
        run = card["run"]
        run["site"]["profile"] |= trained_with(pythons["card"])["run"]["site"]["profile"]
        path = project.potentials / f"{name}.json"
        path.unlink()
        path.write_text(json.dumps({**card, "run": run}))
    machine = Machine(pythons[has])
    assert "could not evaluate them" in diff(project, ONE, TWO, program=machine)["common"]["why"]
    with pytest.raises(HpctrainError, match="could not be verified: it broke"):
        verify(project, ONE, program=machine)
    assert machine.worked == [str(pythons[has])] * 2
    with pytest.raises(HpctrainError, match="the trainer is not on this machine"):
        verify(project, ONE, program=Machine())
