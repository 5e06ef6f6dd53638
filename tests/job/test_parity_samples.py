"""What parity leaves to draw: points by structure, the worst structures, grades."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import ase.io
import numpy as np
import pytest
from ase import Atoms
from ase.calculators.singlepoint import SinglePointCalculator

from hpctrain.job.checks.data import FreeAtoms, Structures
from hpctrain.job.checks.dynamics import Task, heat, run
from hpctrain.job.checks.grades import grades
from hpctrain.job.checks.parity import _by_kind, _histogram, parity
from hpctrain.job.checks.shares import Row, explained
from hpctrain.job.checks.subject import Clock, Potential, Subject
from hpctrain.job.checks.volume import Rest, _span
from hpctrain.potentials.plots import plot_misfit


class Off:
    """Misses each energy by the first coordinate of the last atom, and forces by the same."""

    results: dict[str, Any]

    def calculate(self, atoms: Any, *_: Any) -> None:
        off = float(atoms.positions[-1, 0])
        forces = np.zeros((len(atoms), 3))
        forces[-1] = [off, 0.0, 0.0]
        self.results = {"energy": len(atoms) * (off - 1.0), "forces": forces}


def structures(path: Path, count: int) -> Structures:
    """Pairs of atoms, farther apart each time, of two kinds."""
    some = []
    for n in range(count):
        atoms = Atoms("Cu2", [[0, 0, 0], [0.01 * n, 0, 2.0 + 0.1 * n]], cell=[12] * 3, pbc=True)
        atoms.calc = SinglePointCalculator(atoms, energy=-2.0, forces=np.zeros((2, 3)))
        atoms.info.update(db_id=f"r{n}", config_type="even" if n % 2 == 0 else "odd")
        some.append(atoms)
    ase.io.write(str(path / "test.extxyz"), some, format="extxyz")
    return Structures(str(path / "test.extxyz"), FreeAtoms({"Cu": 0.0}))


def subject(path: Path, count: int = 12, **more: Any) -> Subject:
    return Subject(Potential(Off(), ["Cu"], 3.0), {"test": structures(path, count)}, Clock(600.0),
                   **more)  # fmt: skip


def test_each_point_is_of_a_structure_that_is_named(tmp_path: Path) -> None:
    data = parity(subject(tmp_path))["data"]
    side = data["test"]
    assert (side["structures"], side["of"], side["atoms"]) == (12, 12, 24)
    assert plot_misfit("parity", data) is None
    for number, kind in enumerate(("even", "odd")):
        one = side["kinds"][kind]
        found = dict(
            zip(one["ids"], zip(one["energies"], one["nearest"], strict=True), strict=True)
        )
        assert set(found) == {f"r{n}" for n in range(number, 12, 2)}
        for name, ((label, predicted), nearest) in found.items():
            n = int(name[1:])
            assert label == -1.0
            assert predicted == pytest.approx(-1 + 0.01 * n)
            # The potential sees no farther.
            distance = float(np.hypot(0.01 * n, 2.0 + 0.1 * n))
            assert nearest == (pytest.approx(distance, abs=1e-3) if distance < 3 else None)
        assert sorted(one["norms"]) == sorted(
            [0.0, error] for n in range(number, 12, 2) for error in (0.0, 0.01 * n)
        )


def test_the_worst_are_there_to_draw(tmp_path: Path) -> None:
    rows = parity(subject(tmp_path))["data"]["test"]["largest_force_errors"]
    assert [row["id"] for row in rows[:2]] == ["r11", "r10"]
    first = rows[0]
    assert (first["atom"], first["atoms"]) == (1, 2)
    assert first["error_mev_per_atom"] == pytest.approx(110.0)
    assert first["structure"]["force_errors"] == [0.0, 0.11]
    assert first["structure"]["positions"][1] == [0.11, 0.0, 3.1]
    assert [("structure" in row) for row in rows] == [True] * 3 + [False] * 7


def test_a_few_far_errors_do_not_press_the_others_into_one_bin() -> None:
    histogram = _histogram(np.array([*np.linspace(-0.1, 0.1, 199), 7.0]))
    assert sum(histogram["counts"]) == 200
    assert histogram["edges"][-1] < 0.16
    assert histogram["counts"][-1] == histogram["beyond"] == 1
    assert _histogram(np.array([-1.0, 1.0]))["beyond"] == 0


def test_kinds_of_one_structure_each_do_not_fill_the_file(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("hpctrain.job.checks.parity.KINDS", 2)
    rows = [Row(str(n), f"kind {n % 4}", "Cu", {}, True, 0.0, 0.0, 0.0, 0.0) for n in range(9)]
    found = _by_kind(rows)
    assert {kind: len(some) for kind, some in found.items()} == {"kind 0": 3, "3 rarer kinds": 6}


def test_grades_of_the_test_set_with_the_largest_error_of_each(tmp_path: Path) -> None:
    found = grades(subject(tmp_path, grades=lambda atoms: 10 * atoms.positions[:, 0] + 0.05),
                   "test", Clock(60))  # fmt: skip
    assert found is not None
    assert (found["structures"], found["of"], found["outside"]) == (12, 12, 2)
    assert found["highest"] == {"id": "r11", "kind": "odd", "grade": pytest.approx(1.15), "atom": 1}
    assert sorted(found["points"])[-1] == [pytest.approx(1.15), 0.11]


def test_grades_that_cannot_be_had_cost_nothing_else(tmp_path: Path) -> None:
    def broken(_: Any) -> Any:
        raise RuntimeError("no grade")

    assert parity(subject(tmp_path))["data"]["grades"] is None
    result = parity(subject(tmp_path, grades=broken))
    assert result["data"]["grades"] == {"problem": "RuntimeError: no grade"}
    assert result["data"]["test"]["structures"] == 12
    late = grades(subject(tmp_path, grades=broken), "test", Clock(0.0))
    assert late == {"problem": "the time was up before the first structure"}


def test_explained_variance() -> None:
    labels = np.array([1.0, 2.0, 3.0])
    assert explained(np.zeros(3), labels) == 1.0
    assert explained(labels - 2.0, labels) == 0.0
    assert explained(np.ones(2), np.ones(2)) is None


def test_the_curve_reaches_as_far_as_the_labels() -> None:
    assert np.allclose(_span([8.0, 16.0, 30.0], Rest(16.0, 0.0, 1.0))[[0, -1]], [8.0, 30.0])
    assert np.allclose(_span([15.0, 17.0], Rest(16.0, 0.0, 1.0))[[0, -1]], [12.8, 20.0])
    assert np.allclose(_span([10.0, 12.0], None)[[0, -1]], [8.0, 12.5])


def test_a_run_tells_what_a_step_costs(tmp_path: Path) -> None:
    one = structures(tmp_path, 1).read(0)
    heat(one.atoms, 10.0)
    task = Task(one, one.atoms, 10.0, 100, 0.1, 0.1, lambda _: "")
    data = run(Potential(Off(), ["Cu"], 3.0), Clock(60), task)["data"]
    assert 0 <= data["us_per_atom_and_step"] < 1e6
    assert data["atoms"] == 2
