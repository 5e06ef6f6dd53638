"""The number of functions that b_basis_size: auto chooses, against a scan by test error.

    python benchmarks/bench_basis_size.py FOLDER [SET …]

FOLDER holds extxyz files (SET.extxyz.gz: energies in eV, forces in eV/Å). Of each set a tenth is
left out three times, by other seeds; on the rest the choice is made by cross-validation, as in a
job. All fits are linear, of the first density, as the training begins. The table is written into
docs/training.md, between its marks; FOLDER is not told. Nothing is asserted.
"""

from __future__ import annotations

import gzip
import io
import sys
import time
from pathlib import Path
from typing import Any

from tables import put_table

KAPPA, CUTOFF, SEEDS = 0.5, 6.0, (1, 2, 3)
DEFAULT, LARGEST = 300, 700


def table(file: Path) -> Any:
    import ase.io  # noqa: TID251
    import numpy as np
    import pandas as pd

    with gzip.open(file, "rt", encoding="utf-8") as opened:
        read = ase.io.read(io.StringIO(opened.read()), ":", format="extxyz")
    frames = [one for one in read if len(one) > 1 or any(one.pbc)]
    elements = sorted({symbol for one in frames for symbol in one.get_chemical_symbols()})
    counts = np.array([[one.get_chemical_symbols().count(e) for e in elements] for one in frames])
    energies = np.array([one.get_potential_energy() for one in frames])
    sizes = counts.sum(axis=1)
    free = np.linalg.lstsq(counts / sizes[:, None], energies / sizes, rcond=None)[0]
    rows = []
    for one, energy in zip(frames, energies - counts @ free, strict=True):
        bare = one.copy()
        bare.calc = None
        rows.append({"ase_atoms": bare, "energy_corrected": energy, "forces": one.get_forces()})
    return pd.DataFrame(rows), elements


def measure(file: Path) -> list[str]:
    import numpy as np
    from pyace import create_multispecies_basis_config

    from hpctrain.engines.pacemaker.faults import SHAPE
    from hpctrain.job.pacemaker.inside.basis_size import (
        MAX_ATOMS,
        choose,
        cross_validate,
        score,
        sizes_to_try,
    )

    data, elements = table(file)

    def make(size: int) -> Any:
        return create_multispecies_basis_config({
            "deltaSplineBins": 0.001, "elements": elements,
            "embeddings": {"ALL": {"npot": "FinnisSinclairShiftedScaled", "ndensity": 2,
                                   "fs_parameters": [1, 1, 1, 0.5]}},
            "bonds": {"ALL": {"radbase": "SBessel", "radparameters": [5.25], "rcut": CUTOFF,
                              "dcut": 0.01, "NameOfCutoffFunction": "cos"}},
            "functions": {"number_of_functions_per_element": size, **SHAPE},
        })  # fmt: skip

    largest = min(LARGEST, 2500 // len(elements))
    sizes = sorted({*sizes_to_try(largest, len(elements)), DEFAULT})
    made = {size: make(size) for size in sizes}
    rows = []
    for seed in SEEDS:
        order = np.random.RandomState(seed).permutation(len(data))
        test = max(2, len(data) // 10)
        folds = np.empty(len(data), dtype=int)
        folds[order] = np.where(np.arange(len(data)) < test, -1, np.arange(len(data)) % 5)
        seen = cross_validate(made.__getitem__, sizes, data, KAPPA, CUTOFF, lambda _: None, folds)
        inside = np.flatnonzero(folds >= 0)
        inside = inside[:: -(-int(data["ase_atoms"].iloc[inside].map(len).sum()) // MAX_ATOMS)]
        sample = data.iloc[inside].reset_index(drop=True)
        began = time.perf_counter()
        tried = cross_validate(
            made.__getitem__, sizes, sample, KAPPA, CUTOFF, lambda _: None, folds[inside]
        )
        took = time.perf_counter() - began
        by_test = {
            one["functions"]: (
                1000 * one["rmse_energy_ev_per_atom"], 1000 * one["rmse_force_ev_per_a"]
            ) for one in seen
        }  # fmt: skip
        for one in tried:
            print(seed, one, by_test[one["functions"]], file=sys.stderr)
        chosen = choose(tried)
        best = min(by_test, key=lambda size: score(by_test[size][0] / 1e3, by_test[size][1] / 1e3))
        errors = [f"{size}: {by_test[size][0]:.3g} / {by_test[size][1]:.3g}"
                  for size in (chosen, best, DEFAULT)]  # fmt: skip
        rows.append(
            f"| {file.name.split('.')[0]}, {len(data)} | {' | '.join(errors)} | {took:.0f} s |"
        )
        print(rows[-1], flush=True)
    return rows


def main() -> None:
    folder, *names = sys.argv[1:]
    files = [Path(folder) / f"{name}.extxyz.gz" for name in names] or sorted(
        Path(folder).glob("*.extxyz.gz")
    )
    rows = [row for file in files for row in measure(file)]
    if not names:
        head = [
            "| set, structures | chosen | best of the scan by test error | 300 | "
            "cross-validation |",
            "|---|---|---|---|---|",
        ]
        put_table("bench-basis-size", "\n".join([*head, *rows]))


if __name__ == "__main__":
    main()
