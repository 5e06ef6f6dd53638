"""The rows of the linear start's equations, quickly: NumPy instead of pyace.

Neighbours and radial functions are pyace's own, the functions those of linear_functions. Python
3.8 and later.
"""

from __future__ import annotations

import math
import threading
from itertools import chain
from typing import Any, Iterator, Sequence

from .linear_functions import Columns, Element, harmonics

# Atoms are taken together up to so many pairs: enough for NumPy, little enough for a cache.
PAIRS_TOGETHER = 1500


def environment(atoms: Any, basis: Any, cutoff: float) -> Any:
    """Return pyace's neighbours of each atom of a structure."""
    from pyace.atomicenvironment import aseatoms_to_atomicenvironment

    numbers = {element: number for number, element in enumerate(basis.elements_name)}
    return aseatoms_to_atomicenvironment(atoms, cutoff=cutoff, elements_mapper_dict=numbers)


class QuickRows:
    """The same rows from NumPy; several threads may call it at once."""

    def __init__(self, basis: Any, cutoff: float) -> None:
        self.basis, self.cutoff = basis, cutoff
        self.lock = threading.Lock()  # radial functions keep what they have computed in themselves
        self.kept = threading.local()
        self.elements: list[Element] = []
        self.functions = 0
        for number in range(len(self.basis.elements_name)):
            self.elements.append(Element(self.basis, number, self.functions))
            self.functions = self.elements[-1].functions.stop

    def __call__(self, structures: Sequence[Any]) -> tuple[Any, Any]:
        import numpy as np

        sizes = np.array([len(atoms) for atoms in structures])
        element, centre, neighbour, vector = self._pairs(structures)
        values = np.zeros((len(element), self.functions))
        forces = np.zeros((len(element), 3, self.functions))
        for some in _chunks(centre, element[centre]):
            self._add(element, centre[some], neighbour[some], vector[:, some], values, forces)
        energies = np.add.reduceat(values, np.cumsum(sizes) - sizes, axis=0) / sizes[:, None]
        return energies, forces.reshape(3 * len(element), self.functions)

    def _pairs(self, structures: Sequence[Any]) -> tuple[Any, Any, Any, Any]:
        """Return the elements of the atoms, and centres, neighbours and vectors [3, pairs] of the
        pairs: by element of the centre, centre and neighbour."""
        import numpy as np

        elements, centres, neighbours, vectors = [], [], [], []
        before = 0
        for atoms in structures:
            around = environment(atoms, self.basis, self.cutoff)
            of_atoms = around.neighbour_list
            centre = np.repeat(np.arange(len(atoms)), [len(one) for one in of_atoms])
            image = np.fromiter(chain.from_iterable(of_atoms), int)
            positions = np.array(around.x)
            elements.append(around.species_type[: len(atoms)])
            centres.append(centre + before)
            neighbours.append(np.array(around.origins)[image] + before)
            vectors.append(positions[image] - positions[centre])
            before += len(atoms)
        element, centre = np.concatenate(elements), np.concatenate(centres)
        neighbour, vector = np.concatenate(neighbours), np.concatenate(vectors)
        order = np.lexsort((neighbour, centre, element[centre]))
        return element, centre[order], neighbour[order], np.ascontiguousarray(vector[order].T)

    def _add(
        self, elements: Any, centre: Any, neighbour: Any, vector: Any, values: Any, forces: Any
    ) -> None:
        """Add what atoms of one element have with their neighbours."""
        import numpy as np

        element = self.elements[elements[centre[0]]]
        centres, row = np.unique(centre, return_inverse=True)
        sums = np.zeros((element.sources.shape[1], len(centres)))
        steps = []
        for other, columns in element.columns.items():
            some = np.flatnonzero(elements[neighbour] == other)
            if len(some):
                value, step = self._of_neighbours(element.number, other, columns, vector[:, some])
                rows = row[some]
                begin = np.flatnonzero(np.diff(rows, prepend=-1))
                sums[columns.begin : columns.end, rows[begin]] = np.add.reduceat(value, begin, 1)
                steps.append((columns, step, rows, neighbour[some]))
        value, slopes = element.evaluate(sums)
        values[centres, element.functions] = value.T
        for columns, step, rows, others in steps:
            _add_forces(
                columns, step, rows, others, centres, slopes, forces[:, :, element.functions]
            )

    def _of_neighbours(
        self, number: int, other: int, columns: Columns, vector: Any
    ) -> tuple[Any, Any]:
        """Return what each neighbour adds to A [columns, n], and its gradient [columns, 3, n]."""
        import numpy as np

        distance = np.sqrt((vector**2).sum(axis=0))
        direction = np.ascontiguousarray(vector) / distance
        radial = self.basis.radial_functions
        with self.lock:
            radial.evaluate_range(distance, radial.nradbase, radial.nradial, number, other)
            # By kind: values and slopes [l, n, distance], copied from where the next ones go.
            functions = [
                [np.array(one.T, order="C")[None] for one in (radial.gr_vec, radial.dgr_vec)],
                [np.array(one.T, order="C") for one in (radial.fr_vec, radial.dfr_vec)],
            ]
        most = max(degree for _, degree, _, _ in columns.runs)
        angular, gradient = harmonics(direction, most)
        outward = angular[:, None] * direction
        count = columns.end - columns.begin
        value = self._space("value", count, len(distance))
        step = self._space(f"step {other}", count, 3, len(distance))
        part = self._space("part", 2 * most + 1, 3, len(distance))
        for kind, degree, numbers, where in columns.runs:
            of_degree, width = slice(degree**2, (degree + 1) ** 2), 2 * degree + 1
            for column, n in enumerate(numbers):
                here = slice(where.start + column * width, where.start + (column + 1) * width)
                height, slope = (one[degree][n] for one in functions[kind])
                np.multiply(height, angular[of_degree], out=value[here])
                # One n after the other, since that stays in the cache.
                np.multiply(height / distance, gradient[of_degree], out=step[here])
                step[here] += np.multiply(slope, outward[of_degree], out=part[:width])
        return value, step

    def _space(self, name: str, *shape: int) -> Any:
        """Return memory of this thread's own, again and again: new memory would take a third of
        the time."""
        import numpy as np

        kept, size = vars(self.kept), math.prod(shape)
        if name not in kept or len(kept[name]) < size:
            kept[name] = np.empty(size)
        return kept[name][:size].reshape(shape)


