"""Selections: ASE's language, on databases and on files alike, and the ids as they are printed.

ASE's words are passed on to a database, and tested here on the structures of files. Two words are
added, which ASE has not: ``id=FILE#12`` for a row of one of several sources, and ``id=12-40`` for
a range; both also with ``!=``.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from hpctrain.data.sources.names import error_text
from hpctrain.data.sources.values import to_array, to_float
from hpctrain.errors import HpctrainError

if TYPE_CHECKING:
    from hpctrain.data.sources.label_names import Raw
    from hpctrain.data.structures.extxyz import Structure

_ID = re.compile(r"id\s*(!?=)\s*(?:(.*)#)?([0-9]+)(?:-([0-9]+))?")
# What ASE takes from a row's labels; by other names they are labels all the same.
_LABELS = frozenset({"energy", "fmax", "smax"})
_DATABASE_ONLY = frozenset({"ctime", "user", "calculator", "unique_id", "constraints"})


@dataclass(frozen=True)
class Selection:
    """What of one source is selected.

    ``parsed`` is ASE's part, keys and comparisons. Of the rows that it leaves, only those with a
    number in one of ``within`` are taken, none with a number in one of ``without``, and those
    whose labels fit ``labels``.
    """

    text: str
    parsed: tuple[list[str], list[tuple[Any, str, Any]]]
    within: Sequence[range] = ()
    without: Sequence[range] = ()
    labels: Sequence[tuple[str, str, Any]] = ()

    @property
    def in_ase(self) -> bool:
        """Say whether ASE knows all of it."""
        return not (self.within or self.without or self.labels)

    @property
    def everything(self) -> bool:
        """Say whether it takes every row."""
        return self.in_ase and not any(self.parsed)

    def words(self) -> list[Any]:
        """Return ASE's part as its ``select`` takes it."""
        return [*self.parsed[0], *self.parsed[1]]

    def takes(self, number: int, structure: Structure) -> bool:
        """Say whether it takes a row that ASE's part has left."""
        if any(number in some for some in self.without):
            return False
        if not all(number in some for some in self.within):
            return False
        return not self.labels or self._fits_labels(structure)

    def _fits_labels(self, structure: Structure) -> bool:
        if structure.fault is not None:
            return True
        found = {
            "energy": structure.energy,
            "fmax": _largest_norm(structure.forces),
            "smax": _largest(structure.stress),
        }
        return all(_compare(found[key], operator, value) for key, operator, value in self.labels)

    def matches(self, number: int, raw: Raw) -> bool:
        """Say whether ASE's part takes a structure of a file, as it would a row."""
        keys, comparisons = self.parsed
        return all(_has(key, raw) for key in keys) and all(
            _fits(key, operator, wanted, number, raw) for key, operator, wanted in comparisons
        )


def make_selection(select: str, name: str, usual_labels: bool = True) -> Selection:
    """Make the selection of one source, by its ``name``, from data.select.

    ``usual_labels``: whether its labels have the names under which ASE knows them.
    """
    words: list[str] = []
    within: list[range] = []
    without: list[range] = []
    for word in select.split(","):
        if (found := _ID.fullmatch(word.strip())) is None:
            words.append(word)
            continue
        operator, source, first, last = found.groups()
        numbers = range(int(first), int(last or first) + 1)
        if source is not None and source != name:
            numbers = range(0)
        (without if operator == "!=" else within).append(numbers)
    keys, comparisons = _parse(",".join(words), select)
    if len(within) == 1 and within[0]:
        # Databases find them without reading all others.
        comparisons += [("id", ">=", within[0][0]), ("id", "<=", within[0][-1])]
        within = []
    labels: list[tuple[str, str, Any]] = []
    if not usual_labels:
        labels = [one for one in comparisons if one[0] in _LABELS]
        comparisons = [one for one in comparisons if one[0] not in _LABELS]
    without = [numbers for numbers in without if numbers]
    return Selection(select, (keys, comparisons), within, without, labels)


