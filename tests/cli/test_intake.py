"""Notes about the data as they were read: on the terminal, in JSON, in manifests."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from intake import TWICE, frames, put

from hpctrain.cli.main import main

LEFT = 'Lattice="0 4.1 0 4.0 0 0 0 0 4.2"'
ALONE = "1\nProperties=species:S:1:pos:R:3 energy=3.5\nCu 0 0 0\n"
SETTINGS = """
project: small
data: {source: "*.xyz", select: "", test_fraction: 0.3}
training: {cutoff: 3.0, evaluator: pyace}
site: local
"""


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    put(tmp_path, SETTINGS, "hpctrain.yaml")
    put(tmp_path, frames(9, cell=LEFT, head="energy=-3 free_energy=-3.5") + ALONE)
    monkeypatch.chdir(tmp_path)
    return tmp_path


def test_check_and_export_show_the_notes(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    for words in (["check"], ["export", "out"]):
        assert main(words) == 0
        said = capsys.readouterr().err
        assert "note: 9 rows (data.xyz#1, data.xyz#2, data.xyz#3, …): the free energy" in said
        assert "): the cell is left-handed" in said
        assert "note: 1 row (data.xyz#10): an isolated atom without forces" in said
    assert main(["check", "--json"]) == 0
    assert len(json.loads(capsys.readouterr().out)["dataset"]["notes"]) == 3


def test_a_dry_run_shows_them(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["submit", "--dry-run"]) == 0
    assert "the cell is left-handed" in "".join(capsys.readouterr())


def test_labels_by_set(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["check", "--set", "data.labels={energy: energy}"]) == 0
    assert "free energy" not in capsys.readouterr().err
    assert main(["check", "--set", "data.labels={energie: energy}"]) == 1
    assert "there is no label 'energie' (did you mean 'energy'?)" in capsys.readouterr().err


def test_a_glob_that_fits_nothing(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["check", "--set", "data.source=[runs/*/OUTCAR]"]) == 1
    assert "no file fits runs/*/OUTCAR" in capsys.readouterr().err


def test_data_that_are_refused_are_not_said_to_be_right(
    folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    put(folder, frames(9, **TWICE), "data.xyz")
    assert main(["check"]) == 1
    said = capsys.readouterr()
    assert "several sets of labels" in said.err
    assert "nothing found" not in said.out