def _chunks(centre: Any, element: Any) -> Iterator[slice]:
    """Yield some pairs at a time: of whole atoms of one element."""
    import numpy as np

    begins = np.flatnonzero(np.diff(centre, prepend=-1))
    begin = 0
    for atom, end in zip(begins, [*begins[1:], len(centre)]):  # noqa: B905 (Python 3.8)
        if atom > begin and (end - begin > PAIRS_TOGETHER or element[atom] != element[begin]):
            yield slice(begin, atom)
            begin = atom
    if begin < len(centre):
        yield slice(begin, len(centre))


def _add_forces(
    columns: Columns, step: Any, row: Any, neighbour: Any, centres: Any, slopes: Any, forces: Any
) -> None:
    """Add the forces of the pairs, which are sorted by row, the place of their centre."""
    import numpy as np

    step = step.reshape(-1, len(row))
    begins = np.flatnonzero(np.diff(row, prepend=-1))
    # The images of an atom are one neighbour.
    new = (np.diff(row, prepend=-1) != 0) | (np.diff(neighbour, prepend=-1) != 0)
    number = np.cumsum(new) - 1
    atoms = neighbour[new]
    matrix = columns.matrix()
    for begin, end in zip(begins, [*begins[1:], len(row)]):  # noqa: B905 (Python 3.8)
        first, last = number[begin], number[end - 1] + 1
        # Of a pair the neighbour feels the force, and the centre its opposite.
        onto = np.zeros((end - begin, last - first + 1))
        onto[np.arange(end - begin), number[begin:end] - first] = -1
        onto[:, -1] = 1
        matrix.data[:] = slopes[row[begin]][columns.slopes]
        merged = (step[:, begin:end] @ onto).reshape(len(step) // 3, -1)
        added = (matrix @ merged).reshape(matrix.shape[0], 3, -1).T
        forces[atoms[first:last]] += added[:-1]
        forces[centres[row[begin]]] += added[-1]
