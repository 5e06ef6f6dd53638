"""Grades and the choice with the real pyace: they are what pyace's own calculator says."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import ase.db
import ase.io
import numpy as np
import pytest
from ase import Atoms
from ase.build import bulk
from paths import RECORDED

from hpctrain.engines.pacemaker.faults import SHAPE
from hpctrain.files import put_job

pytestmark = [
    pytest.mark.slow,
    pytest.mark.real_pacemaker,
    pytest.mark.usefixtures("pacemaker"),
]
ALLOY = ("Al", "Ni")


def potential(folder: Path, structures: Sequence[Atoms], functions: int = 8) -> Path:
    """A potential that was never fitted, with the active set of structures: grades need no fit."""
    from pyace import create_multispecies_basis_config
    from pyace.activelearning import (
        compute_A_active_inverse,
        compute_active_set,
        compute_B_projections,
        save_active_inverse_set,
    )
    from pyace.basis import ACEBBasisSet

    config = create_multispecies_basis_config({
        "deltaSplineBins": 0.001, "elements": list(ALLOY),
        "embeddings": {"ALL": {"npot": "FinnisSinclairShiftedScaled", "ndensity": 2,
                               "fs_parameters": [1, 1, 1, 0.5]}},
        "bonds": {"ALL": {"radbase": "SBessel", "radparameters": [5.25], "rcut": 5.0,
                          "dcut": 0.01, "NameOfCutoffFunction": "cos"}},
        "functions": {"number_of_functions_per_element": functions, **SHAPE},
    })  # fmt: skip
    config.save(str(folder / "of.yaml"))
    functions_of = compute_B_projections(ACEBBasisSet(config), [one.copy() for one in structures])
    inverse = compute_A_active_inverse(compute_active_set(functions_of))
    save_active_inverse_set(str(folder / "of.asi"), inverse, list(ALLOY))
    return folder / "of.yaml"


def alloys(count: int, scatter: float, seed: int) -> list[Atoms]:
    draw = np.random.default_rng(seed)
    found = []
    for _ in range(count):
        atoms = bulk("Al", cubic=True, a=3.9)
        atoms.symbols[:2] = "Ni"
        atoms.positions += draw.normal(0, scatter, (4, 3))
        found.append(atoms)
    return found


def graded(
    folder: Path, of: Path, structures: Sequence[Atoms], cores: int = 1, trainer: str = "pacemaker"
) -> dict[str, Any]:
    folder.mkdir()
    lines = [
        json.dumps({"numbers": one.numbers.tolist(), "positions": one.positions.tolist(),
                    "cell": one.cell.tolist(), "pbc": one.pbc.tolist()})
        for one in structures
    ]  # fmt: skip
    (folder / "candidates.jsonl").write_text("\n".join(lines) + "\n")
    request = {"potential": str(of), "active_set": str(of.with_suffix(".asi")), "wanted": 5,
               "cores": cores}  # fmt: skip
    (folder / "request.json").write_text(json.dumps(request))
    put_job(folder)
    subprocess.run(
        [sys.executable, "-m", f"job.{trainer}.select"], cwd=folder, check=True, timeout=300
    )
    found: dict[str, Any] = json.loads((folder / "choice.json").read_text())
    return found


def test_grades_are_those_of_pyace(tmp_path: Path) -> None:
    from pyace import PyACECalculator

    of = potential(tmp_path, alloys(30, 0.05, seed=0))
    structures = [*alloys(40, 0.05, seed=1), *alloys(8, 0.3, seed=2)]
    left_handed = structures[45].copy()
    left_handed.set_cell(left_handed.cell[[1, 0, 2]])
    stacked = structures[46].copy()
    stacked.positions[1] = stacked.positions[0]
    found = graded(tmp_path / "one", of, [*structures, left_handed, stacked])

    calculator = PyACECalculator(str(of))
    calculator.set_active_set(str(of.with_suffix(".asi")))
    for atoms, grade in zip(structures, found["grades"], strict=False):
        atoms.calc = calculator
        atoms.get_potential_energy()
        assert grade == pytest.approx(max(calculator.results["gamma"]), rel=1e-5)
    # The same lattice, whichever way round; and atoms on each other spoil nothing else.
    assert found["grades"][48] == pytest.approx(found["grades"][45], rel=1e-5)
    if found["grades"][49] is None:
        assert list(found["problems"]) == ["49"]
    assert found["elements"] == {name: {"functions": 8, "known": 8} for name in ALLOY}
    chosen = [one["index"] for one in found["chosen"]]
    assert len(chosen) == 5
    assert set(chosen) <= set(range(40, 50))  # those that are further from what is known
    adds = [one["adds"] for one in found["chosen"]]
    assert all(value > 0 for value in adds)

    several = graded(tmp_path / "two", of, [*structures, left_handed, stacked], cores=2)
    assert {**several, "seconds": 0} == {**found, "seconds": 0}


def test_grades_of_grace_are_those_of_its_calculator(tmp_path: Path) -> None:
    from pyace.activelearning import (
        compute_A_active_inverse,
        compute_active_set,
        compute_B_projections,
        save_active_inverse_set,
    )
    from pyace.asecalc import PyGRACEFSCalculator
    from pyace.grace_fs import GRACEFSBasisSet

    of = tmp_path / "of.yaml"
    shutil.copyfile(RECORDED / "grace" / "FS_model.yaml", of)
    known = crystals(40, 0.08, seed=0)
    functions = compute_B_projections(GRACEFSBasisSet(str(of)), [one.copy() for one in known])
    inverse = compute_A_active_inverse(compute_active_set(functions))
    save_active_inverse_set(str(of.with_suffix(".asi")), inverse, ["Al"])

    structures = [*crystals(6, 0.08, seed=1), *crystals(6, 0.4, seed=2)]
    left_handed = structures[-1].copy()
    left_handed.set_cell(left_handed.cell[[1, 0, 2]])
    found = graded(tmp_path / "one", of, [*known[:2], *structures, left_handed], trainer="grace")
    calculator = PyGRACEFSCalculator(str(of))
    calculator.set_active_set(str(of.with_suffix(".asi")))
    for atoms, grade in zip(structures, found["grades"][2:], strict=False):
        atoms.calc = calculator
        atoms.get_potential_energy()
        assert grade == pytest.approx(max(calculator.results["gamma"]), rel=1e-4)
    assert found["grades"][14] == pytest.approx(found["grades"][13], rel=1e-4)
    assert {one["index"] for one in found["chosen"]} <= set(range(8, 15))
    assert len(found["chosen"]) >= 3


def crystals(count: int, scatter: float, seed: int) -> list[Atoms]:
    draw = np.random.default_rng(seed)
    found = []
    for _ in range(count):
        atoms = bulk("Al", cubic=True, a=4.05 * draw.uniform(0.95, 1.05))
        atoms.positions += draw.normal(0, scatter, (4, 3))
        found.append(atoms)
    return found


def test_slabs_and_chains_are_graded_too(tmp_path: Path) -> None:
    """pyace itself takes only what is periodic in all directions, or in none."""
    of = potential(tmp_path, alloys(30, 0.05, seed=0))
    (bulk_cell,) = alloys(1, 0.1, seed=4)
    slab = bulk_cell.repeat((1, 1, 2))
    whole = slab.copy()
    whole.center(vacuum=8, axis=2)
    thin = slab.copy()
    thin.pbc = (True, True, False)
    chain = thin.copy()
    chain.cell[1] = [0, 30, 0]
    alone = chain.copy()
    alone.pbc = (True, False, False)
    grades = graded(tmp_path / "one", of, [whole, thin, chain, alone])["grades"]
    assert grades[0] == pytest.approx(grades[1], rel=1e-5)
    assert grades[2] == pytest.approx(grades[3], rel=1e-5)


def test_the_whole_command(tmp_path: Path) -> None:
    """The active set of perfect crystals is blind for what a displaced atom brings."""
    perfect = alloys(12, 0.0, seed=0)
    for scale, one in zip(np.linspace(0.9, 1.1, 12), perfect, strict=True):
        one.set_cell(one.cell * scale, scale_atoms=True)
    of = potential(tmp_path, perfect, functions=20)
    here = tmp_path / "here"
    here.mkdir()
    ase.io.write(here / "md.extxyz", [*perfect, *alloys(20, 0.1, seed=3)])
    words = ["select", "md.extxyz", "--from", str(of), "-n", "6", "--json"]
    reply = subprocess.run(
        [sys.executable, "-m", "hpctrain", *words], cwd=here, check=True, timeout=300,
        capture_output=True, text=True, env={**os.environ, "OMP_NUM_THREADS": "1"},
    )  # fmt: skip
    facts = json.loads(reply.stdout)
    assert facts["candidates"] == 32
    assert facts["elements"]["Al"]["known"] < 20
    assert "of 20 functions; the grade does not see the others" in reply.stderr
    rows = list(ase.db.connect(here / "selected.db").select())
    assert 1 <= len(rows) == len(facts["chosen"]) <= 6
    assert all(row.status == "new" and row.source_id > 12 for row in rows)
    assert "new to the training set" in (here / "selected.html").read_text()
