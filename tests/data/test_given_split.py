"""A test set that is there already: of files of its own, or by a key of the rows."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import ase.db
import ase.io
import numpy as np
import pytest
from ase import Atoms
from ase.calculators.singlepoint import SinglePointCalculator
from pydantic import ValidationError

from hpctrain.cli.main import main as command
from hpctrain.data.export import Dataset, export
from hpctrain.data.sources.names import expand_sides
from hpctrain.errors import HpctrainError
from hpctrain.launch import reuse
from hpctrain.potentials.export_again import export_again
from hpctrain.settings import DataConfig


def crystal(number: int, formula: str = "Cu4", **info: Any) -> Atoms:
    rng = np.random.default_rng(number)
    made = Atoms(formula, [[0, 0, 0], [0, 2, 2], [2, 0, 2], [2, 2, 0]], cell=[4, 4, 4], pbc=True)
    made.positions += rng.normal(scale=0.1, size=(4, 3))
    forces = rng.normal(size=(4, 3))
    made.calc = SinglePointCalculator(
        made, energy=-14.0 + number / 10, forces=forces - forces.mean(axis=0)
    )
    made.info.update(info)
    return made


def lonely() -> Atoms:
    made = Atoms("Cu", cell=[20, 20, 20], pbc=True)
    made.calc = SinglePointCalculator(made, energy=-0.3, forces=np.zeros((1, 3)))
    return made


def put(folder: Path, name: str, made: list[Atoms]) -> None:
    if name.endswith(".db"):
        with ase.db.connect(folder / name) as database:
            for one in made:
                database.write(one, **one.info)
    else:
        ase.io.write(folder / name, made, format="extxyz")


def settings(**given: Any) -> DataConfig:
    return DataConfig.model_validate({"source": "a.xyz", "select": "", "split": "given", **given})


def exported(folder: Path, **given: Any) -> Dataset:
    return export(settings(**given), folder, folder / "out", cutoff=5.0, look_for="near")


def sides(made: Dataset) -> tuple[list[str], list[str]]:
    return list(made.train.ids), list(made.test.ids)


def test_files_of_their_own(tmp_path: Path) -> None:
    put(tmp_path, "a.xyz", [lonely(), *map(crystal, range(4))])
    put(tmp_path, "t.db", [*map(crystal, range(10, 13)), lonely()])
    made = exported(tmp_path, test_source="t.db")
    assert sides(made) == (
        ["a.xyz#1", "a.xyz#2", "a.xyz#3", "a.xyz#4", "a.xyz#5", "t.db#4"],
        ["t.db#1", "t.db#2", "t.db#3"],
    )
    assert made.isolated_atoms == {"Cu": (-0.3, -0.3)}


def test_a_pattern_leaves_the_test_set_out(tmp_path: Path) -> None:
    for number, name in enumerate(("a.xyz", "b.xyz", "test.xyz")):
        put(tmp_path, name, [crystal(number)])
    made = exported(tmp_path, source="*.xyz", test_source="test.xyz")
    assert sides(made) == (["a.xyz#1", "b.xyz#1"], ["test.xyz#1"])


def test_the_same_labels_and_selection(tmp_path: Path) -> None:
    for name, start in (("a.xyz", 0), ("t.xyz", 10)):
        made = [crystal(start + n, kind=("x", "y")[n % 2]) for n in range(4)]
        for one in made:
            one.info["REF_energy"] = one.get_potential_energy()
            one.arrays["REF_forces"] = one.get_forces()
            one.calc = None
        put(tmp_path, name, made)
    labels = {"energy": "REF_energy", "forces": "REF_forces"}
    found = exported(tmp_path, test_source=["t.xyz"], labels=labels, select="kind=x")
    assert sides(found) == (["a.xyz#1", "a.xyz#3"], ["t.xyz#1", "t.xyz#3"])


def test_the_test_set_stays_whatever_the_generation(tmp_path: Path) -> None:
    put(tmp_path, "a.xyz", [crystal(n, generation=n // 2) for n in range(4)])
    put(tmp_path, "t.xyz", [crystal(10), crystal(11, generation=7)])
    made = exported(tmp_path, test_source="t.xyz", generations="latest")
    assert sides(made) == (["a.xyz#3", "a.xyz#4"], ["t.xyz#1", "t.xyz#2"])
    data = settings(test_source="t.xyz")
    made = export(data, tmp_path, tmp_path / "first", cutoff=5.0, up_to_generation=0)
    assert sides(made) == (["a.xyz#1", "a.xyz#2"], ["t.xyz#1", "t.xyz#2"])


@pytest.mark.parametrize("name", ["a.xyz", "a.db"])
@pytest.mark.parametrize(
    "words", [("train", "test"), ("Training", "TEST"), ("train", "val"), ("train", "validation")]
)
def test_a_key_that_names_the_side(tmp_path: Path, name: str, words: tuple[str, str]) -> None:
    made = [crystal(number, set=words[number % 3 == 0]) for number in range(6)]
    put(tmp_path, name, [*made, lonely()])
    found = exported(tmp_path, source=name, side_key="set")
    assert sides(found) == (["2", "3", "5", "6", "7"], ["1", "4"])


@pytest.mark.parametrize(
    ("values", "words"),
    [
        (["train", "test", "val", "val"], "one set beside the training set"),
        (["train", "test", "fold3", "train"], "set is fold3 in 1 structures"),
        (["train", "test", None, "train"], "1 of 4 structures have no value of the key"),
        (["train", "train", "train", "train"], "leaves no test structure of 4: set is train"),
        (["test", "test", "test", "test"], "leaves no training structure of 4: set is test"),
        ([None] * 4, "4 of 4 structures have no value"),
        ([1, 0, 1, 0], "set is 1 in 2 structures"),
    ],
)
def test_sides_that_are_none(tmp_path: Path, values: list[Any], words: str) -> None:
    put(
        tmp_path, "a.xyz",
        [crystal(n, **({} if one is None else {"set": one})) for n, one in enumerate(values)],
    )  # fmt: skip
    with pytest.raises(HpctrainError) as caught:
        exported(tmp_path, side_key="set")
    assert words in caught.value.message
    assert caught.value.hint
    assert not (tmp_path / "out").exists()


def test_val_is_deselected_as_the_refusal_says(tmp_path: Path) -> None:
    made = [crystal(n, set=("train", "test", "val")[n % 3]) for n in range(6)]
    put(tmp_path, "a.xyz", made)
    with pytest.raises(HpctrainError) as caught:
        exported(tmp_path, side_key="set")
    assert "'set!=val'" in str(caught.value.hint)
    assert sides(exported(tmp_path, side_key="set", select="set!=val"))[1] == ["2", "5"]


@pytest.mark.parametrize(
    ("given", "words"),
    [
        ({"split": "given"}, "needs the test set"),
        ({"split": "given", "test_source": "t.xyz", "side_key": "set"}, "leave one of them out"),
        ({"test_source": "t.xyz"}, "split: random draws the test set from data.source"),
        ({"split": "grouped", "group_by": "k", "side_key": "set"}, "write split: given"),
        ({"split": "given", "side_key": "set", "group_by": "k"}, "does not group"),
        ({"split": "given", "side_key": "set", "stratify": "composition"}, "draws nothing"),
        ({"split": "given", "test_source": []}, "names no file"),
    ],
)
def test_settings_that_contradict_each_other(given: dict[str, Any], words: str) -> None:
    with pytest.raises(ValidationError, match=words):
        DataConfig.model_validate({"source": "a.xyz", **given})


@pytest.mark.parametrize(
    ("given", "words"),
    [
        ({"source": ["a.xyz", "t.xyz"], "test_source": "t.xyz"}, "in data.source and in data.test"),
        ({"source": "*.xyz", "test_source": "*.xyz"}, "nothing to train on"),
        ({"test_source": "no*.xyz"}, "data.test_source: no file fits"),
        ({"test_source": "none.xyz"}, "data.test_source: there is no file"),
    ],
)
def test_sources_that_contradict_each_other(
    tmp_path: Path, given: dict[str, Any], words: str
) -> None:
    for name in ("a.xyz", "t.xyz"):
        put(tmp_path, name, [crystal(0)])
    with pytest.raises(HpctrainError, match=words):
        exported(tmp_path, **given)


def test_a_test_source_that_nothing_matches(tmp_path: Path) -> None:
    put(tmp_path, "a.xyz", [crystal(n, kind="x") for n in range(3)])
    put(tmp_path, "t.xyz", [crystal(9)])
    with pytest.raises(HpctrainError, match=r"none of data\.test_source matches data\.select 'k"):
        exported(tmp_path, test_source="t.xyz", select="kind=x")


def test_leaks_are_looked_for(tmp_path: Path) -> None:
    put(tmp_path, "a.xyz", [crystal(n) for n in range(3)])
    turned = crystal(1)
    turned.positions = turned.positions[:, [1, 0, 2]]
    put(tmp_path, "t.xyz", [crystal(9), crystal(2), turned])
    made = exported(tmp_path, test_source="t.xyz")
    assert made.leakage is not None
    assert made.leakage["test_structures"] == 2
    assert made.leakage["groups"] == {"identical": 1, "same": 1, "near": 0}
    data = settings(test_source="t.xyz", dedupe="same")
    again = export(data, tmp_path, tmp_path / "less", cutoff=5.0)
    assert list(again.test.ids) == ["t.xyz#1"]


def card(folder: Path, made: Dataset, data: DataConfig) -> Path:
    path = folder / "card.json"
    path.write_text(
        json.dumps(
            {
                "dataset": {**made.facts(), "rows": made.rows()},
                "settings": {"data": data.model_dump(mode="json"), "training": {"cutoff": 5.0}},
            }
        )
    )
    return path


@pytest.mark.parametrize("given", [{"test_source": "t.xyz"}, {"side_key": "set"}])
def test_a_card_gives_the_same_files_again(tmp_path: Path, given: dict[str, Any]) -> None:
    put(tmp_path, "a.xyz", [crystal(n, set=("train", "test")[n % 2]) for n in range(4)])
    put(tmp_path, "t.xyz", [crystal(n) for n in range(10, 12)])
    made = exported(tmp_path, **given)
    path = card(tmp_path, made, settings(**given))
    project = DataConfig.model_validate({"source": "other.db"})
    again = export_again(path, project, tmp_path, tmp_path / "again")
    assert (again.train.sha256, again.test.sha256) == (made.train.sha256, made.test.sha256)
    assert again.fingerprint == made.fingerprint


def test_a_changed_test_set_is_another_export(tmp_path: Path) -> None:
    put(tmp_path, "a.xyz", [crystal(0)])
    put(tmp_path, "t.xyz", [crystal(1)])
    data = settings(test_source="t.xyz")
    names = expand_sides(data.source, data.test_source, tmp_path).names
    first = reuse.key(data, names, tmp_path, cutoff=5.0)
    assert first == reuse.key(data, names, tmp_path, cutoff=5.0)
    put(tmp_path, "t.xyz", [crystal(1), crystal(2)])
    assert first != reuse.key(data, names, tmp_path, cutoff=5.0)


def test_on_the_command_line(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    put(tmp_path, "a.xyz", [crystal(n, generation=n) for n in range(4)])
    put(tmp_path, "t.xyz", [crystal(n) for n in range(3, 6)])
    (tmp_path / "hpctrain.yaml").write_text(
        "project: p\ndata: {source: a.xyz, select: '', generations: [3], split: given, "
        "test_source: t.xyz, test_fraction: 0.1}\n"
        "training: {reference_energies: {Cu: -0.3}, evaluator: pyace}\nsite: local\n"
    )
    code = command(["check", "--json", "--project", str(tmp_path / "hpctrain.yaml")])
    said = capsys.readouterr()
    assert code == 0, said
    content = json.loads(said.out)
    assert content["dataset"]["test"]["structures"] == 3
    assert content["data"]["rows"] == 4  # one of generation 3, and all tests
    (leak,) = [one for one in content["findings"] if one["name"] == "leakage"]
    assert leak["ids"] == ["t.xyz#1"]
    assert leak["without"] == "id!=t.xyz#1"


def test_groups_that_are_stable(tmp_path: Path) -> None:
    """A group never changes sides when others come, nor when it grows."""
    put(tmp_path, "a.xyz", [crystal(n, run=f"r{n // 2}") for n in range(20)])
    put(tmp_path, "b.xyz", [crystal(n, run=f"r{n // 3}") for n in range(100, 160)])
    options = {"split": "stable", "group_by": "run", "test_fraction": 0.3}
    few = export(DataConfig.model_validate({"source": "a.xyz", "select": "", **options}),
                 tmp_path, tmp_path / "few", cutoff=5.0)  # fmt: skip
    many = export(
        DataConfig.model_validate({"source": ["b.xyz", "a.xyz"], "select": "", **options}),
        tmp_path, tmp_path / "many", cutoff=5.0,
    )  # fmt: skip
    assert few.test.structures % 2 == 0
    of_few = {f"a.xyz#{one}" for one in few.test.ids}
    assert of_few == {one for one in many.test.ids if one.startswith("a.xyz")}
    runs = [one.info["run"] for one in ase.io.iread(tmp_path / "a.xyz", ":")]
    of_side = [{runs[int(one) - 1] for one in file.ids} for file in (few.train, few.test)]
    assert not of_side[0] & of_side[1]


@pytest.mark.parametrize("kind", ["grouped", "stable"])
def test_rows_without_the_key_of_the_group(tmp_path: Path, kind: str) -> None:
    made = [crystal(number, run=f"r{number}") for number in range(2)]
    put(tmp_path, "a.xyz", [*made, crystal(2, traj="a"), crystal(3, traj="b", step=2)])
    data = {"source": "a.xyz", "select": "", "split": kind, "group_by": "run"}
    with pytest.raises(HpctrainError) as caught:
        export(DataConfig.model_validate(data), tmp_path, tmp_path / "out", cutoff=5.0)
    assert caught.value.message == (
        f"data.split {kind}: 2 of 4 structures have no value of the key data.group_by, run"
    )
    assert "data.group_by: KEY (these rows have step, traj)" in str(caught.value.hint)


def test_few_stable_groups_on_one_side(tmp_path: Path) -> None:
    put(tmp_path, "a.xyz", [crystal(n, run=f"r{n // 2}") for n in range(4)])
    data = {"source": "a.xyz", "select": "", "split": "stable", "group_by": "run",
            "test_fraction": 0.001}  # fmt: skip
    with pytest.raises(HpctrainError, match="puts no group on the test side") as caught:
        export(DataConfig.model_validate(data), tmp_path, tmp_path / "out", cutoff=5.0)
    assert "split: grouped" in str(caught.value.hint)
