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


def archive(folder: Path) -> Project:
    (folder / "hpctrain.yaml").write_text("project: al\n")
    project = Project(folder / "hpctrain.yaml")
    report = project.potentials / "report" / NAME
    report.mkdir(parents=True)
    shutil.copyfile(OF_REPORT / "card.json", project.potentials / f"{NAME}.json")
    for name in ("learning_curve.csv", "verification.json"):
        shutil.copyfile(OF_REPORT / name, report / name)
    return project
