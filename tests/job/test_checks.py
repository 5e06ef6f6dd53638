"""The checks: each is seen to pass and to fail, on real potentials (see recorded/…/verification).

The bad ones are made from a good one: without its core repulsion, with coefficients that are a
little off, with two elements taken for each other.
"""

from __future__ import annotations

import json
import types
from pathlib import Path
from typing import Any

import emt_copper_gold
import numpy as np
import pytest
from ase import Atoms
from ase.build import bulk
from ase.calculators.emt import EMT
from ase.calculators.lj import LennardJones
from paths import RECORDED

from hpctrain.data.export import export
from hpctrain.files import resource
from hpctrain.job.checks import main, report
from hpctrain.job.checks.data import FreeAtoms, Structures, isolated_atoms
from hpctrain.job.checks.dimers import dimers, fall_inward
from hpctrain.job.checks.elastic import elastic, elastic_constants
from hpctrain.job.checks.forces import finite_differences
from hpctrain.job.checks.motion import nve
from hpctrain.job.checks.parity import parity
from hpctrain.job.checks.phases import phases
from hpctrain.job.checks.phonons import frequencies, phonons
from hpctrain.job.checks.result import NotReached, Skipped, Unphysical, verdict_on, worst
from hpctrain.job.checks.result import result as result_of
from hpctrain.job.checks.same_file import reproduces_test_rmse
from hpctrain.job.checks.subject import Clock, Potential, Subject
from hpctrain.job.checks.volume import energy_volume, equation_of_state
from hpctrain.job.pacemaker.evaluators import evaluators_agree
from hpctrain.job.pacemaker.potential import CHECKS, load, load_grades, load_without_repulsion
from hpctrain.settings import DataConfig

HERE = RECORDED / "pacemaker" / "verification"
AL = {"Al": -0.2993798271732341}
LONG = 600.0

pytestmark = [pytest.mark.slow, pytest.mark.xdist_group("checks")]
real = [pytest.mark.real_pacemaker, pytest.mark.usefixtures("pacemaker")]


def needs_pyace(test: Any) -> Any:
    for mark in real:
        test = mark(test)
    return test


# --- data and potentials ---------------------------------------------------------------------


@pytest.fixture(scope="module")
def al_sides(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Structures]:
    """The demo's data with the demo's split: that of the recorded potential."""
    folder = tmp_path_factory.mktemp("al")
    data = DataConfig(source="al_pbe.db", select="status=completed", test_fraction=0.1, seed=4)
    export(data, resource("demo"), folder, cutoff=6.0)
    free_atoms = FreeAtoms(AL)
    return {s: Structures(str(folder / f"{s}.extxyz"), free_atoms) for s in ("train", "test")}


@pytest.fixture(scope="module")
def cuau(tmp_path_factory: pytest.TempPathFactory) -> Structures:
    path = str(emt_copper_gold.write(tmp_path_factory.mktemp("cuau") / "all.extxyz"))
    return Structures(path, FreeAtoms(isolated_atoms(path)))


@pytest.fixture(scope="module")
def predictions() -> dict[str, tuple[float, Any]]:
    told = json.loads((HERE / "al_predictions.json").read_text())
    return {row: (energy, np.array(forces)) for row, (energy, forces) in told.items()}


@pytest.fixture(scope="module")
def al_subject(
    al_sides: dict[str, Structures], predictions: dict[str, tuple[float, Any]]
) -> Subject:
    yaml = str(HERE / "al.yaml")
    return Subject(
        load(str(HERE / "al.yace")), al_sides, Clock(LONG), predictions,
        bare=load_without_repulsion(yaml), variant="tensorpot", file=".yace",
    )  # fmt: skip


