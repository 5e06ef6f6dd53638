"""The linear start against a plain loop over the structures with pyace's own calculator.

    python benchmarks/bench_linear_start.py [--structures 300] [--functions 300]

Rattled aluminium cells of 32 atoms, labelled by ASE's EMT, and the demo's data.
Each figure comes from a process of its own, without its imports. The table is written into
docs/training.md, between its marks. Nothing is asserted.
"""

from __future__ import annotations

import json
import os
import resource
import subprocess  # noqa: TID251
import sys
import time
from pathlib import Path
from typing import Any

from tables import put_table

HERE = Path(__file__).resolve()
ROOT = HERE.parents[1]
KAPPA, CUTOFF, RIDGE = 0.5, 6.0, 1e-6
DEMO, RATTLED = "the demo", "cells of 32 atoms"
CORES = len(os.sched_getaffinity(0))


def structures(name: str, count: int) -> list[Any]:
    if name == DEMO:
        import ase.db  # noqa: TID251

        with ase.db.connect(str(ROOT / "hpctrain" / "demo" / "al_pbe.db")) as database:
            return [row.toatoms() for row in database.select("status=completed")]
    from ase.build import bulk  # noqa: TID251
    from ase.calculators.emt import EMT  # noqa: TID251

    found = []
    for seed in range(count):
        atoms = bulk("Al", a=4.05, cubic=True).repeat(2)
        atoms.rattle(0.1, seed=seed)
        atoms.calc = EMT()
        found.append(atoms)
    return found


def table(labelled: list[Any]) -> Any:
    """The columns that the trainer has, with equal weights; energies from their mean."""
    import numpy as np
    import pandas as pd

    mean = np.mean([atoms.get_potential_energy() / len(atoms) for atoms in labelled])
    rows = []
    for atoms in labelled:
        bare = atoms.copy()
        bare.calc = None
        share = 1 / len(labelled)
        rows.append(
            {
                "ase_atoms": bare,
                "NUMBER_OF_ATOMS": len(atoms),
                "energy_corrected": atoms.get_potential_energy() - mean * len(atoms),
                "forces": atoms.get_forces(),
                "w_energy": share,
                "w_forces": np.full(len(atoms), share / len(atoms)),
            }
        )
    return pd.DataFrame(rows)


def potential(functions: int) -> Any:
    from pyace import create_multispecies_basis_config

    return create_multispecies_basis_config({
        "deltaSplineBins": 0.001, "elements": ["Al"],
        "embeddings": {"ALL": {"npot": "FinnisSinclairShiftedScaled", "ndensity": 2,
                               "fs_parameters": [1, 1, 1, 0.5]}},
        "bonds": {"ALL": {"radbase": "SBessel", "radparameters": [5.25], "rcut": CUTOFF,
                          "dcut": 0.01, "NameOfCutoffFunction": "cos"}},
        "functions": {"number_of_functions_per_element": functions,
                      "ALL": {"nradmax_by_orders": [15, 6, 4, 3, 2, 2],
                              "lmax_by_orders": [0, 3, 3, 2, 2, 1]}},
    })  # fmt: skip


def loop(of: Any, data: Any) -> float:
    """The equations of one structure after the other; their loss."""
    import numpy as np
    from pyace import ACEBEvaluator, ACECalculator
    from pyace.atomicenvironment import aseatoms_to_atomicenvironment
    from pyace.basis import ACEBBasisSet

    basis = ACEBBasisSet(of)
    evaluator = ACEBEvaluator(basis)
    calculator = ACECalculator(evaluator)
    count = len(basis.basis_rank1[0]) + len(basis.basis[0])
    matrix, right, labels = np.zeros((count, count)), np.zeros(count), 0.0
    for _, row in data.iterrows():
        atoms = row["ase_atoms"]
        around = aseatoms_to_atomicenvironment(atoms, CUTOFF, elements_mapper_dict={"Al": 0})
        calculator.compute(around, compute_projections=True, compute_b_grad=True)
        energies = np.sum(calculator.projections, axis=0) / len(atoms)
        forces = np.array(calculator.forces_bfuncs).transpose(0, 2, 1).reshape(-1, count)
        weight, label = (1 - KAPPA) * row["w_energy"], row["energy_corrected"] / len(atoms)
        weights, labelled = KAPPA * np.repeat(row["w_forces"], 3), row["forces"].ravel()
        matrix += weight * np.outer(energies, energies) + (forces.T * weights) @ forces
        right += weight * label * energies + forces.T @ (weights * labelled)
        labels += weight * label**2 + weights @ labelled**2
    found = np.linalg.solve(matrix + RIDGE * np.eye(count), right)
    return float(found @ matrix @ found - 2 * right @ found + labels)


