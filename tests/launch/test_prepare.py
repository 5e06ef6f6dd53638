"""What a run says of its data and settings before it is submitted, and what its card warns of."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import ase.io
import emt_copper_gold
import pytest
from ase import Atoms
from ase.build import bulk

from hpctrain.launch.prepare import Prepared, prepare
from hpctrain.project import Project


def prepared(project: Project, structures: list[Atoms], **training: Any) -> Prepared:
    source = project.folder / "own.xyz"
    ase.io.write(str(source), structures, format="extxyz")
    changes = {
        "data": {"source": str(source), "select": "", "test_fraction": 0.3},
        "training": {"evaluator": "pyace", "b_basis_size": 20, **training},
    }
    return prepare(project, project.runs / "20260101-000000-aaaa", "local", changes=changes)


def rattled(cell: Atoms, count: int) -> list[Atoms]:
    found = []
    for seed in range(count):
        atoms = cell.copy()
        atoms.rattle(0.05, seed=seed)
        found.append(emt_copper_gold.labelled(atoms, "rattled"))
    return found


def free(element: str) -> Atoms:
    return emt_copper_gold.labelled(Atoms(element, cell=[15] * 3), "free")


B2 = bulk("CuAu", "cesiumchloride", 3.05)
COPPER = bulk("Cu", cubic=True)
NO_FREE_ATOMS = "reference_energies: auto fits a common shift only"


@pytest.mark.parametrize(
    ("structures", "warned"),
    [
        (rattled(B2, 6), True),
        ([*rattled(B2, 6), *rattled(COPPER, 6)], False),
        ([*rattled(B2, 6), free("Cu"), free("Au")], False),
    ],
)
def test_fitted_energies_without_a_meaning_are_told(
    project: Project, structures: list[Atoms], warned: bool
) -> None:
    run = prepared(project, structures, reference_energies="auto")
    told = [note for note in run.notes if note.startswith(NO_FREE_ATOMS)]
    warnings = run.manifest["warnings"]
    assert bool(told) == bool(warnings) == warned
    if warned:
        assert "1 independent composition for 2 elements" in warnings[0]
        assert "for no others" in warnings[0]
        assert "1 independent composition for 2 elements" in told[0]


def test_given_energies_are_not_questioned(project: Project) -> None:
    energies = {"Cu": 3.51, "Au": 3.8}
    run = prepared(project, rattled(B2, 6), reference_energies=energies)
    assert run.manifest["warnings"] == []


def test_an_element_that_is_only_an_isolated_atom_is_told(project: Project) -> None:
    structures = [free("Ag"), free("Cu"), *rattled(COPPER, 6)]
    run = prepared(project, structures)
    assert any(note.startswith("Ag left out of the potential's elements") for note in run.notes)
    assert run.manifest["input"]["potential"]["elements"] == ["Cu"]
    assert set(run.manifest["reference_energies"]) == {"Cu"}
    assert run.manifest["dataset"]["elements_left_out"] == ["Ag"]
    text = (run.folder / "train.extxyz").read_text() + (run.folder / "test.extxyz").read_text()
    assert "Ag" not in text


def test_energies_may_be_given_for_an_element_that_is_left_out(project: Project) -> None:
    structures = [free("Ag"), *rattled(COPPER, 6)]
    run = prepared(project, structures, reference_energies={"Ag": 0.0, "Cu": 3.51})
    assert run.manifest["reference_energies"] == {"Cu": 3.51}


def test_kappa_alone_is_noted(project: Project) -> None:
    run = prepared(project, [free("Cu"), *rattled(COPPER, 6)], kappa=0.3)
    assert any("write force_share: 0.3" in note for note in run.notes)
    assert run.manifest["input"]["fit"]["loss"]["kappa"] == pytest.approx(100 / 101)


def test_forces_count_half_by_default(project: Project, tmp_path: Path) -> None:
    run = prepared(project, [free("Cu"), *rattled(COPPER, 6)])
    assert run.manifest["input"]["fit"]["loss"]["kappa"] == 0.5
    assert "The weights" not in (run.folder / "input.yaml").read_text()
