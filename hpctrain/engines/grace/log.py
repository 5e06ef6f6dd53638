"""gracemaker's log.txt, as it grows: when the epochs of the latest start ended.

Its tables tell no times. What it says of errors is rounded, and stands in the tables too.
"""

from __future__ import annotations

import re
from datetime import datetime
from typing import Any

_EPOCH = re.compile(
    r"(\d{4})[-/](\d\d)[-/](\d\d) (\d\d:\d\d:\d\d)(?:,(\d{3}))? [A-Z] - "
    r"(INITIAL|Iteration #(\d{1,9})/)"
)
_START = "Start GRACEmaker"


class TimesReader:
    """log.txt: ``first`` and ``last`` are (epoch, time) of this start; by the node's clock.

    What is before the first epoch's end is left out: that epoch is compiled for some time. Before
    it, there is a line on the state that the start begins with (eval_init_stats), which after -rl
    looks like that of an epoch.
    """

    def __init__(self) -> None:
        self.first: tuple[int, str] | None = None
        self.last: tuple[int, str] | None = None
        self._rest, self._seen = "", 0

    def feed(self, text: str) -> None:
        """Take the next piece of the file, cut anywhere."""
        *lines, self._rest = (self._rest + text).split("\n")
        for line in lines:
            if _START in line:
                self.first = self.last = None
                self._seen = 0
            elif found := _EPOCH.match(line):
                self._seen += 1
                if self._seen < 2 or not found[7]:
                    continue
                year, month, day, clock, thousandths = found.groups()[:5]
                stamp = f"{year}-{month}-{day}T{clock}.{thousandths or '000'}"
                self.last = int(found[7]), stamp
                self.first = self.first or self.last

    def pace(self) -> float | None:
        """Return the seconds per epoch; None before the second one has ended."""
        if not self.first or not self.last or self.last[0] <= self.first[0]:
            return None
        passed = datetime.fromisoformat(self.last[1]) - datetime.fromisoformat(self.first[1])
        return max(0.0, passed.total_seconds()) / (self.last[0] - self.first[0])

    def state(self) -> dict[str, Any]:
        """Return all that is needed to read on, as JSON."""
        return {"rest": self._rest, "seen": self._seen, "first": self.first, "last": self.last}

    @classmethod
    def from_state(cls, state: dict[str, Any]) -> TimesReader:
        """Return a reader that goes on where `state` was taken."""
        reader = cls()
        reader._rest, reader._seen = state["rest"], state["seen"]
        reader.first = state["first"] and tuple(state["first"])
        reader.last = state["last"] and tuple(state["last"])
        return reader
