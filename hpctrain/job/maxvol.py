"""Which structures widen an active set most: MaxVol, structure by structure.

An active set holds, for each element, as many atoms as there are basis functions; the volume that
their functions span is what the determinant says. The extrapolation grade of an atom is the largest
factor by which it could make that volume grow in the place of one of them. Here all atoms are
written in coefficients of the archived set, so that set itself is the identity. Podryabinkin and
Shapeev, Comput. Mater. Sci. 140, 171 (2017); Lysogorskiy et al., Phys. Rev. Mater. 7, 043801
(2023). Python 3.8 and later, NumPy and SciPy of the trainer's environment.
"""

from __future__ import annotations

import heapq
import math
from dataclasses import dataclass, field
from typing import Any, Dict, List, NamedTuple, Sequence

# A swap must make the volume grow by more than this factor, as in pace_activeset.
TOLERANCE = 1.01
# What the archived set does not know at all counts as known with this share of its largest value:
# above the noise of 64 bits, below all that is real.
UNSEEN = 1e-8
# Of rounding only: a singular value this much smaller than the largest is zero.
ZERO = 1e-13
# pace_activeset puts 1e-16 where a function is the same in all atoms; its inverse means nothing.
NOTHING = 1e12


@dataclass(frozen=True)
class Known:
    """What an active set knows of an element's functions.

    ``inverse`` [m, m] is the archived one, by which the grade is computed; ``coefficients``
    [m, m] turns functions into coefficients of the set, completed to full rank; the last of these,
    m - ``rank``, are of what the set lacks.
    """

    inverse: Any
    coefficients: Any
    rank: int


def complete(inverse: Any) -> Known:
    """Complete an archived inverse, which is blind where its active set has no full rank.

    In perfect crystals many functions vanish, in all training structures perhaps. pace_activeset
    leaves these out by its pseudo-inverse: the grade does not see them, MaxVol has to.
    """
    import numpy as np
    from scipy.linalg import qr

    left, values, right = np.linalg.svd(inverse)
    kept = values < NOTHING
    kept &= values > ZERO * values[kept].max(initial=0.0)
    rank = int(kept.sum())
    if rank == len(inverse):
        return Known(inverse, inverse, rank)
    # The set itself, as far as it is one.
    rows = (right[kept].T / values[kept]) @ left[:, kept].T
    _, _, order = qr(rows.T, pivoting=True, mode="economic")
    scale = UNSEEN / values[kept].min() if rank else UNSEEN
    whole = np.vstack([rows[order[:rank]], scale * left[:, ~kept].T])
    return Known(inverse, np.linalg.inv(whole), rank)


class Swap(NamedTuple):
    """An atom that took a place in the set: how the coefficients of all atoms change with it."""

    place: int
    step: Any  # [m], the atom's coefficients, less one at its place
    pivot: float


class Gain(NamedTuple):
    """What a structure adds: the logarithm of the volume's growth, and how.

    ``steps`` are the swaps, by element; ``rows`` its atoms that are in the set after them;
    ``unseen`` how many of the places were of what the archived set lacks.
    """

    volume: float
    steps: Dict[int, List[Swap]]
    rows: Dict[int, List[int]]
    unseen: int

    @property
    def swaps(self) -> int:
        """Return how many swaps there were."""
        return sum(map(len, self.steps.values()))


def add(coefficients: Dict[int, Any], change: Dict[int, Any], ranks: Dict[int, int]) -> Gain:
    """Swap a structure's atoms into the set as long as the volume grows; the set stays as it is.

    ``coefficients`` [atoms, m] by element, in the archived set; ``change`` [m, m] turns them into
    those of the set with all that were chosen; for an element without, that is the archived set.
    """
    import numpy as np

    volume, unseen = 0.0, 0
    steps: Dict[int, List[Swap]] = {}
    used = {}
    for element, own in coefficients.items():
        now = own @ change[element] if element in change else own.copy()
        places: Dict[int, int] = {}
        while len(now):
            row, place = divmod(int(np.abs(now).argmax()), now.shape[1])
            pivot = float(now[row, place])
            if not abs(pivot) > TOLERANCE:
                break
            volume += math.log(abs(pivot))
            # The row takes the place: all coefficients change with it (Sherman and Morrison).
            step = now[row].copy()
            step[place] -= 1.0
            now -= (now[:, place] / pivot)[:, None] * step
            steps.setdefault(element, []).append(Swap(place, step, pivot))
            places[place] = row
        if places:
            used[element] = sorted(set(places.values()))
            unseen += sum(place >= ranks[element] for place in places)
    return Gain(volume, steps, used, unseen)


def widen(change: Dict[int, Any], gain: Gain) -> None:
    """Put a structure into the set: ``change`` becomes that of the set with it."""
    import numpy as np

    for element, steps in gain.steps.items():
        now = change.setdefault(element, np.eye(len(steps[0].step)))
        for place, step, pivot in steps:
            now -= (now[:, place] / pivot)[:, None] * step


@dataclass
class Candidate:
    """A structure that extrapolates: its index, and the coefficients of the atoms that count.

    ``volume`` is what it adds to the archived set, by itself.
    """

    index: int
    coefficients: Dict[int, Any]
    volume: float

    @property
    def size(self) -> int:
        """Return its bytes."""
        return sum(int(values.nbytes) for values in self.coefficients.values())


@dataclass
class Chosen:
    """A structure that was chosen, and what it added to those before it."""

    candidate: Candidate
    gain: Gain


@dataclass
class Pool:
    """The candidates that may be chosen, in bounded memory.

    When they take more than ``most_bytes``, those that would be chosen now stay, the others go:
    what comes later is held against the best of what came before.
    """

    wanted: int
    ranks: Dict[int, int]
    most_bytes: int = 256 * 2**20
    candidates: List[Candidate] = field(default_factory=list)
    bytes: int = 0
    reduced: int = 0

    def add(self, candidate: Candidate) -> None:
        """Take in one more."""
        self.candidates.append(candidate)
        self.bytes += candidate.size
        if self.bytes > self.most_bytes and len(self.candidates) > 2 * self.wanted:
            self.candidates = [one.candidate for one in self.choose()]
            self.bytes = sum(one.size for one in self.candidates)
            self.reduced += 1

    def choose(self) -> List[Chosen]:
        """Choose those that add most, each to the archived set and those chosen before it."""
        return choose(self.candidates, self.wanted, self.ranks)


def choose(candidates: Sequence[Candidate], wanted: int, ranks: Dict[int, int]) -> List[Chosen]:
    """Choose up to ``wanted`` candidates, the one that adds most first; fewer if none adds more."""
    change: Dict[int, Any] = {}
    waiting = [(-one.volume, one.index, one) for one in candidates]
    heapq.heapify(waiting)
    chosen: List[Chosen] = []
    while waiting and len(chosen) < wanted:
        _, index, one = heapq.heappop(waiting)
        gain = add(one.coefficients, change, ranks)
        if not gain.steps:
            continue
        # What it would have added before is an upper bound, or nearly: whoever still leads, leads.
        if waiting and -waiting[0][0] > gain.volume:
            heapq.heappush(waiting, (-gain.volume, index, one))
            continue
        widen(change, gain)
        chosen.append(Chosen(one, gain))
    return chosen
