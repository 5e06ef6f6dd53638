"""potentials/: names, and putting files there so that nothing is ever overwritten."""

from __future__ import annotations

import json
import os
from pathlib import Path

import pytest
from made_runs import manifest
from paths import RECORDED

from hpctrain.potentials import archive
from hpctrain.potentials.archive import generation_of, next_name, potential_name, put, read_cards
from hpctrain.project import Project


@pytest.fixture
def empty(tmp_path: Path) -> Project:
    return Project(tmp_path / "hpctrain.yaml")


def run(project: Project, name: str, generation: int, rows: str) -> None:
    folder = project.runs / name
    folder.mkdir(parents=True)
    content = manifest(name, {"scheduler": "slurm", "output": "job-%j.out"})
    content["generation"], content["dataset"]["rows_fingerprint"] = generation, rows
    (folder / "run.json").write_text(json.dumps(content))


def card(project: Project, name: str, generation: int, rows: str) -> None:
    project.potentials.mkdir(exist_ok=True)
    content = json.loads((RECORDED / "report" / "card.json").read_text())
    content |= {"name": name, "generation": generation}
    content["dataset"]["rows_fingerprint"] = rows
    (project.potentials / f"{name}.json").write_text(json.dumps(content))


@pytest.mark.parametrize(
    ("generation", "revision", "name"),
    [(1, 1, "potential_gen_01"), (0, 1, "potential_gen_00"), (3, 2, "potential_gen_03_r2"),
     (12, 10, "potential_gen_12_r10"), (100, 1, "potential_gen_100")],
)  # fmt: skip
def test_names(generation: int, revision: int, name: str) -> None:
    assert potential_name(generation, revision) == name


def test_the_next_name_is_one_that_no_file_has(tmp_path: Path) -> None:
    assert next_name(tmp_path / "gone", 1) == "potential_gen_01"
    for taken, following in [
        ("potential_gen_01.yace", "potential_gen_01_r2"),
        ("potential_gen_01_r3.json", "potential_gen_01_r2"),
        ("potential_gen_01_r2.yaml", "potential_gen_01_r4"),
    ]:
        (tmp_path / taken).write_text("")
        assert next_name(tmp_path, 1) == following
    assert next_name(tmp_path, 2) == "potential_gen_02"
    assert next_name(tmp_path, 10) == "potential_gen_10"


def test_cards_by_generation_and_revision(empty: Project) -> None:
    assert list(read_cards(empty.potentials)) == []
    names = ["potential_gen_01", "potential_gen_01_r2", "potential_gen_01_r10", "potential_gen_02",
             "potential_gen_10", "potential_gen_100"]  # fmt: skip
    for name in reversed(names):
        card(empty, name, 1, "x")
    (empty.potentials / "potential_gen_05.json").write_text("{torn")
    (empty.potentials / "potential_gen_old.json").write_text('{"name": "x"}')
    (empty.potentials / "potential_gen_03.yace").write_text("")
    assert [one["name"] for one in read_cards(empty.potentials)] == names


def test_generations(empty: Project) -> None:
    assert generation_of(empty, "rows A", None) == 1
    assert generation_of(empty, "rows A", 0) == 0
    run(empty, "r1", 1, "rows A")
    assert generation_of(empty, "rows A", None) == 1
    assert generation_of(empty, "rows B", None) == 2
    assert generation_of(empty, "rows B", 7) == 7
    run(empty, "r2", 7, "rows B")
    assert generation_of(empty, "rows A", None) == 1
    assert generation_of(empty, "rows B", None) == 7
    assert generation_of(empty, "rows C", None) == 8


def test_generations_of_potentials_whose_runs_are_gone(empty: Project) -> None:
    card(empty, "potential_gen_04", 4, "rows A")
    assert generation_of(empty, "rows A", None) == 4
    assert generation_of(empty, "rows B", None) == 5


def test_the_same_rows_are_known_again_beside_others_of_that_generation(empty: Project) -> None:
    run(empty, "r1", 1, "rows A")
    run(empty, "r2", 1, "rows B")  # asked for with --generation 1
    card(empty, "potential_gen_01", 1, "rows C")
    for rows in ("rows A", "rows B", "rows C"):
        assert generation_of(empty, rows, None) == 1
    assert generation_of(empty, "rows D", None) == 2


def test_the_same_rows_in_several_generations_go_on_with_the_last(empty: Project) -> None:
    run(empty, "r1", 3, "rows A")
    run(empty, "r2", 2, "rows A")
    assert generation_of(empty, "rows A", None) == 3


def test_what_is_damaged_is_named_and_does_not_count(empty: Project) -> None:
    run(empty, "r2", 3, "rows B")
    (empty.runs / "r1").mkdir(parents=True)
    (empty.runs / "r1" / "run.json").write_text("{")
    empty.potentials.mkdir()
    (empty.potentials / "potential_gen_07.json").write_text("{")
    said: list[str] = []
    assert generation_of(empty, "rows A", None, said.append) == 4
    of_run, of_card = said
    assert "r1/run.json is damaged" in of_run
    assert "potential_gen_07.json is damaged" in of_card


# --- putting ---


@pytest.fixture
def source(tmp_path: Path) -> Path:
    path = tmp_path / "output_potential.yace"
    path.write_bytes(b"potential")
    return path


def test_put_makes_a_read_only_copy(tmp_path: Path, source: Path) -> None:
    target = tmp_path / "potentials" / "report" / "p.yace"
    put(source, target)
    assert target.read_bytes() == b"potential"
    assert target.stat().st_mode & 0o777 == 0o444
    assert source.read_bytes() == b"potential"
    assert target.stat().st_ino != source.stat().st_ino
    assert list(target.parent.iterdir()) == [target]


def test_put_never_overwrites(tmp_path: Path, source: Path) -> None:
    target = tmp_path / "potentials" / "p.yace"
    target.parent.mkdir()
    target.write_bytes(b"another")
    with pytest.raises(FileExistsError):
        put(source, target)
    assert target.read_bytes() == b"another"
    assert list(target.parent.iterdir()) == [target]


def test_put_twice_is_put_once(tmp_path: Path, source: Path) -> None:
    target = tmp_path / "potentials" / "p.yace"
    put(source, target)
    inode = target.stat().st_ino
    put(source, target)
    assert target.stat().st_ino == inode


def test_a_copy_that_fails_leaves_nothing(
    tmp_path: Path, source: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    target = tmp_path / "potentials" / "p.yace"

    def full_disk(_: int) -> None:
        assert not target.exists()
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(archive.os, "fsync", full_disk)
    with pytest.raises(OSError, match="No space"):
        put(source, target)
    assert list(target.parent.iterdir()) == []


def test_what_a_killed_put_has_left_is_no_hindrance(tmp_path: Path, source: Path) -> None:
    target = tmp_path / "potentials" / "p.yace"
    target.parent.mkdir()
    left = target.with_name(f".{target.name}.{os.getpid()}")
    left.symlink_to("/dev/full")  # stands for a file that cannot be written, for root too
    put(source, target)
    assert target.read_bytes() == b"potential"
    assert list(target.parent.iterdir()) == [target]
    assert next_name(target.parent, 1) == "potential_gen_01"
