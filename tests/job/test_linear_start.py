"""Where a fit begins: what the equations promise is what the trainer finds, and least squares."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from paths import CHECKOUT

from hpctrain.engines.pacemaker.faults import SHAPE
from hpctrain.files import put_job
from hpctrain.job.pacemaker.inside import linear_quick, linear_rows, linear_start


def trained(folder: Path, **potential: Any) -> tuple[dict[str, Any], list[float]]:
    """Two iterations with pyace on six structures; continuation.json, and the losses."""
    import ase.db
    import pandas as pd

    with ase.db.connect(str(CHECKOUT / "hpctrain/demo/al_pbe.db")) as database:
        rows = list(database.select("status=completed,config_type=rattle_fcc4"))[:6]
    structures = [row.toatoms() for row in rows]
    for atoms in structures:
        atoms.calc = None
        atoms.symbols[1] = "Ni"  # no such labels exist; the equations do not mind
    pd.DataFrame(
        {"ase_atoms": structures, "energy": [row.energy for row in rows],
         "forces": [row.forces for row in rows]}
    ).to_pickle(folder / "train.pckl.gzip", compression="gzip", protocol=4)  # fmt: skip
    embedding = {"npot": "FinnisSinclairShiftedScaled", "ndensity": 2,
                 "fs_parameters": [1, 1, 1, 0.5], **potential}  # fmt: skip
    given = {
        "cutoff": 5.0, "seed": 1,
        "potential": {
            "deltaSplineBins": 0.001, "elements": ["Al", "Ni"], "embeddings": {"ALL": embedding},
            "bonds": {"ALL": {"radbase": "SBessel", "radparameters": [5.25], "rcut": 5.0,
                              "dcut": 0.01, "NameOfCutoffFunction": "cos"}},
            "functions": {"number_of_functions_per_element": 4, **SHAPE},
        },
        "data": {"filename": "train.pckl.gzip", "reference_energy": {"Al": -0.3, "Ni": -0.2}},
        "fit": {"loss": {"kappa": 0.3, "L1_coeffs": 0, "L2_coeffs": 0}, "optimizer": "BFGS",
                "maxiter": 1, "callbacks": ["continuation.on_iteration"]},
        "backend": {"evaluator": "pyace", "display_step": 1},
    }  # fmt: skip
    (folder / "input.yaml").write_text(json.dumps(given))
    more = {"PYTHONPATH": str(put_job(folder) / "pacemaker/on_path"), "HPCTRAIN_START": "linear",
            "OMP_NUM_THREADS": "1"}  # fmt: skip
    program = str(Path(sys.executable).parent / "pacemaker")
    subprocess.run([program, "input.yaml", "--no-predict"], cwd=folder, check=True,
                   env={**os.environ, **more}, capture_output=True)  # fmt: skip
    lines = (folder / "metrics.txt").read_text().splitlines()[1:]
    told = json.loads((folder / "continuation.json").read_text())
    return told, [float(line.split()[3]) for line in lines]


@pytest.mark.slow
@pytest.mark.real_pacemaker
@pytest.mark.usefixtures("pacemaker")
def test_the_loss_is_the_one_that_the_equations_tell(tmp_path: Path) -> None:
    told, losses = trained(tmp_path)
    assert told["problems"] == []
    assert told["linear_start"]["used"] is True
    assert told["linear_start"]["structures"] == 6
    # pyace's first row is of zero; then there is one iteration from the linear start.
    assert losses[1] <= told["linear_start"]["loss"] * 1.001 < losses[0] / 10
    assert losses[1] > told["linear_start"]["loss"] / 5


@pytest.mark.slow
@pytest.mark.real_pacemaker
@pytest.mark.usefixtures("pacemaker")
def test_an_embedding_that_is_not_linear(tmp_path: Path) -> None:
    told, _ = trained(tmp_path, fs_parameters=[1, 0.5, 1, 1])
    assert told["linear_start"] == {
        "used": False, "why": "the embedding is not linear in the first density",
    }  # fmt: skip


KAPPA, CUTOFF = 0.3, 5.0


@pytest.fixture(scope="module")
def problem() -> Any:
    """Two elements, functions of up to five neighbours, and structures of all kinds."""
    import numpy as np
    import pandas as pd
    from ase import Atoms
    from ase.build import bulk
    from pyace import create_multispecies_basis_config
    from pyace.basis import ACEBBasisSet

    draw = np.random.default_rng(1)
    structures = [Atoms("Al"), Atoms("AlNi", [[0, 0, 0], [0.3, 0.2, 2.5]]), bulk("Ni", a=3.6)]
    for count in (1, 2, 2, 3):
        atoms = bulk("Al", a=4.0, cubic=True).repeat((count, 1, 1))
        atoms.symbols[:] = draw.choice(["Al", "Ni"], len(atoms))
        atoms.rattle(0.1, seed=count)
        structures.append(atoms)
    table = pd.DataFrame({
        "ase_atoms": structures,
        "NUMBER_OF_ATOMS": [len(atoms) for atoms in structures],
        "energy_corrected": [len(atoms) * draw.normal() for atoms in structures],
        "forces": [draw.normal(size=(len(atoms), 3)) for atoms in structures],
        "w_energy": draw.uniform(0.1, 1, len(structures)),
        "w_forces": [draw.uniform(0, 1, len(atoms)) for atoms in structures],
    })  # fmt: skip
    potential = create_multispecies_basis_config({
        "deltaSplineBins": 0.001, "elements": ["Al", "Ni"],
        "embeddings": {"ALL": {"npot": "FinnisSinclairShiftedScaled", "ndensity": 2,
                               "fs_parameters": [1, 1, 1, 0.5]}},
        "bonds": {"ALL": {"radbase": "SBessel", "radparameters": [5.25], "rcut": CUTOFF,
                          "dcut": 0.01, "NameOfCutoffFunction": "cos"}},
        "functions": {"number_of_functions_per_element": 60,
                      "ALL": {"nradmax_by_orders": [3, 2, 2, 1, 1],
                              "lmax_by_orders": [0, 3, 2, 1, 1]}},
    })  # fmt: skip
    basis = ACEBBasisSet(potential)
    ranks = {function.rank for block in basis.basis for function in block}
    assert ranks == {2, 3, 4, 5}
    return SimpleNamespace(potential=potential, basis=basis, table=table,
                           x0=np.array(basis.all_coeffs))  # fmt: skip


def least_squares(problem: Any) -> Any:
    """The whole design matrix, row by row from pyace; the coefficients, and the loss there."""
    import numpy as np
    from pyace import ACEBEvaluator, ACECalculator
    from pyace.atomicenvironment import aseatoms_to_atomicenvironment

    basis, table = problem.basis, problem.table
    sizes = [len(one) + len(more) for one, more in zip(basis.basis_rank1, basis.basis, strict=True)]
    first = dict(zip(basis.elements_name, np.cumsum([0, *sizes]), strict=False))
    numbers = {name: number for number, name in enumerate(basis.elements_name)}
    evaluator = ACEBEvaluator(basis)
    calculator = ACECalculator(evaluator)
    rows, labels = [], []
    energies, forces = table["w_energy"].sum(), sum(one.sum() for one in table["w_forces"])
    for _, structure in table.iterrows():
        atoms = structure["ase_atoms"]
        around = aseatoms_to_atomicenvironment(atoms, CUTOFF, elements_mapper_dict=numbers)
        calculator.compute(around, compute_projections=True, compute_b_grad=True)
        row = np.zeros(sum(sizes))
        for symbol, values in zip(atoms.symbols, calculator.projections, strict=True):
            row[first[symbol] : first[symbol] + len(values)] += np.array(values) / len(atoms)
        root = np.sqrt((1 - KAPPA) * structure["w_energy"] / energies)
        rows.append(root * row)
        labels.append(root * structure["energy_corrected"] / len(atoms))
        for atom, weight in enumerate(structure["w_forces"]):
            for axis in range(3):
                root = np.sqrt(KAPPA * weight / forces)
                by_function = np.array(calculator.forces_bfuncs[atom])[:, axis]
                rows.append(root * by_function)
                labels.append(root * structure["forces"][atom, axis])
    matrix, right = np.array(rows), np.array(labels)
    ridge = np.sqrt(1e-6) * np.eye(matrix.shape[1])
    found = np.linalg.lstsq(np.concatenate([matrix, ridge]),
                            np.concatenate([right, np.zeros(len(ridge))]))[0]  # fmt: skip
    return found, float(((matrix @ found - right) ** 2).sum())


def start(problem: Any) -> tuple[Any, list[str]]:
    said: list[str] = []
    result = linear_start.start(
        problem.x0, problem.potential, problem.table, KAPPA, CUTOFF, said.append
    )
    return result, said


def same(result: Any, problem: Any) -> bool:
    """Whether the start is that of the whole design matrix."""
    import numpy as np

    found, loss = least_squares(problem)
    of_functions = result.x[len(result.x) - 2 * len(found) :]
    assert list(result.x[: -2 * len(found)]) == list(problem.x0[: -2 * len(found)])
    assert np.abs(of_functions[1::2]).max() < 1e-19  # of the second density
    return bool(
        np.allclose(of_functions[::2], found, rtol=1e-6, atol=1e-6 * np.abs(found).max())
        and np.isclose(result.loss, loss, rtol=1e-8)
    )


@pytest.mark.real_pacemaker
@pytest.mark.usefixtures("pacemaker")
@pytest.mark.parametrize("cores", [1, 2, 3])
def test_the_start_is_the_least_squares_of_the_whole_design_matrix(
    cores: int, problem: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("OMP_NUM_THREADS", str(cores))
    monkeypatch.setattr(linear_rows, "ATOMS_TOGETHER", 5)
    monkeypatch.setattr(linear_quick, "PAIRS_TOGETHER", 40)
    result, said = start(problem)
    assert same(result, problem)
    assert result.structures == 7
    assert said == [f"linear start: equations of 120 functions from 7 structures, 36 atoms; "
                    f"threads: {cores}"]  # fmt: skip


@pytest.mark.real_pacemaker
@pytest.mark.usefixtures("pacemaker")
def test_the_quick_rows_are_pyaces(problem: Any) -> None:
    import numpy as np

    structures = list(problem.table["ase_atoms"])
    quick = linear_quick.QuickRows(problem.basis, CUTOFF)(structures)
    slow = linear_rows.PyaceRows(problem.basis, CUTOFF)(structures)
    for one, other in zip(quick, slow, strict=True):
        assert np.abs(one - other).max() < 1e-12 * np.abs(other).max()


@pytest.mark.real_pacemaker
@pytest.mark.usefixtures("pacemaker")
def test_the_log_tells_how_far_it_is(problem: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OMP_NUM_THREADS", "1")
    monkeypatch.setattr(linear_start, "SAY_EVERY_S", 0)
    monkeypatch.setattr(linear_rows, "ROUND_BYTES", 1)
    monkeypatch.setattr(linear_rows, "ATOMS_TOGETHER", 8)
    _, said = start(problem)
    assert said[1:] == [f"linear start: {done} of 7 structures" for done in (4, 5, 6, 7)]


@pytest.mark.real_pacemaker
@pytest.mark.usefixtures("pacemaker")
def test_a_thread_that_fails_gives_way_to_pyace(
    problem: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("OMP_NUM_THREADS", "2")
    monkeypatch.setattr(linear_rows, "ATOMS_TOGETHER", 5)
    rows = linear_quick.QuickRows.__call__

    def failing(self: Any, structures: Any) -> Any:
        if len(structures[0]) == 12:
            raise MemoryError("no memory left")
        return rows(self, structures)

    monkeypatch.setattr(linear_quick.QuickRows, "__call__", failing)
    result, said = start(problem)
    assert same(result, problem)
    assert said[1] == ("linear start: no quick equations (MemoryError: no memory left); "
                       "pyace's, slowly")  # fmt: skip


@pytest.mark.real_pacemaker
@pytest.mark.usefixtures("pacemaker")
def test_functions_that_are_not_pyaces_are_not_used(
    problem: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    harmonics = linear_quick.harmonics

    def of_another_norm(*arguments: Any) -> Any:
        return tuple(1.001 * one for one in harmonics(*arguments))

    monkeypatch.setattr(linear_quick, "harmonics", of_another_norm)
    result, said = start(problem)
    assert same(result, problem)
    assert "they differ from pyace's by 0.00" in said[0]


def test_without_threadpoolctl_there_is_one_thread(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OMP_NUM_THREADS", "3")
    monkeypatch.setitem(sys.modules, "threadpoolctl", None)
    assert linear_rows.threads() == 1
