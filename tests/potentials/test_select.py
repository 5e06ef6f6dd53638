"""`hpctrain select`, with a stand-in for the trainer: what it reads, writes, refuses and says."""

from __future__ import annotations

import hashlib
import json
import shutil
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import ase.db
import ase.io
import numpy as np
import pytest
from ase import Atoms
from ase.build import bulk
from made_archive import make_potential

from hpctrain.cli.main import main
from hpctrain.data.candidates import parse, read_candidates, read_lines
from hpctrain.data.sources.write import write_database
from hpctrain.errors import HpctrainError
from hpctrain.potentials import grade
from hpctrain.potentials.active_set import find_origin
from hpctrain.potentials.grade import grade_here
from hpctrain.potentials.select import prepare
from hpctrain.potentials.write_choice import finish
from hpctrain.process import Reply
from hpctrain.project import Project

CHOSEN = [
    {"index": 2, "grade": 7.5, "atom": 1, "adds": 9.25, "swaps": 3, "unseen": 1},
    {"index": 0, "grade": 2.5, "atom": 0, "adds": 0.5, "swaps": 1, "unseen": 0},
]


def result(
    count: int, chosen: list[dict[str, Any]] = CHOSEN, problems: dict[str, str] | None = None
) -> dict[str, Any]:
    grades: list[float | None] = [0.5] * count
    for one in chosen:
        grades[one["index"]] = one["grade"]
    for index in problems or {}:
        grades[int(index)] = None
    return {
        "schema": "hpctrain.choice/1", "grades": grades, "problems": problems or {},
        "elements": {"Al": {"functions": 10, "known": 10}}, "extrapolating": len(chosen),
        "chosen": chosen, "reduced": 0, "seconds": 1.0,
    }  # fmt: skip


class Grading:
    """Stands in for the program that grades."""

    def __init__(self, leaves: dict[str, Any] | None, code: int = 0, err: str = "") -> None:
        self.leaves, self.code, self.err = leaves, code, err

    def __call__(self, argv: Sequence[str], *, cwd: str | None = None) -> Reply:
        if argv[1] == "-c":
            return Reply(tuple(argv), 0, "", "")
        assert list(argv[1:]) == ["-m", "job.pacemaker.select"]
        folder = Path(str(cwd))
        request = json.loads((folder / "request.json").read_text())
        assert (folder / request["potential"]).is_file()
        assert (folder / request["active_set"]).is_file()
        assert (folder / "job/maxvol.py").is_file()
        if self.leaves is not None:
            (folder / "choice.json").write_text(json.dumps(self.leaves))
        return Reply(tuple(argv), self.code, "", self.err)


def cells(count: int, seed: int = 0) -> list[Atoms]:
    draw = np.random.default_rng(seed)
    found = []
    for _ in range(count):
        atoms = bulk("Al", cubic=True)
        atoms.positions += draw.normal(0, 0.2, (4, 3))
        found.append(atoms)
    return found


@pytest.fixture
def potential(tmp_path: Path) -> Path:
    """A .yaml that nobody reads here, with an active set beside it."""
    folder = tmp_path / "elsewhere"
    folder.mkdir()
    (folder / "of.yaml").write_text("a potential")
    with (folder / "of.asi").open("wb") as file:
        np.savez(file, Al=np.eye(10))
    return folder / "of.yaml"


@pytest.fixture
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    folder = tmp_path / "here"
    folder.mkdir()
    monkeypatch.chdir(folder)
    ase.io.write(folder / "md.extxyz", cells(4))
    return folder


def run(monkeypatch: pytest.MonkeyPatch, grading: Grading, *arguments: str, code: int = 0) -> None:
    def graded(*given: Any, **more: Any) -> None:
        grade_here(*given, **{**more, "program": grading})

    monkeypatch.setattr(grade, "grade_here", graded)
    assert main(["select", *arguments]) == code


