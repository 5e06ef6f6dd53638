"""The weights of energies and forces: test errors of linear and of whole fits, by κ.

    python benchmarks/bench_weights.py FOLDER [--splits 1 2 3] [--sets cu1 alni …]
        [--linear 300 0] [--size 60 40] [--size 60 200] [--keep results.jsonl] [--table]

FOLDER holds public sets as extxyz, packed with gzip or not (NAME.extxyz.gz); the demo's data are
measured besides. Everything but κ is hpctrain's default. A linear fit is the minimum of the
trainer's loss over the first density, where a training begins; a whole fit is as many functions and
iterations as are asked for (--size), on one thread, with the potential that hpctrain keeps (the
best by validation). Each result is appended to a file at once, and is not measured again if it is
there; ``--table`` only writes the table, into docs/training.md, between its marks.
"""

from __future__ import annotations

import argparse
import gzip
import json
import math
import os
import subprocess  # noqa: TID251
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).parent))
from bench_training import convert, outcome, program
from tables import put_table

LINEAR = (0.3, 0.5, 0.9, 0.99)
WHOLE = (0.5, 0.99)
DEMO = "demo"


def sources(folder: Path, unpacked: Path) -> dict[str, Path | None]:
    """The extxyz files by name, unpacked; None for the demo's data."""
    found: dict[str, Path | None] = {DEMO: None}
    for path in sorted(folder.glob("*.extxyz*")):
        name = path.name.split(".")[0]
        text = path.read_bytes()
        if path.suffix == ".gz":
            text = gzip.decompress(text)
        found[name] = unpacked / f"{name}.extxyz"
        (unpacked / f"{name}.extxyz").write_bytes(text)
    return found


def prepared(folder: Path, source: Path | None, split: int, kappa: float, size: tuple[int, int],
             cutoff: float = 6.0) -> tuple[Path, Path]:  # fmt: skip
    """A run's folder with the data of one split, and its first attempt's, ready for the trainer."""
    from hpctrain.launch.prepare import prepare
    from hpctrain.project import find_project, init

    project = folder / "project"
    if not project.exists():
        init(project, demo=True)
        (project / "hpctrain.yaml").write_text(
            "project: weights\ndata: {source: al_pbe.db}\n", encoding="utf-8"
        )
    data: dict[str, Any] = {"seed": split}
    training: dict[str, Any] = {
        "evaluator": "tensorpot", "cutoff": cutoff,
        "b_basis_size": size[0], "max_iter": size[1] or 1,
        "overrides": {"fit": {"loss": {"kappa": kappa}}},
    }  # fmt: skip
    if source is not None:
        data.update(source=str(source), select="")
        training["reference_energies"] = "auto"
    run = folder / "run"
    prepare(find_project(str(project / "hpctrain.yaml")), run, "local",
            changes={"data": data, "training": training}, skip_bad=True)  # fmt: skip
    attempt = run / "attempts" / "01"
    attempt.mkdir(parents=True)
    convert(run, attempt)
    (attempt / "input.yaml").write_text((run / "input.yaml").read_text())
    return run, attempt


def whole(run: Path, attempt: Path) -> dict[str, Any]:
    """The errors that a fit ends with, on the test set."""
    one = dict.fromkeys(
        ("OMP_NUM_THREADS", "TF_NUM_INTRAOP_THREADS", "TF_NUM_INTEROP_THREADS"), "1"
    )
    own = {"HPCTRAIN_START": "linear", "HPCTRAIN_PATIENCE": "200",
           "PYTHONPATH": str(run / "job" / "pacemaker" / "on_path")}  # fmt: skip
    with (attempt / "pacemaker.out").open("wb") as out:
        subprocess.run([program(), "input.yaml", "--no-predict"], cwd=attempt, check=True,
                       env={**os.environ, **one, **own}, stdout=out, stderr=out)  # fmt: skip
    iterations, energy, force, *_ = outcome(attempt)
    return {"iterations": iterations, "energy": energy, "force": 1000 * force}


