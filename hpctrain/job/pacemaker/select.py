"""Pacemaker's basis functions, for the choice: python -m job.pacemaker.select (see ../choose.py).

Python 3.8 and later, in the trainer's environment.
"""

from __future__ import annotations

import sys
from typing import Any, Tuple

from ..choose import main


class PacemakerBasis:
    """The functions of a .yaml, by pyace."""

    def __init__(self, potential: str) -> None:
        from pyace import ACEBEvaluator, ACECalculator
        from pyace.basis import ACEBBasisSet

        basis = ACEBBasisSet(potential)
        self.elements = tuple(basis.elements_name)
        self.cutoff = float(basis.cutoffmax)
        # pyace keeps no reference to basis and evaluator, and would use them after their end.
        self._basis = basis
        self._evaluator = ACEBEvaluator(basis)
        self._calculator = ACECalculator(self._evaluator)

    def functions(self, atoms: Any) -> Tuple[Any, Any]:
        """Return the elements of the atoms [n], and their functions, a list of [m] each."""
        import numpy as np
        from pyace.atomicenvironment import aseatoms_to_atomicenvironment

        numbers = {name: number for number, name in enumerate(self.elements)}
        around = aseatoms_to_atomicenvironment(
            atoms, cutoff=self.cutoff, elements_mapper_dict=numbers
        )
        self._calculator.compute(around, compute_projections=True)
        count = len(atoms)
        species = np.array(around.species_type[:count], dtype=int)
        return species, [np.reshape(one, -1) for one in self._calculator.projections[:count]]


if __name__ == "__main__":
    sys.exit(main(PacemakerBasis))
