"""`hpctrain select` against a random choice, and against pace_select: test errors after retraining.

    python benchmarks/bench_select.py [FILE] [--functions 60] [--initial 30] [--choose 20]
    python benchmarks/bench_select.py --seconds 90 --splits 1
    python benchmarks/bench_select.py --speed

Without FILE: the demo's data. What is trained on first is generation 0; the candidates are those of
generations 1 and 2, without the test set, a third of them drawn anew for each split. With FILE (any
that ase reads, of labelled structures): test set, first structures and candidates are all drawn.
The grade's choice is that of the command itself, all else is the same for all.

A training here is hpctrain's linear start alone: the least squares of the first density, κ 0.5,
which takes a second. So many splits and draws can be afforded; a whole fit goes on from there. With
--seconds the demo's fits are whole ones, of the real trainer, each with so much CPU time. The table
is written into docs/select.md, between the marks of this set. Nothing is asserted.
"""

from __future__ import annotations

import os
import re
import subprocess  # noqa: TID251
import sys
import tempfile
from pathlib import Path
from typing import Any

os.environ["OMP_NUM_THREADS"] = "1"
ROOT = Path(__file__).resolve().parents[1]
PAGE = ROOT / "docs" / "select.md"
KAPPA, RIDGE = 0.5, 1e-6


class Labelled:
    """Structures, with the rows that each has in the equations of the linear start."""

    def __init__(self, structures: list[Any], functions: int, cutoff: float) -> None:
        import numpy as np
        from pyace.basis import ACEBBasisSet

        from hpctrain.job.pacemaker.inside.linear_quick import QuickRows

        self.structures = structures
        self.elements = sorted({name for one in structures for name in one.symbols})
        self.potential = potential(self.elements, functions, cutoff)
        self.basis = ACEBBasisSet(self.potential)
        rows = QuickRows(self.basis, cutoff)
        both = [rows([one]) for one in structures]
        self.energy_rows = np.array([energies[0] for energies, _ in both])
        self.force_rows = [forces for _, forces in both]
        self.energies = np.array([one.get_potential_energy() / len(one) for one in structures])
        self.forces = [one.get_forces().ravel() for one in structures]
        self.shares = np.array(
            [[np.mean(one.symbols == name) for name in self.elements] for one in structures]
        )

    def errors(self, train: list[int], test: list[int]) -> tuple[float, float, float]:
        """Train on some, and return errors on others.

        RMSE of energies (meV/atom) and of forces (eV/Å), and the median error of energies.
        """
        import numpy as np

        # The energies of the elements by least squares, as with reference_energies: auto.
        references = np.linalg.lstsq(self.shares[train], self.energies[train], rcond=None)[0]
        count = self.energy_rows.shape[1]
        matrix, right = RIDGE * np.eye(count), np.zeros(count)
        for one in train:
            energy = self.energies[one] - self.shares[one] @ references
            share = (1 - KAPPA) / len(train)
            matrix += share * np.outer(self.energy_rows[one], self.energy_rows[one])
            right += share * energy * self.energy_rows[one]
            rows, share = self.force_rows[one], KAPPA / len(train) / len(self.structures[one])
            matrix += share * rows.T @ rows
            right += share * rows.T @ self.forces[one]
        found = np.linalg.solve(matrix, right)
        energies = self.energy_rows[test] @ found + self.shares[test] @ references
        off = 1000 * np.abs(energies - self.energies[test])
        forces = np.concatenate([self.force_rows[one] @ found - self.forces[one] for one in test])
        return (
            float(np.sqrt(np.mean(off**2))),
            float(np.sqrt(np.mean(forces**2))),
            float(np.median(off)),
        )


