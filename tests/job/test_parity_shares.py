"""The verdict of parity: over all structures, for each kind, and where energies are low."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import ase.io
import numpy as np
import pytest
from ase import Atoms
from ase.calculators.singlepoint import SinglePointCalculator

from hpctrain.job.checks.data import FreeAtoms, Structures
from hpctrain.job.checks.parity import parity
from hpctrain.job.checks.subject import Clock, Potential, Subject

RANDOM = np.random.RandomState(5)


def one(
    symbols: str, energy: float, off: float = 0.0, kind: str = "", force: float = 1.0,
    pbc: bool = True,
) -> Atoms:  # fmt: skip
    """A structure of this label energy, which the potential misses by ``off``, eV per atom."""
    probe = Atoms(symbols)
    atoms = Atoms(symbols, RANDOM.rand(len(probe), 3) * 5, cell=[20] * 3 if pbc else None, pbc=pbc)
    forces = force * RANDOM.standard_normal((len(atoms), 3))
    atoms.calc = SinglePointCalculator(atoms, energy=energy * len(atoms), forces=forces)
    atoms.info["off"] = off
    if kind:
        atoms.info["config_type"] = kind
    return atoms


class Misses:
    """Gives the labels' forces, and energies that are off by what was asked for."""

    def __init__(self, structures: list[Atoms]) -> None:
        self._known = [
            (atoms.positions.copy(), atoms.get_potential_energy() + atoms.info["off"] * len(atoms),
             atoms.get_forces()) for atoms in structures
        ]  # fmt: skip

    def calculate(self, atoms: Any, *_: Any) -> None:
        for positions, energy, forces in self._known:
            if len(positions) == len(atoms) and np.allclose(positions, atoms.positions, atol=1e-6):
                self.results = {"energy": energy, "forces": forces}


def judge(path: Path, test: list[Atoms], train: list[Atoms] = []) -> dict[str, Any]:  # noqa: B006
    sides = {"test": test, "train": train}
    for side, structures in sides.items():
        ase.io.write(str(path / f"{side}.extxyz"), structures, format="extxyz")
    free = FreeAtoms(dict.fromkeys(("Cu", "Li", "C", "H", "O"), 0.0))
    return parity(Subject(
        Potential(Misses([*test, *train]), ["Cu"], 6.0),
        {side: Structures(str(path / f"{side}.extxyz"), free) for side in sides if sides[side]},
        Clock(600.0),
    ))  # fmt: skip


def spread(count: int, around: float, width: float) -> Any:
    return around + width * np.linspace(-1, 1, count)


def group(result: dict[str, Any], name: str) -> dict[str, Any]:
    (found,) = [one for one in result["data"]["groups"] if name in one["name"]]
    return dict(found)


def test_structures_far_apart_do_not_hide_the_others(tmp_path: Path) -> None:
    """As in a structure search with dimers: 0.1 eV/atom is little of the whole spread."""
    dimers = [one("Cu2", energy, 0.0, "dimer") for energy in spread(20, 0.0, 2.0)]
    bulk = [one("Cu4", energy, 0.1 * (-1) ** n, "bulk")
            for n, energy in enumerate(spread(20, -3.5, 0.1))]  # fmt: skip
    result = judge(tmp_path, dimers + bulk)
    assert result["value"] < 0.05
    assert result["verdict"] == "fail"
    assert (
        "bulk (20): 100.0 meV/atom is 1.65 of the labels' spread, 60.7 meV/atom" in (result["seen"])
    )
    assert group(result, "dimer")["verdict"] == "pass"
    low = group(result, "above the lowest")
    assert (low["by"], low["structures"], low["verdict"]) == ("low energies", 20, "fail")


def test_without_kinds_there_are_compositions(tmp_path: Path) -> None:
    good = [one("Cu2", energy) for energy in spread(8, -3.0, 0.3)]
    bad = [one("CuLi", energy, 0.25) for energy in spread(8, -1.0, 0.5)]
    result = judge(tmp_path, good + bad)
    assert [(one["by"], one["name"], one["verdict"]) for one in result["data"]["groups"]][:2] == [
        ("composition", "Cu", "pass"), ("composition", "CuLi", "warn"),
    ]  # fmt: skip


def test_few_structures_of_a_kind_are_looked_at_on_both_sides(tmp_path: Path) -> None:
    test = [one("Cu2", energy, 0.0, "a") for energy in spread(10, 0, 1)]
    test += [one("Cu2", energy, 1.0, "b") for energy in (-0.5, 0.5)]
    assert [one["name"] for one in judge(tmp_path, test)["data"]["groups"]][:1] == ["a"]
    train = [one("Cu2", energy, 1.0, "b") for energy in spread(3, 0, 1)]
    result = judge(tmp_path, test, train)
    assert group(result, "b")["structures"] == 5
    assert group(result, "b")["verdict"] == "fail"


def test_a_kind_at_rest_is_not_judged_by_forces_that_vanish(tmp_path: Path) -> None:
    rest = [one("Cu2", energy, 0.0, "rest", force=1e-4) for energy in spread(6, 0, 0.2)]
    more = [one("Cu2", energy, 0.0, "hot") for energy in spread(6, 0, 0.2)]
    result = judge(tmp_path, rest + more)
    assert result["verdict"] == "pass"
    assert group(result, "rest")["force_part"] < 1e-6


def frames(error: float) -> list[Atoms]:
    """One molecule with nine atoms at one temperature: 21 meV/atom of spread."""
    return [one("C2H6O", energy, error * (-1) ** n, force=2.0, pbc=False)
            for n, energy in enumerate(spread(40, -3.0, 0.0355))]  # fmt: skip


def test_a_molecule_at_one_temperature(tmp_path: Path) -> None:
    """1 kcal/mol of a molecule is no warning; and a warning says that the labels differ little."""
    assert judge(tmp_path, frames(0.0046))["verdict"] == "pass"
    result = judge(tmp_path, frames(0.0059))
    assert result["verdict"] == "warn"
    assert re.search(
        r"energies: 5\.9 meV/atom is 0\.24 of the labels' spread, 21 meV/atom, counted as 24\.1; "
        r"the labels differ little, and 92% of their variance is explained", result["seen"]
    ), result["seen"]  # fmt: skip
    assert result["limits"] == {"warn": 0.2, "fail": 0.5}
    assert judge(tmp_path, frames(0.013))["verdict"] == "fail"


def test_labels_that_differ_much(tmp_path: Path) -> None:
    test = [one("Cu2", energy, 0.2, force=2.0) for energy in spread(20, 0, 1)]
    assert "labels differ little" not in judge(tmp_path, test)["seen"]
    assert (
        "energies: 200 meV/atom is 0.33 of the labels' spread, 607 meV/atom"
        in (judge(tmp_path, test)["seen"])
    )


@pytest.mark.parametrize("known", [True, False])
def test_without_the_free_atoms(tmp_path: Path, known: bool) -> None:
    test = [one("Cu2" if known else "Au2", energy, 0.0, "ab"[n % 2])
            for n, energy in enumerate(spread(20, 0, 1))]  # fmt: skip
    result = judge(tmp_path, test)
    parts = [one["energy_part"] for one in result["data"]["groups"] if one["by"] == "kind"]
    assert [part is None for part in parts] == [not known] * 2
    assert result["verdict"] == "pass"