def linear(attempt: Path) -> Iterator[dict[str, Any]]:
    """The test errors of the linear fits, for each κ; the equations are made once."""
    import numpy as np
    import pandas as pd
    from pyace.basis import ACEBBasisSet
    from pyace.basisextension import construct_bbasisconfiguration
    from pyace.preparedata import compute_corrected_energy, compute_shifted_scaled_corrected_energy

    from hpctrain.job.pacemaker.inside import linear_start
    from hpctrain.job.pacemaker.inside.linear_quick import QuickRows

    asked = json.loads((attempt.parents[1] / "job" / "input.json").read_text())
    potential = construct_bbasisconfiguration(asked["potential"])
    basis, cutoff = ACEBBasisSet(potential), asked["cutoff"]
    functions = sum(len(b) for blocks in (basis.basis_rank1, basis.basis) for b in blocks)
    train, test = (
        pd.read_pickle(attempt / f"{side}.pckl.gzip", compression="gzip")  # noqa: S301
        for side in ("train", "test")
    )
    energies = asked["data"]["reference_energy"]
    for data in (train, test):
        data["NUMBER_OF_ATOMS"] = data["ase_atoms"].map(len)
        if energies == "auto":
            energies = compute_shifted_scaled_corrected_energy(data)
        else:
            compute_corrected_energy(data, esa_dict=energies)
    train, test = (  # without free atoms, as the trainer has it
        data[data["NUMBER_OF_ATOMS"].gt(1) | data["ase_atoms"].map(lambda atoms: atoms.pbc.any())]
        for data in (train, test)
    )
    rows = QuickRows(basis, cutoff)
    parts = {}
    for data in (train, test):
        data["w_energy"] = 1 / len(data)
        data["w_forces"] = [np.full(n, 1 / data["NUMBER_OF_ATOMS"].sum())
                            for n in data["NUMBER_OF_ATOMS"]]  # fmt: skip
    for name, kappa in (("energy", 0.0), ("force", 1.0)):
        for side, data in (("train", train), ("test", test)):
            parts[name, side] = linear_start._collect(
                rows, 1, data, kappa, functions, lambda _: None)  # fmt: skip
    for kappa in LINEAR:
        both = linear_start.Equations(functions)
        for name, share in (("energy", 1 - kappa), ("force", kappa)):
            part = parts[name, "train"]
            both.matrix += share * part.matrix
            both.right += share * part.right
        found = both.solve()
        yield {
            "kappa": kappa,
            "energy": 1000 * math.sqrt(max(parts["energy", "test"].loss(found), 0)),
            # The trainer's term is the squared vector, the table's error is of a component.
            "force": 1000 * math.sqrt(max(parts["force", "test"].loss(found), 0) / 3),
        }


def measure(given: argparse.Namespace, keep: Path) -> None:
    """Measure what is not there yet: all sets in one split, then the next; the long fits last."""
    known = {key(row) for row in read(keep)}
    with tempfile.TemporaryDirectory() as temporary:
        files = sources(given.folder, Path(temporary))
        names = given.sets or list(files)
        work = [("linear", tuple(given.linear)), *[("whole", tuple(size)) for size in given.sizes]]
        for kind, size in work:
            for split in given.splits:
                for name in names:
                    for kappa in WHOLE if kind == "whole" else LINEAR[:1]:
                        head = {"set": name, "kind": kind, "split": split, "functions": size[0],
                                "maxiter": size[1], "kappa": kappa}  # fmt: skip
                        if key(head) in known:
                            continue
                        with tempfile.TemporaryDirectory() as place:
                            run, attempt = prepared(
                                Path(place), files[name], split, kappa, size)  # fmt: skip
                            facts = json.loads((run / "run.json").read_text())["dataset"]
                            head["structures"] = facts["train"]["structures"]
                            rows = linear(attempt) if kind == "linear" else [whole(run, attempt)]
                            with keep.open("a", encoding="utf-8") as file:
                                for row in rows:
                                    print(json.dumps({**head, **row}), file=file, flush=True)
                                    print({**head, **row}, flush=True)


