"""data.select means the same on files as on databases; ids as they are printed are its words."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import ase.db
import ase.io
import numpy as np
import pytest
from ase import Atoms
from ase.calculators.singlepoint import SinglePointCalculator

from hpctrain.cli.main import main as command
from hpctrain.data.export import export
from hpctrain.data.sources.label_names import Labels
from hpctrain.data.sources.read import read_source
from hpctrain.data.structures.ids import leaves_out
from hpctrain.errors import HpctrainError
from hpctrain.settings import DataConfig


def atoms(number: int) -> Atoms:
    formula = ("Cu2", "CuAg", "Cu3", "Ag")[number % 4]
    made = Atoms(formula, np.arange(3 * len(Atoms(formula))).reshape(-1, 3) + number / 8)
    made.set_cell([9.0, 9.0, 9.0 + number])
    made.pbc = number % 5 != 0
    made.info.update(config_type=("bulk", "slab")[number % 2], weight=number / 2)
    if number % 3:
        made.info.update(tag=str("abc"[number % 3]), good=bool(number % 2))
    if number % 7 == 0:
        made.set_initial_charges([1.0] + [0.0] * (len(made) - 1))
    forces = np.linspace(0.25, number, 3 * len(made)).reshape(-1, 3)
    stress = np.arange(6) / 4 if number % 2 else None
    made.calc = SinglePointCalculator(
        made, energy=-1.5 * number, forces=forces, **({} if stress is None else {"stress": stress})
    )
    return made


@pytest.fixture(scope="module")
def sources(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    """The same 20 structures as a database, and as extxyz."""
    folder = tmp_path_factory.mktemp("sources")
    found = {name: folder / name for name in ("a.db", "a.xyz")}
    made = [atoms(number) for number in range(1, 21)]
    with ase.db.connect(found["a.db"]) as database:
        for one in made:
            database.write(one, **one.info)
    ase.io.write(found["a.xyz"], made, format="extxyz")
    return found


def ids(source: Path, select: str, **names: Any) -> list[str]:
    return [row.row_id for row in read_source(str(source), Path(), select, **names)]


SELECTIONS = [
    "id=3", "id!=3", "id<5", "5<=id<9", "id=3-6", "id!=3-6", "id!=1-20", "id!=3,id!=7-9,id>1",
    "energy<-9", "energy>=-9", "energy", "fmax>12", "fmax<=12", "forces", "smax>1", "smax<1",
    "strain", "natoms=2", "natoms>2", "Cu", "Cu>1", "Ag=0", "Ag<1", "Cu2", "CuAg", "charge=1",
    "charge=0", "charge>0", "config_type=slab", "config_type!=slab", "tag=b", "tag!=b",
    "good=True", "good=False", "weight>3.5", "weight=2", "tag", "-tag", "tag=2", "weight=a",
    "volume>1000", "volume<800,mass>200", "pbc=TTT", "pbc!=TTT", "formula=CuAg", "missing=1",
    "config_type=slab,natoms<3,energy<-3",
]  # fmt: skip


def test_files_and_databases_give_the_same_rows(sources: dict[str, Path]) -> None:
    for select in SELECTIONS:
        wanted = ids(sources["a.db"], select)
        assert ids(sources["a.xyz"], select) == wanted, select


@pytest.mark.parametrize("select", ["id=3", "id=3-6", "id!=3-6", "energy<-9", "fmax>12", "smax>1",
                                    "charge=1", "5<=id<9", "Ag=0"])  # fmt: skip
def test_they_select_something_and_not_all(sources: dict[str, Path], select: str) -> None:
    assert 0 < len(ids(sources["a.xyz"], select)) < 20


def test_a_charge_of_the_structures_own(tmp_path: Path) -> None:
    made = [atoms(1), atoms(2)]
    made[1].info["charge"] = -1
    ase.io.write(tmp_path / "a.xyz", made, format="extxyz")
    assert ids(tmp_path / "a.xyz", "charge=-1") == ["2"]
    assert ids(tmp_path / "a.xyz", "charge=0") == ["1"]


def test_labels_by_other_names_are_selected_by(tmp_path: Path) -> None:
    made = []
    for number in range(1, 5):
        one = atoms(number)
        one.info["REF_energy"], one.calc = -number, None
        one.arrays["REF_forces"] = np.full((len(one), 3), number / 2)
        made.append(one)
    ase.io.write(tmp_path / "a.xyz", made, format="extxyz")
    with ase.db.connect(tmp_path / "a.db") as database:
        for one in made:
            keys = {key: value for key, value in one.info.items() if key != "forces"}
            data = {"REF_forces": one.arrays["REF_forces"]}
            plain = Atoms(one.numbers, one.positions, cell=one.cell, pbc=one.pbc)
            database.write(plain, **keys, data=data)
    labels = Labels({"energy": "REF_energy", "forces": "REF_forces"})
    for name in ("a.xyz", "a.db"):
        assert ids(tmp_path / name, "energy<-2", labels=labels) == ["3", "4"]
        assert ids(tmp_path / name, "fmax<1.5,id!=1", labels=labels) == ["2"] * (3**0.5 < 1.5)
        assert ids(tmp_path / name, "fmax<2,id!=1", labels=labels) == ["2"]


def config(source: Any, select: str) -> DataConfig:
    return DataConfig.model_validate({"source": source, "select": select, "test_fraction": 0.5})


def test_a_row_of_one_of_several_sources(sources: dict[str, Path], tmp_path: Path) -> None:
    base = sources["a.db"].parent
    data = config(["a.db", "a.xyz"], "id<6,natoms>1,id!=a.db#2,id!=a.xyz#1-4")
    made = export(data, base, tmp_path / "out", cutoff=5.0)
    assert sorted([*made.train.ids, *made.test.ids]) == ["a.db#1", "a.db#4", "a.db#5", "a.xyz#5"]
    only = config(["a.db", "a.xyz"], "id=a.xyz#2-5,natoms>1")
    made = export(only, base, tmp_path / "only", cutoff=5.0)
    found = sorted([*made.train.ids, *made.test.ids])
    assert found == ["a.xyz#2", "a.xyz#4", "a.xyz#5"]


def test_a_row_of_a_source_that_is_none(sources: dict[str, Path], tmp_path: Path) -> None:
    with pytest.raises(HpctrainError, match=r"row of b\.db, which is not a source"):
        export(config(list(map(str, sources.values())), "id!=b.db#2"), tmp_path, tmp_path / "out",
               cutoff=5.0)  # fmt: skip


def test_ids_in_words_of_a_selection() -> None:
    assert leaves_out(["3", "12", "4", "5"]) == "id!=3-5,id!=12"
    assert leaves_out(["a.db#2", "b/c.xyz#7", "b/c.xyz#8"]) == "id!=a.db#2,id!=b/c.xyz#7-8"
    assert leaves_out(["a,b.db#2"]) == ""
    assert leaves_out([]) == ""


@pytest.mark.parametrize("source", ["a.db", "a.xyz", "[a.db, b.xyz]"])
def test_what_check_prints_leaves_out_its_rows(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], source: str
) -> None:
    """The words are pasted into data.select, and the finding is gone."""
    rng = np.random.default_rng(1)
    made = []
    for number in range(1, 17):
        one = Atoms("Cu4", [[0, 0, 0], [0, 2, 2], [2, 0, 2], [2, 2, 0]], cell=[4, 4, 4], pbc=True)
        one.positions += rng.normal(scale=0.05, size=(4, 3))
        forces = rng.normal(scale=0.5, size=(4, 3))
        forces -= forces.mean(axis=0)
        if number in (3, 4, 5, 9):
            forces += 1.0
        one.calc = SinglePointCalculator(one, energy=-14.0 + number / 100, forces=forces)
        made.append(one)
    with ase.db.connect(tmp_path / "a.db") as database:
        for one in made:
            database.write(one)
    for name in ("a.xyz", "b.xyz"):
        ase.io.write(tmp_path / name, made, format="extxyz")
    settings = (
        f"project: p\ndata: {{source: {source}, select: 'SELECT', test_fraction: 0.5}}\n"
        "training: {reference_energies: {Cu: -0.3}, evaluator: pyace}\nsite: local\n"
    )
    project = tmp_path / "hpctrain.yaml"
    project.write_text(settings.replace("SELECT", "natoms=4"))
    command(["check", "--project", str(project)])
    said = capsys.readouterr().out
    assert "net_force" in said
    after = said[said.index("net_force") :]
    words = after[after.index("select:") :].split()[1]
    wanted = "natoms=4,id!=3-5,id!=9"
    if source.startswith("["):
        wanted = "natoms=4,id!=a.db#3-5,id!=a.db#9,id!=b.xyz#3-5,id!=b.xyz#9"
    assert words == wanted
    project.write_text(settings.replace("SELECT", words))
    command(["check", "--project", str(project)])
    assert "net_force" not in capsys.readouterr().out
