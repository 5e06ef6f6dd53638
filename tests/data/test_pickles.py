"""Pacemaker's tables, read in a process that can construct little else; hostile pickles."""

from __future__ import annotations

import bz2
import gzip
import os
import pickle
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from ase import Atoms
from ase.calculators.singlepoint import SinglePointCalculator
from ase.constraints import FixAtoms
from intake import exported, read, refused

from hpctrain.data.sources import pickles
from hpctrain.data.sources.pickle_process import ALLOWED, load
from hpctrain.data.sources.pickles import is_pickle

pandas = pytest.importorskip("pandas")
pytestmark = pytest.mark.slow  # a process for each file
NAME = "data.pckl.gzip"
FORCES = np.array([[0.25, 0, 0], [-0.25, 0, 0]])


def structures(count: int = 4) -> list[Atoms]:
    made = []
    for number in range(count):
        atoms = Atoms("CuAg", [[0, 0, number / 16], [2, 2, 2]], cell=[4, 4, 4], pbc=True)
        atoms.set_constraint(FixAtoms([0]))
        made.append(atoms)
    return made


def table(**columns: Any) -> Any:
    values = {
        "ase_atoms": structures(),
        "energy": [-3.5 - number for number in range(4)],
        "energy_corrected": [0.5] * 4,
        "forces": [FORCES] * 4,
        "name": ["a/b", "c", "d", "e"],
        "config_type": ["hot", "hot", "cold", "cold"],
        **columns,
    }
    return pandas.DataFrame({name: value for name, value in values.items() if value is not None})


def put(folder: Path, content: Any, name: str = NAME, protocol: int = 5) -> Path:
    path = folder / name
    path.write_bytes(gzip.compress(pickle.dumps(content, protocol=protocol)))
    return path


@pytest.mark.parametrize("protocol", [2, 3, 4, 5])
def test_a_table_of_pacemaker(tmp_path: Path, protocol: int) -> None:
    result = exported(put(tmp_path, table(), protocol=protocol))
    assert result.config_types == {"hot": 2, "cold": 2}
    atoms = read(result)["2"]
    assert atoms.get_potential_energy() == -4.5
    assert atoms.get_forces().tolist() == FORCES.tolist()
    assert atoms.positions.tolist() == [[0, 0, 1 / 16], [2, 2, 2]]
    assert result.notes == ()


def test_labels_on_the_structures_themselves(tmp_path: Path) -> None:
    made = structures()
    for number, atoms in enumerate(made):
        atoms.calc = SinglePointCalculator(
            atoms, energy=-3.5, free_energy=-3.75 - number, forces=FORCES
        )
    result = exported(put(tmp_path, table(ase_atoms=made, energy=None, forces=None)))
    assert read(result)["1"].get_potential_energy() == -3.75
    assert "the free energy is taken" in result.notes[0]


def test_a_list_of_structures(tmp_path: Path) -> None:
    made = structures()
    for atoms in made:
        atoms.calc = SinglePointCalculator(atoms, energy=-3.5, forces=FORCES)
    assert read(exported(put(tmp_path, made)))["1"].get_potential_energy() == -3.5


def test_only_the_corrected_energy(tmp_path: Path) -> None:
    source = put(tmp_path, table(energy=None))
    line = "labels: {energy: energy_corrected, forces: forces}"
    assert line in str(refused(source).hint)
    result = exported(source, labels={"energy": "energy_corrected"})
    assert read(result)["1"].get_potential_energy() == 0.5


def test_a_label_that_is_no_number(tmp_path: Path) -> None:
    source = put(tmp_path, table(energy=[-3.5, float("nan"), "****", 1j]))
    said = refused(source).message
    assert "the energy is not a finite number: 1 (row 2)" in said
    assert "the energy is not a number: '****' in row 3 of data.pckl.gzip" in said
    assert "the energy is not a number: '1j' in row 4 of data.pckl.gzip" in said


@pytest.mark.parametrize(
    ("content", "said"),
    [
        ([1, 2], "it holds a list, not a table"),
        (pandas.DataFrame({"energy": [1.0]}), "no column ase_atoms; there is: energy"),
        (pandas.DataFrame({"ase_atoms": ["x"]}), "ase_atoms of row 1 is a str"),
    ],
)
def test_what_is_no_table(tmp_path: Path, content: Any, said: str) -> None:
    error = refused(put(tmp_path, content))
    assert error.message.startswith(f"{NAME} cannot be read: ")
    assert said in error.message
    assert "ase_atoms" in str(error.hint)


