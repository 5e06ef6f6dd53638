"""The export of odd structures and of bad input; ASE reads what is right of it."""

from __future__ import annotations

import re
import sqlite3
from pathlib import Path
from typing import Any

import ase.db
import ase.io
import numpy as np
import pytest
from ase import Atoms
from ase.calculators.singlepoint import SinglePointCalculator
from ase.data import chemical_symbols
from hypothesis import given, settings
from odd import ROWS, written

from hpctrain.data.export import Dataset, export
from hpctrain.errors import HpctrainError
from hpctrain.settings import DataConfig

Rows = list[tuple[Atoms, dict[str, Any]]]
FILES = ("train.extxyz", "test.extxyz")


def exported(source: Path, folder: Path, **options: Any) -> Dataset:
    data = DataConfig(source=source.name, **{"select": "", "test_fraction": 0.5, **options})
    return export(data, source.parent, folder, cutoff=6.0)


def refused(source: Path, **options: Any) -> HpctrainError:
    """The error, after which there is no folder, and the source is what it was."""
    before = source.read_bytes()
    folder = source.parent / "out"
    with pytest.raises(HpctrainError) as caught:
        exported(source, folder, **options)
    assert not folder.exists()
    assert source.read_bytes() == before
    return caught.value


def same(one: Any, other: Any) -> bool:
    """Bit for bit: also -0.0 and 0.0 are told apart."""
    one, other = np.asarray(one), np.asarray(other)
    return (one.dtype, one.shape, one.tobytes()) == (other.dtype, other.shape, other.tobytes())


def assert_read_back(result: Dataset, source: Path) -> None:
    db, found = ase.db.connect(source), []
    for name in FILES:
        for atoms in ase.io.iread(result.train.path.parent / name, ":", format="extxyz"):
            row = db.get(id=int(atoms.info["db_id"]))
            found.append(row.id)
            assert list(atoms.numbers) == list(row.numbers)  # SQLite has them in 32 bits
            for label in ("positions", "cell", "pbc"):
                assert same(getattr(atoms, label), getattr(row, label)), label
            assert same(atoms.calc.results["energy"], np.float64(row.energy))
            assert same(atoms.calc.results["forces"], row.forces)
            assert ("stress" in atoms.calc.results) == ("stress" in row)
            if "stress" in row:
                assert same(atoms.calc.results["stress"], row.stress)
            kind = row.get("config_type")
            assert atoms.info.get("config_type") == (None if kind is None else str(kind))
            assert atoms.info.get("generation") == row.get("generation")
            assert atoms.info["source"] == source.name
    assert sorted(found) == [row.id for row in db.select()]


@pytest.mark.slow
@settings(deadline=None, max_examples=60)
@given(rows=ROWS)
def test_what_ase_reads_back_is_what_is_in_the_database(
    tmp_path_factory: pytest.TempPathFactory, rows: Rows
) -> None:
    folder = tmp_path_factory.mktemp("odd")
    source = written(folder / "a.db", rows)
    assert_read_back(exported(source, folder / "out"), source)


@pytest.mark.slow
@settings(deadline=None, max_examples=60)
@given(rows=ROWS)
def test_sqlite_and_json_give_the_same_bytes(
    tmp_path_factory: pytest.TempPathFactory, rows: Rows
) -> None:
    """But for the name of the source. SQLite is read by hpctrain itself, JSON through ASE."""
    folder = tmp_path_factory.mktemp("odd")
    texts, facts = [], []
    for name in ("a.db", "a.json"):
        result = exported(written(folder / name, rows), folder / f"out-{name}")
        texts.append([re.sub(rb" source=\S+\n", b"\n", path.read_bytes()) for path in (
            result.train.path, result.test.path)])  # fmt: skip
        facts.append((result.fingerprint, result.rows_fingerprint, result.elements,
                      result.isolated_atoms, result.config_types, result.generations,
                      list(result.train.ids), list(result.test.ids)))  # fmt: skip
    assert texts[0] == texts[1]
    assert facts[0] == facts[1]


def labelled(numbers: list[int], seed: int = 0, **labels: Any) -> Atoms:
    draw = np.random.default_rng(seed)
    n = len(numbers)
    atoms = Atoms(numbers=numbers, positions=draw.uniform(0, 9, (n, 3)), cell=[9, 9, 9], pbc=True)
    forces = draw.normal(size=(n, 3))
    atoms.calc = SinglePointCalculator(atoms, **{"energy": -1.0 - seed, "forces": forces, **labels})
    return atoms


def some(count: int) -> Rows:
    return [(labelled([13, 29], seed), {"config_type": "hot"}) for seed in range(count)]


def test_a_hundred_elements(tmp_path: Path) -> None:
    rows: Rows = [(labelled(list(range(1, 101)), seed), {}) for seed in range(3)]
    source = written(tmp_path / "a.db", rows)
    result = exported(source, tmp_path / "out")
    assert result.elements == tuple(sorted(chemical_symbols[1:101]))
    assert_read_back(result, source)


