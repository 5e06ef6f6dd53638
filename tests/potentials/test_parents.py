"""What a submission that goes on from a potential prepares, and what it says."""

from __future__ import annotations

import hashlib
import json
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from made_archive import FEW, make_potential

from hpctrain.engines import engine_of
from hpctrain.engines.grace.parent import FILES
from hpctrain.engines.pacemaker.input import input_mapping
from hpctrain.engines.pacemaker.settings import PacemakerTraining
from hpctrain.errors import HpctrainError
from hpctrain.files import sum_of
from hpctrain.launch.prepare import Prepared, prepare
from hpctrain.potentials.parents import find_parent
from hpctrain.project import Project

ONE = "potential_gen_01"
TRAINING = {"evaluator": "pyace", "b_basis_size": 20}


@pytest.fixture
def parent(project: Project) -> dict[str, Any]:
    asked = input_mapping(
        PacemakerTraining.model_validate(TRAINING), "pyace", ("Al",), {"Al": -0.2994}
    )
    return make_potential(project, ONE, input=asked, data={"test_fraction": 0.4, "seed": 1})


def prepared(
    project: Project, folder: Path, training: dict[str, Any] | None = None, **data: Any
) -> Prepared:
    changes = {"data": {"select": FEW, **data}, "training": {**TRAINING, **(training or {})}}
    return prepare(project, folder, "local", changes=changes, start_from=ONE)


def test_the_parent_travels_and_is_on_record(
    project: Project, parent: dict[str, Any], tmp_path: Path
) -> None:
    found = prepared(project, tmp_path / "run", seed=1, test_fraction=0.4)
    file = tmp_path / "run" / "parent.yaml"
    assert file.read_text() == f"{ONE} as yaml"
    assert found.manifest["parents"] == [
        {"name": ONE, "sha256": hashlib.sha256(file.read_bytes()).hexdigest(), "seen_in_test": 0}
    ]
    # No isolated atom is among these rows, and none is needed.
    assert found.manifest["reference_energies"] == {"Al": -0.2994}
    assert found.notes == ["reference energies: the parent's; the data hold no isolated Al"]
    assert f"goes on from {ONE}" in (tmp_path / "run" / "input.yaml").read_text()
    # A plain fit for the job, so that it goes on over walltimes as any other.
    asked = json.loads((tmp_path / "run/job/input.json").read_text())
    assert "initial_potential" not in asked["potential"]


@pytest.mark.parametrize("older", [False, True])
def test_structures_that_the_parent_was_trained_on(
    project: Project, parent: dict[str, Any], tmp_path: Path, older: bool
) -> None:
    if older:  # a card that tells rows apart by their ids alone
        del parent["dataset"]["rows"]["marks"]
        (project.potentials / f"{ONE}.json").write_text(json.dumps(parent))
    found = prepared(project, tmp_path / "run", seed=2, test_fraction=0.4)
    tested = json.loads((tmp_path / "run/rows.json").read_text())["test"]
    seen = len({*tested} & {*parent["dataset"]["rows"]["train"]})
    assert seen > 0
    assert found.manifest["parents"][0]["seen_in_test"] == seen
    assert f"{ONE} was trained on {seen} of the {len(tested)} structures" in found.notes[-1]


def test_what_is_refused_and_what_is_left_out(
    project: Project, parent: dict[str, Any], tmp_path: Path
) -> None:
    with pytest.raises(HpctrainError, match="training cannot go on from potential_gen_01") as said:
        prepared(project, tmp_path / "run", {"cutoff": 5.0, "b_basis_size": 19})
    assert "rcut is 6.0 in the parent and 5.0 now" in said.value.message
    assert "19 functions per element" in said.value.message
    with pytest.raises(HpctrainError, match="basis cannot become smaller") as said:
        prepared(project, tmp_path / "auto", {"b_basis_size": "auto"})
    assert said.value.hint == "write the parent's: b_basis_size: 20"
    ladder = {"overrides": {"fit": {"ladder_step": 5, "ladder_type": "power_order"}}}
    found = prepared(project, tmp_path / "other", ladder)
    assert "ladder_step" not in found.manifest["input"]["fit"]
    assert any("the ladder is left out" in note for note in found.notes)


