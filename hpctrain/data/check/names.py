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
        "mend or deselect them (data.select), or leave them out with --skip-bad",
    ),
    "zero_energy": Check(
        "stop", "the energy is exactly 0.0",
        "a missing energy was filled with 0: take it from the calculation, or deselect the rows",
    ),
    "zero_forces": Check(
        "stop", "all forces are exactly 0, and no symmetry asks for it",
        "missing forces were filled with 0, or constraints were applied: take them from the "
        "calculation (ASE: get_forces(apply_constraint=False)), or deselect the rows",
    ),
    "overlapping": Check(
        "stop", "two atoms are nearer than 0.5 Å",
        "look for a doubled atom, a cell in another unit, or positions that are not in Å",
    ),
    "isolated_atoms": Check(
        "stop", "no isolated atom, or several that disagree",
        "add one row per element (one atom in a large box), or set training.reference_energies",
    ),
    "absurd_energy": Check(
        "warn", "more than a million eV per atom",
        "no element has that: look at the unit of the energies",
    ),
    "large_force": Check(
        "warn", "a force is beyond 50 eV/Å",
        "an unfinished calculation or atoms too near: recompute or deselect, or accept that a few "
        "such forces rule the fit",
    ),
    "large_stress": Check(
        "warn", "a stress is beyond 5 eV/Å^3 (800 GPa)",
        "kbar or GPa were stored: ASE's unit is eV/Å^3 (1 GPa = 0.00624). Pacemaker does not fit "
        "stresses, but whoever reads the exported files will",
    ),
    "net_force": Check(
        "warn", "the forces do not sum to zero",
        "forces set to zero by constraints, a missing atom, an external field, or a calculation "
        "with too coarse grids: recompute, or subtract the mean if it is small",
    ),
    "energy_outlier": Check(
        "warn", "the energy per atom is far from those of its kind",
        "look at these calculations (convergence, spin, level of theory); if they are meant, give "
        "them a config_type of their own",
    ),
    "short_distance": Check(
        "warn", "two atoms are nearer than 0.7 of their covalent radii",
        "wanted for collisions only; otherwise deselect the rows",
    ),
    "few_neighbours": Check(
        "warn", "an atom of a larger structure sees fewer than 3 others within the cutoff",
        "evaporated atoms, or a cutoff that is too short for these structures (training.cutoff)",
    ),
    "mixed_pbc": Check(
        "warn", "periodic in one or two directions only",
        "the evaluator tensorpot refuses these: add vacuum and make them periodic in all",
    ),
    "energy_per_atom": Check(
        "warn", "the energies look like eV per atom, not per structure",
        "they do not grow with the number of atoms: store the total energy",
    ),
    "units": Check(
        "warn", "energies and forces are not in the same units, or do not belong together",
        "energies must be eV and forces eV/Å, and the energy the one that the forces are "
        "derivatives of",
    ),
    "binding": Check(
        "warn", "energies and isolated atoms do not fit together",
        "look at the units, and that the isolated atoms were computed like all else",
    ),
    "many_parameters": Check(
        "warn", "the potential has more parameters than the data have labels",
        "write a smaller training.b_basis_size, or auto, or label more: what is not determined is "
        "free to be anything",
    ),
    "leakage": Check(
        "warn", "structures of the test set are in the training set too",
        "the test errors look better than they are: leave them out with --dedupe, or keep what "
        "belongs together on one side (data.split: grouped)",
    ),
    "other_energy": Check(
        "warn", "the same structure with different energies or forces",
        "which is right, nobody can see from here: deselect the others (data.select)",
    ),
    "mixed_references": Check(
        "warn", "the energies have two references",
        "total energies beside cohesive ones, other pseudopotentials, or a shift of each element: "
        "bring all to one reference, or train on one part (data.select)",
    ),
    "mixed_theory": Check(
        "warn", "the rows tell of several levels of theory, charges, spins or magnetic orders",
        "a potential knows positions and elements only, and would fit their mean: train on one at "
        "a time (data.select), or recompute",
    ),
}  # fmt: skip
