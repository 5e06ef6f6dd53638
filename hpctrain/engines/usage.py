"""What the usage of every potential has: the formula of its energies, ASE, LAMMPS. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

FORMULA = "E(DFT) = E(potential) + Σ n_i E_i - shift N"
WHERE = (
    "n_i atoms of element i with the reference energy E_i, N atoms in all; "
    "forces and stresses need no correction"
)
UNITS = "energies eV, lengths Å, forces eV/Å; in LAMMPS: units metal"
ASE = (
    "A. Hjorth Larsen et al., J. Phys.: Condens. Matter 29, 273002 (2017), "
    "doi:10.1088/1361-648X/aa680e"
)


def lammps_word(path: str) -> str:
    """Quote a path as one word of a LAMMPS input."""
    return f'"{path}"' if " " in path else path


def total_energy(energies: Mapping[str, float] | None, shift: float) -> str:
    """Write the formula with its numbers: ``E(DFT) = E(potential) + n_Al (-0.2994 eV)``.

    Where the reference energies are not known, say that.
    """
    if energies is None:
        return "the reference energies are not known, and so total energies are not either"
    terms = "".join(f" + n_{element} ({value:.6g} eV)" for element, value in energies.items())
    return f"E(DFT) = E(potential){terms}" + (f" - N ({shift:.6g} eV)" if shift else "")


def article(
    title: str, family: str, given: str, journal: str, volume: int, start: str, year: int, doi: str,
    *, others: bool = True,
) -> dict[str, Any]:  # fmt: skip
    """Return a work as CITATION.cff has references; ``others``: it has more authors than one."""
    authors: list[dict[str, str]] = [{"family-names": family, "given-names": given}]
    return {
        "type": "article",
        "title": title,
        "authors": [*authors, {"name": "et al."}] if others else authors,
        "journal": journal,
        "volume": volume,
        "start": start,
        "year": year,
        "doi": doi,
    }
