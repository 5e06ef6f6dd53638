"""Rows of different charge, spin or magnetic order are one finding, under whatever key."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import ase.db
import ase.io
import numpy as np
import pytest
from ase import Atoms
from ase.calculators.singlepoint import SinglePointCalculator
from made_structures import copper, lonely

from hpctrain.cli.terminal.findings import findings
from hpctrain.data.check.report import find_all
from hpctrain.data.check.scan import Preflight
from hpctrain.data.sources.read import read_source
from hpctrain.data.structures.extxyz import Structure


def mixed(rows: list[Structure]) -> Any:
    preflight = Preflight(6.0)
    for row in rows:
        preflight.add(row, None)
    result = find_all(preflight, references={"Cu": 3.5})
    found = [one for one in result.findings if one.name == "mixed_theory"]
    assert len(found) <= 1
    assert "CHECK" in findings(result) or not result.findings
    return found[0] if found else None


def told(values: list[dict[str, Any]]) -> list[Structure]:
    """Six copper crystals with these keys, and an isolated atom with a spin of its own."""
    atom = replace(lonely(), keys={"charge": 0, "spin": 2, "multiplicity": 2, "magmom": 1.0})
    return [atom, *(replace(row, keys=keys) for row, keys in
                    zip(copper(len(values), size=1), values, strict=True))]  # fmt: skip


@pytest.mark.parametrize(
    ("one", "other", "words"),
    [
        ({"charge": 0}, {"charge": 1}, "charge 0 (4), charge 1 (2)"),
        ({"Q": 0.0}, {"Q": -1}, "charge 0 (4), charge -1 (2)"),
        ({"total_charge": "0"}, {"total_charge": "+1"}, "charge 0 (4), charge 1 (2)"),
        ({}, {"net_charge": 2}, "charge 0 (4), charge 2 (2)"),
        ({"charge": 0, "spin": 1}, {"charge": 1, "spin": 2},
         "charge 0 spin 1 (4), charge 1 spin 2 (2)"),
        ({"multiplicity": 1}, {"multiplicity": 3}, "multiplicity 1 (4), multiplicity 3 (2)"),
        ({"spin_multiplicity": 1}, {"SpinMultiplicity": 5}, "multiplicity 1 (4), multiplicity 5"),
        ({"nupdown": 0}, {"nupdown": 4}, "unpaired electrons 0 (4), unpaired electrons 4 (2)"),
        ({"magmom": 0.0}, {"magmom": 8.2}, "total moment 0 (4), total moment other than 0 (2)"),
        ({"total_magnetization": 0.001}, {"total_magnetization": -8.0}, "total moment 0 (4)"),
        ({"magnetic_ordering": "FM"}, {"magnetic_ordering": "AFM"}, "magnetic order fm (4)"),
        ({"nelect": 44}, {"nelect": 43}, "one composition differ in their number of electrons"),
        ({"initial_magmoms": [2.0] * 4}, {"initial_magmoms": [2.0, -2.0] * 2},
         "magnetic order ferromagnetic (4), magnetic order antiparallel (2)"),
    ],
)  # fmt: skip
def test_two_states(one: dict[str, Any], other: dict[str, Any], words: str) -> None:
    found = mixed(told([one, other, one, one, other, one]))
    assert words in found.seen
    assert found.severity == "warn"
    assert (found.count, found.ids, found.without) == (2, ("2", "5"), "id!=2,id!=5")


@pytest.mark.parametrize(
    "keys",
    [
        [{}] * 6,
        [{"charge": 0}, {"charge": 0.0}, {"charge": "0"}, {}, {"Q": 0}, {"charge": np.int64(0)}],
        [{"charge": 1, "spin": 2}] * 6,
        [{"magmom": 8.0 + n / 10} for n in range(6)],
        [{"initial_magmoms": [2.0 + n / 10] * 4} for n in range(6)],
        [{"initial_magmoms": [2.0, 2.0, 2.0, -0.1]}, {"initial_magmoms": [2.0] * 4}] * 3,
        [{"initial_magmoms": [[0, 0, 2.0]] * 4}, {"initial_magmoms": [[0, 2.0, 0]] * 4}] * 3,
        [{"note": str(n), "q_point": n} for n in range(6)],
    ],
)
def test_one_state(keys: list[dict[str, Any]]) -> None:
    assert mixed(told(keys)) is None


def test_doublets_beside_singlets_are_other_molecules() -> None:
    """An odd number of electrons cannot have the multiplicity of an even one."""

    def molecule(formula: str, multiplicity: int, row: int) -> Structure:
        atoms = Atoms(formula, np.arange(3 * len(Atoms(formula))).reshape(-1, 3))
        return Structure(
            str(row), "x", atoms.numbers.astype(np.int64), atoms.positions, np.zeros((3, 3)),
            (False,) * 3, -1.0, np.zeros((len(atoms), 3)), None, None, None,
            {"multiplicity": multiplicity},
        )  # fmt: skip

    rows = [molecule("CH3", 2, 1), molecule("CH4", 1, 2), molecule("OH", 2, 3)]
    assert mixed(rows) is None
    found = mixed([*rows, molecule("CH2", 3, 4)])
    assert found.seen.startswith("multiplicity ")


def written(folder: Path, name: str, made: list[Atoms]) -> Path:
    if name.endswith((".db", ".json")):
        with ase.db.connect(folder / name) as database:
            for one in made:
                database.write(one)
    elif name.endswith(".traj"):
        ase.io.write(folder / name, made)
    else:
        ase.io.write(folder / name, made, format="extxyz")
    return folder / name


@pytest.mark.parametrize("name", ["a.db", "a.json", "a.xyz", "a.traj"])
@pytest.mark.parametrize("where", ["initial", "final"])
def test_moments_are_read_of_every_source(tmp_path: Path, name: str, where: str) -> None:
    made = []
    for number in range(6):
        one = Atoms("Fe2", [[0, 0, 0], [1.4, 1.4, 1.4 + number / 50]], cell=[2.8] * 3, pbc=True)
        moments = [2.2, 2.2] if number % 3 else [2.2, -2.2]
        labels: dict[str, Any] = {"energy": -8.0, "forces": np.zeros((2, 3))}
        if where == "initial":
            one.set_initial_magnetic_moments(moments)
        else:
            labels |= {"magmoms": moments, "magmom": sum(moments)}
        one.calc = SinglePointCalculator(one, **labels)
        made.append(one)
    rows = list(read_source(str(written(tmp_path, name, made)), Path(), ""))
    assert "ferromagnetic (4), magnetic order antiparallel (2)" in mixed(rows).seen


def test_charges_and_parameters_of_a_database(tmp_path: Path) -> None:
    class Calculator(SinglePointCalculator):
        def todict(self) -> dict[str, Any]:
            return {"xc": "PBE", "nelect": 22 - (self.atoms.positions[1, 2] > 1.45)}

    made = []
    for number in range(6):
        one = Atoms("Cu2", [[0, 0, 0], [1.4, 1.4, 1.4 + number / 50]], cell=[2.8] * 3, pbc=True)
        one.set_initial_charges([0.25, 0.75 if number == 2 else -0.25])
        one.calc = Calculator(one, energy=-8.0, forces=np.zeros((2, 3)))
        made.append(one)
    rows = list(read_source(str(written(tmp_path, "a.db", made)), Path(), ""))
    found = mixed(rows)
    assert "charge 0 (5), charge 1 (1)" in found.seen
    assert found.ids == ("3",)
    found = mixed([replace(row, calculation=dict(row.calculation or {}, charge=0)) for row in rows])
    assert "number of electrons" in found.seen
