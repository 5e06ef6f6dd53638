"""What check finds in the data: submit looks for it too, once for each export."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import ase.io
import pytest
from copper import copper, labelled

from hpctrain.cli.main import main
from hpctrain.launch.enough import expect
from hpctrain.launch.preflight import begin
from hpctrain.launch.prepare import Prepared, prepare
from hpctrain.project import Project, find_project

SETTINGS = """
project: copper
data: {source: cu.xyz, silence: [SILENCED]}
training: {cutoff: 4.0, b_basis_size: 5, evaluator: pyace}
site: SITE
"""


def put(
    folder: Path, *, near: float | None = None, silenced: str = "", site: str = "local"
) -> None:
    """Write copper, with two atoms ``near`` each other (Å)."""
    rows = copper()
    if near is not None:
        rows[3].positions[1] = rows[3].positions[0] + [near, 0, 0]
        labelled(rows[3])
    ase.io.write(folder / "cu.xyz", rows)
    text = SETTINGS.replace("SILENCED", silenced).replace("SITE", site)
    (folder / "hpctrain.yaml").write_text(text)


@pytest.fixture
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    return tmp_path


def test_submit_stops_where_check_stops(here: Path, capsys: pytest.CaptureFixture[str]) -> None:
    put(here, near=0.3)
    assert main(["check"]) == 1
    capsys.readouterr()
    assert main(["submit"]) == 1
    err = capsys.readouterr().err
    assert "not submitted" in err
    assert "row 4: two atoms are closer than 0.5 Å: down to 0.3 Å [overlapping]" in err
    assert "--skip-check" in err
    assert not list((here / "runs").glob("2*"))


def test_a_dry_run_shows_the_script_and_the_mistake(
    here: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    put(here, near=0.3)
    assert main(["submit", "--dry-run"]) == 1
    out, err = capsys.readouterr()
    assert "job/train.py" in out
    assert "[overlapping]" in err
    assert main(["submit", "--dry-run", "--json"]) == 1
    content = json.loads(capsys.readouterr().out)
    assert "job.sh" in content["files"]
    assert [one["name"] for one in content["findings"] if one["severity"] == "stop"] == [
        "overlapping"
    ]


@pytest.mark.parametrize(("options", "silenced"), [(["--skip-check"], ""), ([], "overlapping")])
def test_for_those_who_know(
    here: Path, capsys: pytest.CaptureFixture[str], options: list[str], silenced: str
) -> None:
    put(here, near=0.3, silenced=silenced)
    assert main(["submit", "--dry-run", *options]) == 0
    assert "[overlapping]" not in capsys.readouterr().err


def test_a_warning_is_one_line(here: Path, capsys: pytest.CaptureFixture[str]) -> None:
    put(here, near=1.2)
    assert main(["submit", "--dry-run"]) == 0
    err = capsys.readouterr().err.splitlines()
    assert [line for line in err if line.startswith("warning: row 4: ")]
    assert "what to do about warnings: hpctrain check" in err


def test_what_the_job_may_lack_is_said_by_submit_as_by_check(
    here: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    put(here, site="slurm")
    small = ["--memory", "100M", "--walltime", "00:30:00", "--set", "training.max_iter=9000000"]
    assert main(["check", *small]) == 0
    said = capsys.readouterr().err.splitlines()
    assert main(["submit", "--dry-run", *small]) == 0
    again = capsys.readouterr().err.splitlines()
    for what in ("memory", "time"):
        [line] = [line for line in said if line.startswith(f"warning: {what}: the training may")]
        assert again.count(line) == 1
    assert main(["submit", "--dry-run", "--json", *small]) == 0
    assert len(json.loads(capsys.readouterr().out)["training"]["shortfalls"]) == 2


def test_without_a_site_the_data_are_checked(
    here: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    put(here, site="null")
    assert main(["check"]) == 0
    assert "next: choose a site" in capsys.readouterr().out
    assert main(["check", "--json"]) == 0
    assert json.loads(capsys.readouterr().out)["site"] is None
    assert main(["check", "--gpus", "1"]) == 1  # of which site?
    assert main(["submit"]) == 1
    assert "no site is named" in capsys.readouterr().err


def checked(project: Project, name: str, **training: Any) -> tuple[Prepared, int]:
    """Prepare a run; how many rows were looked at."""
    changes = {"training": training}
    preflight = begin(project.config(changes))
    run = prepare(project, project.runs / name, "local", changes=changes, preflight=preflight)
    return run, preflight.rows


def names(run: Prepared) -> list[str]:
    assert run.findings is not None
    return [one.name for one in run.findings.findings]


def test_one_check_for_one_export(here: Path) -> None:
    put(here, near=1.2)
    project = find_project()
    first, rows = checked(project, "20260101-000000-aaaa")
    assert rows == 25
    again, rows = checked(project, "20260101-000001-aaaa")
    assert rows == 0
    assert names(again) == names(first) != []
    assert expect(again) == expect(first) is not None
    assert again.findings is not None and first.findings is not None
    assert [one.facts() for one in again.findings.findings] == [
        one.facts() for one in first.findings.findings
    ]
    # What depends on the size is found anew, without the rows; on the references, with them.
    large, rows = checked(project, "20260101-000002-aaaa", b_basis_size=900)
    assert rows == 0
    assert names(large) == [*names(first), "many_parameters"]
    again, rows = checked(project, "20260101-000003-aaaa")
    assert names(again) == names(first)
    other, rows = checked(project, "20260101-000004-aaaa", reference_energies={"Cu": 100.0})
    assert rows == 25
    assert "binding" in names(other)


def test_an_export_that_was_not_checked(here: Path) -> None:
    put(here)
    project = find_project()
    prepare(project, project.runs / "20260101-000000-aaaa", "local")
    _, rows = checked(project, "20260101-000001-aaaa")
    assert rows == 25
