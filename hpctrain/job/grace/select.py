"""The basis functions of the preset fs, for the choice: python -m job.grace.select.

See ../choose.py. pyace evaluates the .yaml in C++; its projections, times the inverse in the .asi,
are the grades that it computes itself. Python 3.8 and later, in the trainer's environment.
"""

from __future__ import annotations

import sys
from typing import Any, Tuple

from ..choose import main


class FSBasis:
    """The functions of a .yaml of the preset fs, by pyace."""

    def __init__(self, potential: str) -> None:
        from pyace.grace_fs import GRACEFSBasisSet, GRACEFSBEvaluator, GRACEFSCalculator

        basis = GRACEFSBasisSet(potential)
        self._numbers = dict(basis.elements_to_index_map)
        self.elements = tuple(sorted(self._numbers, key=lambda name: self._numbers[name]))
        self.cutoff = float(basis.cutoffmax)
        # As of Pacemaker's: pyace would use both after their end.
        self._basis = basis
        self._evaluator = GRACEFSBEvaluator()
        self._evaluator.set_basis(basis)
        self._calculator = GRACEFSCalculator(self._evaluator)

    def functions(self, atoms: Any) -> Tuple[Any, Any]:
        """Return the elements of the atoms [n], and their functions, a list of [m] each."""
        import numpy as np
        from pyace.atomicenvironment import aseatoms_to_atomicenvironment

        around = aseatoms_to_atomicenvironment(
            atoms, cutoff=self.cutoff, elements_mapper_dict=self._numbers
        )
        self._calculator.compute(around, compute_projections=True)
        count = len(atoms)
        species = np.array(around.species_type[:count], dtype=int)
        return species, [np.reshape(one, -1) for one in self._calculator.projections[:count]]


if __name__ == "__main__":
    sys.exit(main(FSBasis))
