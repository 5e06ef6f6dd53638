"""A finding of a check: the first ids and how many there are. Flat in memory."""

from __future__ import annotations

from bisect import insort
from dataclasses import dataclass
from typing import Any

from hpctrain.data.check.names import CHECKS, Severity
from hpctrain.text import printable

KEPT = 20  # ids of a finding; there is also the count
_IN_A_LINE = 3  # ids that are named in one line
NAMED = 200  # rows that the selection which leaves them out names; it would be long with more


@dataclass(frozen=True)
class Finding:
    """One check that found something. ``ids``: the first rows; ``count``: all of them.

    ``without``: the words of a selection that leave out all of these rows, where that is of use.
    """

    name: str
    severity: Severity
    count: int
    ids: tuple[str, ...]
    seen: str
    silenced: bool
    without: str = ""

    @property
    def stops(self) -> bool:
        """Say whether this ends the check with exit code 1."""
        return self.severity == "stop" and not self.silenced

    def line(self) -> str:
        """Write the finding in one line: how many rows, what is wrong, what was seen, its name."""
        words = CHECKS[self.name].title
        if self.seen:
            words = f"{words}: {self.seen}"
        rows = f"{self.count} row{'s' * (self.count > 1)}"
        if self.ids and self.count <= _IN_A_LINE:
            rows = f"row{'s' * (self.count > 1)} {', '.join(map(printable, self.ids))}"
        return printable(f"{rows}: {words}" if self.count else words) + f" [{self.name}]"

    def facts(self) -> dict[str, Any]:
        """Return the finding as ``--json`` has it."""
        check = CHECKS[self.name]
        return {
            "name": self.name,
            "severity": self.severity,
            "silenced": self.silenced,
            "title": check.title,
            "count": self.count,
            "ids": list(self.ids),
            "seen": self.seen,
            "todo": check.todo,
            "without": self.without or None,
        }


class Hits:
    """The rows in which one check found something.

    Rows come in batches, not in order, so the first ones are kept by place.
    """

    def __init__(self) -> None:
        self.count = 0
        self.worst = float("-inf")
        self._first: list[tuple[int, str]] = []

    def add(self, place: int, row_id: str, badness: float = 0.0) -> None:
        """Count a row. ``badness``: larger is worse; the largest is kept."""
        self.count += 1
        self.worst = max(self.worst, badness)
        if len(self._first) < NAMED or place < self._first[-1][0]:
            insort(self._first, (place, row_id))
            del self._first[NAMED:]

    @property
    def ids(self) -> tuple[str, ...]:
        """Return the ids of the first rows, in order."""
        return tuple(row_id for _, row_id in self._first)
