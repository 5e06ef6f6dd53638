"""A project with one archived potential, as it was recorded from the real trainer."""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import Any

from paths import RECORDED

from hpctrain.pages.learning_curve import curves_of_csv
from hpctrain.pages.subject import Subject, of_potential
from hpctrain.project import Project

OF_REPORT = RECORDED / "report"
NAME = "potential_gen_01"


def read(name: str) -> dict[str, Any]:
    content: dict[str, Any] = json.loads((OF_REPORT / name).read_text(encoding="utf-8"))
    return content


def subject(**verification: Any) -> Subject:
    """The potential; of the verification, these keys are replaced."""
    curves = curves_of_csv((OF_REPORT / "learning_curve.csv").read_text())
    return of_potential(read("card.json"), curves, {**read("verification.json"), **verification})


def newer(**parity: Any) -> Subject:
    """The same as today's jobs and checks tell it; these keys of parity are replaced.

    Made of what was recorded: ids and distances are invented, and one structure to draw.
    """
    card, content = read("card.json"), read("verification.json")
    for metrics in card["metrics"].values():
        if isinstance(metrics, dict):
            metrics |= {"mae_energy_mev_per_atom": 50.04, "max_energy_mev_per_atom": 201.3,
                        "r2_energy": 0.9999543, "mae_force_ev_per_a": 0.0611,
                        "max_force_ev_per_a": 0.8, "r2_force": 0.97}  # fmt: skip
    card["basis"] = {"functions": 20, "parameters": 131}
    card["run"]["spent"] = {"core_hours": 12.5, "gpu_hours": 0.0, "attempts": 2, "of": 3}
    card["run"]["environment"]["cpu"] = "Made(R) Processor"
    checks = {check["name"]: check["data"] for check in content["checks"]}
    checks["nve"] |= {"us_per_atom_and_step": 93.21, "atoms": 36}
    for name in ("train", "test"):
        side = checks["parity"][name]
        side["atoms"] = 3 * side["structures"]
        for kind, one in side["kinds"].items():
            one["ids"] = [f"{kind}-{n}" for n in range(len(one["energies"]))]
            one["nearest"] = [2.5 + 0.01 * n for n in range(len(one["energies"]))]
            one["norms"] = [
                [abs(label) + 0.002, abs(label - here)] for label, here in one["forces"]
            ]
        for row in side["largest_energy_errors"] + side["largest_force_errors"]:
            row |= {"label_ev_per_atom": -3.0, "error_mev_per_atom": 12.0, "error_ev_per_a": 0.2,
                    "atoms": 2, "atom": 1}  # fmt: skip
        side["largest_energy_errors"][0]["structure"] = {
            "symbols": ["Al", "Cu"], "radii": [1.21, 1.32], "pbc": [True, True, False],
            "positions": [[0.0, 0.0, 0.0], [1.0, 1.0, 2.0]],
            "cell": [[2.8, 0.0, 0.0], [0.0, 2.8, 0.0], [0.0, 0.0, 12.0]],
            "force_errors": [0.05, 0.2],
        }  # fmt: skip
    points = [[0.4, 0.1], [0.9, 0.2], [1.7, 0.3], [0.8, 0.0]]
    highest = {"id": "7", "kind": "slab", "grade": 1.7, "atom": 2}
    checks["parity"]["grades"] = {"structures": 4, "of": 18, "outside": 1, "highest": highest,
                                  "points": points}  # fmt: skip
    checks["parity"] |= parity
    curves = curves_of_csv((OF_REPORT / "learning_curve.csv").read_text())
    return of_potential(card, curves, content, "../..")


def archive(folder: Path) -> Project:
    (folder / "hpctrain.yaml").write_text("project: al\n")
    project = Project(folder / "hpctrain.yaml")
    report = project.potentials / "report" / NAME
    report.mkdir(parents=True)
    shutil.copyfile(OF_REPORT / "card.json", project.potentials / f"{NAME}.json")
    for name in ("learning_curve.csv", "verification.json"):
        shutil.copyfile(OF_REPORT / name, report / name)
    return project
