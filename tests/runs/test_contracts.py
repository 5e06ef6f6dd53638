"""What a run and an archive hold is what the types say: those of an earlier version, and today's.

The types are what mypy believes of files that it never sees.
"""

from __future__ import annotations

import json
import tarfile
from pathlib import Path
from typing import Any

import pytest
from contracts import mismatches
from made_archive import make_potential
from paths import RECORDED

from hpctrain.launch.submit import dry_run
from hpctrain.potentials.card import Card
from hpctrain.project import Project
from hpctrain.runs.manifest import Manifest, RowIds
from hpctrain.runs.result import Environment, Evaluation, Result, Verification

OF_PROJECT = RECORDED / "project_0.1.0" / "project.tar.gz"
OF_REPORT = RECORDED / "report"
KINDS: dict[str, Any] = {
    "run.json": Manifest,
    "rows.json": RowIds,
    "result.json": Result,
    "evaluation.json": Evaluation,
    "environment.json": Environment,
    "verification.json": Verification,
    "potential_gen_01.json": Card,
}


def read(path: Path) -> Any:
    return json.loads(path.read_text(encoding="utf-8"))


@pytest.fixture
def project(demo_project: Project) -> Project:
    return demo_project


@pytest.fixture(scope="module")
def older(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("older")
    with tarfile.open(OF_PROJECT) as archive:
        archive.extractall(folder, filter="fully_trusted")
    return folder


@pytest.mark.parametrize("name", KINDS)
def test_files_of_an_earlier_version(older: Path, name: str) -> None:
    paths = sorted(older.rglob(name))
    assert paths
    for path in paths:
        assert mismatches(KINDS[name], read(path), path.parent.name) == []


def test_a_card_and_a_verification_of_before_that() -> None:
    assert mismatches(Card, read(OF_REPORT / "card.json")) == []
    assert mismatches(Verification, read(OF_REPORT / "verification.json")) == []


def test_a_manifest_of_today(project: Project) -> None:
    files, _, prepared = dry_run(project, "local")
    assert mismatches(Manifest, json.loads(files["run.json"])) == []
    assert mismatches(Manifest, prepared.manifest) == []


def test_what_is_not_as_it_should_be_is_seen(project: Project) -> None:
    card = make_potential(project)
    card["files"]["yace"]["bytes"] = "many"
    card["dataset"]["rows"]["marks"] = []
    card["verdict"] = "pass"
    del card["shift"]
    found = mismatches(Card, card)
    assert ".files.yace.bytes: 'many' is not int" in found
    assert ".verdict is not in Card" in found
    assert ".shift is missing" in found
    assert any(line.startswith(".dataset.rows") for line in found)