def key(row: dict[str, Any]) -> tuple[Any, ...]:
    return tuple(row[name] for name in ("set", "kind", "split", "functions", "maxiter", "kappa"))


def read(keep: Path) -> list[dict[str, Any]]:
    if not keep.exists():
        return []
    return [json.loads(line) for line in keep.read_text(encoding="utf-8").splitlines()]


def mean(values: list[float]) -> float:
    """The geometric mean."""
    return math.exp(sum(map(math.log, values)) / len(values))


def lines_of(
    rows: list[dict[str, Any]], kind: str, size: tuple[int, int], kappas: tuple[float, ...]
) -> Iterator[str]:
    rows = [row for row in rows if (row["kind"], row["functions"], row["maxiter"]) == (kind, *size)]
    names = list(dict.fromkeys(row["set"] for row in rows))
    yield (
        "| set, structures to train on | splits | " + " | ".join(f"κ {k:g}" for k in kappas) + " |"
    )
    yield "|---" * (2 + len(kappas)) + "|"
    ratios: dict[float, list[tuple[float, float]]] = {k: [] for k in kappas}
    for name in names:
        cells, last = [], None
        own = [row for row in rows if row["set"] == name]
        splits = [s for s in {row["split"] for row in own}
                  if {row["kappa"] for row in own if row["split"] == s} == set(kappas)]  # fmt: skip
        if not splits:
            continue
        for k in kappas:
            some = [row for row in own if row["kappa"] == k and row["split"] in splits]
            last = mean([row["energy"] for row in some]), mean([row["force"] for row in some])
            ratios[k].append(last)
            cells.append(f"{last[0]:.3g} / {last[1]:.3g}")
        yield f"| {name}, {own[0]['structures']} | {len(splits)} | " + " | ".join(cells) + " |"
    base = ratios[kappas[-1]]
    cells = [
        " / ".join(
            f"{mean([one[i] / of[i] for one, of in zip(ratios[k], base, strict=True)]):.2f}"
            for i in (0, 1)
        )
        for k in kappas
    ]
    yield f"| all, against κ {kappas[-1]:g} | | " + " | ".join(cells) + " |"


def write(rows: list[dict[str, Any]], given: argparse.Namespace) -> None:
    text = [
        f"`python benchmarks/bench_weights.py FOLDER --splits {' '.join(map(str, given.splits))}`, "
        "one thread. Test errors, meV/atom / meV/Å, geometric means over the splits.", "",
        f"Linear fits of the first density, {given.linear[0]} functions per element:", "",
        *lines_of(rows, "linear", tuple(given.linear), LINEAR),
    ]  # fmt: skip
    for size in given.sizes:
        if any((r["kind"], r["functions"], r["maxiter"]) == ("whole", *size) for r in rows):
            text += ["", f"Whole fits, {size[0]} functions per element, {size[1]} iterations:", ""]
            text += lines_of(rows, "whole", tuple(size), WHOLE)
    put_table("bench-weights", "\n".join(text))
    print("\n".join(text))


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("folder", type=Path)
    parser.add_argument("--splits", type=int, nargs="+", default=[1, 2, 3])
    parser.add_argument("--sets", nargs="+")
    parser.add_argument("--linear", type=int, nargs=2, default=[300, 0])
    parser.add_argument("--size", dest="sizes", type=int, nargs=2, action="append",
                        metavar=("FUNCTIONS", "ITERATIONS"))  # fmt: skip
    parser.add_argument("--keep", type=Path)
    parser.add_argument("--table", action="store_true")
    given = parser.parse_args()
    given.sizes = given.sizes or [[60, 40], [60, 200]]
    keep = given.keep or Path(tempfile.mkdtemp()) / "results.jsonl"
    if not given.table:
        measure(given, keep)
    write(read(keep), given)


if __name__ == "__main__":
    main()
