"""One zip with a potential and all about it, which is read again before it has its name."""

from __future__ import annotations

import hashlib
import json
import zipfile
from pathlib import Path

import pytest
import yaml
from made_archive import make_potential

from hpctrain.cli.main import main
from hpctrain.errors import HpctrainError
from hpctrain.potentials import bundle
from hpctrain.potentials.bundle import check, export
from hpctrain.project import Project

NAME = "potential_gen_01"


def contents(path: Path) -> dict[str, bytes]:
    with zipfile.ZipFile(path) as zipped:
        assert {name.split("/")[0] for name in zipped.namelist()} == {NAME}
        return {name.partition("/")[2]: zipped.read(name) for name in zipped.namelist()}


def test_all_that_belongs_to_a_potential(project: Project, tmp_path: Path) -> None:
    card = make_potential(project)
    done = export(project, NAME, tmp_path / "out.zip", authors=["Family, Given", "Institute"])
    inside = contents(done.path)
    assert sorted(inside) == done.files
    for suffix in ("yace", "yaml", "asi"):
        content = inside[f"{NAME}.{suffix}"]
        assert hashlib.sha256(content).hexdigest() == card["files"][suffix]["sha256"]
    assert json.loads(inside[f"{NAME}.json"]) == json.loads(
        (project.potentials / f"{NAME}.json").read_text()
    )
    data = json.loads(inside["data.json"])
    assert data["fingerprint"] == card["dataset"]["fingerprint"]
    assert data["rows"]["train"] == card["dataset"]["rows"]["train"]
    assert b"<html" in inside["report.html"]
    readme = inside["README.md"].decode()
    assert f"PyACECalculator('{NAME}.yace')" in readme
    assert f"pair_coeff * * {NAME}.yace Al" in readme
    assert "| test | 6.0 | 0.0600 |" in readme
    for line in inside["SHA256SUMS"].decode().splitlines():
        sha256, file = line.split("  ")
        assert hashlib.sha256(inside[file]).hexdigest() == sha256
    assert export(project, NAME, tmp_path / "again.zip", authors=["Family, Given", "Institute"]
                  ).sha256 == done.sha256  # fmt: skip


def test_the_citation(project: Project, tmp_path: Path) -> None:
    make_potential(project)
    done = export(project, NAME, tmp_path / "out.zip", authors=["Family, Given", "Institute"])
    cited = yaml.safe_load(contents(done.path)["CITATION.cff"])
    assert cited["cff-version"] == "1.2.0"
    assert cited["authors"] == [
        {"family-names": "Family", "given-names": "Given"}, {"name": "Institute"},
    ]  # fmt: skip
    assert cited["date-released"] == "2026-11-26"
    assert [work["doi"][:3] for work in cited["references"]] == ["10."] * 4
    assert all(work["authors"] and work["title"] for work in cited["references"])
    done = export(project, NAME, tmp_path / "out.zip")
    assert list(yaml.safe_load(contents(done.path)["CITATION.cff"])["authors"][0]) == ["alias"]


def test_a_changed_potential_is_not_exported(project: Project, tmp_path: Path) -> None:
    make_potential(project)
    path = project.potentials / f"{NAME}.yaml"
    path.chmod(0o644)
    path.write_text("something else")
    with pytest.raises(HpctrainError, match="is not what was archived"):
        export(project, NAME, tmp_path / "out.zip")
    with pytest.raises(HpctrainError, match="is in the archive"):
        export(project, NAME, project.potentials / "out.zip")
    with pytest.raises(HpctrainError, match="there is no folder"):
        export(project, NAME, tmp_path / "no" / "out.zip")
    assert not list(tmp_path.glob("*out.zip*"))


def test_what_is_not_whole_gets_no_name(
    project: Project, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    make_potential(project)
    done = export(project, NAME, tmp_path / "out.zip")
    inside = contents(done.path)
    for lost in (f"{NAME}.yace", "README.md", "SHA256SUMS", f"{NAME}.json"):
        with zipfile.ZipFile(tmp_path / "bad.zip", "w") as zipped:
            for file, content in inside.items():
                if file != lost:
                    zipped.writestr(f"{NAME}/{file}", content)
        with pytest.raises(HpctrainError, match=r"is not whole|is not what was"):
            check(tmp_path / "bad.zip")
    torn = done.path.read_bytes()[:-100]
    monkeypatch.setattr(bundle, "_write", lambda path, *_: path.write_bytes(torn))
    with pytest.raises(HpctrainError, match="is not whole"):
        export(project, NAME, tmp_path / "new.zip")
    assert not list(tmp_path.glob("*new.zip*"))


def test_the_command(
    project: Project, tmp_path: Path, monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:  # fmt: skip
    make_potential(project)
    monkeypatch.chdir(project.folder)
    assert main(["potentials", "export", NAME]) == 0
    said = capsys.readouterr()
    assert said.out.startswith(f"wrote {NAME}.zip (")
    assert "better: --author" in said.err
    assert main(["potentials", "export", NAME, "--json", "--output", str(tmp_path / "x.zip")]) == 0
    assert json.loads(capsys.readouterr().out)["path"] == str(tmp_path / "x.zip")
