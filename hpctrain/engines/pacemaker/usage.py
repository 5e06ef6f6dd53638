"""How to use a potential of Pacemaker: lines for ASE and LAMMPS, what to cite. Pure."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from hpctrain.engines.usage import ASE, FORMULA, UNITS, WHERE, article, lammps_word

# Those that the authors of Pacemaker ask for (its README),
ACE = "R. Drautz, Phys. Rev. B 99, 014104 (2019), doi:10.1103/PhysRevB.99.014104"
PACE = "Y. Lysogorskiy et al., npj Comput. Mater. 7, 97 (2021), doi:10.1038/s41524-021-00559-9"
PACEMAKER = (
    "A. Bochkarev et al., Phys. Rev. Mater. 6, 013804 (2022), doi:10.1103/PhysRevMaterials.6.013804"
)
ACTIVE_SET = (
    "Y. Lysogorskiy et al., Phys. Rev. Mater. 7, 043801 (2023), "
    "doi:10.1103/PhysRevMaterials.7.043801"
)
# The same, as CITATION.cff wants them.
METHOD_WORKS = [
    article(
        "Atomic cluster expansion for accurate and transferable interatomic potentials",
        "Drautz", "Ralf", "Physical Review B", 99, "014104", 2019, "10.1103/PhysRevB.99.014104",
        others=False,
    ),
    article(
        "Performant implementation of the atomic cluster expansion (PACE) and application to "
        "copper and silicon",
        "Lysogorskiy", "Yury", "npj Computational Materials", 7, "97", 2021,
        "10.1038/s41524-021-00559-9",
    ),
    article(
        "Efficient parametrization of the atomic cluster expansion",
        "Bochkarev", "Anton", "Physical Review Materials", 6, "013804", 2022,
        "10.1103/PhysRevMaterials.6.013804",
    ),
]  # fmt: skip
ACTIVE_SET_WORK = article(
    "Active learning strategies for atomic cluster expansion models",
    "Lysogorskiy", "Yury", "Physical Review Materials", 7, "043801", 2023,
    "10.1103/PhysRevMaterials.7.043801",
)  # fmt: skip


def usage(stem: str, elements: Sequence[str], active_set: bool) -> dict[str, Any]:
    """Say how to use a potential, of the files STEM.yace, STEM.yaml and perhaps STEM.asi.

    ``active_set`` says whether there is STEM.asi. LAMMPS's atom types are in the order of
    ``elements``.
    """
    names = " ".join(elements)
    lines: dict[str, Any] = {
        "ase": [
            "from pyace import PyACECalculator",
            f"atoms.calc = PyACECalculator({stem + '.yace'!r})",
        ],
        "lammps": ["pair_style pace", f"pair_coeff * * {lammps_word(stem + '.yace')} {names}"],
    }
    if active_set:
        # The extrapolation grade needs the basis as Pacemaker wrote it: the .yaml, in LAMMPS
        # (pair_style pace, its manual) as in ASE (python-ace 0.4.0rc1 refuses a .yace).
        lines["ase_extrapolation"] = [
            f"atoms.calc = PyACECalculator({stem + '.yaml'!r})",
            f"atoms.calc.set_active_set({stem + '.asi'!r})",
            "atoms.get_potential_energy(); gamma = atoms.calc.results['gamma']",
        ]
        lines["lammps_extrapolation"] = [
            "pair_style pace/extrapolation",
            f"pair_coeff * * {lammps_word(stem + '.yaml')} {lammps_word(stem + '.asi')} {names}",
            "fix pace_gamma all pair 10 pace/extrapolation gamma 1",
            "compute max_pace_gamma all reduce max f_pace_gamma",
        ]
    return {
        "energy": {"formula": FORMULA, "where": WHERE},
        "units": UNITS,
        "atom_types": {str(number): name for number, name in enumerate(elements, start=1)},
        **lines,
        "cite": [ACE, PACE, PACEMAKER, *([ACTIVE_SET] if active_set else []), ASE],
    }


def works(active_set: bool) -> list[dict[str, Any]]:
    """Return the works to cite as CITATION.cff has references."""
    return [*METHOD_WORKS, *([ACTIVE_SET_WORK] if active_set else [])]


def to_get_active_set(card: Mapping[str, Any]) -> str:
    """Say what to do about an active set that a potential lacks, by its card."""
    data = card["dataset"]["train"]
    if data is None:
        return "make one with pace_activeset, beside the potential's .yaml"
    chosen = (card.get("basis_size") or {}).get("chosen")
    functions = chosen or card["settings"]["training"].get("b_basis_size")
    fits = int(0.7 * data["atoms"] / max(1, len(card["elements"])))
    return (
        "an active set needs as many atoms of each element as there are basis functions; "
        f"here there are {functions} functions, and {data['atoms']} atoms to train on: "
        f"hpctrain submit --set training.b_basis_size={max(1, fits)}"
    )
