"""Errors before and after the core repulsion: placed by Pacemaker (auto), and by hpctrain.

    python benchmarks/bench_repulsion.py [ATTEMPT …]

The four small sets of tests/job/test_repulsion.py (EMT's labels, a few functions, evaluator pyace),
and finished attempts (runs/RUN/attempts/NN) if any are named. Of each fit the same coefficients
have three repulsions: none, Pacemaker's own, hpctrain's. The table is written into
docs/training.md, between its marks.
"""

from __future__ import annotations

import sys
import tempfile
from pathlib import Path
from types import SimpleNamespace
from typing import Any

from tables import put_table

ROOT = Path(__file__).parents[1]
sys.path[:0] = [str(ROOT / "tests" / "job"), str(ROOT / "tests" / "support")]


def with_pacemakers(path: str, attempt: Path, cutoff: float) -> Any:
    """The potential with what Pacemaker itself does after a fit (generalfit.set_core_rep)."""
    import pandas as pd
    from pyace.basis import BBasisConfiguration
    from pyace.generalfit import GeneralACEFit
    from pyace.preparedata import generate_tp_atoms

    table = pd.read_pickle(attempt / "train.pckl.gzip", compression="gzip")  # noqa: S301
    from ase.calculators.singlepoint import SinglePointCalculator  # noqa: TID251

    for atoms, energy, forces in zip(table["ase_atoms"], table["energy"], table["forces"],
                                     strict=True):  # fmt: skip
        atoms.calc = SinglePointCalculator(atoms, energy=energy, forces=forces)
    table["tp_atoms"] = table["ase_atoms"].map(lambda atoms: generate_tp_atoms(atoms, cutoff))
    potential = BBasisConfiguration(path)
    fit = SimpleNamespace(
        fit_config={"repulsion": "auto"}, fitting_data=table.dropna(subset=["tp_atoms"])
    )
    GeneralACEFit.set_core_rep(fit, potential)
    return potential


def errors(potential: Any, path: Path, free: Any) -> tuple[float, float]:
    """RMSEs in meV/atom and meV/Å, of structures with more than one atom or a period."""
    import numpy as np

    from hpctrain.job.checks.data import Structures

    structures = Structures(str(path), free)
    energies, forces = [], []
    for number in range(len(structures)):
        one = structures.read(number)
        if len(one.atoms) == 1 and not any(one.atoms.pbc):
            continue
        found = potential.compute(one.atoms)
        energies.append((found.energy - one.energy) / len(one.atoms))
        forces.append(found.forces - one.forces)
    return (1000 * float(np.sqrt(np.mean(np.square(energies)))),
            1000 * float(np.sqrt(np.mean(np.square(np.vstack(forces))))))  # fmt: skip


def rows(name: str, attempt: Path) -> list[str]:
    import json

    import yaml

    from hpctrain.job.checks.data import FreeAtoms
    from hpctrain.job.pacemaker.potential import load, load_without_repulsion

    told = json.loads((attempt / "evaluation.json").read_text())
    cutoff = float(yaml.safe_load((attempt / "input.yaml").read_text())["cutoff"])
    free = FreeAtoms(told["reference_energies"], told["shift"])
    path = str(attempt / "output_potential.yaml")
    potentials = (load_without_repulsion(path), load(with_pacemakers(path, attempt, cutoff)),
                  load(path))  # fmt: skip
    found = []
    for side in ("train", "test"):
        cells = [errors(one, attempt.parents[1] / f"{side}.extxyz", free) for one in potentials]
        found.append(f"| {name} | {side} | "
                     + " | ".join(f"{e:.3g} / {f:.3g}" for e, f in cells) + " |")  # fmt: skip
    return found


def main() -> None:
    import test_repulsion

    lines = [
        "`python benchmarks/bench_repulsion.py"
        + "".join(" ATTEMPT" for _ in sys.argv[1:2]) + "`, meV/atom / meV/Å:", "",
        "| data | | as fitted | file, `auto` of Pacemaker | file, hpctrain's |",
        "|---|---|---|---|---|",
    ]  # fmt: skip
    for kind in test_repulsion.KINDS:
        with tempfile.TemporaryDirectory() as folder:
            attempt = test_repulsion.trained(Path(folder), kind)
            lines += rows(f"EMT, {kind}", attempt)
    for attempt in map(Path, sys.argv[1:]):
        lines += rows(attempt.absolute().parents[3].name, attempt.absolute())
    text = "\n".join(lines)
    print(text)
    put_table("bench-repulsion", text)


if __name__ == "__main__":
    main()