@pytest.mark.parametrize(
    "content",
    [b"", b"hello", gzip.compress(b"hello"), bz2.compress(b"x")],
    ids=["empty", "text", "gzip", "bz2"],
)
def test_what_is_no_pickle(tmp_path: Path, content: bytes) -> None:
    (tmp_path / NAME).write_bytes(content)
    assert f"{NAME} cannot be read: " in refused(tmp_path / NAME).message


class Call:
    """What a hostile pickle calls when it is read."""

    def __init__(self, function: Any, *arguments: Any) -> None:
        self.function, self.arguments = function, arguments

    def __reduce__(self) -> Any:
        return self.function, self.arguments


@pytest.mark.parametrize(
    ("function", "name"),
    [
        (os.system, "posix.system"),
        (eval, "builtins.eval"),
        (getattr, "builtins.getattr"),
        (np.load, "numpy.load"),
        (pandas.read_pickle, "pandas.io.pickle.read_pickle"),
        (os.remove, "posix.remove"),
    ],
)
def test_a_hostile_pickle_is_refused_by_name(tmp_path: Path, function: Any, name: str) -> None:
    trap = tmp_path / "trap"
    trap.write_text("here")
    path = put(tmp_path, table(name=[Call(function, str(trap))] * 4))
    error = refused(path)
    assert error.message == f"{NAME} cannot be read: it constructs {name}, which is not allowed"
    assert trap.exists()


@pytest.mark.parametrize(
    "code",
    [
        b"cnumpy\nndarray.tofile\n.",
        b"\x80\x04\x8c\x11pandas.core.frame\x8c\x0eDataFrame.eval\x93.",
        b"cbuiltins\n__import__\n(S'os'\ntR.",
        b"c__main__\nUnpickler\n.",
        b"Pname\n.",
        b"\x82\x01.",
    ],
)
def test_ways_around_the_list(tmp_path: Path, code: bytes) -> None:
    path = tmp_path / "x.pckl"
    path.write_bytes(code)
    with pytest.raises((pickle.UnpicklingError, ValueError)):
        load(path)


def test_no_array_is_made_over_foreign_memory(tmp_path: Path) -> None:
    path = tmp_path / "x.pckl"
    for made in (
        Call(np.ndarray, (1,), "O", b"A" * 8),
        Call(np._core.multiarray.scalar, np.dtype("O"), b"A" * 8),
    ):
        path.write_bytes(pickle.dumps(made))
        with pytest.raises((pickle.UnpicklingError, TypeError)):
            load(path)


class Built:
    """What is made by a function, and then given a state of one's own."""

    def __init__(self, function: Any, arguments: Any, state: Any) -> None:
        self.parts = function, arguments, state

    def __reduce__(self) -> Any:
        return self.parts


@pytest.mark.parametrize(
    "made",
    [
        Built(np.dtype, ("V8",), (3, "|", None, ("a",), {"a": (np.dtype("O"), 0)}, 8, 1, 0)),
        Built(np.dtype, ("f8",), (3, ">", None, None, None, -1, -1, 0)),
        Built(np._core.multiarray._reconstruct, (np.ndarray, (0,), b"b"),
              (1, (99,), np.dtype("f8"), False, b"1234")),
        Built(np._core.multiarray._reconstruct, (np.ndarray, (0,), b"b"),
              (1, (1,), np.dtype("O"), False, b"12345678")),
        Built(np._core.multiarray._reconstruct, (np.ndarray, (0,), b"b"), "x"),
    ],
)  # fmt: skip
def test_what_numpy_would_believe_blindly(tmp_path: Path, made: Any) -> None:
    path = tmp_path / "x.pckl"
    path.write_bytes(pickle.dumps(made))
    with pytest.raises(pickle.UnpicklingError):
        load(path)


def test_what_is_let_through_is_numpy_pandas_and_ase() -> None:
    assert {module.split(".")[0] for module in ALLOWED} == {"numpy", "pandas", "ase", "builtins"}
    assert ALLOWED["builtins"] == {"complex", "slice"}
    assert {name for module in ALLOWED if module[:3] == "ase" for name in ALLOWED[module]} == {
        "Atoms", "Cell",
    }  # fmt: skip


def test_a_file_of_somebody_else(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = put(tmp_path, table())
    monkeypatch.setattr(os, "geteuid", lambda: os.getuid() + 1)
    error = refused(path)
    assert error.message.startswith(f"{NAME} belongs to another user")
    with pytest.raises(PermissionError):
        load(path)


def test_names_of_tables() -> None:
    for name in ("a.pckl.gzip", "a.pckl", "b.pkl.gz", "c.pickle", "A.PCKL.GZIP", "d.pkl.xz"):
        assert is_pickle(name), name
    for name in ("a.gzip", "pckl.xyz", "a.xyz.gz", "pickle.db"):
        assert not is_pickle(name), name
    assert pickles.ENDINGS