def start(of: Any, data: Any) -> float:
    import numpy as np
    from pyace.basis import ACEBBasisSet

    from hpctrain.job.pacemaker.inside import linear_start

    x0 = np.array(ACEBBasisSet(of).all_coeffs)
    result = linear_start.start(x0, of, data, KAPPA, CUTOFF, [].append)
    return float(result.loss)


def in_the_child(name: str, functions: str, count: str, way: str) -> None:
    import pyace  # noqa: F401

    of, data = potential(int(functions)), table(structures(name, int(count)))
    wall, cpu = time.perf_counter(), time.process_time()
    if way == "reversed":
        data = data.iloc[::-1]
    loss = (start if way == "start" else loop)(of, data)
    print(json.dumps({
        "cpu": time.process_time() - cpu, "wall": time.perf_counter() - wall, "loss": loss,
        "structures": len(data), "atoms": int(data["NUMBER_OF_ATOMS"].sum()),
        "megabytes": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024,
    }))  # fmt: skip


def child(threads: int, *arguments: object) -> dict[str, Any]:
    said = subprocess.run(
        [sys.executable, str(HERE), "--child", *map(str, arguments)], check=True, text=True,
        capture_output=True, env={**os.environ, "OMP_NUM_THREADS": str(threads)},
    )  # fmt: skip
    figures: dict[str, Any] = json.loads(said.stdout.splitlines()[-1])
    return figures


def measure(name: str, functions: int, count: int) -> list[str]:
    """The lines of the table: the loop, what its losses differ by alone, and the start."""
    plain = child(1, name, functions, count, "loop")
    data = (f"{name}: {plain['structures']} structures, {plain['atoms']:,} atoms; "
            f"{functions} functions")  # fmt: skip
    lines = [line(data, "loop, 1 thread", plain, ["–", "–", "–"])]
    ways = [("reversed", 1), *(("start", threads) for threads in sorted({1, CORES}))]
    for way, threads in ways:
        figures = child(threads, name, functions, count, way)
        cpu, wall = (plain[one] / figures[one] for one in ("cpu", "wall"))
        off = abs(figures["loss"] - plain["loss"]) / plain["loss"]
        words = {"reversed": "loop, structures in reverse order", "start": "linear start"}[way]
        words += f", {threads} thread{'s' if threads > 1 else ''}"
        lines.append(line(data, words, figures, [f"{cpu:.1f} ×", f"{wall:.1f} ×", f"{off:.0e}"]))
    return lines


def line(data: str, way: str, figures: dict[str, Any], compared: list[str]) -> str:
    cpu, wall, peak = figures["cpu"], figures["wall"], figures["megabytes"]
    cells = (data, way, f"{cpu:.1f}", f"{wall:.1f}", f"{peak:.0f}", *compared)
    text = "| " + " | ".join(cells) + " |"
    print(text, flush=True)
    return text


def main() -> None:
    import argparse

    parser = argparse.ArgumentParser()
    parser.add_argument("--structures", type=int, default=300)
    parser.add_argument("--functions", type=int, default=300)
    given = parser.parse_args()
    lines = [
        text
        for name in (RATTLED, DEMO)
        for text in measure(name, given.functions, given.structures)
    ]
    command = "python benchmarks/bench_linear_start.py"
    if (given.structures, given.functions) != (300, 300):
        command += f" --structures {given.structures} --functions {given.functions}"
    head = [
        f"`{command}`, on {CORES} cores that other work ran on too:", "",
        "| data | way | CPU s | s | peak MB | ratio, CPU | ratio, time | loss differs by |",
        "|---|---|---:|---:|---:|---:|---:|---:|",
    ]  # fmt: skip
    put_table("bench-linear-start", "\n".join([*head, *lines]))


if __name__ == "__main__":
    if sys.argv[1:2] == ["--child"]:
        in_the_child(*sys.argv[2:])
    else:
        main()
