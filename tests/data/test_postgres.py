"""PostgreSQL through ASE, on a real server."""

from __future__ import annotations

import re
import socket
from collections.abc import Iterator
from pathlib import Path

import ase.db
import numpy as np
import pytest
from ase import Atoms
from ase.calculators.singlepoint import SinglePointCalculator
from postgres_fixture import PASSWORD, Postgres

from hpctrain.data.export import Dataset, export
from hpctrain.errors import HpctrainError
from hpctrain.settings import DataConfig

pytestmark = [
    pytest.mark.slow, pytest.mark.real_postgres, pytest.mark.xdist_group("postgres"),
]  # fmt: skip
COUNT = 30


def structures() -> Iterator[tuple[Atoms, dict[str, object]]]:
    """Some without stress, without keys, not periodic, with tags and numbers of all sizes."""
    draw = np.random.default_rng(5)
    for i in range(COUNT):
        n = 1 + i % 4
        atoms = Atoms(
            numbers=draw.integers(1, 100, n),
            positions=draw.normal(size=(n, 3)) * 10.0 ** draw.integers(-12, 6, (n, 3)),
            cell=np.diag(draw.uniform(3, 9, 3)) + np.tril(draw.normal(size=(3, 3)), -1),
            pbc=(i % 3 > 0, True, i % 5 > 0),
            tags=draw.integers(0, 3, n),
        )
        labels = {"energy": draw.normal() / 3, "forces": draw.normal(size=(n, 3)) / 3}
        if i % 2:
            labels["stress"] = draw.normal(size=6) * 1e-7
        atoms.calc = SinglePointCalculator(atoms, **labels)
        keys = {"config_type": 'an "odd" kind\nä', "generation": i % 3} if i % 7 else {}
        yield atoms, {"status": "completed" if i % 10 else "failed", **keys}


@pytest.fixture(scope="module")
def filled(postgres: Postgres) -> Postgres:
    with ase.db.connect(postgres.url()) as db:
        for atoms, keys in structures():
            db.write(atoms, key_value_pairs=keys)
    return postgres


def exported(source: str, folder: Path, **options: object) -> Dataset:
    data = DataConfig.model_validate({"source": source, "test_fraction": 0.3, **options})
    return export(data, folder.parent, folder, cutoff=6.0)


@pytest.mark.parametrize("select", ["status=completed", "", "generation>0,natoms>1"])
def test_the_same_structures_as_from_sqlite(filled: Postgres, tmp_path: Path, select: str) -> None:
    with ase.db.connect(tmp_path / "a.db") as db:
        for atoms, keys in structures():
            db.write(atoms, key_value_pairs=keys)
    ours = exported("a.db", tmp_path / "sqlite", select=select)
    theirs = exported(filled.url(), tmp_path / "postgres", select=select)
    assert theirs.fingerprint == ours.fingerprint
    assert theirs.rows_fingerprint == ours.rows_fingerprint
    assert list(theirs.train.ids) == list(ours.train.ids)
    assert list(theirs.test.ids) == list(ours.test.ids)
    for name in ("train.extxyz", "test.extxyz"):
        texts = [(tmp_path / side / name).read_text() for side in ("sqlite", "postgres")]
        assert PASSWORD not in texts[1]
        assert f"tester:***@127.0.0.1:{filled.port}/structures" in texts[1]
        without = [re.sub(" source=.*", "", text) for text in texts]
        assert without[0] == without[1]


def refused(source: str, folder: Path) -> str:
    with pytest.raises(HpctrainError) as caught:
        exported(source, folder)
    assert not folder.exists()
    said = f"{caught.value.message}\n{caught.value.hint}"
    assert "postgresql://tester:***@127.0.0.1" in said
    return said


@pytest.mark.parametrize("password", ["wrong+word", "wr:ong", "wrong%40word"])
def test_a_wrong_password_is_refused_and_not_repeated(
    filled: Postgres, tmp_path: Path, password: str
) -> None:
    said = refused(filled.url(password), tmp_path / "out")
    assert "password authentication failed" in said
    assert password not in said


def test_a_server_that_is_down(postgres: Postgres, tmp_path: Path) -> None:
    with socket.socket() as nobody:  # bound, and not listening: nobody else takes it
        nobody.bind(("127.0.0.1", 0))
        said = refused(postgres.url(port=nobody.getsockname()[1]), tmp_path / "out")
    assert "Connection refused" in said
    assert PASSWORD not in said


def test_a_database_that_is_not_there(postgres: Postgres, tmp_path: Path) -> None:
    said = refused(postgres.url().replace("/structures", "/others"), tmp_path / "out")
    assert 'database "others" does not exist' in said
    assert PASSWORD not in said
