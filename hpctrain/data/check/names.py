"""The names of the checks, how severe each is, and what to do."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

Severity = Literal["stop", "warn"]


@dataclass(frozen=True)
class Check:
    """One check. ``title``: what a finding says; ``todo``: what to do about it."""

    severity: Severity
    title: str
    todo: str


# A finding that stops is certainly a mistake, or submit refuses it too; docs/preflight.md has the
# threshold of each, and where it comes from.
CHECKS: dict[str, Check] = {
    "unusable": Check(
        "stop", "rows that cannot be trained on",
        "correct them, leave them out with data.select, or use --skip-bad",
    ),
    "zero_energy": Check(
        "stop", "the energy is exactly 0.0",
        "a missing energy was filled with 0: take it from the calculation, or leave these rows out",
    ),
    "zero_forces": Check(
        "stop", "all forces are exactly 0, and no symmetry asks for it",
        "missing forces were filled with 0, or constraints were applied: take them from the "
        "calculation (ASE: get_forces(apply_constraint=False)), or leave these rows out",
    ),
    "overlapping": Check(
        "stop", "two atoms are closer than 0.5 Å",
        "look for a duplicate atom, a cell in another unit, or positions that are not in Å",
    ),
    "isolated_atoms": Check(
        "stop", "no isolated atom of an element, or several with different energies",
        "add one row per element (one atom in a large box), or set training.reference_energies",
    ),
    "absurd_energy": Check(
        "warn", "more than a million eV per atom",
        "no element has that much: check the unit of the energies",
    ),
    "large_force": Check(
        "warn", "a force is larger than 50 eV/Å",
        "an unconverged calculation, or atoms that are too close: recompute these rows, leave "
        "them out, or accept that a few such forces dominate the fit",
    ),
    "large_stress": Check(
        "warn", "a stress is larger than 5 eV/Å^3 (800 GPa)",
        "probably kbar or GPa: ASE's unit is eV/Å^3 (1 GPa = 0.00624). A trainer that fits "
        "stresses, and other programs that read the exported files, would take it as it is",
    ),
    "net_force": Check(
        "warn", "the forces do not sum to zero",
        "forces set to zero by constraints, a missing atom, an external field, or a calculation "
        "with too coarse grids: recompute, or subtract the mean if it is small",
    ),
    "energy_outlier": Check(
        "warn", "the energy per atom is far from that of other rows of its config_type",
        "check these calculations (convergence, spin, level of theory); if they are intended, "
        "give them their own config_type",
    ),
    "short_distance": Check(
        "warn", "two atoms are closer than 0.7 times the sum of their covalent radii",
        "intended only for collisions at high energy; otherwise leave these rows out",
    ),
    "few_neighbours": Check(
        "warn", "an atom has fewer than 3 neighbours within the cutoff",
        "evaporated atoms, or a cutoff that is too short for these structures (training.cutoff)",
    ),
    "mixed_pbc": Check(
        "warn", "periodic in one or two directions only",
        "not every evaluator takes these: add vacuum and make them periodic in all",
    ),
    "energy_per_atom": Check(
        "warn", "the energies look like eV per atom, not per structure",
        "they do not grow with the number of atoms: store the total energy",
    ),
    "units": Check(
        "warn", "energies and forces are not in the same units, or do not belong together",
        "energies must be in eV and forces in eV/Å, and the forces must be derivatives of that "
        "energy",
    ),
    "binding": Check(
        "warn", "the energies do not fit those of the isolated atoms",
        "check the units, and that the isolated atoms were computed with the same settings",
    ),
    "many_parameters": Check(
        "warn", "the potential has more parameters than the data have labels",
        "use a smaller training.b_basis_size, or auto, or more data: parameters that the data "
        "do not determine can take any value",
    ),
    "leakage": Check(
        "warn", "structures of the test set are in the training set too",
        "the test errors look better than they are: leave duplicates out with --dedupe, or "
        "keep related structures on one side (data.split: grouped)",
    ),
    "other_energy": Check(
        "warn", "the same structure with different energies or forces",
        "hpctrain cannot tell which is right: leave the others out (data.select)",
    ),
    "mixed_references": Check(
        "warn", "the energies have two references",
        "total energies beside cohesive ones, other pseudopotentials, or a shift of each element: "
        "bring all to one reference, or train on one part (data.select)",
    ),
    "mixed_theory": Check(
        "warn", "several levels of theory, charges, spins or magnetic orders",
        "a potential sees only positions and elements, and would fit their mean: train on one "
        "at a time (data.select), or recompute",
    ),
}  # fmt: skip
