"""Trajectories, outputs of programs, globs, and all kinds of sources in one list."""

from __future__ import annotations

import gzip
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import ase.db
import ase.io
import numpy as np
import pytest
from ase import Atoms
from ase.calculators.singlepoint import SinglePointCalculator
from ase.io.trajectory import Trajectory
from intake import exported, frames, put, read, refused

from hpctrain.data.sources.names import expand
from hpctrain.data.sources.read import count_structures, read_source
from hpctrain.errors import HpctrainError
from hpctrain.launch import reuse
from hpctrain.settings import DataConfig

OUTPUTS = Path(__file__).parent / "outputs"
FORCES = np.array([[0.25, 0, 0], [-0.25, 0, 0]])


def structure(number: int = 0, **labels: Any) -> Atoms:
    made = Atoms("Cu2", [[0, 0, number / 16], [2, 2, 2]], cell=[4, 4, 4], pbc=True)
    labels = {"energy": -3.5, "forces": FORCES, **labels}
    made.calc = SinglePointCalculator(
        made, **{name: value for name, value in labels.items() if value is not None}
    )
    return made


def trajectory(folder: Path, name: str = "md.traj", **labels: Any) -> Path:
    with Trajectory(str(folder / name), "w") as file:
        for number in range(4):
            file.write(structure(number, **labels))
    return folder / name


def test_a_trajectory(tmp_path: Path) -> None:
    source = trajectory(tmp_path)
    result = exported(source)
    assert read(result)["1"].get_potential_energy() == -3.5
    assert result.notes == ()
    assert count_structures("md.traj", tmp_path, "") == 4
    assert count_structures("md.traj", tmp_path, "generation=1") is None


def test_a_trajectory_has_a_free_energy_and_a_left_handed_cell(tmp_path: Path) -> None:
    with Trajectory(str(tmp_path / "md.traj"), "w") as file:
        for number in range(4):
            atoms = structure(number, free_energy=-3.75)
            atoms.cell = np.diag([4.0, 4.0, -4.0])
            atoms.calc.atoms = atoms.copy()
            file.write(atoms)
    result = exported(tmp_path / "md.traj")
    assert read(result)["1"].get_potential_energy() == -3.75
    assert len(result.notes) == 2


def test_a_trajectory_without_labels(tmp_path: Path) -> None:
    with Trajectory(str(tmp_path / "md.traj"), "w") as file:
        file.write(Atoms("Cu2", [[0, 0, 0], [2, 2, 2]], cell=[4, 4, 4], pbc=True))
    assert "no energy: 1 (row 1)" in refused(tmp_path / "md.traj").message


def test_a_trajectory_that_is_cut_off(tmp_path: Path) -> None:
    source = trajectory(tmp_path)
    source.write_bytes(source.read_bytes()[:700])
    assert "md.traj" in refused(source).message


@pytest.mark.parametrize(
    ("name", "energy", "words"),
    [
        ("vasprun.xml", -7.5, "VASP's free energy (e_fr_energy)"),
        ("OUTCAR", -7.5, "VASP's free energy (free energy TOTEN)"),
        ("pw.out", -200.5 * 13.605693122, "pw.x's total energy"),
        ("aims.out", -90000.02, "FHI-aims' electronic free energy"),
        ("cp2k.out", -96.5 * 27.211386246, "CP2K's total energy"),
        ("cp2k_old.out", -96.5 * 27.211386246, "CP2K's total energy"),
    ],
)
@pytest.mark.filterwarnings("ignore::FutureWarning")
def test_an_output(tmp_path: Path, name: str, energy: float, words: str) -> None:
    for number in range(2):
        folder = tmp_path / "runs" / str(number)
        folder.mkdir(parents=True)
        shutil.copyfile(OUTPUTS / name, folder / name)
    result = exported(tmp_path / name, source=f"runs/*/{name}")
    found = read(result)
    assert sorted(found) == [f"runs/0/{name}#1", f"runs/1/{name}#1"]
    atoms = found[f"runs/0/{name}#1"]
    assert atoms.get_potential_energy() == pytest.approx(energy, abs=1e-3)
    assert atoms.get_forces()[0] == pytest.approx([0.1, 0, 0], abs=0.003)
    assert atoms.info["source"] == f"runs/0/{name}"
    (taken, *others) = result.notes
    assert words in taken
    assert len(others) == ("energy(sigma->0)" in (OUTPUTS / name).read_text() or "xml" in name)


def test_the_other_energy_of_an_output(tmp_path: Path) -> None:
    for number in range(2):
        shutil.copyfile(OUTPUTS / "vasprun.xml", tmp_path / f"{number}.vasp.xml")
    result = exported(tmp_path / "x", source="*.xml", labels={"energy": "energy"})
    assert read(result)["0.vasp.xml#1"].get_potential_energy() == -7.45
    assert result.notes == ()


def test_a_compressed_output(tmp_path: Path) -> None:
    packed = gzip.compress((OUTPUTS / "vasprun.xml").read_bytes())
    (tmp_path / "vasprun.xml.gz").write_bytes(packed)
    (found,) = read_source("vasprun.xml.gz", tmp_path, "")
    assert found.energy == -7.5