def test_a_published_model_is_taken_by_its_path(
    project: Project, parent: dict[str, Any], tmp_path: Path
) -> None:
    folder = published(tmp_path / "GRACE-FS-X")
    settings = {"engine": "grace", "reference_energies": {"Al": 0}, "max_iter": 3}
    changes = {"data": {"select": FEW}, "training": settings}
    taken = prepare(
        project, tmp_path / "run", "local", changes=changes, start_from=f"{folder}/"
    )  # fmt: skip
    assert taken.manifest["parents"] == [
        {"name": folder.name, "sha256": sum_of(folder), "seen_in_test": None}
    ]
    assert sum_of(tmp_path / "run" / "parent.model") == sum_of(folder)
    assert taken.manifest["unknown"] == [
        "whether GRACE-FS-X, which it goes on from, was trained on its test structures"
    ]
    assert taken.manifest["reference_energies"] == {"Al": 0}
    assert taken.manifest["input"]["potential"] == {
        "preset": "FS", "elements": ["Al"], "param_dtype": "float32"
    }  # fmt: skip
    for words in ("training.reference_energies (given)", "training.learning_rate is 0.01"):
        assert any(words in note for note in taken.notes)

    damages: dict[str, Callable[[Path], object]] = {
        "has no model.yaml": lambda one: (one / "model.yaml").unlink(),
        "it has no elements": lambda one: (one / "model.yaml").write_text("a: 1"),
        "has 7 bytes, and its index tells of 8": lambda one: (one / FILES[2]).write_bytes(bytes(7)),
        "the index of a checkpoint: it is not whole": lambda one: (one / FILES[1]).write_bytes(b""),
        "is a link": lambda one: (one / "more").symlink_to(one / "model.yaml"),
        "there is no folder": shutil.rmtree,
    }
    for number, (said, damage) in enumerate(damages.items()):
        one = published(tmp_path / f"damaged-{number}")
        damage(one)
        with pytest.raises(HpctrainError, match=said):
            find_parent(project.potentials, str(one), engine_of("grace"))
    with pytest.raises(HpctrainError, match="Pacemaker goes on from no other"):
        find_parent(project.potentials, str(folder), engine_of("pacemaker"))
    with pytest.raises(HpctrainError, match="is of pacemaker, and the training is of grace"):
        find_parent(project.potentials, ONE, engine_of("grace"))


def published(folder: Path) -> Path:
    """A model of the preset fs, as a download leaves it: its data are 8 bytes."""

    def block(*entries: tuple[bytes, bytes]) -> bytes:
        texts = [bytes((0, len(key), len(value))) + key + value for key, value in entries]
        return b"".join([*texts, bytes(4), (1).to_bytes(4, "little")])

    # A tensor of float32 at 3, of 5 bytes, with a sum of 4 bytes.
    tensors = block((b"", b"\x08\x01"), (b"a", b"\x08\x01\x20\x03\x28\x05\x35abcd"))
    listed = block((b"b", bytes((0, len(tensors)))))
    places = bytes((0, 0, len(tensors) + 5, len(listed))).ljust(40, b"\0")
    folder.mkdir()
    instructions = {
        "R": {"__cls__": "t.RadialBasis", "rcut": 6.0},
        "Z": {"__cls__": "t.ScalarChemicalEmbedding", "element_map": {"Al": 0}},
        "out": {"__cls__": "t.FSOut2ScalarTarget"},
    }
    model = {"metadata": {"param_dtype": "float32"}, "instructions": instructions}
    (folder / FILES[0]).write_text(json.dumps(model))
    magic = bytes.fromhex("57fb808b247547db")
    (folder / FILES[1]).write_bytes(tensors + bytes(5) + listed + bytes(5) + places + magic)
    (folder / FILES[2]).write_bytes(bytes(8))
    return folder
