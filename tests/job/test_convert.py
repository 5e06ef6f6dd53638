"""extxyz to the trainer's pickles: what ASE would read, read faster, and never held in memory."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import ase.io
import numpy as np
import pandas
import pytest
from ase import Atoms
from hypothesis import given, settings
from odd import ROWS, written

from hpctrain.data.export import export
from hpctrain.job.pacemaker import convert as module
from hpctrain.job.pacemaker.convert import Unreadable, convert
from hpctrain.settings import DataConfig

LINE = 'Properties=species:S:1:pos:R:3:forces:R:3 energy={energy} pbc="T T T" db_id=7 source=a.db'
HEAD = 'Lattice="4 0 0 0 4 0 0 0 4" ' + LINE


def table_of(file: Path) -> pandas.DataFrame:
    target = file.with_suffix(".pckl.gzip")
    convert(str(file), str(target))
    table: pandas.DataFrame = pandas.read_pickle(target, compression="gzip")
    assert list(table.columns) == ["ase_atoms", "energy", "forces", "name"]
    assert table["energy"].dtype == np.float64
    return table


def assert_as_ase_reads(file: Path) -> None:
    """Bit for bit."""
    table = table_of(file)
    frames = list(ase.io.iread(file, ":", format="extxyz"))
    assert len(table) == len(frames)
    for row, atoms in zip(table.itertuples(), frames, strict=True):
        assert type(row.ase_atoms) is Atoms
        for name in ("numbers", "positions", "pbc"):
            assert same(getattr(row.ase_atoms, name), getattr(atoms, name)), name
        assert same(np.asarray(row.ase_atoms.cell), np.asarray(atoms.cell))
        assert same(np.float64(row.energy), np.float64(atoms.calc.results["energy"]))
        assert same(row.forces, atoms.calc.results["forces"])
        assert row.name == str(atoms.info["db_id"])
        assert row.ase_atoms.calc is None
        assert row.ase_atoms.info == {}


def same(one: Any, other: Any) -> bool:
    """Also -0.0 and 0.0 are told apart."""
    return (one.dtype, one.shape, one.tobytes()) == (other.dtype, other.shape, other.tobytes())


@pytest.mark.slow
@settings(deadline=None, max_examples=60)
@given(rows=ROWS)
def test_what_is_exported_is_read_as_ase_reads_it(
    tmp_path_factory: pytest.TempPathFactory, rows: list[tuple[Atoms, dict[str, Any]]]
) -> None:
    folder = tmp_path_factory.mktemp("convert")
    sources = [written(folder / name, rows).name for name in ("a.db", "a b.db")]
    data = DataConfig(source=sources, select="", test_fraction=0.5)
    result = export(data, folder, folder / "out", cutoff=6.0)
    for file in (result.train.path, result.test.path):
        lines = file.read_text().splitlines(keepends=True)
        heads = [line for line in lines if "Lattice=" in line]
        assert all(map(module._HEAD.fullmatch, heads)), heads  # no detour through ASE
        assert_as_ase_reads(file)


@pytest.mark.parametrize("write", [repr, str, "{:.17e}".format, "{:.3f}".format, "{:+g}".format])
def test_numbers_of_any_form(tmp_path: Path, write: Any) -> None:
    numbers = np.random.default_rng(1).normal(size=(50, 6)) * 10.0 ** np.arange(-150, 150, 50)
    numbers[:5] = [[0.0, -0.0, 5e-324, 1.7976931348623157e308, 1e16, 1e-7]] * 5
    lines = [f"Al {' '.join(map(write, row))}\n" for row in numbers.tolist()]
    file = tmp_path / "train.extxyz"
    file.write_text(f"50\n{HEAD.format(energy=write(-1e16 / 3))}\n{''.join(lines)}")
    assert_as_ase_reads(file)


OTHERS = {
    "more keys": HEAD.format(energy=-1.5) + " dipole=\"1 2 3\" comment='a b'",
    "another order": "energy=-1.5 db_id=x " + LINE.format(energy=-2),
    "no cell": LINE.format(energy=-1.5),
    "single quotes": HEAD.format(energy=-1.5).replace('"', "'"),
    "tabs": HEAD.format(energy=-1.5).replace(" P", "\tP"),
}


@pytest.mark.parametrize("other", OTHERS)
def test_any_other_extxyz_is_read_by_ase(tmp_path: Path, other: str) -> None:
    """Also amid others."""
    own = f"1\n{HEAD.format(energy=-3)}\nAl 0 0 0 1 2 3\n"
    file = tmp_path / "train.extxyz"
    file.write_text(f"{own}2\n{OTHERS[other]}\nAl 0 0 0 1 2 3\nCu  1 1 1\t-1 -2 -3\n{own}")
    assert_as_ase_reads(file)


def test_a_structure_without_an_id_is_called_by_its_place(tmp_path: Path) -> None:
    head = HEAD.format(energy=-3)
    frame = f"1\n{head}\nAl 0 0 0 1 2 3\n"
    file = tmp_path / "train.extxyz"
    file.write_text(frame + frame.replace("db_id=7 ", ""))
    assert list(table_of(file)["name"]) == ["7", "1"]


def test_lines_may_end_as_elsewhere_and_empty_ones_follow(tmp_path: Path) -> None:
    text = f"1\n{HEAD.format(energy=-3)}\nAl 0 0 0 1 2 3\n\n \n"
    file = tmp_path / "train.extxyz"
    file.write_bytes(text.replace("\n", "\r\n").encode())
    assert_as_ase_reads(file)


GOOD = f"1\n{HEAD.format(energy=-3)}\nAl 0 0 0 1 2 3\n"


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("", "train.extxyz holds no structure"),
        ("\n\n", "train.extxyz holds no structure"),
        (GOOD + "x\n", "structure 2 cannot be read: 'x' is not its number of atoms (it begins in "
         "line 4)"),
        (GOOD + "\n" + GOOD, "structure 2 cannot be read: '' is not its number of atoms"),
        (GOOD * 2 + "3\n" + HEAD.format(energy=1) + "\n" + "Al 0 0 0 1 2 3\n" * 2,
         "structure 3 cannot be read: the file ends within it, in line 10 (it begins in line 7)"),
        (GOOD[:-2], "structure 1 cannot be read: the file ends within it, in line 3"),
        (GOOD[:-1], "structure 1 cannot be read: the file ends within it, in line 3"),
        (GOOD[:10], "structure 1 cannot be read: "),
        ("1\n", "structure 1 cannot be read: "),
        (GOOD + GOOD.replace("2 3\n", "2\n"), "structure 2 cannot be read: line 6 is "
         "'Al 0 0 0 1 2', not an element and six numbers (it begins in line 4)"),
        (GOOD.replace("2 3\n", "2 3 4\n"), "line 3 is 'Al 0 0 0 1 2 3 4', not an element"),
        (GOOD.replace("2 3\n", "2 x\n"), "line 3 is 'Al 0 0 0 1 2 x', not an element"),
        (GOOD.replace("Al", "Qq"), "line 3 is 'Qq 0 0 0 1 2 3', not an element"),
        (f"2\n{HEAD.format(energy=1)}\nAl 0 0 0 1 2\nAl 0 0 0 1 2 3 4\n", "line 3 is 'Al 0 0 0 1 "),
        (f"2\n{HEAD.format(energy=1)}\nAl 0 0 0 1 2 3 4\nAl 0 0 0 1 2\n", "line 3 is 'Al 0 0 0 1 "),
        (GOOD.replace("energy=-3", "energy=null"), "structure 1 cannot be read: could not convert"),
        (GOOD.replace("4 0 0 0 4", "4 0 0 0"), "structure 1 cannot be read: cannot reshape"),
        (GOOD.replace("energy", "enthalpy"), "structure 1 cannot be read: it has no energy (it be"),
        (GOOD.replace("forces", "velo"), "structure 1 cannot be read: it has no forces"),
        (GOOD.replace("forces", "velo").replace("energy=-3", ""), "it has no energy and no forces"),
    ],
)  # fmt: skip
def test_what_cannot_be_read_is_named(tmp_path: Path, text: str, words: str) -> None:
    file = tmp_path / "train.extxyz"
    file.write_text(text)
    with pytest.raises(Unreadable) as caught:
        convert(str(file), str(tmp_path / "train.pckl.gzip"))
    assert words in str(caught.value)
    assert [path.name for path in tmp_path.iterdir()] == ["train.extxyz"]


def test_binary_rubbish_is_no_traceback(tmp_path: Path) -> None:
    file = tmp_path / "train.extxyz"
    file.write_bytes(GOOD.encode() + b"\xff\xfe\x00")
    with pytest.raises(Unreadable, match="structure 2 cannot be read"):
        convert(str(file), str(tmp_path / "train.pckl.gzip"))


def test_the_arrays_can_be_written_to(tmp_path: Path) -> None:
    """As those of any DataFrame: the trainer may rotate or shift its structures."""
    file = tmp_path / "train.extxyz"
    file.write_text(GOOD)
    [row] = table_of(file).itertuples()
    row.ase_atoms.positions += 1
    row.ase_atoms.set_cell(np.eye(3))
    row.forces[:] = 0
    assert row.ase_atoms.copy() == row.ase_atoms


MEASURED = """
import json, resource, sys
from hpctrain.job.pacemaker.convert import convert
convert(sys.argv[1], sys.argv[2])
peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
convert(sys.argv[3], sys.argv[2])
print(json.dumps(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - peak))
"""


@pytest.mark.slow
def test_many_structures_take_no_more_memory_than_a_few(tmp_path: Path) -> None:
    """20,000 of 32 atoms: as objects, they would take 80 MB."""
    rows = np.random.default_rng(1).normal(size=(32, 6)).tolist()
    frame = f"32\n{HEAD.format(energy=-3)}\n"
    frame += "".join(f"Al {' '.join(map(repr, row))}\n" for row in rows)
    (tmp_path / "few.extxyz").write_text(frame * 500)
    (tmp_path / "many.extxyz").write_text(frame * 20_000)
    argv = [sys.executable, "-c", MEASURED]
    argv += [str(tmp_path / name) for name in ("few.extxyz", "out.pckl.gzip", "many.extxyz")]
    said = subprocess.run(argv, check=True, capture_output=True, text=True, env=dict(os.environ))
    assert json.loads(said.stdout) < 10_000  # kB
