"""A retired potential leaves lists and numbers; its files stay, and it can come back."""

from __future__ import annotations

import json

import pytest
from made_archive import make_potential

from hpctrain.cli.main import main
from hpctrain.errors import HpctrainError
from hpctrain.potentials import archive
from hpctrain.potentials.audit import audit
from hpctrain.potentials.current import move
from hpctrain.potentials.retired import retire
from hpctrain.project import Project

ONE, TWO = "potential_gen_01", "potential_gen_02"


def listed(project: Project) -> list[str]:
    return [card["name"] for card in archive.listed_cards(project.potentials)]


def test_out_of_lists_and_numbers_and_back(project: Project) -> None:
    make_potential(project, ONE)
    make_potential(project, TWO)
    assert archive.generation_of(project, "other rows", None) == 3
    done = retire(project, TWO)
    assert (done.retired, done.changed) == (True, True)
    assert listed(project) == [ONE]
    assert archive.generation_of(project, "other rows", None) == 2
    # Its name is never given again, and it can be looked at.
    assert archive.next_name(project.potentials, 2) == f"{TWO}_r2"
    assert archive.find_card(project.potentials, TWO)["name"] == TWO
    assert [one.name for one in audit(project)] == [ONE]
    assert [one.name for one in audit(project, (TWO,))] == [TWO]
    assert not retire(project, TWO).changed
    assert retire(project, TWO, undo=True).changed
    assert not retire(project, TWO, undo=True).changed
    assert listed(project) == [ONE, TWO]


def test_the_current_one_is_not_retired_nor_a_retired_one_chosen(project: Project) -> None:
    make_potential(project, ONE)
    make_potential(project, TWO)
    move(project, ONE)
    with pytest.raises(HpctrainError, match="is the current potential"):
        retire(project, ONE)
    retire(project, TWO)
    with pytest.raises(HpctrainError, match="is retired"):
        move(project, TWO)
    with pytest.raises(HpctrainError, match="there is no potential 'x'"):
        retire(project, "x")


def test_a_damaged_list(project: Project) -> None:
    make_potential(project, ONE)
    (project.potentials / archive.RETIRED).write_text("{")
    said: list[str] = []
    assert [card["name"] for card in archive.listed_cards(project.potentials, said.append)] == [ONE]
    assert "retired.json is damaged" in said[0]
    with pytest.raises(HpctrainError, match=r"retired\.json is damaged"):
        retire(project, ONE)


def test_the_commands(
    project: Project, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    make_potential(project, ONE)
    monkeypatch.chdir(project.folder)
    assert main(["potentials", "retire", ONE]) == 0
    assert "is retired; its files stay" in capsys.readouterr().out
    assert main(["potentials", "list", "--json"]) == 0
    assert json.loads(capsys.readouterr().out)["potentials"] == []
    assert main(["potentials", "list", "--all"]) == 0
    assert "retired" in capsys.readouterr().out
    assert main(["potentials", "retire", ONE, "--undo", "--json"]) == 0
    assert json.loads(capsys.readouterr().out)["retired"] is False
