"""ACE's functions and their slopes in NumPy, for the equations of the linear start.

A function is a sum of products of A, an atom's sums of R_nl Y_lm over its neighbours (Drautz,
Phys. Rev. B 99, 014104 (2019)); of a product the real part counts. A is kept in real columns: for
each n and l the sum with m = 0, and for each m > 0 the real and the imaginary part of its sum,
from which the sum with -m follows. Python 3.8 and later.
"""

from __future__ import annotations

from itertools import groupby
from typing import Any, Iterator


class Columns:
    """The columns of A that neighbours of one element add to."""

    def __init__(self, begin: int) -> None:
        self.begin = self.end = begin
        # Columns of equal l: kind (0 for functions of one neighbour, which have radial functions
        # of their own), l, the numbers n, and where among these columns they are.
        self.runs: list[tuple[int, int, list[int], slice]] = []

    def add(self, kind: int, degree: int, numbers: list[int]) -> None:
        begin, self.end = self.end, self.end + (2 * degree + 1) * len(numbers)
        where = slice(begin - self.begin, self.end - self.begin)
        self.runs.append((kind, degree, numbers, where))

    def place_slopes(self, function: Any, column: Any, functions: int) -> None:
        """Note which of an element's slopes are by these columns, and where in a matrix they go."""
        import numpy as np

        self.slopes = np.flatnonzero((column >= self.begin) & (column < self.end))
        self.indices = column[self.slopes] - self.begin
        self.indptr = np.searchsorted(function[self.slopes], np.arange(functions + 1))

    def matrix(self) -> Any:
        """Return a sparse matrix [functions, columns] whose data are to be the slopes."""
        import numpy as np
        from scipy.sparse import csr_matrix

        shape = (len(self.indptr) - 1, self.end - self.begin)
        return csr_matrix((np.zeros(len(self.indices)), self.indices, self.indptr), shape)


class Element:
    """The functions of one central element; ``first`` is the number of the first of them."""

    def __init__(self, basis: Any, number: int, first: int) -> None:
        self.number = number
        self.columns: dict[int, Columns] = {}  # by the neighbours' element
        terms = list(_terms(basis, number))
        self.functions = slice(first, first + terms[-1][0] + 1)
        middles = self._place_columns({factor[:4] for _, factors, _ in terms for factor in factors})
        self._place_products(
            [(function, [middles[factor[:4]] + factor[4] for factor in factors], coefficient)
             for function, factors, coefficient in terms]
        )  # fmt: skip

    def _place_columns(self, used: set[tuple[int, ...]]) -> dict[tuple[int, ...], int]:
        """Place the 2 l + 1 columns of each element, kind, l and n; return where their middle is.

        In as many places, from m = -l to l, are the complex A; of each it is noted from which
        columns its real and its imaginary part come, and with which sign.
        """
        import numpy as np

        middles: dict[tuple[int, ...], int] = {}
        end = 0
        for (other, kind, degree), several in groupby(sorted(used), lambda one: one[:3]):
            numbers = [one[3] for one in several]
            self.columns.setdefault(other, Columns(end)).add(kind, degree, numbers)
            for n in numbers:
                middles[other, kind, degree, n] = end + degree
                end += 2 * degree + 1
        self.sources, self.signs = np.zeros((2, end), dtype=int), np.zeros((2, end, 1))
        for (_, _, degree, _), middle in middles.items():
            for m in range(-degree, degree + 1):
                real = middle - degree + max(2 * abs(m) - 1, 0)
                self.sources[:, middle + m] = real, real + (m != 0)
                sign = 1 if m >= 0 else (-1) ** m
                self.signs[:, middle + m, 0] = sign, sign * ((m > 0) - (m < 0))
        return middles

    def _place_products(self, terms: list[tuple[int, list[int], float]]) -> None:
        """List the products of functions and slopes, each once, and what is the sum of which."""
        import numpy as np

        values, slopes = [], []
        for function, factors, coefficient in terms:
            values.append((function, 0, tuple(sorted(factors)), coefficient))
            for number, factor in enumerate(factors):
                rest = tuple(sorted(factors[:number] + factors[number + 1 :]))
                # The real part of (re + i im) rest is re Re(rest) - im Im(rest).
                for part, weight in enumerate((coefficient, -coefficient)):
                    sign = self.signs[part, factor, 0]
                    if sign:
                        place = (function, int(self.sources[part, factor]))
                        slopes.append((place, part, rest, sign * weight))
        needed = {product[:end] for _, _, product, _ in [*values, *slopes]
                  for end in range(len(product) + 1)}  # fmt: skip
        place_of = {product: number for number, product
                    in enumerate(sorted(needed, key=lambda one: (len(one), one)))}  # fmt: skip
        # Each product is the one without its last factor, times that factor.
        self.steps = []
        for length, several in groupby(place_of, len):
            if length:
                pairs = [(place_of[product[:-1]], product[-1]) for product in several]
                self.steps.append(np.array(pairs).T)
        self.products = len(place_of)
        self.values = _sums(values, place_of, range(values[-1][0] + 1))
        by = sorted({place for place, *_ in slopes})
        self.slopes = _sums(slopes, place_of, by)
        function, column = np.array(by).T
        for columns in self.columns.values():
            columns.place_slopes(function, column, self.values.shape[0])

    def evaluate(self, sums: Any) -> tuple[Any, Any]:
        """Return values [functions, atoms] and slopes [atoms, slopes] for A [columns, atoms]."""
        import numpy as np

        real, imaginary = sums[self.sources] * self.signs
        factors = real + 1j * imaginary
        products = np.ones((self.products, sums.shape[1]), dtype=complex)
        end = 1
        for without_last, last in self.steps:
            begin, end = end, end + len(last)
            np.multiply(products[without_last], factors[last], out=products[begin:end])
        parts = np.concatenate([products.real, products.imag])
        return self.values @ parts, np.ascontiguousarray((self.slopes @ parts).T)


