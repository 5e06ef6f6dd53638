"""hpctrain potentials … from outside: what is printed, --json, exit codes."""

from __future__ import annotations

import json
from typing import Any

import pytest
from made_archive import make_potential

from hpctrain.cli.main import main
from hpctrain.project import Project

ONE = "potential_gen_01"


@pytest.fixture
def inside(project: Project, monkeypatch: pytest.MonkeyPatch) -> Project:
    monkeypatch.chdir(project.folder)
    make_potential(project, ONE)
    return project


def run(capsys: pytest.CaptureFixture[str], *words: str, code: int = 0) -> str:
    assert main(["potentials", *words]) == code
    return capsys.readouterr().out


def json_of(capsys: pytest.CaptureFixture[str], *words: str, code: int = 0) -> dict[str, Any]:
    content: dict[str, Any] = json.loads(run(capsys, *words, "--json", code=code))
    assert content["schema"] == f"hpctrain.potentials-{words[0]}/1"
    return content


def test_list(inside: Project, capsys: pytest.CaptureFixture[str]) -> None:
    verified = {"verdict": "warn", "checks": [], "accepted": None}
    make_potential(inside, f"{ONE}_r2", verification=verified)
    run(capsys, "current", f"{ONE}_r2")
    text = run(capsys, "list")
    header, one, two, *_ = text.splitlines()
    assert " ".join(header.split()) == "NAME GEN REV TRAIN TEST VERDICT DATE SIZE RUN"
    assert one.split()[:3] == [ONE, "1", "1"]
    assert "not verified" in one
    assert two.split()[:4] == ["*", f"{ONE}_r2", "1", "2"]
    assert " warn " in two
    found = json_of(capsys, "list")["potentials"]
    assert [(p["revision"], p["verdict"], p["current"]) for p in found] == [
        (1, None, False), (2, "warn", True),
    ]  # fmt: skip
    assert found[0]["bytes"] == len(f"{ONE} as yace")


def test_show_is_a_page(inside: Project, capsys: pytest.CaptureFixture[str]) -> None:
    text = run(capsys, "show", ONE)
    stem = inside.potentials / ONE
    for line in (
        "  E(DFT) = E(potential) + n_Al (-0.2994 eV)",
        "  energies eV, lengths Å, forces eV/Å; in LAMMPS: units metal",
        f"  atoms.calc = PyACECalculator('{stem}.yace')",
        f"  pair_coeff * * {stem}.yace Al",
        "  pair_style pace/extrapolation",
        f"  pair_coeff * * {stem}.yaml {stem}.asi Al",
        f"  atoms.calc.set_active_set('{stem}.asi')",
        "  not verified",
    ):
        assert line in text.splitlines()
    assert "Phys. Rev. Mater. 7, 043801 (2023)" in text
    assert json_of(capsys, "show", ONE)["card"]["name"] == ONE


def test_show_tells_of_the_repulsion_and_of_warnings(
    inside: Project, capsys: pytest.CaptureFixture[str]
) -> None:
    pairs = {"Al-Al": {"r_in": 1.647, "shortest": 1.83}, "Al-Cu": {"r_in": 2.53, "shortest": None}}
    make_potential(inside, "potential_gen_02", repulsion={"pairs": pairs},
                   warnings=["the reference energies are not those of free atoms: …"])  # fmt: skip
    text = run(capsys, "show", "potential_gen_02")
    assert "repulsion     ZBL below Al-Al 1.65 Å, Al-Cu 2.53 Å\n" in text
    assert "warning       the reference energies are not those of free atoms: …\n" in text


def test_show_tells_why_there_is_no_active_set(
    inside: Project, capsys: pytest.CaptureFixture[str]
) -> None:
    make_potential(inside, "potential_gen_02", active_set=False, parents=[
        {"name": ONE, "sha256": "0" * 64, "seen_in_test": 0, "parent_functions": 20,
         "functions": 40}])  # fmt: skip
    text = run(capsys, "show", "potential_gen_02")
    assert "No active set, and so no extrapolation grade: switched off" in text
    assert f"goes on from  {ONE} (20 of 40 functions)" in text
    assert "pace/extrapolation" not in text
    assert "043801" not in text


def test_show_a_card_of_an_older_version(
    inside: Project, capsys: pytest.CaptureFixture[str]
) -> None:
    card = make_potential(inside, "potential_gen_02", active_set=False)
    old = {key: card[key] for key in card if key not in ("parents", "active_set", "use")}
    path = inside.potentials / "potential_gen_02.json"
    path.unlink()
    path.write_text(json.dumps(old))
    assert "made by an older version" in run(capsys, "show", "potential_gen_02")
    assert len(json_of(capsys, "list")["potentials"]) == 2


def test_verify(inside: Project, capsys: pytest.CaptureFixture[str]) -> None:
    assert "as archived" in run(capsys, "verify")
    (inside.potentials / f"{ONE}.yace").unlink()
    text = run(capsys, "verify", ONE, code=1)
    assert "NOT AS ARCHIVED" in text
    assert f"{ONE}.yace: {inside.potentials / ONE}.yace is not there" in text
    found = json_of(capsys, "verify", code=1)
    assert found["ok"] is False
    states = {f["what"]: f["state"] for f in found["potentials"][0]["findings"]}
    assert states[f"{ONE}.yace"] == "gone"
    assert states[f"{ONE}.yaml"] == "ok"


def test_current(inside: Project, capsys: pytest.CaptureFixture[str]) -> None:
    assert "no potential is the current one" in run(capsys, "current")
    assert json_of(capsys, "current") == {
        "schema": "hpctrain.potentials-current/1", "name": None, "history": [], "links": [],
    }  # fmt: skip
    assert f"{ONE} is the current one" in run(capsys, "current", ONE)
    found = json_of(capsys, "current")
    assert found["name"] == ONE
    assert found["history"][0]["to"] == ONE
    assert run(capsys, "show", "current").startswith(f"{ONE} (the current one)")


def test_from_needs_a_potential_of_the_archive(
    inside: Project, capsys: pytest.CaptureFixture[str]
) -> None:
    for command in (["check"], ["submit", "--dry-run"], ["submit"]):
        assert main([*command, "--site", "local", "--from", "potential_gen_07"]) == 1
        assert "there is no potential 'potential_gen_07'" in capsys.readouterr().err
    assert not list(inside.runs.glob("*/run.json"))
    file = inside.potentials / f"{ONE}.yaml"
    file.chmod(0o644)
    file.write_text("another")
    assert main(["submit", "--site", "local", "--from", ONE]) == 1
    assert "is not what was archived" in capsys.readouterr().err
