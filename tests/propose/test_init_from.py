"""hpctrain init --from: the file that is written passes check and can be submitted as it is."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import ase.db
import ase.io
import numpy as np
import pytest
import yaml
from ase import Atoms
from copper import as_text, copper, labelled, write_database, write_packed, write_table

from hpctrain.cli.main import main

Write = Callable[[Path], Any]


def text(name: str = "data.xyz", encoding: str = "utf-8", **how: Any) -> Write:
    return lambda folder: (folder / name).write_bytes(as_text(copper(), **how).encode(encoding))


def database_with_data(folder: Path) -> None:
    with ase.db.connect(folder / "data.db") as database:
        for atoms in copper():
            labels = {"energy": atoms.get_potential_energy(), "forces": atoms.get_forces()}
            atoms.calc = None
            database.write(atoms, data=labels)


def database_of_calculations(folder: Path) -> None:
    with ase.db.connect(folder / "data.db") as database:
        for atoms in copper():
            free = atoms.get_potential_energy() - 0.01 * len(atoms)
            atoms.calc.results["free_energy"] = free
            database.write(atoms, status="completed")
        database.write(Atoms("Cu", cell=[20] * 3), status="failed")


def trajectory(folder: Path) -> None:
    ase.io.write(folder / "data.traj", copper())


def unlabelled_rows(folder: Path) -> None:
    write_database(folder / "data.db", copper())
    write_database(folder / "data.db", [Atoms("Cu2", [(0, 0, 0), (2, 0, 0)], cell=[9] * 3)])


def many(folder: Path) -> None:
    (folder / "runs").mkdir()
    for place, atoms in enumerate(copper()):
        (folder / "runs" / f"{place}.xyz").write_text(as_text([atoms]))


KINDS: dict[str, tuple[Write, str, dict[str, Any]]] = {
    "usual": (text(), "data.xyz", {}),
    "ref": (text(energy="REF_energy", forces="REF_forces"), "data.xyz",
            {"labels": {"energy": "REF_energy", "forces": "REF_forces"}}),
    "dft": (text(energy="dft_energy", forces="dft_forces"), "data.xyz",
            {"labels": {"energy": "dft_energy", "forces": "dft_forces"}}),
    "ref, atom without forces": (
        text(energy="REF_energy", forces="REF_forces", without_forces=True), "data.xyz",
        {"labels": {"energy": "REF_energy", "forces": "REF_forces"}}),
    "atom without forces": (text(without_forces=True), "data.xyz", {}),
    "left-handed": (text(lattice=lambda cell: cell[[1, 0, 2]]), "data.xyz", {}),
    "site labels": (text(word=lambda _: "Cu1"), "data.xyz", {}),
    "numbers": (text(word=lambda _: "29"), "data.xyz", {}),
    "Z": (text(species="Z:I:1", word=lambda _: "29"), "data.xyz", {}),
    "mark and line ends": (
        lambda folder: (folder / "data.xyz").write_bytes(
            as_text(copper()).replace("\n", "\r\n").encode("utf-8-sig")), "data.xyz", {}),
    "status": (text(head=lambda place, _: "status=" + ("new" if place == 3 else "completed")),
               "data.xyz", {"select": "status=completed"}),
    "packed": (lambda folder: write_packed(folder / "data.xyz.gz", as_text(copper())),
               "data.xyz.gz", {}),
    "database": (lambda folder: write_database(folder / "data.db", copper()), "data.db", {}),
    "completed": (database_of_calculations, "data.db", {"select": "status=completed"}),
    "row.data": (database_with_data, "data.db",
                 {"labels": {"energy": "energy", "forces": "forces"}}),
    "unlabelled rows": (unlabelled_rows, "data.db", {"select": "energy,forces"}),
    "table": (lambda folder: write_table(folder / "data.pckl.gzip", copper()),
              "data.pckl.gzip", {}),
    "trajectory": (trajectory, "data.traj", {}),
    "pattern": (many, "runs/*.xyz", {}),
}  # fmt: skip


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    return tmp_path


def settings(folder: Path) -> dict[str, Any]:
    found: dict[str, Any] = yaml.safe_load((folder / "hpctrain.yaml").read_text())
    return found


@pytest.mark.slow
@pytest.mark.parametrize("kind", KINDS)
def test_it_can_be_submitted_as_it_is(
    kind: str, folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    write, source, expected = KINDS[kind]
    write(folder)
    assert main(["init", "--from", source]) == 0
    assert capsys.readouterr().out.endswith("wrote hpctrain.yaml\nnext: hpctrain check\n")
    found = settings(folder)
    assert found["data"]["source"] == source
    assert found["data"].get("labels") == expected.get("labels")
    assert found["data"]["select"] == expected.get("select", "")
    assert found["training"] == {
        "cutoff": 6.0, "b_basis_size": 30, "reference_energies": "isolated_atoms",
    }  # fmt: skip
    assert main(["check", "--site", "local"]) == 0
    if kind in ("ref", "completed"):
        assert main(["submit", "--site", "local", "--dry-run"]) == 0


def test_two_sets_of_labels_are_asked_about(
    folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    lines = as_text(copper(), energy="REF_energy", forces="REF_forces").splitlines(keepends=True)
    both = []
    for line in lines:
        if "REF_forces" in line:
            line = line.replace("REF_forces:R:3", "REF_forces:R:3:forces:R:3 energy=-3.5")
        elif len(line.split()) > 1:
            line = line.rstrip() + " 0.5 0 0\n"
        both.append(line)
    (folder / "data.xyz").write_text("".join(both))
    assert main(["init", "--from", "data.xyz"]) == 0
    said = capsys.readouterr()
    assert "to choose: 25 of 25 rows have several sets of labels" in said.err
    assert "next: choose in hpctrain.yaml, then: hpctrain check" in said.out
    content = (folder / "hpctrain.yaml").read_text()
    assert "  # labels: {energy: energy, forces: forces}\n" in content
    assert "  # labels: {energy: REF_energy, forces: REF_forces}\n" in content
    assert "labels" not in settings(folder)["data"]
    assert main(["check", "--site", "local"]) == 1
    assert "say which is meant" in capsys.readouterr().err
    chosen = content.replace("# labels: {energy: REF", "labels: {energy: REF")
    (folder / "hpctrain.yaml").write_text(chosen)
    assert main(["check", "--site", "local"]) == 0


def test_labels_of_two_kinds_in_two_files(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (folder / "a.xyz").write_text(as_text(copper()))
    (folder / "b.xyz").write_text(as_text(copper(), energy="REF_energy", forces="REF_forces"))
    assert main(["init", "--from", "a.xyz", "--from", "b.xyz"]) == 0
    assert "not all rows have their labels under the same names" in capsys.readouterr().err
    assert settings(folder)["data"]["source"] == ["a.xyz", "b.xyz"]
    assert main(["check", "--site", "local"]) == 1


def test_without_labels_nothing_is_written(
    folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (folder / "data.xyz").write_text("2\nstep=1 dipole=0.5\nCu 0 0 0\nCu 0 0 2\n")
    assert main(["init", "--from", "data.xyz"]) == 1
    said = capsys.readouterr().err
    assert "there is nothing to train on in data.xyz" in said
    assert "there is: step, dipole" in said
    assert "data.labels: {energy: …, forces: …}" in said
    assert not (folder / "hpctrain.yaml").exists()


def test_nothing_is_overwritten(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (folder / "data.xyz").write_text(as_text(copper()))
    (folder / "hpctrain.yaml").write_text("mine\n")
    assert main(["init", "--from", "data.xyz"]) == 1
    assert "hpctrain.yaml already exists" in capsys.readouterr().err
    assert (folder / "hpctrain.yaml").read_text() == "mine\n"


def test_another_folder(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (folder / "data").mkdir()
    (folder / "data" / "a.xyz").write_text(as_text(copper()))
    assert main(["init", "new/cu", "--from", "data/*.xyz"]) == 0
    assert "next: cd new/cu && hpctrain check" in capsys.readouterr().out
    assert settings(folder / "new" / "cu")["data"]["source"] == "../../data/*.xyz"
    assert main(["check", "--project", "new/cu", "--site", "local"]) == 0


def test_what_is_called_wrongly(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    for name in ("a.xyz", "b.xyz"):
        (folder / name).write_text(as_text(copper()))
    assert main(["init", "--from", "a.xyz", "b.xyz"]) == 2
    assert "b.xyz is a file: say --from for each file" in capsys.readouterr().err
    assert main(["init", "--demo", "--from", "a.xyz"]) == 2
    assert main(["init", "--from", "gone.xyz"]) == 1
    assert f"--from: there is no file {folder / 'gone.xyz'}" in capsys.readouterr().err
    assert main(["init", "--from", "*.db"]) == 1
    assert "--from: no file fits *.db" in capsys.readouterr().err


def test_rows_that_cannot_be_used_are_told(
    folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    lines = as_text(copper()[:1]).splitlines()
    lines[2] = " ".join([*lines[2].split()[:4], "****", *lines[2].split()[5:]])
    (folder / "data.xyz").write_text("\n".join(lines) + "\n" + as_text(copper()))
    assert main(["init", "--from", "data.xyz"]) == 0
    assert "note: 1 row cannot be trained on (a force is not a number" in capsys.readouterr().err
    assert main(["check", "--site", "local", "--skip-bad"]) == 0


def test_json(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (folder / "data.xyz").write_text(as_text(copper()))
    assert main(["init", "--from", "data.xyz", "--json"]) == 0
    found = json.loads(capsys.readouterr().out)
    assert found["files"] == ["hpctrain.yaml"]
    assert found["found"] == {
        "rows": 25, "usable": 25, "structures": 24, "atoms": 96, "single_atoms": {"Cu": 1},
        "faults": {},
    }  # fmt: skip
    keys = [one["key"] for one in found["settings"]["training"]]
    assert keys == ["cutoff", "b_basis_size", "reference_energies"]
    assert all(one["reason"] for part in found["settings"].values() for one in part)


def test_frames_of_trajectories_stay_together(folder: Path) -> None:
    draw = np.random.default_rng(3)
    made, heads = [], []
    for run in range(6):
        atoms = copper(alone=False)[run]
        for _ in range(8):
            atoms = atoms.copy()
            atoms.positions += draw.normal(0, 0.02, atoms.positions.shape)
            made.append(atoms)
            heads.append(f"traj=run{run} config_type=md")
    made = [labelled(atoms) for atoms in made]
    (folder / "data.xyz").write_text(as_text(made, head=lambda place, _: heads[place]))
    assert main(["init", "--from", "data.xyz"]) == 0
    data = settings(folder)["data"]
    assert (data["split"], data["group_by"]) == ("grouped", "traj")
    assert main(["check", "--site", "local"]) == 0


def test_a_split_that_is_there(folder: Path) -> None:
    sides = [f"set={'training' if place % 5 else 'test'}" for place in range(24)] + ["set=training"]
    (folder / "data.xyz").write_text(as_text(copper(), head=lambda place, _: sides[place]))
    assert main(["init", "--from", "data.xyz"]) == 0
    assert settings(folder)["data"]["side_key"] == "set"
    assert main(["check", "--site", "local"]) == 0


def test_independent_frames_are_drawn_one_by_one(folder: Path) -> None:
    (folder / "data.xyz").write_text(
        as_text(copper(), head=lambda place, _: f"config_type=kind{place % 6}")
    )
    assert main(["init", "--from", "data.xyz"]) == 0
    assert "split" not in settings(folder)["data"]


def test_molecules_without_free_atoms(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    draw = np.random.default_rng(2)
    frames = []
    for number in range(12):
        positions = np.array([[0, 0, 0.12], [0, 0.76, -0.47], [0, -0.76, -0.47]])
        positions = positions + draw.normal(0, 0.02, (3, 3))
        forces = draw.normal(0, 0.3, (3, 3))
        forces -= forces.mean(axis=0)
        lines = [
            f"{word} {' '.join(map(str, (*p, *f)))}"
            for word, p, f in zip("OHH", positions, forces, strict=True)
        ]
        head = f"Properties=species:S:1:pos:R:3:forces:R:3 energy={-470 - 0.01 * number}"
        frames.append("\n".join(["3", head, *lines]) + "\n")
    (folder / "data.xyz").write_text("".join(frames))
    assert main(["init", "--from", "data.xyz"]) == 0
    assert "tell no more than a common shift" in " ".join(capsys.readouterr().out.split())
    found = settings(folder)
    assert found["data"]["test_fraction"] == 0.17
    assert found["training"]["cutoff"] == 4.0
    assert found["training"]["reference_energies"] == "auto"
    assert main(["check", "--site", "local"]) == 0