def test_an_unfinished_output_is_named_and_can_be_left_out(tmp_path: Path) -> None:
    whole = (OUTPUTS / "vasprun.xml").read_text()
    for number, text in enumerate(
        (whole, whole, whole[: whole.index("<calculation>")], whole[:300], "", whole)
    ):
        folder = tmp_path / "runs" / str(number)
        folder.mkdir(parents=True)
        (folder / "vasprun.xml").write_text(text)
    source = "runs/*/vasprun.xml"
    said = refused(tmp_path / "x", source=source).message
    assert "no energy: 1 (row runs/2/vasprun.xml#1)" in said
    for number in (3, 4):
        (line,) = [line for line in said.splitlines() if f"(row runs/{number}/vasp" in line]
        assert "  ASE cannot read it as vasp-xml: ParseError: " in line
    result = exported(tmp_path / "x", source=source, skip_bad=True)
    assert sorted(read(result)) == [f"runs/{number}/vasprun.xml#1" for number in (0, 1, 5)]


@pytest.mark.parametrize(
    ("change", "said"),
    [
        (lambda text: text[: text.index(" ENERGY|")], "without a finished calculation"),
        (lambda text: text + text[text.index(" ENERGY|") :], "with several steps"),
        (lambda text: text + " *** WARNING: SCF run NOT converged ***", "SCF has not converged"),
        (lambda text: text.replace("2.040000", "2.04****"), "with a number that cannot be read"),
        (lambda text: text[: text.index(" FORCES|")], "no forces"),
    ],
)
def test_an_output_of_cp2k_that_cannot_be_used(
    tmp_path: Path, change: Callable[[str], str], said: str
) -> None:
    source = tmp_path / "cp2k.out"
    source.write_text(change((OUTPUTS / "cp2k.out").read_text()))
    assert said in refused(source).message


@pytest.mark.parametrize("name", ["notes.txt", "nosuffix", "data.zip", "a.json.gz"])
def test_what_nobody_reads(tmp_path: Path, name: str) -> None:
    (tmp_path / name).write_text("hello")
    assert f"{name} cannot be read: " in refused(tmp_path / name).message


@pytest.mark.parametrize("name", ["data.zip", "a.json.gz", "b.tar.gz", "c.xyz.zst"])
def test_what_has_to_be_unpacked(tmp_path: Path, name: str) -> None:
    (tmp_path / name).write_bytes(gzip.compress(b"hello"))
    assert refused(tmp_path / name).hint == "unpack it"


def test_a_folder(tmp_path: Path) -> None:
    (tmp_path / "runs").mkdir()
    error = refused(tmp_path / "x", source="runs/")
    assert error.message == f"data.source: {tmp_path / 'runs'} is a folder"
    assert "runs/**/vasprun.xml" in str(error.hint)


# --- globs and lists ---


def test_a_glob_that_fits_nothing(tmp_path: Path) -> None:
    error = refused(tmp_path / "x", source=["runs/*/vasprun.xml"])
    assert error.message == f"data.source: no file fits runs/*/vasprun.xml (in {tmp_path})"


def test_globs(tmp_path: Path) -> None:
    for name in ("b/2.xyz", "a/1.xyz", "a/c/3.xyz", "odd[1].xyz"):
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        put(tmp_path, frames(), name)
    (tmp_path / "a" / "folder.xyz").mkdir()
    assert expand("*/*.xyz", tmp_path) == (["a/1.xyz", "b/2.xyz"], True)
    assert expand("**/[123].xyz", tmp_path) == (["a/1.xyz", "a/c/3.xyz", "b/2.xyz"], True)
    assert expand("odd[1].xyz", tmp_path) == (["odd[1].xyz"], False)
    assert expand(["a/1.xyz", "a/*.xyz"], tmp_path) == (["a/1.xyz"], True)
    assert expand(f"{tmp_path}/b/*.xyz", tmp_path) == ([f"{tmp_path}/b/2.xyz"], True)
    assert expand("postgresql://a/*", tmp_path) == (["postgresql://a/*"], False)
    with pytest.raises(HpctrainError, match="names no file"):
        expand([], tmp_path)


def test_a_list_of_all_kinds(tmp_path: Path) -> None:
    put(tmp_path, frames())
    put(tmp_path, gzip.compress(frames(2).encode()), "more.xyz.gz")
    trajectory(tmp_path)
    with ase.db.connect(tmp_path / "a.db") as db:
        db.write(structure())
    (tmp_path / "run").mkdir()
    shutil.copyfile(OUTPUTS / "vasprun.xml", tmp_path / "run" / "vasprun.xml")
    result = exported(
        tmp_path / "x", source=["data.xyz", "*.xyz.gz", "md.traj", "a.db", "*/vasprun.xml"]
    )
    assert sorted(read(result)) == sorted(
        [f"data.xyz#{n}" for n in (1, 2, 3, 4)] + ["more.xyz.gz#1", "more.xyz.gz#2"]
        + [f"md.traj#{n}" for n in (1, 2, 3, 4)] + ["a.db#1", "run/vasprun.xml#1"]
    )  # fmt: skip


def test_a_file_that_comes_to_a_glob_is_a_change(tmp_path: Path) -> None:
    put(tmp_path, frames(), "1.xyz")
    data = DataConfig(source="*.xyz", select="")

    def key() -> str | None:
        return reuse.key(data, expand(data.source, tmp_path)[0], tmp_path)

    before = key()
    assert before == key()
    put(tmp_path, frames(), "2.xyz")
    assert before != key()