def test_keys_that_ase_itself_would_not_write(tmp_path: Path) -> None:
    source = written(tmp_path / "a.db", some(4))
    pairs = '{"ключ": "ä", "a b": [1], "config_type": "007", "generation": 2.0}'
    with sqlite3.connect(source) as connection:
        connection.execute("update systems set key_value_pairs = ?", (pairs,))
    connection.close()
    result = exported(source, tmp_path / "out")
    assert (result.config_types, result.generations) == ({"007": 4}, {"2": 4})
    assert_read_back(result, source)


# --- bad input ---


@pytest.mark.parametrize("kept", [0, 1, 15, 16, 50, 100, 4096, 4097, 0.3, 0.5, 0.9, -4096, -1])
def test_a_truncated_database(tmp_path: Path, kept: float) -> None:
    whole = written(tmp_path / "whole.db", some(40)).read_bytes()
    source = tmp_path / "a.db"
    source.write_bytes(whole[: int(kept * len(whole)) if isinstance(kept, float) else kept])
    message = refused(source).message
    assert "a.db" in message
    assert "Traceback" not in message


def test_a_database_of_something_else(tmp_path: Path) -> None:
    source = tmp_path / "a.db"
    with sqlite3.connect(source) as connection:
        connection.execute("create table bookmarks (id integer, title text)")
    connection.close()
    assert "a.db" in refused(source).message


def test_a_database_whose_numbers_are_cut(tmp_path: Path) -> None:
    source = written(tmp_path / "a.db", some(4))
    with sqlite3.connect(source) as connection:
        connection.execute("update systems set forces = substr(forces, 1, 20) where id = 3")
    connection.close()
    message = refused(source).message
    assert "a.db" in message
    assert "3" in message


@pytest.mark.parametrize(
    "text", ["a few words\n", "\n", "SQLite format 3 is what this is not\n" * 9]
)
def test_a_text_file(tmp_path: Path, text: str) -> None:
    source = tmp_path / "a.db"
    source.write_text(text)
    assert "a.db" in refused(source).message


@pytest.mark.parametrize("text", ["", "{}", "a few words", '{"1": {}}', "[1, 2]", '{"1": '])
def test_json_that_is_no_database(tmp_path: Path, text: str) -> None:
    source = tmp_path / "a.json"
    source.write_text(text)
    assert "a.json" in refused(source).message


def extxyz(folder: Path, count: int = 4) -> Path:
    """Structures of two atoms: four lines each."""
    path = folder / "a.extxyz"
    ase.io.write(path, [atoms for atoms, _ in some(count)], format="extxyz")
    return path


@pytest.mark.parametrize(
    ("line", "text"),
    [
        (11, "Al 0.1 0.2 oops 1 2 3"),
        (12, "Al 0.1 0.2"),
        (12, "Qq 0.1 0.2 0.3 1 2 3"),
        (9, "two"),
        (9, ""),
        (10, 'Lattice="1 2 3" Properties=species:S:1:pos:R:3:forces:R:3 energy=1'),
    ],
)
def test_a_bad_line_in_an_extxyz_file(tmp_path: Path, line: int, text: str) -> None:
    """Lines 9 to 12 are the third structure."""
    source = extxyz(tmp_path)
    lines = source.read_text().splitlines()
    lines[line - 1] = text
    source.write_text("\n".join(lines) + "\n")
    message = refused(source).message
    assert "a.extxyz" in message
    assert re.search(rf"\bline (9|{line})\b", message), message


def test_an_extxyz_file_that_ends_too_early(tmp_path: Path) -> None:
    source = extxyz(tmp_path)
    source.write_text("".join(source.read_text().splitlines(keepends=True)[:-1]))
    assert re.search(r"\bline 1[356]\b", refused(source).message)


def test_an_empty_selection(tmp_path: Path) -> None:
    source = written(tmp_path / "a.db", some(4))
    error = refused(source, select="config_type=cold")
    assert "no structure in a.db matches data.select 'config_type=cold'" in error.message


def test_an_empty_database(tmp_path: Path) -> None:
    source = written(tmp_path / "a.db", some(1))
    with ase.db.connect(source) as db:
        del db[1]
    assert "no structure in a.db" in refused(source).message


def test_one_structure(tmp_path: Path) -> None:
    error = refused(written(tmp_path / "a.db", some(1)))
    assert "1 structure leaves no training structure" in error.message
    assert error.hint == "at least two structures are needed"


@pytest.mark.parametrize("fraction", [0.0, 1.0])
def test_a_side_without_structures(tmp_path: Path, fraction: float) -> None:
    """Refused by the settings, or by the split with the range that is possible."""
    source = written(tmp_path / "a.db", some(4))
    try:
        DataConfig(source="a.db", test_fraction=fraction)
    except ValueError:
        return
    assert "leaves no" in refused(source, test_fraction=fraction).message
