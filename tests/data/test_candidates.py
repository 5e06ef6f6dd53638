"""Candidates: read from any source without labels, each of a kind once, the odd ones named."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import ase.db
import ase.io
import numpy as np
import pytest
from ase import Atoms
from ase.build import bulk

from hpctrain.data.candidates import Candidates, formula, parse, read_candidates, read_lines
from hpctrain.errors import HpctrainError


def cells(count: int, seed: int = 0) -> list[Atoms]:
    draw = np.random.default_rng(seed)
    found = []
    for _ in range(count):
        atoms = bulk("Cu", cubic=True)
        atoms.positions += draw.normal(0, 0.1, (4, 3))
        found.append(atoms)
    return found


def read(folder: Path, *structures: Atoms, **more: Any) -> Candidates:
    ase.io.write(folder / "md.extxyz", list(structures))
    return read_candidates(["md.extxyz"], folder, "", ["Cu"], folder / "c.jsonl", **more)


def test_no_label_is_needed_and_none_is_kept(tmp_path: Path) -> None:
    some = cells(3)
    found = read(tmp_path, *some)
    assert (found.ids, found.sources, found.read) == (["1", "2", "3"], ["md.extxyz"] * 3, 3)
    assert (found.unusable, found.alike) == ([], [])
    lines = read_lines(found.file, [0, 2])
    third = parse(lines[2], "3", "md.extxyz")
    np.testing.assert_allclose(third.positions, some[2].positions, atol=1e-7)
    assert (third.energy, third.forces, third.pbc) == (None, None, (True, True, True))
    assert set(json.loads(lines[0])) == {"numbers", "positions", "cell", "pbc"}
    assert list(tmp_path.glob(".c*")) == []


def test_what_cannot_be_graded_is_named(tmp_path: Path) -> None:
    gold, broken, flat = cells(3, seed=1)
    gold.symbols[1] = "Au"
    broken.positions[0, 0] = np.nan
    flat.cell[2] = 0
    found = read(tmp_path, cells(1)[0], gold, broken, flat)
    assert found.ids == ["1"]
    assert [(one.id, one.why) for one in found.unusable] == [
        ("2", "Au: not among the elements of the potential"),
        ("3", "a position or the cell is not a finite number"),
        ("4", "periodic, but the cell has no volume"),
    ]


def test_what_is_alike_or_was_trained_on_is_left_out(tmp_path: Path) -> None:
    first, second, third = cells(3)
    near = first.copy()
    near.positions[0, 0] += 0.002
    turned = second.copy()
    turned.rotate(30, "z", rotate_cell=True)
    ase.io.write(tmp_path / "train.extxyz", [third])
    found = read(tmp_path, first, near, second, turned, third, known=[tmp_path / "train.extxyz"])
    assert found.ids == ["1", "3"]
    assert found.alike == [("2", "1"), ("4", "3"), ("5", "1 of the training")]
    assert len(found.file.read_bytes().splitlines()) == 2


def test_all_may_be_known(tmp_path: Path) -> None:
    ase.io.write(tmp_path / "train.extxyz", cells(2))
    found = read(tmp_path, *cells(2), known=[tmp_path / "train.extxyz"])
    assert (found.ids, len(found.alike)) == ([], 2)


def test_databases_selections_and_several_sources(tmp_path: Path) -> None:
    with ase.db.connect(tmp_path / "pool.db") as database:
        for number, atoms in enumerate(cells(4)):
            database.write(atoms, status="candidate" if number % 2 else "old")
    read(tmp_path, *cells(2, seed=1))
    seen: list[tuple[int, int | None]] = []
    found = read_candidates(
        ["pool.db"], tmp_path, "status=candidate", ["Cu"], tmp_path / "c.jsonl",
        progress=lambda *counts: seen.append(counts),
    )  # fmt: skip
    assert found.ids == ["2", "4"]
    assert seen == [(1, 2), (2, 2)]
    both = read_candidates(["pool.db", "md.extxyz"], tmp_path, "", ["Cu"], tmp_path / "c.jsonl")
    assert both.ids == [*(f"pool.db#{n}" for n in range(1, 5)), "md.extxyz#1", "md.extxyz#2"]


def test_a_file_that_has_changed_is_said(tmp_path: Path) -> None:
    found = read(tmp_path, *cells(1))
    with pytest.raises(HpctrainError, match="has changed"):
        read_lines(found.file, [3])


def test_a_formula_has_the_counts() -> None:
    assert formula(np.array([29, 13, 29])) == "AlCu2"


def test_globs_and_what_only_its_labels_have_wrong(tmp_path: Path) -> None:
    """A left-handed cell is turned round, and an energy that is no number does not matter."""
    first, second = cells(2)
    second.set_cell(second.cell[[1, 0, 2]])
    for number, atoms in enumerate((first, second)):
        ase.io.write(tmp_path / f"run{number}.xyz.gz", atoms, format="extxyz")
    (tmp_path / "third.xyz").write_text('1\nenergy="lost" pbc="F F F"\nCu 0 0 0\n')
    found = read_candidates(
        ["run*.xyz.gz", "third.xyz"], tmp_path, "", ["Cu"], tmp_path / "c.jsonl"
    )  # fmt: skip
    assert found.unusable == []
    assert found.ids == ["run0.xyz.gz#1", "run1.xyz.gz#1", "third.xyz#1"]
    one = parse(read_lines(found.file, [1])[1], "", "")
    assert np.linalg.det(one.cell) > 0
