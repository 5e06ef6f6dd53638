"""How to use a GRACE potential: the formula, lines for ASE and LAMMPS, what to cite. Pure."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from typing import Any

from hpctrain.engines.usage import ASE, FORMULA, UNITS, WHERE, article, lammps_word

MODEL, FS, ACTIVE_SET = "model", "yaml", "asi"
# Those that the authors of GRACE ask for (its README), the active set's.
GRACE = (
    "A. Bochkarev, Y. Lysogorskiy, R. Drautz, Phys. Rev. X 14, 021036 (2024), "
    "doi:10.1103/PhysRevX.14.021036"
)
GRACEMAKER = (
    "Y. Lysogorskiy, A. Bochkarev, R. Drautz, npj Comput. Mater. 12, 114 (2026), "
    "doi:10.1038/s41524-026-01979-1"
)
D_OPTIMALITY = (
    "Y. Lysogorskiy et al., Phys. Rev. Mater. 7, 043801 (2023), "
    "doi:10.1103/PhysRevMaterials.7.043801"
)
# Its install.md, of 2025: no release of LAMMPS has these pair styles.
LAMMPS = (
    "these pair styles are in the LAMMPS of GRACE's authors: github.com/yury-lysogorskiy/lammps, "
    "branch grace, built with ML-PACE"
)
TENSORFLOW = "; pair_style grace needs TensorFlow there"
# The same, as CITATION.cff wants them.
GRACE_WORK = article(
    "Graph Atomic Cluster Expansion for Semilocal Interactions beyond Equivariant Message Passing",
    "Bochkarev", "Anton", "Physical Review X", 14, "021036", 2024, "10.1103/PhysRevX.14.021036",
)  # fmt: skip
GRACEMAKER_WORK = article(
    "Graph atomic cluster expansion for foundational machine learning interatomic potentials",
    "Lysogorskiy", "Yury", "npj Computational Materials", 12, "114", 2026,
    "10.1038/s41524-026-01979-1",
)  # fmt: skip
D_OPTIMALITY_WORK = article(
    "Active learning strategies for atomic cluster expansion models",
    "Lysogorskiy", "Yury", "Physical Review Materials", 7, "043801", 2023,
    "10.1103/PhysRevMaterials.7.043801",
)  # fmt: skip


def usage(stem: str, elements: Sequence[str], suffixes: Collection[str]) -> dict[str, Any]:
    """Say how to use a potential, of the folder STEM.model and perhaps STEM.yaml and STEM.asi.

    LAMMPS's atom types are in the order of ``elements``.
    """
    names = " ".join(elements)
    model = f"{stem}.{MODEL}"
    lines: dict[str, Any] = {
        "ase": [
            "from tensorpotential.calculator import TPCalculator",
            f"atoms.calc = TPCalculator({model!r})",
        ],
        "lammps": ["pair_style grace", f"pair_coeff * * {lammps_word(model)} {names}"],
        "lammps_needs": LAMMPS + TENSORFLOW,
    }
    if FS in suffixes:
        fs = f"{stem}.{FS}"
        lines["ase_without_tensorflow"] = [
            "from pyace.asecalc import PyGRACEFSCalculator",
            f"atoms.calc = PyGRACEFSCalculator({fs!r})",
        ]
        lines["lammps_without_tensorflow"] = [
            "pair_style grace/fs",
            f"pair_coeff * * {lammps_word(fs)} {names}",
        ]
        if ACTIVE_SET in suffixes:
            grades = f"{stem}.{ACTIVE_SET}"
            lines["ase_extrapolation"] = [
                "from pyace.asecalc import PyGRACEFSCalculator",
                f"atoms.calc = PyGRACEFSCalculator({fs!r})",
                f"atoms.calc.set_active_set({grades!r})",
                "atoms.get_potential_energy(); gamma = atoms.calc.results['gamma']",
            ]
            lines["lammps_extrapolation"] = [
                "pair_style grace/fs extrapolation",
                f"pair_coeff * * {lammps_word(fs)} {lammps_word(grades)} {names}",
                "fix grace_gamma all pair 10 grace/fs gamma 1",
                "compute max_grace_gamma all reduce max f_grace_gamma",
            ]
    return {
        "energy": {"formula": FORMULA, "where": WHERE},
        "units": UNITS,
        "atom_types": {str(number): name for number, name in enumerate(elements, start=1)},
        **lines,
        "cite": [GRACE, GRACEMAKER, *([D_OPTIMALITY] if ACTIVE_SET in suffixes else []), ASE],
    }


def works(suffixes: Collection[str]) -> list[dict[str, Any]]:
    """Return the works to cite as CITATION.cff has references."""
    return [GRACE_WORK, GRACEMAKER_WORK, *([D_OPTIMALITY_WORK] if ACTIVE_SET in suffixes else [])]
