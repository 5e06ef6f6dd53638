"""Stands in for pyace and tensorpotential: ASE calculators for what the stand-ins have "fitted"."""

from __future__ import annotations

from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import yaml
from ase.calculators.calculator import Calculator, all_changes


class _PerAtom(Calculator):  # type: ignore[misc]
    """The energy per atom that a file of a stand-in names, and no forces."""

    implemented_properties = ("energy", "forces")
    _per_atom: float

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


class PyACECalculator(_PerAtom):
    """Of a .yace."""

    def __init__(self, potential: str) -> None:
        super().__init__()
        if not potential.endswith(".yace"):
            raise ValueError(f"the archived file is the .yace, not {potential}")
        self._per_atom = float(yaml.safe_load(Path(potential).read_text())["energy_per_atom"])


class OfGrace(_PerAtom):
    """Of a stand-in of gracemaker, with stresses, which are zero too."""

    implemented_properties = ("energy", "forces", "stress")

    def __init__(self, file: Path) -> None:
        super().__init__()
        content = yaml.safe_load(file.read_text())
        self._per_atom, self.cutoff = content["energy_per_atom"], content["cutoff"]
        self.elements = content.get("elements") or content["chemical_symbols"]

    def calculate(
        self,
        atoms: Any = None,
        properties: Any = ("energy",),
        system_changes: Any = all_changes,
    ) -> None:
        super().calculate(atoms, properties, system_changes)
        self.results["stress"] = np.zeros(6)


class PyGRACEFSCalculator(OfGrace):
    """Of the preset FS."""

    def __init__(self, potential: str) -> None:
        super().__init__(Path(potential))
        self.basis = SimpleNamespace(elements_name=self.elements)


class TPCalculator(OfGrace):
    """Of an exported model, a folder."""

    def __init__(self, model: str) -> None:
        super().__init__(Path(model, "saved_model.pb"))
        self.element_map = dict.fromkeys(self.elements, 0)
