"""What the rows tell of their electrons: charge, spin and magnetic order, under whatever key."""

from __future__ import annotations

import re
from collections import Counter, defaultdict
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from hpctrain.data.check.findings import Hits

if TYPE_CHECKING:
    from numpy.typing import NDArray

# Names of keys, in lower case and without _ and -, and what they tell.
_KEYS = {
    "charge": ("charge", "totalcharge", "totcharge", "netcharge", "molecularcharge", "molcharge",
               "systemcharge", "formalcharge", "q"),
    "multiplicity": ("multiplicity", "spinmultiplicity", "spinmult", "mult"),
    "spin": ("spin", "totalspin", "totspin", "spinstate"),
    "unpaired electrons": ("uhf", "nupdown", "unpaired", "nunpaired", "unpairedelectrons",
                           "numunpairedelectrons"),
    "electrons": ("nelect", "nelec", "nelectrons", "numelectrons", "numberofelectrons"),
    "magnetic order": ("magneticorder", "magneticordering", "magorder", "magordering",
                       "magneticstate", "magstate", "initialmagmoms", "initialmagneticmoments",
                       "magmoms", "magneticmoments", "initmagmoms"),
    "total moment": ("magmom", "totalmagmom", "totmagmom", "magnetization", "totalmagnetization",
                     "totmagnetization", "totalmagneticmoment", "magneticmoment"),
}  # fmt: skip
TELLS = {key: what for what, keys in _KEYS.items() for key in keys}
_PLAIN = re.compile("[_ -]")
# μB: below this an atom has no moment; and below this share of the largest its sign counts for
# nothing, since atoms without moments of their own are polarised by their neighbours.
_MOMENT, _POLARISED = 0.1, 0.2
_ZERO = 0.05  # μB per atom: a total moment below counts as none
_MOST_STATES = 30
_MOST_KEYS = 1000
_MOST_COMPOSITIONS = 2000


class State(NamedTuple):
    """What one row tells; None where it does not."""

    charge: Any = None
    spin: tuple[tuple[str, Any], ...] = ()
    magnetism: tuple[tuple[str, Any], ...] = ()
    electrons: Any = None


class States:
    """How often each state of the electrons occurs, of all rows but isolated atoms."""

    def __init__(self) -> None:
        self._known: dict[str, str | None] = {}
        self._rows: dict[tuple[int, State], Hits] = {}
        self._electrons: dict[bytes, Any] = {}
        self._more_electrons = Hits()
        self._told = False

    def add(
        self, place: int, row_id: str, numbers: NDArray[np.int64], keys: Mapping[str, Any],
        more: Mapping[str, Any],
    ) -> None:  # fmt: skip
        """Count a row by its ``keys`` and what ``more`` its source has of its calculation."""
        told: dict[str, Any] = {}
        for pairs in (more, keys):
            for key, value in pairs.items():
                what = self._what(key)
                if what is not None and value is not None:
                    told.setdefault(what, value)
        state = _read_state(told, len(numbers)) if told else State()
        self._told = self._told or bool(told)
        if state.electrons is not None:
            self._see_electrons(place, row_id, numbers, state.electrons)
        parity = 0
        if state.spin:
            charge = state.charge if isinstance(state.charge, int) else 0
            parity = (int(numbers.sum()) - charge) % 2
        self._hits((parity, state._replace(electrons=None))).add(place, row_id)

    def _what(self, key: str) -> str | None:
        if key not in self._known:
            if len(self._known) > _MOST_KEYS:  # rows with keys of their own each
                self._known.clear()
            self._known[key] = TELLS.get(_PLAIN.sub("", key).lower())
        return self._known[key]

    def _hits(self, state: tuple[int, State]) -> Hits:
        if state not in self._rows and len(self._rows) >= _MOST_STATES:
            state = (0, State(charge="others"))
        return self._rows.setdefault(state, Hits())

    def _see_electrons(
        self, place: int, row_id: str, numbers: NDArray[np.int64], electrons: Any
    ) -> None:
        """Count rows whose number of electrons is not that of the first of their composition."""
        composition = np.bincount(numbers).tobytes()
        if composition in self._electrons or len(self._electrons) < _MOST_COMPOSITIONS:
            known = self._electrons.setdefault(composition, electrons)
            if known != electrons:
                self._more_electrons.add(place, row_id)

    def find_mixed(self) -> tuple[str, int, tuple[str, ...]] | None:
        """Say which states there are, of how many rows that are not in the commonest, and which.

        None where there is one. Spins are compared among rows with an even number of electrons, and
        among those with an odd one, which cannot have the same.
        """
        if not self._told:
            return None
        differ = self._more_electrons
        if not self._is_mixed():
            if not differ.count:
                return None
            said = "rows of one composition differ in their number of electrons"
            return f"{said} ({differ.count})", differ.count, differ.ids
        varied = self._varied()
        counts: Counter[tuple[tuple[str, Any], ...]] = Counter()
        rows: dict[tuple[tuple[str, Any], ...], list[Hits]] = defaultdict(list)
        for (_, state), hits in self._rows.items():
            shown = tuple((name, value) for name, value in _all_of(state) if name in varied)
            counts[shown] += hits.count
            rows[shown].append(hits)
        words = [f"{_in_words(shown)} ({count})" for shown, count in counts.most_common(6)]
        if len(counts) > len(words):
            words.append("…")
        (commonest, most), *_ = counts.most_common(1)
        ids = [
            row_id
            for shown, found in rows.items() if shown != commonest
            for hits in found
            for row_id in hits.ids
        ]  # fmt: skip
        return ", ".join(words), sum(counts.values()) - most, tuple(ids)

    def _is_mixed(self) -> bool:
        """Say whether rows differ that could be the same."""
        values: dict[tuple[str, int], set[Any]] = defaultdict(set)
        for parity, state in self._rows:
            values["charge", 0].add(state.charge or 0)
            for name, value in state.spin:
                values[name, parity].add(value)
            for name, value in state.magnetism:
                values[name, 0].add(value)
        return any(len(found) > 1 for found in values.values())

    def _varied(self) -> frozenset[str]:
        """Return the names of all that is not the same in all rows."""
        values: dict[str, set[Any]] = defaultdict(set)
        for _, state in self._rows:
            for name, value in _all_of(state):
                values[name].add(value)
        return frozenset(name for name, found in values.items() if len(found) > 1)

    def table(self) -> dict[str, int]:
        """Return state → rows, most rows first; empty where nothing is told."""
        if not self._told:
            return {}
        counts: Counter[str] = Counter()
        for (_, state), hits in self._rows.items():
            told = [("charge", state.charge)] if state.charge is not None else []
            counts[_in_words((*told, *state.spin, *state.magnetism))] += hits.count
        return dict(counts.most_common())


