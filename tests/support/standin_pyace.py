"""Stands in for pyace: an ASE calculator for what the stand-in of pacemaker has "fitted"."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import yaml
from ase.calculators.calculator import Calculator, all_changes


class PyACECalculator(Calculator):  # type: ignore[misc]
    """The energy per atom that a .yace of the stand-in names, and no forces."""

    implemented_properties = ("energy", "forces")

    def __init__(self, potential: str) -> None:
        super().__init__()
        if not potential.endswith(".yace"):
            raise ValueError(f"the archived file is the .yace, not {potential}")
        self._per_atom = float(yaml.safe_load(Path(potential).read_text())["energy_per_atom"])

    def calculate(
        self,
        atoms: Any = None,
        properties: Any = ("energy",),
        system_changes: Any = all_changes,
    ) -> None:
        super().calculate(atoms, properties, system_changes)
        self.results = {
            "energy": self._per_atom * len(atoms),
            "forces": np.zeros((len(atoms), 3)),
        }
