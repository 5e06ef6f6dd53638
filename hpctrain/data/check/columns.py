"""A few numbers of each row that can be trained on, and histograms: flat in memory."""

from __future__ import annotations

from array import array
from typing import TYPE_CHECKING

import numpy as np

from hpctrain.data.structures.ids import Ids, Names

if TYPE_CHECKING:
    from numpy.typing import NDArray

# Names beyond these share one place: a million rows may have a million kinds.
MOST_KINDS = 200
MOST_COMPOSITIONS = 20_000
OTHERS = "(others)"


class Columns:
    """The rows that can be trained on, in order: about 30 bytes each."""

    def __init__(self) -> None:
        self.ids = Ids()
        self.kinds = Names(MOST_KINDS, OTHERS)
        self.compositions = Names(MOST_COMPOSITIONS, b"")
        self._energies = array("d")  # eV per atom
        self._kinds, self._compositions = array("i"), array("i")
        self._isolated = array("b")

    def __len__(self) -> int:
        return len(self.ids)

    def add(self, row_id: str, kind: str, numbers: NDArray[np.int64], energy: float,
            isolated: bool) -> tuple[int, int]:  # fmt: skip
        """Add a row; return its place, and the number of its kind."""
        self.ids.append(row_id)
        self._energies.append(energy / len(numbers))
        number = self.kinds.number(kind)
        self._kinds.append(number)
        self._compositions.append(self.compositions.number(np.bincount(numbers).tobytes()))
        self._isolated.append(isolated)
        return len(self._energies) - 1, number

    @property
    def energies(self) -> NDArray[np.float64]:
        """Return the energies in eV per atom [rows]."""
        return np.array(self._energies)

    @property
    def kind_of(self) -> NDArray[np.int64]:
        """Return the number of each row's kind [rows]."""
        return np.array(self._kinds, dtype=np.int64)

    @property
    def composition_of(self) -> NDArray[np.int64]:
        """Return the number of each row's composition [rows]."""
        return np.array(self._compositions, dtype=np.int64)

    @property
    def isolated(self) -> NDArray[np.bool_]:
        """Say of each row whether it is an isolated atom [rows]."""
        return np.array(self._isolated, dtype=bool)

    def element_counts(self) -> NDArray[np.int64]:
        """Count the atoms of each element in each composition [compositions, 119].

        Zeros where several compositions share a place.
        """
        table = np.zeros((len(self.compositions.names), 119), dtype=np.int64)
        for place, name in enumerate(self.compositions.names):
            counts = np.frombuffer(name, dtype=np.int64)
            table[place, : len(counts)] = counts
        return table


class Histogram:
    """Counts in fixed bins, by kind; values beyond the ends are in the outermost bins."""

    def __init__(self, low: float, high: float, bins: int, *, log: bool = False) -> None:
        self.log = log
        self.edges = np.geomspace(low, high, bins + 1) if log else np.linspace(low, high, bins + 1)
        self._low = np.log10(low) if log else low
        self._scale = bins / ((np.log10(high) if log else high) - self._low)
        self._bins = bins
        self._counts = np.zeros((0, bins), dtype=np.int64)

    def add(self, kinds: NDArray[np.int64], values: NDArray[np.float64]) -> None:
        """Add ``values`` [k], each of the kind numbered in ``kinds`` [k]."""
        if self.log:
            values = np.log10(np.maximum(values, self.edges[0]))
        place = np.clip((values - self._low) * self._scale, 0, self._bins - 1).astype(np.int64)
        missing = int(kinds.max()) + 1 - len(self._counts)
        if missing > 0:
            more = np.zeros((missing, self._bins), dtype=np.int64)
            self._counts = np.vstack([self._counts, more])
        size = self._counts.size
        self._counts += np.bincount(kinds * self._bins + place, minlength=size).reshape(
            self._counts.shape
        )

    def counts(self, kind: int) -> NDArray[np.int64]:
        """Return the counts of one kind [bins]."""
        none = np.zeros(self._bins, dtype=np.int64)
        found: NDArray[np.int64] = self._counts[kind] if kind < len(self._counts) else none
        return found

    @property
    def total(self) -> NDArray[np.int64]:
        """Return the counts of all kinds together [bins]."""
        result: NDArray[np.int64] = self._counts.sum(axis=0)
        return result
