"""What a potential was trained on can be written again, or it is told what has changed."""

from __future__ import annotations

import json
import sqlite3
from pathlib import Path
from typing import Any

import ase.db
import pytest
from intake import TWICE, frames, put

from hpctrain.data.export import Dataset, export
from hpctrain.errors import HpctrainError
from hpctrain.potentials.export_again import export_again
from hpctrain.project import Project
from hpctrain.settings import DataConfig


@pytest.fixture
def data() -> DataConfig:
    return DataConfig(source="al_pbe.db", seed=4)


@pytest.fixture
def card(project: Project, data: DataConfig, tmp_path: Path) -> Path:
    first = export(data, project.folder, tmp_path / "first", cutoff=6.0, up_to_generation=1)
    content = {
        "dataset": {**first.facts(), "rows": first.rows()},
        "settings": {"data": data.model_dump(mode="json"), "training": {"cutoff": 6.0}},
    }
    path = tmp_path / "potential_gen_01.json"
    path.write_text(json.dumps(content))
    return path


def again(project: Project, data: DataConfig, card: Path, folder: Path) -> Dataset:
    return export_again(card, data, project.folder, folder)


def refused(*arguments: Any) -> str:
    with pytest.raises(HpctrainError) as caught:
        again(*arguments)
    assert not arguments[-1].exists()
    return caught.value.message


def test_byte_for_byte(project: Project, data: DataConfig, card: Path, tmp_path: Path) -> None:
    """Also with other settings, and with rows that have come since."""
    with ase.db.connect(project.folder / "al_pbe.db") as database:
        row = database.get(id=60)
        database.write(row.toatoms(), status="completed", generation=1, config_type="new")
    result = again(project, data.model_copy(update={"seed": 99}), card, tmp_path / "out")
    for name in ("train.extxyz", "test.extxyz"):
        assert (tmp_path / "out" / name).read_bytes() == (tmp_path / "first" / name).read_bytes()
    assert result.fingerprint == json.loads(card.read_text())["dataset"]["fingerprint"]


def test_cards_from_before_there_were_labels_name_the_energy(
    project: Project, data: DataConfig, card: Path, tmp_path: Path
) -> None:
    """It was `energy` also where the free energy differs."""
    content = json.loads(card.read_text())
    del content["settings"]["data"]["labels"]
    card.write_text(json.dumps(content))
    with sqlite3.connect(project.folder / "al_pbe.db") as connection:
        connection.execute("update systems set free_energy = energy - 0.5")
    connection.close()
    assert again(project, data, card, tmp_path / "out").notes == ()


def test_the_labels_of_a_card(tmp_path: Path) -> None:
    source = put(tmp_path, frames(**TWICE))
    names = {"energy": "REF_energy", "forces": "REF_forces"}
    data = DataConfig.model_validate(
        {"source": [source.name], "select": "", "labels": names, "test_fraction": 0.5}
    )
    first = export(data, tmp_path, tmp_path / "first", cutoff=6.0)
    content = {
        "dataset": {**first.facts(), "rows": first.rows()},
        "settings": {"data": data.model_dump(mode="json"), "training": {"cutoff": 6.0}},
    }
    card = tmp_path / "card.json"
    card.write_text(json.dumps(content))
    result = export_again(card, DataConfig(source="x"), tmp_path, tmp_path / "out")
    assert result.fingerprint == first.fingerprint


def test_rows_that_have_changed(
    project: Project, data: DataConfig, card: Path, tmp_path: Path
) -> None:
    with ase.db.connect(project.folder / "al_pbe.db") as database:
        atoms = database.get(id=60).toatoms()
        atoms.positions[0, 0] += 1e-9
        database.update(60, atoms)
        del database[61]
    said = refused(project, data, card, tmp_path / "out")
    assert "changed: 1 (row 60)" in said
    assert "gone, or not selected: 1 (row 61)" in said


def test_a_name_that_has_changed(
    project: Project, data: DataConfig, card: Path, tmp_path: Path
) -> None:
    with ase.db.connect(project.folder / "al_pbe.db") as database:
        database.update(60, config_type="renamed")
    with pytest.raises(HpctrainError, match="something else of them has changed"):
        again(project, data, card, tmp_path / "out")
    assert not list((tmp_path / "out").glob("*.extxyz"))


@pytest.mark.parametrize("text", ["{}", "no json", '{"dataset": 3}'])
def test_what_is_no_card(
    text: str, project: Project, data: DataConfig, card: Path, tmp_path: Path
) -> None:
    card.write_text(text)
    assert "is not the card of a potential" in refused(project, data, card, tmp_path / "out")
