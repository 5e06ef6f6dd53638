"""What the rows' own keys tell of the level of theory."""

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
ABSENT = "(not told)"


class Theory:
    """Counts the values of each such key."""

    def __init__(self) -> None:
        self._told: dict[str, Counter[str]] = {}
        self._known: dict[str, str] = {}
        self._rows = 0

    def see(self, keys: Mapping[str, Any]) -> None:
        self._rows += 1
        for key, value in keys.items():
            name = self._known.get(key)
            if name is None:
                name = self._known[key] = key.lower() if key.lower() in KEYS else ""
                if len(self._known) > 1000:  # rows with keys of their own each
                    self._known.clear()
            if name:
                told = self._told.setdefault(name, Counter())
                text = _text(value)
                told[text if text in told or len(told) < _MOST_VALUES else "(others)"] += 1

    def table(self) -> dict[str, dict[str, int]]:
        """Key → value → rows; most rows first."""
        result = {}
        for name, told in sorted(self._told.items()):
            result[name] = dict(told.most_common())
            silent = self._rows - sum(told.values())
            if silent:
                result[name][ABSENT] = silent
        return result

    def mixed(self) -> list[tuple[str, int]]:
        """Keys with several values, as words, and the rows that do not have the commonest."""
        found = []
        for name, told in self.table().items():
            named = [rows for value, rows in told.items() if value != ABSENT]
            if len(named) > 1:
                shown = ", ".join(f"{value} ({rows})" for value, rows in list(told.items())[:5])
                found.append((f"{name}: {shown}", sum(named) - max(named)))
        return found


def _text(value: Any) -> str:
    text = str(value).strip()
    return (text if len(text) <= 60 else text[:57] + "…").casefold()
