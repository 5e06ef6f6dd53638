"""pacemaker's log.txt, as it grows, to learning curves. Units as in `tables`.

The log tells energies in meV/atom and forces in meV/Å, rounded to 0.01: the tables are better. The
log is there when they are lost, and it alone tells times.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from typing import Any

from hpctrain.engines.curves import TrainingMetrics
from hpctrain.engines.pacemaker.tables import Lines, add_point
from hpctrain.engines.points import read_points, write_points

_NUMBER = r"([-+]?(?:\d+\.?\d*(?:e[-+]?\d+)?|nan|inf))"
_ENTRY = re.compile(r"(\d{4}-\d\d-\d\d [\d:]{8},\d{3}) [A-Z] - ?(.*)")
_START = re.compile(r"[A-Z] - Start pacemaker$")  # may be glued to a line torn by a kill
_LINE = re.compile(
    r"(Iteration|Initial state:|Initial\(TEST\):)\s*#(\d{1,9})\s*\(\d+ evals\):\s*"
    rf"Loss:\s*{_NUMBER} \| RMSE Energy\(low\): {_NUMBER} \(\S+\) meV/at"
    rf" \| Forces\(low\): {_NUMBER} \("
)
_TITLE = re.compile(r"-{44}(\w.*?)-{44}$")
_BLOCK_HEAD = re.compile(rf"Iteration:\s*#(\d{{1,9}})\s*Loss:\s*Total:\s*{_NUMBER} ")
# Each number is followed by the same for the structures of low energy.
_BLOCK_RMSE = re.compile(rf"\s*RMSE:\s+{_NUMBER}\s+\S+\s+{_NUMBER}\s+\S+$")
_ATTEMPT = re.compile(r"Number of fit attempts: (\d{1,9})/")
# "Cycle last iteration:" and "LADDER STEP" repeat what was said, numbered one higher; of the test
# set, the closing evaluation stands nowhere else.
_BLOCKS = ("FIT STATS", "TEST STATS", "TEST Cycle last iteration:")


@dataclass(slots=True)
class LogPart:
    """The log of one start of the trainer, so far."""

    points: list[TrainingMetrics] = field(default_factory=list)
    test_points: list[TrainingMetrics] = field(default_factory=list)
    times: tuple[str, str] | None = None  # of the first and the last point, by the node's clock
    first: int | None = None  # the epoch of the first point


class LogReader(Lines):
    """log.txt: one `LogPart` for each start of the trainer, `last` is the one that counts."""

    def __init__(self) -> None:
        self.parts = [LogPart()]
        self._started = False
        self._begin()

    @property
    def last(self) -> LogPart:
        """Return the part of the latest start."""
        return self.parts[-1]

    def _begin(self) -> None:
        self._ladder = self._cycle = 0
        self._title = ""  # of the block of statistics being read
        self._head: tuple[int, float] | None = None  # its iteration and loss
        self._time = ""  # of the entry being read

    def _read_line(self, line: str) -> None:
        entry = _ENTRY.match(line)
        if "Start pacemaker" in line and _START.search(line):
            if self._started:
                self.parts.append(LogPart())
            self._started = True
            self._begin()
        elif entry:
            self._title, self._head = "", None
            self._time, message = entry.groups()
            self._read_entry(message)
        elif title := _TITLE.match(line):
            self._title, self._head = title[1], None
            self._ladder += self._title == "LADDER STEP"
        elif head := _BLOCK_HEAD.match(line):
            self._head = int(head[1]), float(head[2])
        elif self._head and self._title in _BLOCKS and (rmse := _BLOCK_RMSE.match(line)):
            self._add(self._head[0], "TEST" in self._title, self._head[1], *rmse.groups())

    def _add(self, iteration: int, test: bool, loss: float, energy: str, force: str) -> None:
        part, key = self.last, (self._ladder, self._cycle, iteration)
        numbers = loss, float(energy), float(force) * 1e-3
        if not test:
            part.times = (part.times[0] if part.times else self._time, self._time)
            add_point(part.points, key, numbers)
            if part.first is None:
                part.first = part.points[0].epoch
        else:
            add_point(
                part.test_points, key, numbers, part.points[-1].epoch if part.points else None
            )

    def _read_entry(self, message: str) -> None:
        if found := _LINE.match(message):
            title, iteration, loss, energy, force = found.groups()
            self._add(int(iteration), "TEST" in title, float(loss), energy, force)
        elif found := _ATTEMPT.match(message):
            self._cycle = int(found[1])

    def state(self) -> dict[str, Any]:
        """Return all that is needed to read on, as JSON: the last part, with its last points."""
        part = self.last
        small = {
            "points": write_points(part.points[-1:]),
            "test_points": write_points(part.test_points[-1:]),
            "times": part.times,
            "first": part.first,
        }
        kept = {name: value for name, value in vars(self).items() if name != "parts"}
        return {**kept, "part": small}

    @classmethod
    def from_state(cls, state: dict[str, Any]) -> LogReader:
        """Return a reader that goes on where `state` was taken; its curves begin there."""
        reader, part = cls(), dict(state["part"])
        vars(reader).update({name: value for name, value in state.items() if name != "part"})
        for curve in ("points", "test_points"):
            part[curve] = read_points(part[curve])
        part["times"] = part["times"] and tuple(part["times"])
        reader.parts = [LogPart(**part)]
        return reader
