"""The current potential: moved deliberately, forward and back, and never to a damaged one."""

from __future__ import annotations

from pathlib import Path

import pytest
from made_archive import make_potential

from hpctrain.errors import HpctrainError
from hpctrain.potentials.archive import find_card
from hpctrain.potentials.current import move, position
from hpctrain.project import Project

ONE, TWO = "potential_gen_01", "potential_gen_02"


@pytest.fixture
def two(project: Project) -> Project:
    make_potential(project, ONE)
    make_potential(project, TWO)
    return project


def leads_to(project: Project) -> dict[str, str]:
    return {
        path.name: str(path.readlink())
        for path in project.potentials.glob("current.*")
        if path.is_symlink()
    }


def test_nobody_but_the_user_moves_it(two: Project) -> None:
    assert position(two).name is None
    assert leads_to(two) == {}
    with pytest.raises(HpctrainError, match="no potential is the current one"):
        find_card(two.potentials, "current")


def test_forward_and_back(two: Project) -> None:
    move(two, TWO)
    move(two, ONE)
    found = move(two, TWO)
    assert found.name == TWO
    assert [(one["from"], one["to"]) for one in found.history] == [
        (None, TWO), (TWO, ONE), (ONE, TWO),
    ]  # fmt: skip
    assert all(one["time"] and "@" in one["by"] for one in found.history)
    assert find_card(two.potentials, "current")["name"] == TWO
    assert leads_to(two) == {f"current.{end}": f"{TWO}.{end}" for end in ("yace", "yaml", "asi")}
    assert found.links == [two.potentials / f"current.{end}" for end in ("yace", "yaml", "asi")]
    assert (two.potentials / "current.yace").read_text() == f"{TWO} as yace"


def test_where_it_is_already_nothing_is_noted(two: Project) -> None:
    move(two, ONE)
    assert len(move(two, "current").history) == 1


def test_one_without_an_active_set(two: Project) -> None:
    make_potential(two, "potential_gen_03", active_set=False)
    move(two, TWO)
    assert position(two).links[-1].name == "current.asi"
    move(two, "potential_gen_03")
    assert set(leads_to(two)) == {"current.yace", "current.yaml"}


def test_never_to_a_damaged_one(two: Project) -> None:
    move(two, ONE)
    file = two.potentials / f"{TWO}.yace"
    file.chmod(0o644)
    file.write_text("another")
    with pytest.raises(HpctrainError, match="the current potential was not changed"):
        move(two, TWO)
    with pytest.raises(HpctrainError, match="did you mean 'potential_gen_01'"):
        move(two, "potential_gen_1")
    assert position(two).name == ONE
    assert leads_to(two)["current.yace"] == f"{ONE}.yace"


def test_a_file_of_the_users_own_is_left(two: Project) -> None:
    (two.potentials / "current.yace").write_text("my own")
    said: list[str] = []
    found = move(two, ONE, say=said.append)
    assert (two.potentials / "current.yace").read_text() == "my own"
    assert "is a file of your own and was left" in said[0]
    assert found.links == [two.potentials / f"current.{end}" for end in ("yaml", "asi")]


def test_links_that_a_killed_move_left_are_not_believed(two: Project) -> None:
    move(two, ONE)
    link = two.potentials / "current.yace"
    link.unlink()
    link.symlink_to(f"{TWO}.yace")
    assert link not in position(two).links
    assert link in move(two, ONE).links


def test_a_damaged_pointer_is_told_and_can_be_set_again(two: Project) -> None:
    move(two, ONE)
    Path(two.potentials / "current.json").write_text("{torn")
    with pytest.raises(HpctrainError, match=r"current\.json is damaged"):
        position(two)
    assert move(two, TWO).name == TWO
