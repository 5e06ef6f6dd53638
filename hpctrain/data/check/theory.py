"""What the rows' own keys say about the level of theory."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from typing import Any

# Keys that name how a label was computed, in lower case. k-points differ with the cell and are
# not among them; their spacing is.
KEYS = frozenset({
    "basis", "basis_set", "calculator", "code", "cutoff_energy", "dft", "dispersion", "ecut",
    "ecutrho", "ecutwfc", "encut", "functional", "hubbard_u", "ismear", "ispin", "kspacing",
    "level", "level_of_theory", "method", "potcar", "pp", "pseudo", "pseudopotential",
    "pseudopotentials", "program", "sigma", "smearing", "spin_polarized", "theory", "vdw", "xc",
})  # fmt: skip
_MOST_VALUES = 30
_NOTHING: Mapping[str, Any] = {}
ABSENT = "(not given)"


class Theory:
    """How often each value of the keys in KEYS occurs."""

    def __init__(self) -> None:
        self._values: dict[str, Counter[str]] = {}
        self._known: dict[str, str] = {}
        self._rows = 0

    def add(self, keys: Mapping[str, Any], more: Mapping[str, Any] = _NOTHING) -> None:
        """Count the values of a row's keys, and of a calculator's that they do not name."""
        self._rows += 1
        for key, value in {**more, **keys}.items() if more else keys.items():
            name = self._known.get(key)
            if name is None:
                name = self._known[key] = key.lower() if key.lower() in KEYS else ""
                if len(self._known) > 1000:  # rows with keys of their own each
                    self._known.clear()
            if name:
                counts = self._values.setdefault(name, Counter())
                text = _text(value)
                counts[text if text in counts or len(counts) < _MOST_VALUES else "(others)"] += 1

    def table(self) -> dict[str, dict[str, int]]:
        """Return key → value → rows; most rows first."""
        result = {}
        for name, counts in sorted(self._values.items()):
            result[name] = dict(counts.most_common())
            silent = self._rows - sum(counts.values())
            if silent:
                result[name][ABSENT] = silent
        return result

    def find_mixed(self) -> list[tuple[str, int]]:
        """List the keys with several values.

        Of each: a line about it, and how many rows do not have the commonest value.
        """
        found = []
        for name, counts in self.table().items():
            named = [rows for value, rows in counts.items() if value != ABSENT]
            if len(named) > 1:
                shown = ", ".join(f"{value} ({rows})" for value, rows in list(counts.items())[:5])
                found.append((f"{name}: {shown}", sum(named) - max(named)))
        return found


def _text(value: Any) -> str:
    text = str(value).strip()
    return (text if len(text) <= 60 else text[:57] + "…").casefold()
