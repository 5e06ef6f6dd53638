"""Molecules in the data: found, relaxed, stretched and bent, shaken, run; by made potentials."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import ase.io
import numpy as np
import pytest
from ase import Atoms
from ase.calculators.singlepoint import SinglePointCalculator

from hpctrain.job.checks import motion
from hpctrain.job.checks.bonds import bonds
from hpctrain.job.checks.data import FreeAtoms, Structures
from hpctrain.job.checks.molecules import molecules
from hpctrain.job.checks.motion import nve
from hpctrain.job.checks.result import NotReached, Skipped
from hpctrain.job.checks.subject import Clock, Potential, Subject
from hpctrain.job.checks.vibrations import vibrations

FREE = FreeAtoms(dict.fromkeys(("H", "O", "C", "Ar"), 0.0))
Energy = Callable[[Atoms], float]


class Made:
    """A calculator of an energy, with the forces that are its derivatives."""

    def __init__(self, energy: Energy, noise: float = 0.0) -> None:
        self._energy, self._noise = energy, noise
        self._random = np.random.RandomState(1)

    def calculate(self, atoms: Any, *_: Any) -> None:
        forces = np.zeros((len(atoms), 3))
        for place in np.ndindex(*forces.shape):
            sides = []
            for step in (1e-4, -1e-4):
                moved = atoms.copy()
                moved.positions[place] += step
                sides.append(self._energy(moved))
            forces[place] = (sides[1] - sides[0]) / 2e-4
        forces += self._noise * self._random.standard_normal(forces.shape)
        self.results = {"energy": self._energy(atoms), "forces": forces}


def morse(distance: float, length: float = 0.96, depth: float = 4.8, steep: float = 2.3) -> float:
    return float(depth * ((1 - np.exp(-steep * (distance - length))) ** 2 - 1))


def water(atoms: Atoms, bond: Callable[[float], float] = morse, straight: float = 0.0) -> float:
    """O, H and H: two bonds and an angle; ``straight`` eV push towards a straight one."""
    energy = bond(atoms.get_distance(0, 1)) + bond(atoms.get_distance(0, 2))
    energy += 0.5 / max(atoms.get_distance(1, 2), 0.05)
    cosine = np.cos(np.radians(atoms.get_angle(1, 0, 2)))
    return float(energy + 2.0 * (cosine + 0.25) ** 2 + straight * cosine)


def geometry(bond: float = 0.97, angle: float = 104.0) -> Atoms:
    turn = np.radians(angle)
    return Atoms("OH2", [[0, 0, 0], [bond, 0, 0], [bond * np.cos(turn), bond * np.sin(turn), 0]])


def frames(path: Path, energy: Energy, *, box: float | None = None, count: int = 12) -> Structures:
    random, rows = np.random.RandomState(2), []
    for _ in range(count):
        atoms = geometry()
        atoms.positions += 0.04 * random.standard_normal((3, 3))
        label = energy(atoms)
        if box is not None:
            atoms.set_cell([box] * 3)
            atoms.set_pbc(True)
            atoms.wrap()
        atoms.calc = SinglePointCalculator(atoms, energy=label, forces=np.zeros((3, 3)))
        rows.append(atoms)
    ase.io.write(str(path / "x.extxyz"), rows, format="extxyz")
    return Structures(str(path / "x.extxyz"), FREE)


def subject(
    structures: Structures, energy: Energy, noise: float = 0.0, seconds: float = 600.0
) -> Subject:
    return Subject(Potential(Made(energy, noise), ["H", "O"], 5.0), {"test": structures},
                   Clock(seconds))  # fmt: skip


# --- which there are ---


@pytest.mark.parametrize("box", [None, 15.0])
def test_a_molecule_with_or_without_a_box(tmp_path: Path, box: float | None) -> None:
    (found,) = molecules(subject(frames(tmp_path, water, box=box), water))
    assert (found.name, len(found.frames), found.bonds) == ("H2O", 12, [(0, 1), (0, 2)])
    assert not any(found.frames[0].atoms.pbc)
    assert [one.energy for one in found.frames] == sorted(one.energy for one in found.frames)
    assert 0.8 < found.frames[0].atoms.get_distance(0, 1) < 1.2


@pytest.mark.parametrize("positions", [[[0, 0, 0], [3, 0, 0]], [[0, 0, 0]]])
def test_atoms_apart_are_no_molecule(tmp_path: Path, positions: list[list[float]]) -> None:
    atoms = Atoms("O" * len(positions), positions)
    atoms.calc = SinglePointCalculator(atoms, energy=0.0, forces=0 * atoms.positions)
    ase.io.write(str(tmp_path / "x.extxyz"), [atoms], format="extxyz")
    with pytest.raises(Skipped, match="no molecule"):
        molecules(subject(Structures(str(tmp_path / "x.extxyz"), FREE), water))


def test_a_box_that_is_too_small_is_a_crystal(tmp_path: Path) -> None:
    with pytest.raises(Skipped, match="no molecule"):
        molecules(subject(frames(tmp_path, water, box=4.0), water))


# --- bonds and angles ---


def test_a_molecule_that_holds(tmp_path: Path) -> None:
    result = bonds(subject(frames(tmp_path, water), water))
    assert (result["verdict"], result["seen"]) == (
        "pass",
        "no bond breaks and no angle gives way (2 scans of H2O)",
    )
    (molecule,) = result["data"]["molecules"]
    stretch, bend = molecule["scans"]
    assert (stretch["unit"], bend["unit"]) == ("Å", "°")
    assert stretch["name"].startswith("O–H bond of 0.9")
    assert bend["name"].startswith("H–O–H angle of 1")
    lowest = stretch["along"][int(np.argmin(stretch["energies"]))]
    assert lowest == pytest.approx(stretch["rest"], abs=0.02)
    assert min(stretch["along"]) < 0.32 < 1.4 < max(stretch["along"])


def hole(distance: float) -> float:
    return morse(distance) - 30.0 * np.exp(-(((distance - 0.4) / 0.08) ** 2))


def second(distance: float) -> float:
    return morse(distance) - 5.0 * np.exp(-(((distance - 1.4) / 0.1) ** 2))


def jump(distance: float) -> float:
    return morse(distance) + (0.8 if distance > 1.153 else 0.0)


@pytest.mark.parametrize(
    ("bond", "words"),
    [(hole, "falls by"), (second, "than at rest"), (jump, "jumps by 0.8 eV at 1.1")],
)
def test_bonds_that_do_not_hold(tmp_path: Path, bond: Callable[[float], float], words: str) -> None:
    result = bonds(subject(frames(tmp_path, water), lambda atoms: water(atoms, bond)))
    assert result["verdict"] == "fail"
    assert words in result["seen"]
    assert result["value"] > 0.5


def test_a_well_behind_a_high_barrier_is_not_reached(tmp_path: Path) -> None:
    def far(distance: float) -> float:
        return (
            morse(distance)
            + 9.0 * np.exp(-(((distance - 1.25) / 0.06) ** 2))
            - (7.0 * np.exp(-(((distance - 1.42) / 0.03) ** 2)))
        )

    result = bonds(subject(frames(tmp_path, water), lambda atoms: water(atoms, far)))
    assert result["verdict"] == "pass", result["seen"]


def test_an_angle_that_does_not_hold(tmp_path: Path) -> None:
    def folds(atoms: Atoms) -> float:
        angle = atoms.get_angle(1, 0, 2)
        return water(atoms) - 1.5 * np.exp(-(((angle - 75.0) / 8.0) ** 2))

    result = bonds(subject(frames(tmp_path, water), folds))
    assert result["verdict"] == "fail"
    assert "H–O–H angle" in result["seen"]


def test_a_molecule_that_falls_apart(tmp_path: Path) -> None:
    def repels(atoms: Atoms) -> float:
        return float(sum(2.0 / atoms.get_distance(i, j) for i, j in ((0, 1), (0, 2), (1, 2))))

    for check in (bonds, vibrations):
        result = check(subject(frames(tmp_path, water), repels))
        assert result["verdict"] == "fail"
        assert "H2O falls apart as it relaxes" in result["seen"]


# --- vibrations ---


def test_frequencies_of_water(tmp_path: Path) -> None:
    result = vibrations(subject(frames(tmp_path, water), water))
    (molecule,) = result["data"]["molecules"]
    bend, symmetric, other = molecule["frequencies_cm"]
    assert result["verdict"] == "pass"
    assert 500 < bend < 2500 < 3300 < symmetric < other < 4500
    assert result["value"] == pytest.approx(bend, abs=0.01)


def test_frequencies_of_two_atoms(tmp_path: Path) -> None:
    """w = sqrt(2 D a² / reduced mass), and five motions of the whole are left out."""

    def pair(atoms: Atoms) -> float:
        return morse(atoms.get_distance(0, 1))

    atoms = Atoms("OH", [[0, 0, 0], [0.9, 0.2, 0.1]])
    atoms.calc = SinglePointCalculator(atoms, energy=pair(atoms), forces=np.zeros((2, 3)))
    ase.io.write(str(tmp_path / "x.extxyz"), [atoms], format="extxyz")
    result = vibrations(subject(Structures(str(tmp_path / "x.extxyz"), FREE), pair))
    reduced = 15.999 * 1.008 / (15.999 + 1.008)
    expected = np.sqrt(2 * 4.8 * 2.3**2 / reduced) * 15.633302 * 33.35641
    assert result["data"]["molecules"][0]["frequencies_cm"] == [pytest.approx(expected, rel=2e-3)]


def test_a_saddle_point(tmp_path: Path) -> None:
    """A straight molecule that would rather bend: by symmetry it is at rest."""

    def bends(atoms: Atoms) -> float:
        cosine = float(np.cos(np.radians(atoms.get_angle(1, 0, 2))))
        return morse(atoms.get_distance(0, 1)) + morse(atoms.get_distance(0, 2)) - 0.3 * cosine**2

    def unbends(atoms: Atoms) -> float:
        return bends(atoms) + 0.6 * float(np.cos(np.radians(atoms.get_angle(1, 0, 2)))) ** 2

    atoms = geometry(0.96, 180.0)
    atoms.calc = SinglePointCalculator(atoms, energy=-9.0, forces=np.zeros((3, 3)))
    ase.io.write(str(tmp_path / "x.extxyz"), [atoms], format="extxyz")
    structures = Structures(str(tmp_path / "x.extxyz"), FREE)
    assert vibrations(subject(structures, bends))["verdict"] == "pass"
    result = vibrations(subject(structures, unbends))
    assert result["verdict"] == "fail"
    assert result["value"] < -50
    assert len(result["data"]["molecules"][0]["frequencies_cm"]) == 4


# --- dynamics ---


@pytest.fixture(autouse=True)
def few_steps(monkeypatch: pytest.MonkeyPatch) -> None:
    """Numerical forces are slow."""
    monkeypatch.setattr(motion, "FREE_STEPS", 800)
    monkeypatch.setattr(motion, "STEPS", 200)


@pytest.mark.slow
def test_dynamics_without_a_cell(tmp_path: Path) -> None:
    result = nve(subject(frames(tmp_path, water, count=5), water))
    assert result["verdict"] == "pass", result["seen"]
    assert "without a cell" in result["seen"]
    assert result["data"]["time_step_fs"] == pytest.approx(0.25, abs=0.01)
    # 0.04 Å of random displacements are hotter than that; above 1000 K bonds may break.
    assert " at 1000 K" in result["seen"]
    assert result["data"]["temperature_k"][0] == pytest.approx(1000, rel=0.05)


def test_a_molecule_that_flies_apart(tmp_path: Path) -> None:
    def weak(distance: float) -> float:
        return morse(distance, depth=0.02)

    structures = frames(tmp_path, water, count=5)
    result = nve(subject(structures, lambda atoms: water(atoms, weak)))
    assert result["verdict"] == "fail"
    assert result["value"] is None
    assert "apart" in result["seen"]


@pytest.mark.slow
def test_energy_that_is_not_kept(tmp_path: Path) -> None:
    result = nve(subject(frames(tmp_path, water, count=5), water, noise=0.5))
    assert result["verdict"] == "fail"


@pytest.mark.slow
def test_a_cell_and_a_molecule_are_both_run(tmp_path: Path) -> None:
    """Argon in a cell, and two bonded atoms."""
    from ase.build import bulk
    from ase.calculators.lj import LennardJones

    calculator = LennardJones(sigma=3.4, epsilon=0.01, rc=7.0, smooth=True)
    rows = []
    crystal = bulk("Ar", "fcc", 5.3, cubic=True)
    crystal.rattle(0.1, seed=1)
    for atoms in (crystal, Atoms("Ar2", [[0, 0, 0], [2.7, 0, 0]])):
        calculator.calculate(atoms, ("energy", "forces"))
        labels = {name: calculator.results[name] for name in ("energy", "forces")}
        atoms.calc = SinglePointCalculator(atoms, **labels)
        rows.append(atoms)
    ase.io.write(str(tmp_path / "x.extxyz"), rows, format="extxyz")
    structures = Structures(str(tmp_path / "x.extxyz"), FREE)
    one = Subject(Potential(calculator, ["Ar"], 7.0), {"test": structures}, Clock(600.0))
    result = nve(one)
    assert "32 atoms of" in result["seen"]
    assert "2 atoms of" in result["seen"]
    assert result["data"]["atoms"] == 32
    assert result["data"]["molecule"]["atoms"] == 2


def test_without_time(tmp_path: Path) -> None:
    structures = frames(tmp_path, water)
    for check in (bonds, vibrations, nve):
        with pytest.raises(NotReached):
            check(subject(structures, water, seconds=0.0))
