"""pacemaker's log.txt, as it grows, to records. Units as in `pacemaker_tables`.

The log tells energies in meV/atom and forces in meV/Å, rounded to 0.01: the tables are better,
the log is there when they are lost, and says how the fit went and ended.
"""

from __future__ import annotations

import re
from dataclasses import asdict, dataclass, field, replace
from typing import Any

from hpctrain.engines.base import TrainingMetrics
from hpctrain.engines.pacemaker.tables import Lines, add_point, read_points

_NUMBER = r"([-+]?(?:\d+\.?\d*(?:e[-+]?\d+)?|nan|inf))"
_ENTRY = re.compile(r"(\d{4}-\d\d-\d\d [\d:]{8},\d{3}) ([A-Z]) - ?(.*)")
_START = re.compile(r"[A-Z] - Start pacemaker$")  # may be glued to a line torn by a kill
_LINE = re.compile(
    r"(Iteration|Initial state:|Initial\(TEST\):)\s*#(\d+)\s*\(\d+ evals\):\s*"
    rf"Loss:\s*{_NUMBER} \| RMSE Energy\(low\): {_NUMBER} \(\S+\) meV/at"
    rf" \| Forces\(low\): {_NUMBER} \("
)
_TITLE = re.compile(r"-{44}(\w.*?)-{44}$")
_BLOCK_HEAD = re.compile(rf"Iteration:\s*#(\d+)\s*Loss:\s*Total:\s*{_NUMBER} ")
# Each number is followed by the same for the structures of low energy.
_BLOCK_RMSE = re.compile(rf"\s*RMSE:\s+{_NUMBER}\s+\S+\s+{_NUMBER}\s+\S+$")
_ATTEMPT = re.compile(r"Number of fit attempts: (\d+)/")
_SIZE = re.compile(r"Total number of functions: (\d+) / number of parameters: (\d+)")
_VERSION = re.compile(r"pacemaker/pyace version: (\S+)")
_RESULT = re.compile(
    r"Optimization result\(success=(True|False), status=(-?\d+), message=(.*?), nfev="
)
_SHRINK = re.compile(r"Decrease batch size \(by factor [\d.]+\): (\d+) -> (\d+)")
# Said in every healthy run; the last of them is told by `batch_sizes`.
_NOISE = re.compile(
    r"UserWarning: enabling the new type promotion|From \S+/tensorflow/|Calling GradientTape"
    r"|Top-level 'cutoff' is deprecated|.*\bOOM when allocating"
)
# "Cycle last iteration:" and "LADDER STEP" repeat what was told, numbered one higher; of the test
# set, the closing evaluation is told nowhere else.
_TOLD = ("FIT STATS", "TEST STATS", "TEST Cycle last iteration:")
_ENDINGS = {
    0: "converged: the optimiser cannot lower the loss any further",
    1: "all iterations asked for are done (the normal end)",
    2: "the loss cannot be lowered any further within the precision of its gradients",
    99: "stopped before the last iteration, by early stopping or on request",
}


def explain_ending(status: int) -> str:
    """Say in words what the status of an `Optimization result` means."""
    return _ENDINGS.get(status, f"the optimiser ended with status {status}, not a known one")


@dataclass(frozen=True, slots=True)
class Ending:
    """An `Optimization result` line; `explain_ending` says what its status means."""

    success: bool
    status: int
    message: str


@dataclass(slots=True)
class LogPart:
    """What one start of the trainer has logged so far."""

    points: list[TrainingMetrics] = field(default_factory=list)
    test_points: list[TrainingMetrics] = field(default_factory=list)
    version: str | None = None
    nfuncs: int | None = None  # grows with the ladder
    nparams: int | None = None
    ending: Ending | None = None  # of the last fit cycle, None again while another one runs
    fitting_done: bool = False  # proves nothing: it is also said when nothing was trained
    early_stopping: str | None = None
    batch_sizes: list[tuple[int, int]] = field(default_factory=list)  # shrunk: from, to
    warnings: list[str] = field(default_factory=list)  # without those of every healthy run
    times: tuple[str, str] | None = None  # of the first and the last point, by the node's clock


