"""potentials verify: what was archived is still so, or it is told what is not."""

from __future__ import annotations

import ase.db
import pytest
from made_archive import make_potential

from hpctrain.errors import HpctrainError
from hpctrain.potentials.audit import Audit, audit
from hpctrain.project import Project

NAME = "potential_gen_01"


def wrong(project: Project) -> dict[str, str]:
    (one,) = audit(project)
    assert one.ok is not any(finding.wrong for finding in one.findings)
    return {f.what: f"{f.state}: {f.why}" for f in one.findings if f.state != "ok"}


def test_all_is_as_it_was(project: Project) -> None:
    make_potential(project)
    (one,) = audit(project)
    assert one.name == NAME
    assert one.ok
    assert [(f.what, f.state, f.why) for f in one.findings] == [
        (what, "ok", "")
        for what in (f"{NAME}.json", f"{NAME}.yace", f"{NAME}.yaml", f"{NAME}.asi",
                     "train.extxyz of the run", "test.extxyz of the run", "the source al_pbe.db")
    ]  # fmt: skip


@pytest.mark.parametrize("suffix", ["yace", "yaml", "asi", "json"])
def test_a_changed_file(project: Project, suffix: str) -> None:
    make_potential(project)
    path = project.potentials / f"{NAME}.{suffix}"
    path.chmod(0o644)
    path.write_text(path.read_text() + " ")
    path.chmod(0o444)
    (found,) = wrong(project).items()
    assert found[0] == path.name
    assert found[1].startswith("changed: not what was archived (sha256 ")


def test_a_file_that_can_be_written_to(project: Project) -> None:
    make_potential(project)
    path = project.potentials / f"{NAME}.yace"
    path.chmod(0o644)
    assert wrong(project) == {
        path.name: f"changed: it can be written to; protect it: chmod a-w {path}"
    }


def test_a_file_that_is_gone(project: Project) -> None:
    make_potential(project)
    path = project.potentials / f"{NAME}.asi"
    path.unlink()
    assert wrong(project) == {path.name: f"gone: {path} is not there"}


def test_rows_that_have_changed(project: Project) -> None:
    make_potential(project)
    with ase.db.connect(project.folder / "al_pbe.db") as database:
        atoms = database.get(id=6).toatoms()
        atoms.positions[0, 0] += 1e-9
        database.update(6, atoms)
        del database[7]
    (said,) = wrong(project).values()
    assert said.startswith("changed: these rows are not what they were")
    assert "changed: 1 (row 6)" in said
    assert "gone, or not selected: 1 (row 7)" in said


def test_a_source_that_is_gone_is_told_apart(project: Project) -> None:
    make_potential(project)
    database = project.folder / "al_pbe.db"
    database.unlink()
    assert wrong(project) == {
        "the source al_pbe.db": f"gone: data.source: there is no file {database}"
    }


def test_a_run_that_was_deleted_is_no_fault(project: Project) -> None:
    card = make_potential(project, keep_run=False)
    run = project.runs / card["run"]["run_id"]
    assert wrong(project) == {
        f"{NAME}.json": "not checked: the run's folder, which has its sum, is gone",
        "train.extxyz of the run": f"not checked: {run} is gone",
        "test.extxyz of the run": f"not checked: {run} is gone",
    }
    assert audit(project)[0].ok


def test_data_of_the_run_that_have_changed(project: Project) -> None:
    card = make_potential(project)
    run = project.runs / card["run"]["run_id"]
    with (run / "train.extxyz").open("a") as file:
        file.write("\n")
    (run / "test.extxyz").unlink()
    assert wrong(project) == {
        "train.extxyz of the run": f"changed: {run / 'train.extxyz'} is not what was exported",
        "test.extxyz of the run": f"gone: {run / 'test.extxyz'} is not there",
    }


def test_settings_that_cannot_be_read(project: Project) -> None:
    make_potential(project)
    project.file.write_text("project: [\n")
    (said,) = wrong(project).values()
    assert said.startswith("not checked: hpctrain.yaml cannot be read: ")


def test_potentials_without_a_card_are_not_passed_over(project: Project) -> None:
    make_potential(project)
    make_potential(project, "potential_gen_02")
    card = project.potentials / "potential_gen_02.json"
    card.chmod(0o644)
    card.write_text("{torn")
    (project.potentials / "potential_gen_03.yace").write_text("half a collect")
    one, two, three = audit(project)
    assert (one.ok, two.ok, three.ok) == (True, False, False)
    assert said(two) == (
        "changed: is damaged: it is not whole JSON (line 1: Expecting property name enclosed in "
        "double quotes)"
    )
    assert said(three) == "gone: there is no card of these files"


def said(one: Audit) -> str:
    (finding,) = one.findings
    return f"{finding.state}: {finding.why}"


def test_names(project: Project) -> None:
    make_potential(project)
    make_potential(project, "potential_gen_02")
    assert [one.name for one in audit(project, ("potential_gen_02",))] == ["potential_gen_02"]
    with pytest.raises(HpctrainError, match="there is no potential 'potential_gen_04'"):
        audit(project, ("potential_gen_04",))


def test_an_empty_archive(project: Project) -> None:
    assert audit(project) == []