def _parse(text: str, select: str) -> tuple[list[str], list[tuple[Any, str, Any]]]:
    """Parse ASE's words; HpctrainError names the whole selection."""
    if not text.strip():
        return [], []  # without ASE, whose databases take long to import
    from ase.db.core import parse_selection

    try:
        keys, comparisons = parse_selection(text)
    except Exception as error:  # ASE raises whatever a bad expression leads to
        raise HpctrainError(
            f"data.select '{select}' is not a valid selection: {error_text(error)}"
        ) from error
    return keys, comparisons


def refuse_unknown_sources(select: str, names: Collection[str]) -> None:
    """Raise HpctrainError where a selection names a row of a source that is none."""
    for word in select.split(","):
        found = _ID.fullmatch(word.strip())
        if found is not None and found[2] is not None and found[2] not in names:
            raise HpctrainError(
                f"data.select names a row of {found[2]}, which is not a source",
                f"sources are: {', '.join(sorted(names)[:10])}{', …' * (len(names) > 10)}",
            )


def _has(key: str, raw: Raw) -> bool:
    if key == "forces":
        key = "fmax"
    elif key == "strain":
        key = "smax"
    if key in _LABELS:
        return _value(key, 0, raw) is not None
    if "-" in key:
        return key.replace("-", "") not in raw.keys
    return key in raw.keys


def _fits(key: Any, operator: str, wanted: Any, number: int, raw: Raw) -> bool:
    if isinstance(key, int):
        return _compare(int((raw.numbers == key).sum()), operator, wanted)
    return _compare(_value(key, number, raw), operator, wanted)


def _compare(found: Any, operator: str, wanted: Any) -> bool:
    """Compare as SQL does: nothing fits what is not there, nor text a number."""
    from ase.db.core import ops

    if found is None or isinstance(found, str) != isinstance(wanted, str):
        return False
    try:
        return bool(ops[operator](found, wanted))
    except (TypeError, ValueError):  # a list, an array
        return False


def _value(key: str, number: int, raw: Raw) -> Any:
    """Return what ASE's tables have under a key; None where that is nothing."""
    if key == "id":
        return number
    if key in _DATABASE_ONLY:
        return None
    value = _VALUES.get(key)
    if value is None:
        return raw.keys.get(key)
    try:
        return value(raw)
    except (TypeError, ValueError):
        return None


def _pbc(raw: Raw) -> str:
    return "".join("T" if periodic else "F" for periodic in raw.pbc)


def _energy(raw: Raw) -> float | None:
    value = raw.results.get("energy")
    return None if value is None else to_float(value)


def _fmax(raw: Raw) -> float | None:
    value = raw.results.get("forces")
    return None if value is None else _largest_norm(to_array(value))


def _smax(raw: Raw) -> float | None:
    value = raw.results.get("stress")
    return None if value is None else _largest(to_array(value))


def _magmom(raw: Raw) -> Any:
    return _number(raw.results, "magmom", raw.keys)


def _charge(raw: Raw) -> float:
    """Return the total charge: of the structure's own key, or the sum of the atoms' charges."""
    told = _number(raw.keys, "charge", raw.results)
    charges = raw.arrays.get("initial_charges")
    if told is None and charges is not None:
        return float(to_array(charges).sum())
    return told or 0.0


def _number(first: Mapping[str, Any], name: str, second: Mapping[str, Any]) -> float | None:
    value = first.get(name, second.get(name))
    return None if value is None else to_float(value)


def _volume(raw: Raw) -> float | None:
    return abs(float(np.linalg.det(raw.cell))) or None


def _mass(raw: Raw) -> float:
    from ase.data import atomic_masses

    return float(atomic_masses[raw.numbers].sum())


def _largest_norm(vectors: Any) -> float | None:
    if vectors is None or vectors.ndim != 2:
        return None
    return float(np.sqrt((vectors**2).sum(axis=1).max()))


def _largest(values: Any) -> float | None:
    return None if values is None else float(np.abs(values).max())


_VALUES: dict[str, Any] = {
    "natoms": lambda raw: len(raw.numbers), "pbc": _pbc, "energy": _energy, "fmax": _fmax,
    "smax": _smax, "magmom": _magmom, "charge": _charge, "volume": _volume, "mass": _mass,
}  # fmt: skip