def potential(elements: list[str], functions: int, cutoff: float) -> Any:
    from pyace import create_multispecies_basis_config

    shape = {"nradmax_by_orders": [15, 6, 4, 3, 2, 2], "lmax_by_orders": [0, 3, 3, 2, 2, 1]}
    if len(elements) > 1:
        shape = {"nradmax_by_orders": [15, 3, 2, 1], "lmax_by_orders": [0, 3, 2, 2]}
    return create_multispecies_basis_config({
        "deltaSplineBins": 0.001, "elements": elements,
        "embeddings": {"ALL": {"npot": "FinnisSinclairShiftedScaled", "ndensity": 2,
                               "fs_parameters": [1, 1, 1, 0.5]}},
        "bonds": {"ALL": {"radbase": "SBessel", "radparameters": [5.25], "rcut": cutoff,
                          "dcut": 0.01, "NameOfCutoffFunction": "cos"}},
        "functions": {"number_of_functions_per_element": functions, "ALL": shape},
    })  # fmt: skip


def active_set(data: Labelled, train: list[int]) -> dict[int, Any]:
    """The active set of some structures, as pace_activeset -a makes it."""
    from pyace.activelearning import compute_active_set, compute_B_projections

    bare = [data.structures[one].copy() for one in train]
    found: dict[int, Any] = compute_active_set(compute_B_projections(data.basis, bare))
    return found


def by_grade(data: Labelled, train: list[int], pool: list[int], wanted: int) -> list[int]:
    """What the command chooses: the potential and the candidates are files."""
    import ase.io  # noqa: TID251
    from pyace.activelearning import compute_A_active_inverse, save_active_inverse_set

    from hpctrain.potentials.active_set import find_origin
    from hpctrain.potentials.grade import grade_here
    from hpctrain.potentials.select import prepare
    from hpctrain.potentials.write_choice import finish

    with tempfile.TemporaryDirectory() as temporary:
        folder = Path(temporary)
        data.potential.save(str(folder / "of.yaml"))
        inverse = compute_A_active_inverse(active_set(data, train))
        save_active_inverse_set(str(folder / "of.asi"), inverse, data.elements)
        pooled = [data.structures[one].copy() for one in pool]
        for one in pooled:
            one.info.clear()
        ase.io.write(folder / "pool.extxyz", pooled)
        origin = find_origin(None, str(folder / "of.yaml"))
        work = folder / "work"
        work.mkdir()
        prepare(None, [str(folder / "pool.extxyz")], origin, work, wanted=wanted,
                output=folder / "chosen.db")  # fmt: skip
        grade_here(None, origin, work)
        return [pool[int(one["id"]) - 1] for one in finish(work).facts["chosen"]]


def by_pace_select(data: Labelled, train: list[int], pool: list[int], wanted: int) -> list[int]:
    import pandas as pd
    from pyace.aceselect import select_structures_maxvol

    table = pd.DataFrame({"ase_atoms": [data.structures[one].copy() for one in pool]})
    chosen = select_structures_maxvol(
        table, data.basis, active_set(data, train), batch_size_option="none", max_structures=wanted
    )
    return [pool[place] for place in chosen.index]


class Trainer:
    """Whole fits of the demo's structures, in a folder; see bench_training."""

    def __init__(self, folder: Path, functions: int, seconds: float) -> None:
        from hpctrain.project import find_project, init

        self.folder, self.functions, self.seconds = folder, functions, seconds
        init(folder / "project", demo=True)
        self.project = find_project(str(folder / "project" / "hpctrain.yaml"))
        self.runs = 0

    def errors(self, train: list[Any], test: list[Any]) -> tuple[float, float, float]:
        """Train on structures, and return errors on others, as ``Labelled.errors``; no median."""
        import bench_training

        from hpctrain.launch.prepare import prepare

        self.runs += 1
        run = self.folder / f"run-{self.runs}"
        changes = {"b_basis_size": self.functions, "kappa": 1, "kappa_f": 1,
                   "max_iter": bench_training.FOREVER, "evaluator": "tensorpot",
                   "overrides": {"fit": {"callbacks": ["bench_training.until"]}}}  # fmt: skip
        prepare(self.project, run, "local", changes={"training": changes})
        write(run / "train.extxyz", train)
        write(run / "test.extxyz", test)
        attempt = run / "attempts" / "01"
        attempt.mkdir(parents=True)
        bench_training.convert(run, attempt)
        (attempt / "input.yaml").write_text((run / "input.yaml").read_text())
        bench_training.train(attempt, self.seconds, run / "job" / "pacemaker" / "on_path")
        _, energy, force, *_ = bench_training.outcome(attempt)
        return energy, force, float("nan")