def test_what_is_written(
    here: Path, potential: Path, monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:  # fmt: skip
    words = ["md.extxyz", "--from", str(potential), "-n", "5"]
    run(monkeypatch, Grading(result(4)), *words, "--json")
    said = capsys.readouterr()
    facts = json.loads(said.out)
    assert facts["schema"] == "hpctrain.select/1"
    assert (facts["candidates"], facts["graded"], facts["extrapolating"]) == (4, 4, 2)
    assert [one["id"] for one in facts["chosen"]] == ["3", "1"]
    assert facts["chosen"][0]["reason"] == "1 function new to the training set, 2 atoms outside it"
    assert facts["chosen"][1]["reason"] == "1 atom outside it"
    assert "2 of 5: beyond these no candidate adds anything" in said.err
    assert facts["output"] == str(here / "selected.db")
    rows = list(ase.db.connect(here / "selected.db").select())
    assert [dict(row.key_value_pairs) for row in rows] == [
        {"status": "new", "grade": 7.5, "rank": 1, "adds": 9.25, "source": "md.extxyz",
         "source_id": 3, "selected_by": "of"},
        {"status": "new", "grade": 2.5, "rank": 2, "adds": 0.5, "source": "md.extxyz",
         "source_id": 1, "selected_by": "of"},
    ]  # fmt: skip
    np.testing.assert_allclose(rows[0].positions, cells(4)[2].positions, atol=1e-7)
    assert rows[0].get("energy") is None
    text = (here / "selected.html").read_text()
    assert "1 function new to the training set" in text
    assert sorted(path.name for path in here.iterdir()) == [
        "md.extxyz", "selected.db", "selected.html"
    ]  # fmt: skip

    # Once more: nothing is overwritten, and it is said before the work.
    before = (here / "selected.db").read_bytes()
    run(monkeypatch, Grading(None), *words, code=1)
    assert "selected.db is there already" in capsys.readouterr().err
    run(monkeypatch, Grading(result(4)), *words, "--output", "more.db")
    table = capsys.readouterr().out
    assert "4 candidates, 4 graded, 2 extrapolate, 2 chosen" in table
    assert f"wrote {here / 'more.db'}" in table
    assert (here / "selected.db").read_bytes() == before


def test_nothing_extrapolates(
    here: Path, potential: Path, monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:  # fmt: skip
    run(monkeypatch, Grading(result(4, [])), "md.extxyz", "--from", str(potential))
    said = capsys.readouterr()
    assert "no candidate extrapolates" in said.err
    assert said.out.strip().endswith("nothing was written")
    assert [path.name for path in here.iterdir()] == ["md.extxyz"]


def test_what_pyace_cannot_grade_is_named(
    here: Path, potential: Path, monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:  # fmt: skip
    gold, *others = cells(5, seed=2)
    gold.symbols[0] = "Au"
    ase.io.write(here / "more.extxyz", [gold, *others])
    leaves = result(4, CHOSEN, {"1": "its functions are not finite numbers"})
    run(monkeypatch, Grading(leaves), "more.extxyz", "--from", str(potential), "--json")
    facts = json.loads(capsys.readouterr().out)
    assert facts["unusable"] == [
        {"id": "1", "why": "Au: not among the elements of the potential"},
        {"id": "3", "why": "its functions are not finite numbers"},
    ]
    assert facts["graded"] == 3
    # Ids stay those of the source, although a row before them is left out.
    assert [one["id"] for one in facts["chosen"]] == ["4", "2"]


def test_an_archived_potential(
    project: Project, tmp_path: Path, monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:  # fmt: skip
    make_potential(project)
    make_asi(project)
    monkeypatch.chdir(project.folder)
    ase.io.write("md.extxyz", cells(4))
    run(monkeypatch, Grading(result(4)), "md.extxyz", "--from", "potential_gen_01", "--json")
    facts = json.loads(capsys.readouterr().out)
    assert (facts["potential"], facts["generation"]) == ("potential_gen_01", 2)
    (row, _) = ase.db.connect("selected_gen_02.db").select()
    assert row.generation == 2


def make_asi(project: Project) -> None:
    """Put a real active set in the place of the text that stands for one."""
    path = project.potentials / "potential_gen_01.asi"
    path.chmod(0o644)
    with path.open("wb") as file:
        np.savez(file, Al=np.eye(10))
    card = project.potentials / "potential_gen_01.json"
    card.chmod(0o644)
    content = json.loads(card.read_text())
    content["files"]["asi"]["sha256"] = hashlib.sha256(path.read_bytes()).hexdigest()
    card.write_text(json.dumps(content))


@pytest.mark.parametrize("kept", [True, False])
def test_what_was_trained_on_is_left_out(project: Project, tmp_path: Path, kept: bool) -> None:
    """As its run keeps it, or written again from its source."""
    card = make_potential(project)
    make_asi(project)
    if not kept:
        shutil.rmtree(project.runs / card["run"]["run_id"])
    origin = find_origin(project, "potential_gen_01")
    work = tmp_path / "work"
    work.mkdir()
    source = str(project.folder / "al_pbe.db")
    found = prepare(
        project, [source], origin, work, wanted=5, output=tmp_path / "x.db",
        select="id>1,id<20,status=completed",
    )  # fmt: skip
    assert found.ids == ["14", "15", "16", "17", "18", "19"]
    assert len(found.alike) == 12
    assert found.alike[0] == ("2", "2 of the training")


def test_refusals_about_the_potential(project: Project, potential: Path) -> None:
    make_potential(project, "potential_gen_01", active_set=False)
    with pytest.raises(HpctrainError, match=r"has no active set, .*: switched off") as refused:
        find_origin(project, "potential_gen_01")
    assert "training.active_set=true" in str(refused.value.hint)
    with pytest.raises(HpctrainError, match="there is no potential 'nope'"):
        find_origin(project, "nope")
    with pytest.raises(HpctrainError, match="there is no project here"):
        find_origin(None, "potential_gen_01")
    with pytest.raises(HpctrainError, match=r"there is no file .*other\.yaml"):
        find_origin(None, str(potential.with_name("other.yaml")))
    potential.with_suffix(".asi").unlink()
    with pytest.raises(HpctrainError, match=r"there is no .*of\.asi") as refused:
        find_origin(None, str(potential))
    assert "pace_activeset -d" in str(refused.value.hint)


def test_too_few_atoms_for_an_active_set(project: Project) -> None:
    """What a first, small generation meets: the refusal says how many functions it can bear."""
    why = "ValueError: Insufficient atomic environments, projections shape=(12, 20)"
    make_potential(project, active_set=False)
    card = project.potentials / "potential_gen_01.json"
    card.chmod(0o644)
    content = json.loads(card.read_text())
    content["active_set"]["why"] = why
    card.write_text(json.dumps(content))
    with pytest.raises(HpctrainError, match="Insufficient") as refused:
        find_origin(project, "potential_gen_01")
    atoms = content["dataset"]["train"]["atoms"]
    assert f"20 functions, and {atoms} atoms" in str(refused.value.hint)
    assert f"training.b_basis_size={int(0.7 * atoms)}" in str(refused.value.hint)


def test_a_file_that_was_changed_is_not_used(project: Project, potential: Path) -> None:
    make_potential(project)
    with pytest.raises(HpctrainError, match="damaged, or no active set"):
        prepare(project, ["x"], find_origin(project, "potential_gen_01"), project.folder, wanted=1)
    path = project.potentials / "potential_gen_01.asi"
    path.chmod(0o644)
    path.write_text("another")
    with pytest.raises(HpctrainError, match="is not the file that"):
        find_origin(project, "potential_gen_01")


def test_refusals_about_candidates(
    here: Path, potential: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    gold = bulk("Au")
    ase.io.write(here / "gold.extxyz", [gold])
    words = ["--from", str(potential)]
    assert main(["select", "gold.extxyz", *words]) == 1
    said = capsys.readouterr().err
    assert "none of 1 candidates can be graded; the first is 1: Au: not among" in said
    assert "of knows Al" in said
    assert main(["select", "md.extxyz", *words, "--select", "x=1"]) == 1
    assert "no structure with 'x=1'" in capsys.readouterr().err
    assert main(["select", "none.extxyz", *words]) == 1
    assert "CANDIDATES: there is no file" in capsys.readouterr().err
    assert main(["select", "md.extxyz", *words, "--output", "no/x.db"]) == 1
    assert "mkdir -p no" in capsys.readouterr().err
    for usage in (["md.extxyz"], words, ["md.extxyz", *words, "--output", "x.xyz"],
                  ["md.extxyz", *words, "--walltime", "1:00:00"],
                  ["md.extxyz", "--finish", "."]):  # fmt: skip
        assert main(["select", *usage]) == 2, usage


def test_a_trainer_that_fails(here: Path, potential: Path, tmp_path: Path) -> None:
    origin, work = find_origin(None, str(potential)), tmp_path / "work"
    work.mkdir()
    prepare(None, ["md.extxyz"], origin, work, wanted=5)
    broken = Grading(None, code=1, err="Traceback\nMemoryError: no memory")
    with pytest.raises(HpctrainError, match="could not be graded: MemoryError: no memory"):
        grade_here(None, origin, work, program=broken)
    with pytest.raises(HpctrainError, match=r"holds no choice.json"):
        finish(work)
    with pytest.raises(HpctrainError, match="is not the folder of a choice"):
        finish(here)


def test_ids_that_look_like_numbers_are_kept(here: Path, tmp_path: Path) -> None:
    """ASE refuses a text that is a number, as the name of a file may be."""
    found = read_candidates(["md.extxyz"], here, "", ["Al"], tmp_path / "c")
    one = parse(read_lines(found.file, [0])[0], "1", "1e5")
    keys = {"source": "1e5", "source_id": "007", "other": "True", "plain": "a.db"}
    write_database(tmp_path / "out.db", [(one, keys)])
    (row,) = ase.db.connect(tmp_path / "out.db").select()
    assert dict(row.key_value_pairs) == {
        "source": "#1e5", "source_id": 7, "other": "#True", "plain": "a.db"
    }  # fmt: skip
    with pytest.raises(FileExistsError):
        write_database(tmp_path / "out.db", [(one, keys)])
    assert [path.name for path in tmp_path.glob(".out*")] == []


def test_a_damaged_result_is_said(here: Path, potential: Path, tmp_path: Path) -> None:
    origin, work = find_origin(None, str(potential)), tmp_path / "work"
    work.mkdir()
    prepare(None, ["md.extxyz"], origin, work, wanted=5)
    (work / "choice.json").write_text(json.dumps(result(3)))
    with pytest.raises(HpctrainError, match="not of the candidates"):
        finish(work)
    (work / "choice.json").write_text('{"grades": "many"}')
    with pytest.raises(HpctrainError, match=r"choice\.json is damaged"):
        finish(work)