@pytest.fixture(scope="module")
def al_report(al_subject: Subject, tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    """All checks on the good potential."""
    out = tmp_path_factory.mktemp("report") / "verification.json"
    main.verify(al_subject, str(out), CHECKS)
    content: dict[str, Any] = json.loads(out.read_text())
    return content


def changed(tmp_path: Path, name: str, off: float = 0.0, core: bool = True) -> Potential:
    """A recorded potential with its coefficients off by this part, or without core repulsion."""
    from pyace.basis import ACEBBasisSet, BBasisConfiguration

    potential = BBasisConfiguration(str(HERE / f"{name}.yaml"))
    noise = np.random.RandomState(1).standard_normal(len(potential.get_all_coeffs()))
    potential.set_all_coeffs(list(np.array(potential.get_all_coeffs()) * (1 + off * noise)))
    for block in potential.funcspecs_blocks if not core else []:
        block.core_rep_parameters, block.r_in, block.delta_in = [0.0, 0.0], 0.0, 0.0
        block.inner_cutoff_type, block.rho_cut, block.drho_cut = "distance", 100000.0, 250.0
    path = str(tmp_path / "changed.yace")
    ACEBBasisSet(potential).to_ACECTildeBasisSet().save_yaml(path)
    return load(path)


def subject(potential: Potential, **sides: Structures) -> Subject:
    return Subject(potential, sides, Clock(LONG))


def with_kinds(structures: Structures, *kinds: str) -> Structures:
    """Only the structures of these kinds, and the isolated atoms' energies as before."""
    places = [structures._places[i] for i in range(len(structures))
              if structures.read(i).kind in kinds]  # fmt: skip
    some = Structures(structures._path, structures._free_atoms)
    some._places = places
    return some


class Wrong:
    """A calculator whose forces are not the derivatives of its energy: off by a factor, or by
    noise (eV/Å)."""

    def __init__(self, potential: Potential, factor: float = 1.0, noise: float = 0.0) -> None:
        self._potential, self._factor, self._noise = potential, factor, noise
        self._random = np.random.RandomState(1)

    def calculate(self, atoms: Any, *_: Any) -> None:
        right = self._potential.compute(atoms)
        noise = self._noise * self._random.standard_normal(right.forces.shape)
        self.results = {"energy": right.energy, "forces": self._factor * right.forces + noise,
                        "stress": right.stress}  # fmt: skip


def of(calculator: Any, *elements: str, cutoff: float = 6.0) -> Potential:
    return Potential(calculator, elements, cutoff)


# --- the good potential ----------------------------------------------------------------------


@needs_pyace
def test_a_good_potential_passes_everything(al_report: dict[str, Any]) -> None:
    assert al_report["schema"] == "hpctrain.verification/1"
    assert {check["name"]: check["verdict"] for check in al_report["checks"]} == dict.fromkeys(
        [*report.TITLES, "evaluators_agree"], "pass"
    )
    assert al_report["verdict"] == "pass"
    assert (al_report["made"], al_report["of"]) == (11, 11)
    for check in al_report["checks"]:
        assert set(check) == {
            "name", "title", "verdict", "value", "unit", "limits", "seen", "data",
        }  # fmt: skip


def data_of(report: dict[str, Any], name: str) -> dict[str, Any]:
    (check,) = [check for check in report["checks"] if check["name"] == name]
    data: dict[str, Any] = check["data"]
    return data


@needs_pyace
def test_the_errors_are_those_that_the_trainer_told(al_report: dict[str, Any]) -> None:
    data = data_of(al_report, "parity")
    # From evaluation.json of the run.
    assert data["test"]["rmse_energy_mev_per_atom"] == pytest.approx(19.43875, rel=1e-5)
    assert data["test"]["rmse_force_ev_per_a"] == pytest.approx(0.03126894, rel=1e-5)
    for side, structures, atoms in (("test", 18, 73), ("train", 161, 555)):
        told = data[side]
        assert told["structures"] == told["of"] == structures
        assert sum(kind["structures"] for kind in told["kinds"].values()) == structures
        assert sum(told["energy_error_histogram"]["counts"]) == structures
        assert sum(told["force_error_histogram"]["counts"]) == 3 * atoms
        assert len(told["energy_error_histogram"]["edges"]) == 41
        points = [kind["energies"] for kind in told["kinds"].values()]
        assert sum(map(len, points)) <= 2000
    worst_row = data["train"]["largest_energy_errors"][0]
    rows = {row["id"]: row["error_mev_per_atom"] for row in data["train"]["largest_energy_errors"]}
    assert abs(worst_row["error_mev_per_atom"]) == max(abs(error) for error in rows.values())


@needs_pyace
def test_grades_are_those_of_the_active_set(
    al_sides: dict[str, Structures], tmp_path: Path
) -> None:
    from pyace.basis import BBasisConfiguration

    yaml, active_set = str(HERE / "al.yaml"), tmp_path / "al.asi"
    number = BBasisConfiguration(yaml).total_number_of_functions
    atoms = [al_sides["test"].read(n).atoms for n in range(4)]
    found = []
    for scale in (1.0, 2.0):
        with active_set.open("wb") as file:
            np.savez(file, Al=scale * np.eye(number))
        found.append([load_grades(yaml, str(active_set))(one) for one in atoms])
    for one, grades, doubled in zip(atoms, *found, strict=True):
        assert grades.shape == (len(one),)
        assert np.allclose(doubled, 2 * grades)
    assert max(grades.max() for grades in found[0]) > 0


@needs_pyace
def test_phases_are_recognised_by_the_data(al_report: dict[str, Any]) -> None:
    told = {one["name"]: one for one in data_of(al_report, "energy_volume")["phases"]}
    kinds = {"ev_fcc", "ev_bcc", "ev_hcp", "ev_sc", "ev_diamond"}
    # Not the strained cells, the rattled ones, the slabs: no names were looked at.
    assert set(told) == {f"Al {kind}" for kind in kinds}
    assert [name for name, one in told.items() if one["ground_state"]] == ["Al ev_fcc"]
    fcc = told["Al ev_fcc"]
    assert len(fcc["labels"]) == 16
    # docs/demo-data.md: a0 = 4.037 Å, B = 75 GPa.
    assert fcc["label_a0"] == pytest.approx(4.037, abs=0.01)
    assert fcc["label_bulk_modulus_gpa"] == pytest.approx(75, abs=4)
    assert fcc["a0"] == pytest.approx(4.04, abs=0.02)


@needs_pyace
def test_the_bulk_modulus_from_the_volume_is_that_of_the_strains(
    al_report: dict[str, Any],
) -> None:
    (fcc, *_) = data_of(al_report, "energy_volume")["phases"]
    (also_fcc, *_) = data_of(al_report, "elastic")["phases"]
    c = also_fcc["c_gpa"]
    assert (c[0][0] + 2 * c[0][1]) / 3 == pytest.approx(fcc["bulk_modulus_gpa"], rel=0.05)
    (phonons_fcc, *_) = data_of(al_report, "phonons")["phases"]
    assert set(phonons_fcc["points"]) == {"Γ", "X", "L"}
    assert np.abs(phonons_fcc["points"]["Γ"]).max() < 0.05


# --- bad potentials --------------------------------------------------------------------------


@needs_pyace
def test_without_core_repulsion_there_is_a_hole(
    tmp_path: Path, al_sides: dict[str, Structures]
) -> None:
    result = dimers(subject(changed(tmp_path, "al", core=False), **al_sides))
    assert result["verdict"] == "fail"
    assert result["value"] > 4.0
    pair = result["data"]["pairs"]["Al-Al"]
    assert pair["shortest_in_data"] == pytest.approx(1.83, abs=0.01)
    assert "falls by" in result["seen"]


@needs_pyace
def test_coefficients_that_are_a_little_off(
    tmp_path: Path, al_sides: dict[str, Structures], al_subject: Subject
) -> None:
    potential = changed(tmp_path, "al", off=0.05)
    off = Subject(
        potential, al_sides, Clock(LONG), al_subject.predictions, bare=potential,
        variant="tensorpot",
    )  # fmt: skip
    for check in (reproduces_test_rmse, evaluators_agree, parity, energy_volume):
        assert check(off)["verdict"] == "fail", check.__name__


@needs_pyace
def test_a_repulsion_that_acts_where_forces_vanish(
    tmp_path: Path, al_sides: dict[str, Structures]
) -> None:
    """In cells of volume curves it shows in the energies alone."""
    from pyace.basis import BBasisConfiguration

    bare = load_without_repulsion(str(HERE / "al.yaml"))
    cells = {s: with_kinds(of, "ev_fcc", "ev_bcc") for s, of in al_sides.items()}
    predictions = {}
    for side in cells.values():
        for number in range(len(side)):
            one = side.read(number)
            known = bare.compute(one.atoms)
            predictions[one.id] = (known.energy, known.forces)
    potential = BBasisConfiguration(str(HERE / "al.yaml"))
    good = Subject(load(potential), cells, Clock(LONG), predictions, bare=bare)
    assert reproduces_test_rmse(good)["verdict"] == "pass"
    assert "training structures" in reproduces_test_rmse(good)["seen"]
    for block in potential.funcspecs_blocks:
        block.r_in = 2.75  # the smallest cells are nearer
    result = reproduces_test_rmse(Subject(load(potential), cells, Clock(LONG), predictions,
                                          bare=bare))  # fmt: skip
    assert result["verdict"] == "fail"
    assert result["value"] > 0.1
    assert "the core repulsion, added after the fit, acts in" in result["seen"]


@needs_pyace
def test_two_elements_taken_for_each_other(tmp_path: Path, cuau: Structures) -> None:
    text = (HERE / "cuau.yace").read_text()
    assert text.startswith("elements: [Au, Cu]")
    path = tmp_path / "swapped.yace"
    path.write_text(text.replace("elements: [Au, Cu]", "elements: [Cu, Au]", 1))
    right, swapped = (load(str(file)) for file in (HERE / "cuau.yace", path))
    assert parity(subject(right, test=cuau))["verdict"] == "pass"
    assert parity(subject(swapped, test=cuau))["verdict"] == "fail"
    result = energy_volume(subject(swapped, test=cuau))
    assert result["verdict"] == "fail"
    # It has gold where copper is, and copper where gold is.
    told = {one["name"]: one for one in result["data"]["phases"]}
    assert told["Au ev_fcc_Au"]["a0"] == pytest.approx(3.6, abs=0.1)


@needs_pyace
def test_a_ground_state_that_is_not_stable(al_sides: dict[str, Structures]) -> None:
    """Of data with nothing but bcc, bcc is the ground state; aluminium is not stable in it."""
    potential = load(str(HERE / "al.yace"))
    only_bcc = subject(potential, train=with_kinds(al_sides["train"], "ev_bcc"))
    for check in (elastic, phonons):
        result = check(only_bcc)
        assert result["verdict"] == "fail", check.__name__
        assert result["value"] < result["limits"]["fail"]


@needs_pyace
def test_forces_that_are_not_derivatives(al_sides: dict[str, Structures]) -> None:
    good = load(str(HERE / "al.yace"))
    for factor in (0.99, 1.01):
        result = finite_differences(subject(of(Wrong(good, factor), "Al"), **al_sides))
        assert result["verdict"] == "fail"
    noisy = subject(of(Wrong(good, noise=0.5), "Al"), **al_sides)
    assert finite_differences(noisy)["verdict"] == "fail"
    result = nve(noisy)  # which is heated by it
    assert result["verdict"] == "fail"
    assert result["value"] > 10.0


# --- without a trainer: known physics --------------------------------------------------------


def test_dynamics_that_fly_apart(cuau: Structures) -> None:
    """Forces of the wrong sign push atoms into each other."""
    wrong = of(Wrong(of(EMT(), "Cu", "Au"), -1.0), "Cu", "Au")
    result = nve(subject(wrong, test=cuau))
    assert result["verdict"] == "fail"
    assert result["value"] is None


def test_ordered_compounds_and_their_ground_states(cuau: Structures) -> None:
    found_ = {one.name: one for one in phases(subject(of(EMT(), "Cu", "Au"), test=cuau))}
    assert set(found_) == {
        "Cu ev_fcc_Cu", "Au ev_fcc_Au", "AuCu3 ev_l12_Cu3Au", "Au3Cu ev_l12_Au3Cu", "AuCu ev_b2",
    }  # fmt: skip
    # B2 lies above the line between the compounds next to it.
    assert found_["Cu ev_fcc_Cu"].ground_state
    assert not found_["AuCu ev_b2"].ground_state


def test_the_same_crystal_in_another_cell_is_the_same_phase(tmp_path: Path) -> None:
    import ase.io

    cells = [bulk("Cu", "fcc", a, cubic=cubic) for a in (3.5, 3.6, 3.7) for cubic in (True, False)]
    cells += [bulk("Cu", "hcp", a) for a in (2.45, 2.65, 2.7)]
    strained = bulk("Cu", "fcc", 3.6, cubic=True)
    strained.set_cell(strained.cell @ np.diag([1.03, 1, 1]), scale_atoms=True)
    rows = [emt_copper_gold.labelled(cell, "x") for cell in [*cells, strained]]
    ase.io.write(str(tmp_path / "cu.extxyz"), rows, format="extxyz")
    structures = Structures(str(tmp_path / "cu.extxyz"), FreeAtoms({"Cu": 3.51}))
    fcc, hcp = phases(subject(of(EMT(), "Cu"), test=structures))
    assert (fcc.name, len(fcc.curve), len(fcc.cell)) == ("Cu x 1", 6, 1)
    assert (hcp.name, len(hcp.curve), len(hcp.cell)) == ("Cu x 2", 3, 2)
    assert (fcc.ground_state, hcp.ground_state) == (True, False)


def test_elastic_constants_of_emt_copper() -> None:
    """Of one crystal in two cells: in the larger one the atoms could give way, and do not."""
    expected = {(0, 0): 172.5, (0, 1): 115.4, (3, 3): 89.8}
    for cubic in (False, True):
        constants = elastic_constants(of(EMT(), "Cu"), bulk("Cu", "fcc", 3.59, cubic=cubic))
        for place, value in expected.items():
            assert constants[place] == pytest.approx(value, rel=0.02)


def test_atoms_that_give_way_soften_a_crystal() -> None:
    """hcp by Lennard-Jones: C66 = (C11 - C12) / 2 holds only with relaxed atoms."""
    potential = of(LennardJones(sigma=1.0, epsilon=1.0, rc=3.0, smooth=True), "Ar")
    constants = elastic_constants(potential, bulk("Ar", "hcp", 1.1, c=1.1 * np.sqrt(8 / 3)))
    assert constants[5, 5] == pytest.approx((constants[0, 0] - constants[0, 1]) / 2, rel=0.01)


def test_frequencies_of_a_chain_of_springs() -> None:
    """Atoms far apart but along x: w² = 2k/m (1 - cos q), so at the boundary w = 2 sqrt(k/m)."""

    class Springs:
        def calculate(self, atoms: Any, *_: Any) -> None:
            shift = np.zeros((len(atoms), 3))
            cells = round(atoms.cell[0, 0] / 3.0)
            lines = atoms.positions[:, 0].reshape(cells, -1)
            home = np.arange(cells)[:, None] * 3.0
            u = lines - home
            force = 2.0 * (np.roll(u, 1, 0) + np.roll(u, -1, 0) - 2 * u)
            shift[:, 0] = force.ravel()
            energy = float((2.0 / 2 * (np.roll(u, -1, 0) - u) ** 2).sum())
            self.results = {"energy": energy, "forces": shift}

    cell = Atoms("Al", cell=[3.0, 9.0, 9.0], pbc=True)
    points = frequencies(of(Springs(), "Al"), cell)
    expected = 2 * np.sqrt(2.0 / cell.get_masses()[0]) * 15.633302
    assert max(max(values) for values in points.values()) == pytest.approx(expected, rel=1e-4)
    assert np.abs(points["Γ"]).max() < 1e-6


def test_an_equation_of_state() -> None:
    def birch(volume: float, v0: float = 16.0, bulk_: float = 0.5, slope: float = 4.5) -> float:
        x = (v0 / volume) ** (2 / 3) - 1
        return -3.0 + 9 * v0 * bulk_ / 16 * (x**3 * slope + x**2 * (6 - 4 * (x + 1)))

    curve = [(volume, birch(volume)) for volume in np.linspace(13, 19, 9)]
    rest = equation_of_state(curve)
    assert rest is not None
    assert (rest.volume, rest.energy) == (pytest.approx(16.0), pytest.approx(-3.0))
    assert rest.bulk == pytest.approx(0.5 * 160.21766)
    assert equation_of_state(curve[5:]) is None  # all on one side
    assert equation_of_state(curve[3:6]) is None  # too few


@pytest.mark.parametrize(
    ("energies", "start", "fall"),
    [
        ([9, 5, 3, 1, 0, 1, 2], 7.0, 0.0),  # one minimum, which is a bond
        ([9, 5, 3, 1, 0, 1, 2], 4.0, 0.0),
        ([1, 5, 3, 1, 0, 1, 2], 7.0, 4.0),  # a hole
        ([9, 5, 7, 1, 0, 1, 2], 7.0, 2.0),  # a step on the way
        ([-9, -5, -3, 0, 0, 1, 2], 4.0, 6.0),  # no wall at all
    ],
)
def test_a_fall_inward(energies: list[float], start: float, fall: float) -> None:
    distances = np.arange(1.0, 8.0)
    assert fall_inward(distances, np.array(energies, float), start, 3.0)[0] == fall


# --- verdicts, and what cannot be checked ----------------------------------------------------


def test_verdicts_by_limits() -> None:
    assert [verdict_on(x, 1.0, 10.0) for x in (0, 1, 2, 10, 11)] == [
        "pass", "pass", "warn", "warn", "fail",
    ]  # fmt: skip
    assert [verdict_on(x, 2.0, 0.0) for x in (3, 2, 1, 0, -1)] == [
        "pass", "pass", "warn", "warn", "fail",
    ]  # fmt: skip
    assert verdict_on(float("nan"), 1.0, 10.0) == verdict_on(float("nan"), 2.0, 0.0) == "fail"
    assert worst(["pass", "skipped", "warn"]) == "warn"


def test_a_potential_that_gives_no_numbers_fails(cuau: Structures) -> None:
    class Nothing:
        results = types.MappingProxyType({"energy": float("nan"), "forces": np.zeros((2, 3))})

        def calculate(self, *_: Any) -> None:
            pass

    result = main.make(dimers, subject(of(Nothing(), "Cu"), test=cuau))
    assert result["verdict"] == "fail"
    assert "not a number" in result["seen"]


@pytest.mark.parametrize(
    ("raised", "verdict", "why"),
    [
        (Unphysical("no"), "fail", None),
        (Skipped("no"), "skipped", "not applicable"),
        (NotReached("no"), "skipped", "time"),
        (ZeroDivisionError("no"), "skipped", "crash"),
    ],
)
def test_what_a_check_raises(
    raised: Exception, verdict: str, why: str | None, cuau: Structures
) -> None:
    def check(_: Subject) -> dict[str, Any]:
        raise raised

    result = main.make(check, subject(of(EMT(), "Cu"), test=cuau))
    assert (result["verdict"], result["data"].get("skipped")) == (verdict, why)
    assert "no" in result["seen"]
    # What should have been seen and was not is a warning; what does not apply is none.
    everything = [{**result_of("pass", ""), "name": "x"}, {**result, "name": "y"}]
    overall = {"fail": "fail", "time": "warn", "crash": "warn", "not applicable": "pass"}
    assert report.overall(everything) == overall[why or "fail"]


def test_without_time_everything_is_told_as_skipped(cuau: Structures, tmp_path: Path) -> None:
    hurried = Subject(of(EMT(), "Cu", "Au"), {"test": cuau}, Clock(0.0))
    content = main.verify(hurried, str(tmp_path / "v.json"), CHECKS)
    assert {check["verdict"] for check in content["checks"]} == {"skipped"}
    assert content["verdict"] == "warn"
    reasons = [check["data"]["skipped"] for check in content["checks"]]
    assert reasons.count("time") == len(reasons) - 2  # no predictions of a trainer either


def test_the_file_is_whole_while_a_check_is_at_work(tmp_path: Path) -> None:
    out = tmp_path / "v.json"
    kept = report.Report(str(out), Clock(LONG), {"own": "the trainer's own"})
    kept.begin("dimers")
    checks = {check["name"]: check for check in json.loads(out.read_text())["checks"]}
    assert set(checks) == {*main.FIRST, *main.CHECKS, "own"}
    assert "ended during this check" in checks["dimers"]["seen"]
    assert "not made" in checks["nve"]["seen"]
    kept.end("dimers", result_of("fail", "a hole"))
    assert json.loads(out.read_text())["verdict"] == "fail"