def write(path: Path, structures: list[Any]) -> None:
    """Write structures as an export does."""
    import ase.io  # noqa: TID251

    path.unlink()
    ase.io.write(path, structures, format="extxyz")


def demo(split: int) -> tuple[list[Any], list[int], list[int], list[int]]:
    """All structures; those trained on first, the candidates, the test set."""
    import ase.db  # noqa: TID251
    import numpy as np

    with ase.db.connect(str(ROOT / "hpctrain" / "demo" / "al_pbe.db")) as database:
        rows = list(database.select("status=completed"))
    first = [n for n, row in enumerate(rows) if row.generation == 0]
    later = [n for n, row in enumerate(rows) if row.generation > 0]
    drawn = np.random.default_rng(split).permutation(later).tolist()
    third = len(drawn) // 3
    return [row.toatoms() for row in rows], first, drawn[third:], drawn[:third]


def of_file(
    path: str, initial: int, split: int
) -> tuple[list[Any], list[int], list[int], list[int]]:
    import ase.io  # noqa: TID251
    import numpy as np

    structures = ase.io.read(path, ":")
    drawn = np.random.default_rng(split).permutation(len(structures)).tolist()
    fourth = len(drawn) // 4
    return structures, drawn[fourth : fourth + initial], drawn[fourth + initial :], drawn[:fourth]


def measure(given: Any, trainer: Trainer | None) -> dict[str, list[tuple[float, ...]]]:
    """For each way: errors, number of structures and of atoms, of each split and draw."""
    import numpy as np

    found: dict[str, list[tuple[float, ...]]] = {}
    data: Labelled | None = None
    for split in range(given.splits):
        parts = demo(split) if given.file is None else of_file(given.file, given.initial, split)
        structures, first, pool, test = parts
        data = data or Labelled(structures, given.functions, given.cutoff)
        draw = np.random.default_rng(1000 + split)
        ways: list[tuple[str, list[int]]] = [
            ("before", []),
            ("by grade (hpctrain select)", by_grade(data, first, pool, given.choose)),
            ("by `pace_select`", by_pace_select(data, first, pool, given.choose)),
            *(("at random", draw.choice(pool, given.choose, replace=False).tolist())
              for _ in range(given.draws)),
            ("all candidates", pool),
        ]  # fmt: skip
        for name, chosen in ways:
            atoms = sum(len(structures[one]) for one in chosen)
            train = [*first, *chosen]
            errors = (
                trainer.errors(
                    [structures[one] for one in train], [structures[one] for one in test]
                )
                if trainer
                else data.errors(train, test)
            )
            found.setdefault(name, []).append((*errors, len(chosen), atoms))
            print(split, name, *(f"{value:.4g}" for value in found[name][-1]), flush=True)
    return found


def lines(found: dict[str, list[tuple[float, ...]]]) -> list[str]:
    import numpy as np

    said = [
        "| added | structures | atoms | energies, RMSE (meV/atom) | median error | forces, "
        "RMSE (eV/Å) |",
        "|---|---:|---:|---:|---:|---:|",
    ]
    for name, rows in found.items():
        values = np.array(rows)
        energy, force, median = np.exp(np.log(values[:, :3]).mean(axis=0))
        count, atoms = values[:, 3:].mean(axis=0)
        low, high = values[:, 0].min(), values[:, 0].max()
        span = f" ({low:.3g} to {high:.3g})" if len(rows) > 1 else ""
        middle = "–" if np.isnan(median) else f"{median:.3g}"
        said.append(f"| {name} | {count:.3g} | {atoms:.0f} | {energy:.3g}{span} | {middle} | "
                    f"{force:.3g} |")  # fmt: skip
    return said


