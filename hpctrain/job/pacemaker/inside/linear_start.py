"""Where a fit begins: the linear least squares of the first density, instead of zero.

ACE's energy and forces are linear in the coefficients of the first density, as long as the others
are zero and the embedding of the first is the density itself (exponent 1); the radial functions
stay as they are. Then the minimum of the trainer's own loss over them is one system of equations
away, and the optimiser begins there. Drautz, Phys. Rev. B 99, 014104 (2019); what it gains is in
docs/training.md. Python 3.8 and later, NumPy and pyace of the trainer's environment.
"""

from __future__ import annotations

import os
import time
from dataclasses import dataclass
from typing import Any, Callable, Sequence

from .linear_quick import QuickRows
from .linear_rows import PyaceRows, Rows, difference, in_rounds, threads

# training.start, which the driver passes on.
WANTED = os.environ.get("HPCTRAIN_START") == "linear"
# A sample is enough for a beginning.
MAX_ATOMS = 10_000
# Added to the equations' diagonal: keeps coefficients small that the data do not determine. The
# weights of the structures sum to 1, and so it means the same for any number of them.
RIDGE = 1e-6
# The quick rows and pyace's differ by 1e-13, from rounding; other functions would by 1.
AGREES = 1e-9
SAY_EVERY_S = 10.0
# What the trainer writes for zero.
ZERO = 1e-20


@dataclass(frozen=True)
class Start:
    """Coefficients to begin with, and the loss there without regularisation, over the sample."""

    x: Any
    loss: float
    structures: int
    seconds: float


def obstacle(x0: Any, potential: Any) -> str | None:
    """Return why the fit does not begin with linear coefficients, or None.

    ``x0`` are the coefficients [n] the trainer would begin with: of the radial functions, then of
    the functions.
    """
    import numpy as np
    from pyace.basis import ACEBBasisSet

    basis = ACEBBasisSet(potential)
    densities, functions = _sizes(potential, basis)
    if len(x0) != len(basis.all_coeffs):
        return "not all coefficients are fitted"
    if not (np.abs(np.asarray(x0)[len(x0) - densities * functions :]) < ZERO).all():
        return "it does not begin at zero"
    for block in potential.funcspecs_blocks:
        if block.number_of_species == 1 and list(block.fs_parameters[:2]) != [1.0, 1.0]:
            return "the embedding is not linear in the first density"
    return None


def start(
    x0: Any, potential: Any, data: Any, kappa: float, cutoff: float, say: Callable[[str], None]
) -> Start:
    """Return the coefficients of least loss over the first density.

    ``data`` is the table of structures as the trainer holds it; ``say`` is told of the progress.
    """
    import numpy as np
    from pyace.basis import ACEBBasisSet

    begin = time.monotonic()
    basis = ACEBBasisSet(potential)
    densities, functions = _sizes(potential, basis)
    sample = data.iloc[:: -(-int(data["NUMBER_OF_ATOMS"].sum()) // MAX_ATOMS)]
    equations = _equations(basis, sample, kappa, cutoff, functions, say)
    found = equations.solve()
    x = np.array(x0, dtype=float)
    x[len(x) - densities * functions :: densities] = found
    return Start(x, equations.loss(found), len(sample), time.monotonic() - begin)


class Equations:
    """The normal equations of a weighted least-squares problem, row by row."""

    def __init__(self, unknowns: int) -> None:
        import numpy as np

        self.matrix, self.right = np.zeros((unknowns, unknowns)), np.zeros(unknowns)
        self.labels = 0.0

    def add(self, rows: Any, weights: Any, labels: Any) -> None:
        """Add rows [n, unknowns] with the weights [n] of their squared errors, and labels [n]."""
        import numpy as np

        roots = np.sqrt(weights)
        rows, labels = rows * roots[:, None], labels * roots
        self.matrix += rows.T @ rows
        self.right += rows.T @ labels
        self.labels += float(labels @ labels)

    def solve(self) -> Any:
        """Return the unknowns of least loss; ValueError where there are none."""
        import numpy as np

        found = np.linalg.solve(self.matrix + RIDGE * np.eye(len(self.right)), self.right)
        if not np.isfinite(found).all():
            raise ValueError("the equations have no solution")
        return found

    def loss(self, unknowns: Any) -> float:
        """Return the sum of weighted squared errors."""
        return float(unknowns @ self.matrix @ unknowns - 2 * self.right @ unknowns + self.labels)


def quick_rows(basis: Any, slow: Rows, cutoff: float, structures: Sequence[Any]) -> Rows:
    """Return the quick rows; ValueError unless they agree with pyace's."""
    quick = QuickRows(basis, cutoff)
    off = difference(quick, slow, structures)
    if not off < AGREES:
        raise ValueError(f"they differ from pyace's by {off:.1g}")
    return quick


def _equations(
    basis: Any, sample: Any, kappa: float, cutoff: float, functions: int,
    say: Callable[[str], None],
) -> Equations:  # fmt: skip
    """Return the equations, from the quick rows if they agree with pyace's, else from pyace's."""
    slow = PyaceRows(basis, cutoff)
    try:
        quick = quick_rows(basis, slow, cutoff, list(sample["ase_atoms"]))
        return _collect(quick, threads(), sample, kappa, functions, say)
    except Exception as error:  # noqa: BLE001 whatever it is, there is the other way
        say(f"linear start: no quick equations ({type(error).__name__}: {error}); pyace's, slowly")
        return _collect(slow, 1, sample, kappa, functions, say)


def _collect(
    rows: Rows, workers: int, sample: Any, kappa: float, functions: int, say: Callable[[str], None]
) -> Equations:
    """Return the equations of the sample, with the weights that the trainer's loss has."""
    import numpy as np

    structures = list(sample["ase_atoms"])
    say(f"linear start: equations of {functions} functions from {len(structures)} structures, "
        f"{sum(map(len, structures))} atoms; threads: {workers}")  # fmt: skip
    energy_share = (1.0 - kappa) / float(sample["w_energy"].sum())
    force_share = kappa / float(sum(np.sum(weights) for weights in sample["w_forces"]))
    equations = Equations(functions)
    done, said = 0, time.monotonic()
    for count, energies, forces in in_rounds(rows, structures, functions, workers):
        some = sample.iloc[done : done + count]
        done += count
        weights, labels, sizes = (
            np.array([float(one) for one in some[name]])
            for name in ("w_energy", "energy_corrected", "NUMBER_OF_ATOMS")
        )
        equations.add(energies, energy_share * weights, labels / sizes)
        weights, labels = (
            np.concatenate([np.reshape(one, -1) for one in some[name]])
            for name in ("w_forces", "forces")
        )
        equations.add(forces, force_share * np.repeat(weights, 3), labels)
        if time.monotonic() - said >= SAY_EVERY_S:
            said = time.monotonic()
            say(f"linear start: {done} of {len(structures)} structures")
    return equations


def _sizes(potential: Any, basis: Any) -> tuple[int, int]:
    """Return the number of densities, and of the functions of all elements."""
    functions = sum(len(block) for blocks in (basis.basis_rank1, basis.basis) for block in blocks)
    return int(potential.funcspecs_blocks[0].ndensityi), functions
