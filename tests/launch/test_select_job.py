"""The grading of `select` as a job: on a site's queue, by a trainer that is a stand-in."""

from __future__ import annotations

import json
from pathlib import Path

import ase.db
import ase.io
import numpy as np
import pytest
from ase.build import bulk

from hpctrain.cli.main import main
from hpctrain.launch import select_job
from hpctrain.project import Project

# In the place of the trainer's Python: it sees what a job sees, and leaves what a grading leaves.
PYTHON = """#!/bin/sh
[ "$1" = job/train.py ] || exit 9
grep -q '"cores": 1' request.json || exit 8
[ -s candidates.jsonl ] && [ -s potential.yaml ] && [ -s active_set.asi ] || exit 7
echo '{"done": 1, "of": 2}' >progress.json
if [ -n "$FAILS" ]; then echo "no module named pyace" >&2; exit 1; fi
cat >.s <<END
{"schema": "hpctrain.choice/1", "elements": {"Al": {"functions": 4, "known": 4}},
 "grades": [0.5, 3.0], "problems": {}, "extrapolating": 1, "reduced": 0, "seconds": 1,
 "chosen": [{"index": 1, "grade": 3.0, "atom": 0, "adds": 1.1, "swaps": 1, "unseen": 0}]}
END
mv .s choice.json
"""


@pytest.fixture
def words(project: Project, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """The command in a project, on a site whose trainer is the stand-in."""
    monkeypatch.chdir(project.folder)
    monkeypatch.setattr(select_job, "VISIBLE_S", 0.5)
    python = tmp_path / "python"
    python.write_text(PYTHON)
    python.chmod(0o755)
    (project.folder / "of.yaml").write_text("a potential")
    with (project.folder / "of.asi").open("wb") as file:
        np.savez(file, Al=np.eye(4))
    draw = np.random.default_rng(0)
    some = [bulk("Al", cubic=True) for _ in range(2)]
    for atoms in some:
        atoms.positions += draw.normal(0, 0.2, (4, 3))
    ase.io.write("md.extxyz", some)
    return ["select", "md.extxyz", "--from", "./of.yaml", "--output", "out.db",
            "--set", f"site.trainer={{python: {python}}}", "--set", "site.cores=1"]  # fmt: skip


@pytest.mark.slow
@pytest.mark.parametrize("site", ["local", "practice-pbs"])
def test_a_job_grades(
    site: str, words: list[str], project: Project, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main([*words, "--site", site, "--json"]) == 0
    said = capsys.readouterr()
    facts = json.loads(said.out)
    assert [one["id"] for one in facts["chosen"]] == ["2"]
    (row,) = ase.db.connect("out.db").select()
    assert (row.status, row.grade) == ("new", 3.0)
    (folder,) = (project.runs / ".choices").iterdir()
    assert f"hpctrain select --finish {folder}" in said.err
    assert main(["status", "--json"]) == 0  # it is no run
    assert json.loads(capsys.readouterr().out)["runs"] == []

    # Whoever did not wait writes it later, and never over what is there.
    assert main(["select", "--finish", str(folder)]) == 1
    assert "out.db is there already" in capsys.readouterr().err
    Path("out.db").unlink()
    Path("out.html").unlink()
    assert main(["select", "--finish", str(folder)]) == 0
    assert "1 chosen" in capsys.readouterr().out
    assert Path("out.db").is_file()


@pytest.mark.slow
def test_a_job_that_fails_says_so(
    words: list[str], project: Project, capsys: pytest.CaptureFixture[str]
) -> None:
    failing = ["--set", "site.environment={FAILS: 'yes'}", "--site", "local"]
    assert main([*words, *failing]) == 1
    said = capsys.readouterr().err
    assert "has ended and has chosen nothing" in said
    (folder,) = (project.runs / ".choices").iterdir()
    assert str(folder) in said
    assert "no module named pyace" in next(folder.glob("job-*.out")).read_text()
    assert main(["select", "--finish", str(folder)]) == 1
    assert "has not ended, or failed" in capsys.readouterr().err


def test_what_is_refused_leaves_no_folder(
    words: list[str], project: Project, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main([*words, "--site", "local", "--select", "x=1"]) == 1
    assert "no structure with 'x=1'" in capsys.readouterr().err
    assert list((project.runs / ".choices").iterdir()) == []
    assert main([*words, "--site", "nowhere"]) == 1
    capsys.readouterr()