def speed() -> list[str]:
    """CPU time and memory of the command and of pace_select: 2,000 cells of 32 atoms."""
    import ase.io  # noqa: TID251
    import numpy as np
    import pandas as pd
    from ase.build import bulk  # noqa: TID251
    from pyace.activelearning import (
        compute_A_active_inverse,
        compute_active_set,
        compute_B_projections,
        save_active_inverse_set,
    )
    from pyace.basis import ACEBBasisSet

    draw = np.random.default_rng(0)

    def cells(count: int, scatter: float) -> list[Any]:
        found = [bulk("Al", cubic=True).repeat(2) for _ in range(count)]
        for one in found:
            one.positions += draw.normal(0, scatter, one.positions.shape)
        return found

    said = ["| | CPU time (s) | largest process (MB) |", "|---|---:|---:|"]
    with tempfile.TemporaryDirectory() as temporary:
        folder = Path(temporary)
        of = potential(["Al"], 200, 6.0)
        of.save(str(folder / "of.yaml"))
        known = compute_active_set(compute_B_projections(ACEBBasisSet(of), cells(100, 0.05)))
        save_active_inverse_set(str(folder / "of.asi"), compute_A_active_inverse(known), ["Al"])
        candidates = [*cells(1500, 0.05), *cells(500, 0.12)]
        ase.io.write(folder / "md.extxyz", candidates)
        pd.DataFrame({"ase_atoms": candidates}).to_pickle(
            folder / "md.pckl.gzip", compression="gzip"
        )
        programs = Path(sys.executable).parent
        pace_select = [f"{programs}/pace_select", "md.pckl.gzip", "-p", "of.yaml", "-m", "50", "-V"]
        for words, command in (
            ("`hpctrain select` (reads extxyz, finds what is alike, grades, writes the page)",
             [f"{programs}/hpctrain", "select", "md.extxyz", "--from", "./of.yaml"]),
            ("`pace_select`, all at once (reads a pickle)", pace_select),
            ("`pace_select -b 100`", [*pace_select, "-b", "100"]),
        ):  # fmt: skip
            code = (
                "import resource, subprocess, sys\n"
                "subprocess.run(sys.argv[1:], check=True, capture_output=True)\n"
                "used = resource.getrusage(resource.RUSAGE_CHILDREN)\n"
                "print(used.ru_utime + used.ru_stime, used.ru_maxrss / 1024)"
            )
            reply = subprocess.run(
                [sys.executable, "-c", code, *command], cwd=folder, check=True, text=True,
                capture_output=True,
            )  # fmt: skip
            seconds, megabytes = map(float, reply.stdout.split())
            said.append(f"| {words} | {seconds:.0f} | {megabytes:.0f} |")
            print(said[-1], flush=True)
    return said


def main() -> None:
    import argparse

    parser = argparse.ArgumentParser()
    parser.add_argument("file", nargs="?")
    parser.add_argument("--functions", type=int, default=60)
    parser.add_argument("--cutoff", type=float, default=6.0)
    parser.add_argument("--initial", type=int, default=30)
    parser.add_argument("--choose", type=int, default=20)
    parser.add_argument("--splits", type=int, default=5)
    parser.add_argument("--draws", type=int, default=5)
    parser.add_argument("--seconds", type=float)
    parser.add_argument("--speed", action="store_true")
    given = parser.parse_args()
    name = "demo" if given.file is None else Path(given.file).name.partition(".")[0]
    words = [f"{Path(word).name}" if word == given.file else word for word in sys.argv[1:]]
    head = [f"`{' '.join(['python benchmarks/bench_select.py', *words])}`:", ""]
    with tempfile.TemporaryDirectory() as temporary:
        trainer = None
        if given.speed:
            name = "speed"
        if given.seconds:
            name = "whole fits"
            trainer = Trainer(Path(temporary), given.functions, given.seconds)
        table = [*head, *(speed() if given.speed else lines(measure(given, trainer)))]
    print("\n".join(table))
    begin, end = (f"<!-- bench-select {name}: {which} -->" for which in ("begin", "end"))
    text = PAGE.read_text(encoding="utf-8")
    if begin in text:
        between = "\n".join([begin, *table, end])
        pattern = f"{re.escape(begin)}.*?{re.escape(end)}"
        text = re.sub(pattern, lambda _: between, text, flags=re.DOTALL)
        PAGE.write_text(text, encoding="utf-8")


if __name__ == "__main__":
    main()
