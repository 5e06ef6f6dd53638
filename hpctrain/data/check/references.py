"""Energies of two references among the rows: a jump that neither composition nor geometry bears."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from hpctrain.data.check.energies import DEEPEST
from hpctrain.data.structures.elements import SYMBOLS

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from hpctrain.data.check.sample import Model

    Array = NDArray[np.floating[Any]]
    Part = NDArray[np.bool_]

# The jump (median, per atom) in scatters of the fit with it. Of the public sets that were looked at
# the highest without a jump is 7 (docs/preflight.md).
_CLEAR = 9.0
_LEAST = 0.1  # eV per atom
# Share of rows that may be nearly as far from their own reference as from the other.
_BETWEEN, _MOST_BETWEEN = 0.35, 0.02
_THERE = 0.3  # of the median jump
_FEWEST, _SMALLEST = 4, 0.08  # rows of a part, and their share
_ROUNDS = 20
_ROWS = 20  # for each independent composition; with fewer, only an impossible jump is found
# Share of the smaller part's rows that are nearest, in what the model sees, to a row of the other.
_MIXED = 0.3


@dataclass(frozen=True)
class Jump:
    """Two parts of a sample; ``ids`` are of the smaller. ``shifts`` by element, eV per atom."""

    ids: list[str]
    of: int
    shift: float
    shifts: dict[str, float] | None

    @property
    def words(self) -> str:
        """Say how many rows are shifted, and by how much."""
        single = ""
        if self.shifts is not None and len(self.shifts) > 1:
            parts = ", ".join(f"{name} {value:+.3g}" for name, value in self.shifts.items())
            single = f" (by element: {parts})"
        return (
            f"of {self.of} rows that were compared, {len(self.ids)} lie {abs(self.shift):.3g} eV "
            f"per atom {'above' if self.shift > 0 else 'below'} the others{single}, and neither "
            "composition nor geometry explains it"
        )


def find_jump(model: Model) -> Jump | None:
    """Look for two parts of the rows whose energies differ by a constant of each element."""
    basis, size, turn = np.linalg.svd(model.shares, full_matrices=False)
    known = size > 1e-8 * size[0]
    shares = basis[:, known] * size[known]
    seen = features = model.features[:, model.features.std(axis=0) > 0]
    enough = len(features) >= _ROWS * shares.shape[1]
    if not enough:
        features = features[:, :0]
    elif features.shape[1] > len(features) // 4:
        features = _main_parts(features, len(features) // 4)
    columns = np.hstack([shares, features])
    if len(columns) < 2 * (columns.shape[1] + shares.shape[1]):
        return None
    best: tuple[float, Part, Array] | None = None
    for start in _starts(model.energies, shares, columns):
        found = _part(model.energies, shares, columns, start)
        if found is not None and (best is None or found[0] < best[0]):
            best = found
    if best is None:
        return None
    _, part, coefficients = best
    jump = shares @ coefficients
    if part.mean() > 0.5:
        part, jump, coefficients = ~part, -jump, -coefficients
    middle = float(np.median(jump[part]))
    if abs(middle) < DEEPEST and not (enough and abs(middle) >= _LEAST and _are_mixed(seen, part)):
        return None
    shifts = None
    if len(model.numbers) == known.sum():
        values = (coefficients @ turn[known]).tolist()
        shifts = dict(zip((SYMBOLS[n] for n in model.numbers), values, strict=True))
    ids = [row_id for row_id, mine in zip(model.ids, part, strict=True) if mine]
    return Jump(ids, len(model.ids), middle, shifts)


def _main_parts(features: Array, count: int) -> Array:
    """Return the ``count`` directions in which scaled features vary most."""
    scaled = (features - features.mean(axis=0)) / features.std(axis=0)
    basis, size, _ = np.linalg.svd(scaled, full_matrices=False)
    main: Array = basis[:, :count] * size[:count]
    return main


def _solve(columns: Array, energies: Array) -> Array:
    scale = np.sqrt((columns**2).mean(axis=0)) + 1e-12
    scaled = columns / scale
    square = scaled.T @ scaled + 1e-6 * len(energies) * np.eye(columns.shape[1])
    found: Array = np.linalg.solve(square, scaled.T @ energies) / scale
    return found


def _starts(energies: Array, shares: Array, columns: Array) -> list[Part]:
    """Return parts to begin with: the rows above the middle, or above the widest gap."""
    parts = []
    for some in (shares, columns):
        rest = energies - some @ _solve(some, energies)
        low, high = int(0.05 * len(rest)), int(0.95 * len(rest))
        order = np.sort(rest)[low : high + 1]
        parts += [rest > order[np.diff(order).argmax()], rest > np.median(rest)]
    return parts


def _part(
    energies: Array, shares: Array, columns: Array, part: Part
) -> tuple[float, Part, Array] | None:
    """Fit energies with a shift of one part, and move each row to where it fits better.

    Returns the scatter, the part and the shift's coefficients; None where the jump is not clear.
    """
    fewest = max(_FEWEST, _SMALLEST * len(energies))
    for _ in range(_ROUNDS):
        if not fewest <= part.sum() <= len(part) - fewest:
            return None
        found = _solve(np.hstack([columns, shares * part[:, None]]), energies)
        coefficients = found[columns.shape[1] :]
        jump = shares @ coefficients
        rest = energies - columns @ found[: columns.shape[1]]
        better = np.abs(rest - jump) < np.abs(rest)
        if (better == part).all():
            break
        part = better
    own = np.abs(np.where(part, rest - jump, rest))
    other = np.abs(np.where(part, rest, rest - jump))
    scatter = float(np.sqrt((own**2).mean()))
    middle = float(np.median(np.abs(jump)))
    # Where the shifts of the elements cancel, there is no jump to be seen.
    there = np.abs(jump) > _THERE * middle
    between = (own[there] > _BETWEEN * other[there]).mean()
    if middle < max(_LEAST, _CLEAR * scatter) or between > _MOST_BETWEEN:
        return None
    return scatter, part, coefficients


def _are_mixed(features: Array, part: Part) -> bool:
    """Say whether the structures of both parts are alike, so that their energies should be too."""
    scaled = (features - features.mean(axis=0)) / (features.std(axis=0) + 1e-12)
    apart = np.linalg.norm(scaled[part][:, None] - scaled[None], axis=2)
    apart[apart == 0] = np.inf  # itself
    own, other = apart[:, part].min(axis=1), apart[:, ~part].min(axis=1)
    return bool((other < own).mean() >= _MIXED)
