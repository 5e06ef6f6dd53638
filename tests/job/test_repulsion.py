"""The core repulsion is below all labelled structures: their errors are those of the fit.

Each with a set of a kind on which Pacemaker's own `repulsion: auto` spoils the potential: a test
structure that is more compressed than all training structures, cells whose forces vanish, a pair
that the data lack, an element that occurs only as an isolated atom, a set of few structures.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import ase.io
import emt_copper_gold
import pandas as pd
import pytest
from ase import Atoms
from ase.build import bulk
from ase.data import atomic_numbers, covalent_radii
from ase.neighborlist import neighbor_list
from paths import RECORDED

from hpctrain.files import put_job
from hpctrain.job.checks.data import FreeAtoms, Structures
from hpctrain.job.checks.dimers import dimers
from hpctrain.job.checks.distances import find_nearest
from hpctrain.job.checks.same_file import reproduces_test_rmse
from hpctrain.job.checks.subject import Clock, Subject
from hpctrain.job.pacemaker import repulsion

HERE = RECORDED / "pacemaker" / "verification"
Sides = dict[str, list[Atoms]]

pytestmark = [pytest.mark.slow, pytest.mark.real_pacemaker, pytest.mark.usefixtures("pacemaker")]


def rattled(cell: Atoms, seed: int) -> Atoms:
    atoms = cell.copy()
    atoms.rattle(0.08, seed=seed)
    return atoms


def scaled(cell: Atoms, part: float) -> Atoms:
    atoms = cell.copy()
    atoms.set_cell(part * atoms.cell, scale_atoms=True)
    return atoms


def free(element: str) -> Atoms:
    return Atoms(element, cell=[14] * 3, pbc=False)


COPPER, GOLD = bulk("Cu", "fcc", 3.6), bulk("Au", "fcc", 4.06)
CUBE = bulk("Cu", "fcc", 3.6, cubic=True)
KINDS: dict[str, Sides] = {
    # Forces vanish by symmetry, and the test structure is the most compressed.
    "compressed": {
        "train": [scaled(COPPER, part) for part in (0.97, 0.99, 1.0, 1.01, 1.03)],
        "test": [scaled(COPPER, 0.90)],
    },
    "few": {
        "train": [rattled(CUBE, 1), rattled(CUBE, 2), scaled(COPPER, 0.98)],
        "test": [rattled(scaled(CUBE, 0.94), 3)],
    },
    "no such pair": {
        "train": [rattled(CUBE, 1), scaled(COPPER, 0.97), scaled(GOLD, 0.96), scaled(GOLD, 1.02)],
        "test": [scaled(GOLD, 0.93), scaled(COPPER, 0.95)],
    },
    # The first of the elements by name: the numbers of all others are shifted without it.
    "only as an isolated atom": {
        "train": [free("Au"), free("Cu"), *(rattled(CUBE, seed) for seed in range(4))],
        "test": [rattled(scaled(CUBE, 0.95), 9)],
    },
}
ELEMENTS = {
    "compressed": ["Cu"], "few": ["Cu"], "no such pair": ["Au", "Cu"],
    "only as an isolated atom": ["Au", "Cu"],
}  # fmt: skip


def labelled(structures: list[Atoms], name: str) -> list[Atoms]:
    found = [emt_copper_gold.labelled(atoms.copy(), name) for atoms in structures]
    for number, atoms in enumerate(found):
        atoms.info["db_id"] = f"{name} {number}"
    return found


def table(structures: list[Atoms]) -> pd.DataFrame:
    found = pd.DataFrame(
        {
            "ase_atoms": structures,
            "energy": [atoms.get_potential_energy() for atoms in structures],
            "forces": [atoms.get_forces() for atoms in structures],
            "name": [atoms.info["db_id"] for atoms in structures],
        }
    )
    for atoms in found["ase_atoms"]:
        atoms.calc = None
    return found


def trained(folder: Path, kind: str) -> Path:
    """A fit of a few functions with the real trainer, as the job begins it."""
    put_job(folder)
    attempt = folder / "attempts" / "01"
    attempt.mkdir(parents=True)
    for side, structures in KINDS[kind].items():
        some = labelled(structures, side)
        ase.io.write(str(folder / f"{side}.extxyz"), some, format="extxyz")
        table(some).to_pickle(attempt / f"{side}.pckl.gzip", compression="gzip", protocol=4)
    energies = {"Cu": 3.51, "Au": 3.8}
    source = {
        "cutoff": 4.5,
        "seed": 1,
        "potential": {
            "deltaSplineBins": 0.001,
            "elements": ELEMENTS[kind],
            "embeddings": {"ALL": {"npot": "FinnisSinclairShiftedScaled", "ndensity": 2,
                                   "fs_parameters": [1, 1, 1, 0.5]}},
            "bonds": {"ALL": {"radbase": "SBessel", "radparameters": [5.25], "rcut": 4.5,
                              "dcut": 0.01, "NameOfCutoffFunction": "cos"}},
            "functions": {"number_of_functions_per_element": 6,
                          "ALL": {"nradmax_by_orders": [4, 2], "lmax_by_orders": [0, 1]}},
        },
        "data": {"filename": "train.pckl.gzip", "test_filename": "test.pckl.gzip",
                 "reference_energy": {e: energies[e] for e in ELEMENTS[kind]}},
        "fit": {"loss": {"kappa": 0.5, "L1_coeffs": 1e-8, "L2_coeffs": 1e-8}, "optimizer": "BFGS",
                "maxiter": 2, "repulsion": "auto", "callbacks": ["continuation.on_iteration"]},
        "backend": {"evaluator": "pyace", "display_step": 1},
    }  # fmt: skip
    (attempt / "input.yaml").write_text(json.dumps(source))
    more = {"PYTHONPATH": str(folder / "job/pacemaker/on_path"), "OMP_NUM_THREADS": "1",
            "HPCTRAIN_START": "linear"}  # fmt: skip
    with (attempt / "out.txt").open("wb") as out:
        subprocess.run(
            [str(Path(sys.executable).parent / "pacemaker"), "input.yaml"],
            cwd=attempt, check=True, stdout=out, stderr=out, env={**os.environ, **more},
        )  # fmt: skip
    subprocess.run([str(Path(sys.executable).parent / "pace_yaml2yace"), "output_potential.yaml"],
                   cwd=attempt, check=True, stdout=subprocess.DEVNULL)  # fmt: skip
    evaluated(attempt)
    return attempt


def evaluated(attempt: Path) -> dict[str, Any]:
    subprocess.run([sys.executable, "-m", "job.pacemaker.evaluate"], cwd=attempt, check=True,
                   env={**os.environ, "PYTHONPATH": str(attempt.parents[1])})  # fmt: skip
    found: dict[str, Any] = json.loads((attempt / "evaluation.json").read_text())
    return found


@pytest.mark.parametrize("kind", KINDS)
def test_the_errors_of_the_file_are_those_of_the_fit(tmp_path: Path, kind: str) -> None:
    from hpctrain.job.pacemaker.potential import load, load_without_repulsion, read_predictions

    attempt = trained(tmp_path, kind)
    notes = json.loads((attempt / "continuation.json").read_text())
    assert notes["problems"] == []
    assert notes["repulsion"]["structures"] == sum(map(len, KINDS[kind].values()))
    found = json.loads((attempt / "evaluation.json").read_text())
    free_atoms = FreeAtoms(found["reference_energies"])
    sides = {s: Structures(str(tmp_path / f"{s}.extxyz"), free_atoms) for s in KINDS[kind]}
    predictions: dict[str, Any] = {}
    for side in sides:
        predictions |= read_predictions(str(attempt / f"{side}_pred.pckl.gzip")) or {}
    potential = load(str(attempt / "output_potential.yace"))
    bare = load_without_repulsion(str(attempt / "output_potential.yaml"))
    subject = Subject(potential, sides, Clock(600), predictions, bare=bare)
    same = reproduces_test_rmse(subject)
    assert (same["verdict"], "core repulsion" in same["seen"]) == ("pass", False), same["seen"]
    assert "training structures" in same["seen"]
    assert dimers(subject)["verdict"] == "pass", dimers(subject)["seen"]
    # What status, card and report show is what the archived file has.
    told = "rmse_energy_mev_per_atom"
    assert found["test"][told] == pytest.approx(found["yace"][told], rel=1e-4)
    # So it is where the trainer placed it: then the file is measured, on the same structures.
    (attempt / "continuation.json").write_text(json.dumps({"repulsion": {"by": "pacemaker"}}))
    again = evaluated(attempt)
    for side in sides:
        assert again[side] == pytest.approx(found[side], rel=1e-4)
        assert again[side] != found[side]


# --- where it is placed, without a fit ---


def placed(potential: str, sides: Sides) -> tuple[dict[str, Any], Any]:
    from pyace.basis import BBasisConfiguration

    fitted = BBasisConfiguration(str(HERE / f"{potential}.yaml"))
    tables = {side: pd.DataFrame({"ase_atoms": some}) for side, some in sides.items()}
    trainer = SimpleNamespace(
        fitting_data=tables["train"], test_data=tables.get("test"), cutoff=6.0
    )
    return repulsion.place(trainer, fitted)["pairs"], fitted


def test_by_the_names_of_the_elements_and_below_both_sides() -> None:
    pairs, fitted = placed("cuau", KINDS["only as an isolated atom"])
    assert set(pairs) == {"Au-Au", "Au-Cu", "Cu-Cu"}
    radii = {e: float(covalent_radii[atomic_numbers[e]]) for e in ("Au", "Cu")}
    assert pairs["Au-Au"] == {"r_in": pytest.approx(2 * radii["Au"]), "shortest": None}
    assert pairs["Au-Cu"] == {"r_in": pytest.approx(radii["Au"] + radii["Cu"]), "shortest": None}
    both = [*KINDS["only as an isolated atom"]["train"][2:],
            *KINDS["only as an isolated atom"]["test"]]  # fmt: skip
    shortest = min(neighbor_list("d", atoms, 3.0).min() for atoms in both)
    assert pairs["Cu-Cu"]["shortest"] == pytest.approx(shortest, abs=1e-5)
    assert pairs["Cu-Cu"]["r_in"] <= 0.98 * shortest
    blocks = {block.block_name: block.r_in for block in fitted.funcspecs_blocks}
    assert blocks["Cu"] == pairs["Cu-Cu"]["r_in"]
    assert blocks["Au Cu"] == blocks["Cu Au"] == pairs["Au-Cu"]["r_in"]


def test_elsewhere_where_the_energy_falls_inward(monkeypatch: pytest.MonkeyPatch) -> None:
    """The first margin with which nothing falls; where each falls, the one with the least."""
    falls = {("Cu", "Cu"): {0.45: 0.0}, ("Au", "Au"): {0.1: 2.0}}
    asked: dict[tuple[str, str], list[float]] = {pair: [] for pair in falls}

    def fall(potential: Any, pair: tuple[str, str], *_: Any) -> float:
        margin = repulsion.MARGINS[len(asked[pair])]
        asked[pair].append(margin)
        return falls[pair].get(margin, 9.0)

    monkeypatch.setattr(repulsion, "_largest_fall", fall)
    pairs, _ = placed("cuau", {"train": [scaled(COPPER, 1.0), scaled(GOLD, 1.0)]})
    assert asked["Cu", "Cu"] == [0.15, 0.3, 0.45]
    assert asked["Au", "Au"] == list(repulsion.MARGINS)
    for name, margin in (("Cu-Cu", 0.45), ("Au-Au", 0.1)):
        shortest = pairs[name]["shortest"]
        assert pairs[name]["r_in"] == pytest.approx((1 - margin) * shortest, abs=1e-3)


def test_a_pair_that_is_not_there_begins_within_the_cutoff() -> None:
    found = repulsion.limits(["Cs", "O"], {}, {}, 3.0)
    assert [one["r_in"] for one in found.values()] == [3.0, 3.0, pytest.approx(1.32)]


def test_a_pair_that_is_only_seen_far_apart_may_come_nearer() -> None:
    nearest, radii = {("Cu", "Cu"): (4.2, None)}, 2 * float(covalent_radii[atomic_numbers["Cu"]])
    for margin, r_in in ((0.15, 0.85 * radii), (0.05, 0.95 * 4.2)):
        (found,) = repulsion.limits(["Cu"], nearest, {("Cu", "Cu"): margin}, 6.0).values()
        assert found == {"r_in": pytest.approx(r_in, abs=1e-4), "shortest": 4.2}


def test_distances_with_and_without_cells() -> None:
    water = Atoms("OH2", [[0, 0, 0], [0.96, 0, 0], [-0.24, 0.93, 0]])
    found = find_nearest([free("Cu"), COPPER, water, scaled(COPPER, 0.9)], 6.0)
    assert {pair: round(distance, 3) for pair, (distance, _) in found.items()} == {
        ("Cu", "Cu"): 2.291, ("H", "O"): 0.96, ("H", "H"): 1.518,
    }  # fmt: skip