def _all_of(state: State) -> tuple[tuple[str, Any], ...]:
    return (("charge", state.charge or 0), *state.spin, *state.magnetism)


def _in_words(told: tuple[tuple[str, Any], ...]) -> str:
    return " ".join(f"{name} {value}" for name, value in told) or "not given"


def _read_state(told: Mapping[str, Any], atoms: int) -> State:
    charge = _plain(told.get("charge"))
    spin = [
        (name, _plain(told[name]))
        for name in ("multiplicity", "spin", "unpaired electrons")
        if told.get(name) is not None
    ]
    magnetism = []
    order = told.get("magnetic order")
    if order is not None:
        magnetism.append(("magnetic order", _order(order)))
    else:
        total = _plain(told.get("total moment"))
        if isinstance(total, (int, float)):
            some = abs(total) > _ZERO * atoms
            magnetism.append(("total moment", "other than 0" if some else "0"))
    return State(charge, tuple(spin), tuple(magnetism), _plain(told.get("electrons")))


def _plain(value: Any) -> Any:
    """Return a number as a whole one where it is, and all else as text."""
    if value is None:
        return None
    try:
        array = np.asarray(value, dtype=float)
        number = float(array.reshape(-1)[0]) if array.size == 1 else None
    except (TypeError, ValueError):
        number = None
    if number is None:
        return str(value)[:60].strip().casefold()
    return int(number) if number == int(number) else round(number, 3)


def _order(value: Any) -> str:
    """Name the order of magnetic moments [n] or [n, 3] (μB), or of what says it in words."""
    if isinstance(value, str):
        return value.strip().casefold()[:60]
    try:
        moments = np.asarray(value, dtype=float)
    except (TypeError, ValueError):
        return str(value)[:60]
    if moments.ndim == 2:  # along the direction of the largest
        norms = np.linalg.norm(moments, axis=1)
        moments = moments @ (moments[norms.argmax()] / max(norms.max(), 1e-12))
    size = np.abs(moments).max(initial=0.0)
    if size < _MOMENT:
        return "none"
    signs = np.sign(moments[np.abs(moments) > _POLARISED * size])
    if (signs == signs[0]).all():
        return "ferromagnetic"
    return "antiparallel"
