"""The selection where data.select is not given: completed rows if there is a key status."""

from __future__ import annotations

import gzip
import json
import tempfile
from pathlib import Path
from typing import Any

import ase.db
import ase.io
import pandas as pd
import pytest
from ase import Atoms
from ase.calculators.singlepoint import SinglePointCalculator
from intake import CELL, frame, frames, put

from hpctrain.cli.main import main
from hpctrain.data.export import Dataset, export
from hpctrain.errors import HpctrainError
from hpctrain.launch.prepare import prepare
from hpctrain.project import find_project
from hpctrain.settings import DataConfig

SIX = [f"energy={-7.0 - n} status={'completed' if n % 2 else 'failed'}" for n in range(6)]


def exported(folder: Path, source: Any) -> Dataset:
    data = DataConfig.model_validate({"source": source, "test_fraction": 0.4})
    return export(data, folder, folder / "out", cutoff=3.0)


def structures(count: int = 4) -> list[Atoms]:
    made = []
    for number in range(count):
        atoms = Atoms("Cu2", [(0, 0, 0.05 * number), (2, 2, 2)], cell=[4, 4, 4], pbc=True)
        atoms.calc = SinglePointCalculator(atoms, energy=-7.0 - number, forces=[[0.5] * 3] * 2)
        made.append(atoms)
    return made


@pytest.mark.parametrize("name", ["a.xyz", "a.extxyz.gz"])
def test_a_file_with_the_key(tmp_path: Path, name: str) -> None:
    text = "".join(frame(n, head=head) for n, head in enumerate(SIX))
    put(tmp_path, gzip.compress(text.encode()) if name.endswith("gz") else text, name)
    result = exported(tmp_path, name)
    assert result.select == "status=completed"
    assert sorted([*result.train.ids, *result.test.ids]) == ["2", "4", "6"]
    assert result.facts()["select"] == "status=completed"


@pytest.mark.parametrize("head", ["energy=-7 scf_status=completed", 'energy=-7 name="status"'])
def test_a_file_that_only_has_the_word(tmp_path: Path, head: str) -> None:
    put(tmp_path, frames(4, head=head), "a.xyz")
    result = exported(tmp_path, "a.xyz")
    assert result.select == ""
    assert len([*result.train.ids, *result.test.ids]) == 4


def test_the_word_may_be_cut_in_two(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from hpctrain.data.sources import row_keys

    for size in (7, 8, 9, 11):
        monkeypatch.setattr(row_keys, "_CHUNK", size)
        put(tmp_path, frames(2) + frame(3, head="energy=-7 status=completed"), "a.xyz")
        assert row_keys.has_key("a.xyz", tmp_path, "status")


def test_utf_16(tmp_path: Path) -> None:
    text = "".join(frame(n, head=head) for n, head in enumerate(SIX))
    put(tmp_path, text.encode("utf-16"), "a.xyz")
    assert exported(tmp_path, "a.xyz").select == "status=completed"


@pytest.mark.parametrize("name", ["a.db", "a.json"])
@pytest.mark.parametrize("keys", [{}, {"status": "completed"}])
def test_databases(tmp_path: Path, name: str, keys: dict[str, str]) -> None:
    with ase.db.connect(tmp_path / name) as database:
        for atoms in structures():
            database.write(atoms, **keys)
        if keys:
            database.write(Atoms("Cu"), status="failed")
    result = exported(tmp_path, name)
    assert result.select == ("status=completed" if keys else "")
    assert len([*result.train.ids, *result.test.ids]) == 4


@pytest.mark.slow
def test_tables_and_trajectories(tmp_path: Path) -> None:
    made = structures(6)
    for number, atoms in enumerate(made):
        atoms.info["status"] = "completed" if number else "failed"
    ase.io.write(tmp_path / "a.traj", made)
    rows = [{"ase_atoms": a, "energy": a.get_potential_energy(), "forces": a.get_forces(),
             "status": a.info["status"]} for a in made]  # fmt: skip
    pd.DataFrame(rows).to_pickle(tmp_path / "a.pckl.gzip", compression="gzip")
    for name in ("a.traj", "a.pckl.gzip"):
        result = exported(tmp_path, name)
        assert (result.select, result.train.structures) == ("status=completed", 3), name
        for file in (result.train.path, result.test.path):
            file.unlink()


def test_only_some_sources_have_it(tmp_path: Path) -> None:
    put(tmp_path, frames(4), "a.xyz")
    put(tmp_path, frame(5, head="energy=-7 status=completed"), "b.xyz")
    with pytest.raises(HpctrainError, match=r"status: b.xyz, not a.xyz") as caught:
        exported(tmp_path, ["a.xyz", "b.xyz"])
    assert "select: ''" in str(caught.value.hint)


def test_it_is_shown_and_kept(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    put(tmp_path, "".join(frame(n, head=h, cell=CELL) for n, h in enumerate(SIX)), "a.xyz")
    put(
        tmp_path,
        "project: small\ndata: {source: a.xyz, test_fraction: 0.3}\n"
        "training: {cutoff: 3.0, evaluator: pyace, reference_energies: auto}\nsite: local\n",
        "hpctrain.yaml",
    )
    for words in (["check"], ["submit", "--dry-run"]):
        assert main(words) == 0
        assert "selection   status=completed" in "".join(capsys.readouterr())
    assert main(["export", "out"]) == 0
    assert "selection status=completed" in capsys.readouterr().out
    assert main(["check", "--json"]) == 0
    assert json.loads(capsys.readouterr().out)["dataset"]["select"] == "status=completed"
    with tempfile.TemporaryDirectory() as place:
        prepared = prepare(find_project(), Path(place) / "run", "local")
    assert prepared.manifest["settings"]["data"]["select"] == "status=completed"
    assert main(["export", "all", "--set", "data.select="]) == 0
    assert "selection every row" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("name", "said"),
    [
        ("a.db", "ase db a.db"),
        ("a.xyz", "cat a.xyz | head -n 2"),
        ("a.xyz.gz", "zcat a.xyz.gz | head -n 2"),
        ("a.traj", "select by what every structure has"),
    ],
)
def test_the_hint_fits_the_kind_of_source(tmp_path: Path, name: str, said: str) -> None:
    if name == "a.db":
        with ase.db.connect(tmp_path / name) as db:
            for atoms in structures():
                db.write(atoms)
    else:
        ase.io.write(tmp_path / name, structures())
    data = DataConfig(source=name, select="natoms=99")
    with pytest.raises(HpctrainError) as caught:
        export(data, tmp_path, tmp_path / "out", cutoff=3.0)
    assert caught.value.hint is not None
    assert said in caught.value.hint
    assert "an empty data.select takes every row" in caught.value.hint