def _terms(basis: Any, number: int) -> Iterator[tuple[int, list[tuple[int, ...]], float]]:
    """Yield function, factors (neighbour's element, kind, l, n, m) and coefficient of each term."""
    of_one = list(basis.basis_rank1[number])
    for index, function in enumerate([*of_one, *basis.basis[number]]):
        kind = int(index >= len(of_one))
        for ms, coefficient in zip(function.ms_combs, function.gen_cgs):  # noqa: B905 (Python 3.8)
            several = zip(function.mus, function.ns, function.ls, ms)  # noqa: B905 (Python 3.8)
            factors: list[tuple[int, ...]] = [
                (other, kind, degree, n - 1, m) for other, n, degree, m in several
            ]
            yield index, factors, coefficient


def _sums(terms: list[Any], place_of: dict[Any, int], rows: Any) -> Any:
    """Return the sparse matrix [rows, 2 products] that sums real and imaginary parts."""
    from scipy.sparse import csr_matrix

    row_of = {row: number for number, row in enumerate(rows)}
    weights = [weight for *_, weight in terms]
    at = ([row_of[row] for row, *_ in terms],
          [part * len(place_of) + place_of[product] for _, part, product, _ in terms])  # fmt: skip
    return csr_matrix((weights, at), shape=(len(row_of), 2 * len(place_of)))


def harmonics(direction: Any, most: int) -> tuple[Any, Any]:
    """Return Y_lm of directions [3, n] up to l = ``most``, as columns of A have them [(most + 1)^2,
    n], and their gradients on the sphere [(most + 1)^2, 3, n]; pyace's norm, in which Y_00 is 1."""
    import numpy as np

    x, y, z = direction
    legendre, slope = _legendre(z, most)
    values = np.empty(((most + 1) ** 2, len(z)))
    gradients = np.zeros(((most + 1) ** 2, 3, len(z)))
    powers = [np.ones(len(z), dtype=complex)]  # of x + i y
    for m in range(most + 1):
        powers.append(powers[-1] * (x + 1j * y))
        for degree in range(m, most + 1):
            by_x = m * powers[m - 1] * legendre[degree, m]
            parts = (powers[m] * legendre[degree, m], by_x, 1j * by_x, powers[m] * slope[degree, m])
            begin = degree**2 + max(2 * m - 1, 0)
            for column, part in enumerate(("real", "imag")[: 1 + (m > 0)], begin):
                values[column], *gradients[column] = (getattr(one, part) for one in parts)
    gradients -= (gradients * direction).sum(axis=1)[:, None] * direction
    return values, gradients


def _legendre(z: Any, most: int) -> tuple[dict[Any, Any], dict[Any, Any]]:
    """Return the normed associated Legendre functions of z, over sin^m, and their slopes."""
    import numpy as np

    values, slopes = {(0, 0): np.ones_like(z)}, {(0, 0): np.zeros_like(z)}
    for degree in range(1, most + 1):
        before = values[degree - 1, degree - 1]
        values[degree, degree] = -np.sqrt(1 + 0.5 / degree) * before
        slopes[degree, degree] = np.zeros_like(z)
        slopes[degree, degree - 1] = np.sqrt(2 * degree + 1) * before
        values[degree, degree - 1] = slopes[degree, degree - 1] * z
        for m in range(degree - 1):
            a = np.sqrt((4 * degree**2 - 1) / (degree**2 - m**2))
            b = np.sqrt(((degree - 1) ** 2 - m**2) / (4 * (degree - 1) ** 2 - 1))
            one, two = (degree - 1, m), (degree - 2, m)
            values[degree, m] = a * (z * values[one] - b * values[two])
            slopes[degree, m] = a * (values[one] + z * slopes[one] - b * slopes[two])
    return values, slopes
