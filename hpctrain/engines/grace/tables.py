"""gracemaker's train_metrics.yaml and test_metrics.yaml, as they grow, to learning curves.

A line is ``- `` and a JSON object, an epoch each. Energies become meV/atom, forces eV/Å per
component. A NaN or an infinity stays in the curve, as the trainer said: whoever writes JSON has to
turn it into null.
"""

from __future__ import annotations

import contextlib
import json
from math import inf
from typing import Any

from hpctrain.engines.curves import Key, TrainingMetrics
from hpctrain.engines.points import read_points, write_points

_LOSS = "total_loss/"


class MetricsReader:
    """One of the tables, as `points`; rows that are torn are left out.

    Epochs of the points count from where this start began; ``key`` is gracemaker's own count over
    all. Where the count falls back, epochs were trained again: the later row counts. ``best`` is
    the point with the lowest loss after the start, ``at_wanted`` the one that ``look_for`` asked
    for.
    """

    def __init__(self) -> None:
        self.points: list[TrainingMetrics] = []
        self.best: TrainingMetrics | None = None
        self.at_wanted: TrainingMetrics | None = None
        self._began: int | None = None
        self._wanted: Key | None = None
        self._rest = ""

    def feed(self, text: str) -> None:
        """Take the next piece of the file, cut anywhere."""
        *lines, self._rest = (self._rest + text).split("\n")
        for line in lines:
            self._read_line(line)

    def look_for(self, key: Key) -> None:
        """Keep the point with this key, if it is there or once it comes."""
        if key != self._wanted:
            self._wanted = key
            self.at_wanted = next((p for p in reversed(self.points) if p.key == key), None)

    def _read_line(self, line: str) -> None:
        row = None
        with contextlib.suppress(ValueError, RecursionError):
            row = json.loads(line.removeprefix("- "))
        if not isinstance(row, dict) or not isinstance(row.get("epoch"), int):
            return  # a row that a kill has torn
        loss: Any = next((row[name] for name in row if name.startswith(_LOSS)), None)
        energy: Any = row.get("rmse/depa")
        force: Any = row.get("rmse/f_comp")
        try:
            numbers = float(energy) * 1e3, float(force), float(loss)
        except (TypeError, ValueError):
            return
        epoch = row["epoch"]
        if self._began is None:
            # The row before the first epoch has no step: that of the state it begins with.
            self._began = epoch - 1 if "step" in row else epoch
        self._go_back_to(epoch)
        self.points.append(TrainingMetrics(epoch - self._began, *numbers, (epoch,)))
        self._note(self.points[-1])

    def _go_back_to(self, epoch: int) -> None:
        """Forget the rows of this epoch and those after it: it was trained again."""
        if not self.points or self.points[-1].key < (epoch,):
            return
        self.points = [point for point in self.points if point.key < (epoch,)]
        if self.best and self.best.key >= (epoch,):
            self.best = None
            for point in self.points:
                self._note(point)

    def _note(self, point: TrainingMetrics) -> None:
        if point.key == self._wanted:
            self.at_wanted = point
        least = inf if self.best is None or self.best.loss is None else self.best.loss
        if point.epoch > 0 and point.loss is not None and point.loss < least:
            self.best = point

    def state(self) -> dict[str, Any]:
        """Return all that is needed to read on, as JSON: of the points, the last."""
        return {
            "rest": self._rest,
            "began": self._began,
            "points": write_points(self.points[-1:]),
            "best": write_points([self.best]),
            "wanted": self._wanted,
            "at_wanted": write_points([self.at_wanted]),
        }

    @classmethod
    def from_state(cls, state: dict[str, Any]) -> MetricsReader:
        """Return a reader that goes on where `state` was taken; its curve begins there."""
        reader = cls()
        reader._rest, reader._began = state["rest"], state["began"]
        reader.points = read_points(state["points"])
        reader.best = next(iter(read_points(state["best"])), None)
        reader.at_wanted = next(iter(read_points(state["at_wanted"])), None)
        reader._wanted = state["wanted"] and tuple(state["wanted"])
        return reader
