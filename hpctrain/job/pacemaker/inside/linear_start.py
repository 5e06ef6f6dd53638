"""Where a fit begins: the linear least squares of the first density, instead of zero.

ACE's energy and forces are linear in the coefficients of the first density, as long as the others
are zero and the embedding of the first is the density itself (exponent 1); the radial functions
stay as they are. Then the minimum of the trainer's own loss over them is one system of equations
away, and the optimiser begins there. Drautz, Phys. Rev. B 99, 014104 (2019); what it gains is in
docs/training.md. Python 3.8 and later, NumPy and pyace of the trainer's environment.
"""

from __future__ import annotations

import os
from dataclasses import dataclass
from typing import Any, Iterator, Sequence

# training.start, which the driver passes on.
WANTED = os.environ.get("HPCTRAIN_START") == "linear"
# A sample is enough for a beginning: the equations of one atom take about a millisecond.
MAX_ATOMS = 10_000
# Added to the equations' diagonal: keeps coefficients small that the data do not determine. The
# weights of the structures sum to 1, and so it means the same for any number of them.
RIDGE = 1e-6
# What the trainer writes for zero.
ZERO = 1e-20


@dataclass(frozen=True)
class Start:
    """Coefficients to begin with, and the loss there without regularisation, over the sample."""

    x: Any
    loss: float
    structures: int


def obstacle(x0: Any, potential: Any) -> str | None:
    """Why the fit does not begin with linear coefficients, or None.

    ``x0`` are the coefficients [n] the trainer would begin with: of the radial functions, then of
    the functions.
    """
    import numpy as np
    from pyace.basis import ACEBBasisSet

    densities, functions = _sizes(potential)
    if len(x0) != len(ACEBBasisSet(potential).all_coeffs):
        return "not all coefficients are fitted"
    if not (np.abs(np.asarray(x0)[len(x0) - densities * functions :]) < ZERO).all():
        return "it does not begin at zero"
    for block in potential.funcspecs_blocks:
        if block.number_of_species == 1 and list(block.fs_parameters[:2]) != [1.0, 1.0]:
            return "the embedding is not linear in the first density"
    return None


def start(x0: Any, potential: Any, data: Any, kappa: float, cutoff: float) -> Start:
    """The coefficients of least loss over the first density; ``data`` as the trainer holds them."""
    import numpy as np

    densities, functions = _sizes(potential)
    sample = data.iloc[:: -(-int(data["NUMBER_OF_ATOMS"].sum()) // MAX_ATOMS)]
    energy_share = (1.0 - kappa) / float(sample["w_energy"].sum())
    force_share = kappa / float(sum(np.sum(weights) for weights in sample["w_forces"]))
    matrix, right, labels = np.zeros((functions, functions)), np.zeros(functions), 0.0
    rows = _rows(potential, sample["ase_atoms"], cutoff, functions)
    for (energies, forces), (_, row) in zip(rows, sample.iterrows()):  # noqa: B905 (3.8)
        per_atom = float(row["energy_corrected"]) / len(row["ase_atoms"])
        weight = energy_share * float(row["w_energy"])
        weights = force_share * np.repeat(np.reshape(row["w_forces"], -1), 3)
        labelled = np.reshape(row["forces"], -1)
        matrix += weight * np.outer(energies, energies) + (forces.T * weights) @ forces
        right += weight * per_atom * energies + forces.T @ (weights * labelled)
        labels += weight * per_atom**2 + float(weights @ labelled**2)
    found = np.linalg.solve(matrix + RIDGE * np.eye(functions), right)
    if not np.isfinite(found).all():
        raise ValueError("the equations have no solution")
    x = np.array(x0, dtype=float)
    x[len(x) - densities * functions :: densities] = found
    loss = float(found @ matrix @ found - 2 * right @ found + labels)
    return Start(x, loss, len(sample))


def _sizes(potential: Any) -> tuple[int, int]:
    """Densities, and functions of all elements."""
    from pyace.basis import ACEBBasisSet

    basis = ACEBBasisSet(potential)
    functions = sum(len(block) for blocks in (basis.basis_rank1, basis.basis) for block in blocks)
    return int(potential.funcspecs_blocks[0].ndensityi), functions


def _rows(
    potential: Any, structures: Sequence[Any], cutoff: float, functions: int
) -> Iterator[tuple[Any, Any]]:
    """What each function adds, per coefficient, to a structure's energy per atom [functions], and
    to its force components [3 n, functions]."""
    import numpy as np
    from pyace import ACEBEvaluator, ACECalculator
    from pyace.atomicenvironment import aseatoms_to_atomicenvironment
    from pyace.basis import ACEBBasisSet

    basis = ACEBBasisSet(potential)
    evaluator = ACEBEvaluator(basis)
    calculator = ACECalculator(evaluator)
    numbers = {element: number for number, element in enumerate(basis.elements_name)}
    both = zip(basis.basis_rank1, basis.basis)  # noqa: B905 (Python 3.8)
    first = np.cumsum([0, *(len(one) + len(more) for one, more in both)])
    for atoms in structures:
        environment = aseatoms_to_atomicenvironment(
            atoms, cutoff=cutoff, elements_mapper_dict=numbers
        )
        calculator.compute(environment, compute_projections=True, compute_b_grad=True)
        energies = np.zeros(functions)
        per_atom = zip(environment.species_type, calculator.projections)  # noqa: B905 (3.8)
        for species, projections in per_atom:
            energies[first[species] : first[species] + len(projections)] += projections
        forces = np.array(calculator.forces_bfuncs)  # [n, functions, 3]
        yield energies / len(atoms), forces.transpose(0, 2, 1).reshape(3 * len(atoms), functions)