class LogReader(Lines):
    """log.txt: one `LogPart` for each start of the trainer, `last` is the one that counts."""

    def __init__(self) -> None:
        self.parts = [LogPart()]
        self._started = False
        self._begin()

    @property
    def last(self) -> LogPart:
        """The latest start."""
        return self.parts[-1]

    def _begin(self) -> None:
        self._ladder = self._cycle = 0
        self._title = ""  # of the block of statistics being read
        self._head: tuple[int, float] | None = None  # its iteration and loss
        self._box: str | None = None  # the words so far of a warning framed with #
        self._time = ""  # of the entry being read

    def _line(self, line: str) -> None:
        entry = _ENTRY.match(line)
        if _START.search(line):
            if self._started:
                self.parts.append(LogPart())
            self._started = True
            self._begin()
        elif entry:
            self._title, self._head, self._box = "", None, None
            self._time, level, message = entry.groups()
            self._entry(level, message)
        elif self._box is not None and line.startswith("#"):
            self._boxed(line.strip("# "))
        elif title := _TITLE.match(line):
            self._title, self._head = title[1], None
            self._ladder += self._title == "LADDER STEP"
        elif head := _BLOCK_HEAD.match(line):
            self._head = int(head[1]), float(head[2])
        elif self._head and self._title in _TOLD and (rmse := _BLOCK_RMSE.match(line)):
            self._point(self._head[0], "TEST" in self._title, self._head[1], *rmse.groups())

    def _point(self, iteration: int, test: bool, loss: float, energy: str, force: str) -> None:
        part, key = self.last, (self._ladder, self._cycle, iteration)
        numbers = loss, float(energy), float(force) * 1e-3
        if not test:
            part.times = (part.times[0] if part.times else self._time, self._time)
            add_point(part.points, key, numbers)
        else:
            add_point(
                part.test_points, key, numbers, part.points[-1].epoch if part.points else None
            )

    def _entry(self, level: str, message: str) -> None:
        part = self.last
        if found := _LINE.match(message):
            title, iteration, loss, energy, force = found.groups()
            self._point(int(iteration), "TEST" in title, float(loss), energy, force)
        elif level in "WEC":
            self._warning(message)
        elif found := _RESULT.match(message):
            part.ending = Ending(found[1] == "True", int(found[2]), found[3])
        elif found := _ATTEMPT.match(message):
            self._cycle, part.ending = int(found[1]), None
        elif found := _SIZE.match(message):
            part.nfuncs, part.nparams = int(found[1]), int(found[2])
        elif found := _VERSION.match(message):
            part.version = found[1]
        elif found := _SHRINK.match(message):
            part.batch_sizes.append((int(found[1]), int(found[2])))
        elif message.startswith("EARLY STOPPING"):
            part.early_stopping = message
        elif message == "Fitting done":
            part.fitting_done = True

    def _warning(self, message: str) -> None:
        if not message:
            self._box = ""
        elif not (_NOISE.match(message) or message in self.last.warnings):
            self.last.warnings.append(message)

    def _boxed(self, words: str) -> None:
        if words or not self._box:
            self._box = f"{self._box} {words}".strip()
        else:
            message, self._box = self._box, None
            self._warning(message)

    def state(self) -> dict[str, Any]:
        """All that is needed to read on, small and fit for JSON: the last part and points."""
        part = self.last
        small = replace(part, points=part.points[-1:], test_points=part.test_points[-1:])
        kept = {name: value for name, value in vars(self).items() if name != "parts"}
        return {**kept, "part": asdict(small)}

    @classmethod
    def from_state(cls, state: dict[str, Any]) -> LogReader:
        """Go on where `state` was taken; its curves begin with their last points then."""
        reader, part = cls(), dict(state["part"])
        vars(reader).update({name: value for name, value in state.items() if name != "part"})
        for curve in ("points", "test_points"):
            part[curve] = read_points(part[curve])
        part["ending"] = part["ending"] and Ending(**part["ending"])
        part["times"] = part["times"] and tuple(part["times"])
        part["batch_sizes"] = [tuple(pair) for pair in part["batch_sizes"]]
        reader.parts = [LogPart(**part)]
        return reader
