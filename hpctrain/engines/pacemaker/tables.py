"""pacemaker's metrics.txt and test_metrics.txt, as they grow, to learning curves.

Reading on costs what was appended since: `feed` takes text in pieces of any size. Energies become
meV/atom, forces eV/Å per component. A NaN or an infinity stays in the curve, as the trainer said:
whoever writes JSON has to turn it into null.
"""

from __future__ import annotations

import contextlib
from collections.abc import Iterable, Sequence
from dataclasses import replace
from math import inf
from typing import Any

from hpctrain.engines.curves import Key, TrainingMetrics
from hpctrain.engines.points import read_points, write_points

_DIGITS = 9  # of a count; a longer number is damage
_COLUMNS = ("ladder_step", "cycle_step", "iter_num", "loss", "rmse_epa", "rmse_f_comp")


def on_train_epochs(
    test: Iterable[TrainingMetrics], train: Sequence[TrainingMetrics]
) -> list[TrainingMetrics]:
    """Give points of a test table the epochs of the training curve.

    The closing test row of a step is numbered one above the last iteration done, and the test
    table alone cannot tell.
    """
    exact = {point.key: point.epoch for point in train}
    last = {point.key[:2]: point.epoch for point in train}
    return [replace(p, epoch=exact.get(p.key, last.get(p.key[:2], p.epoch))) for p in test]


def add_point(
    points: list[TrainingMetrics],
    key: Key,
    numbers: tuple[float, float, float],
    epoch: int | None = None,
) -> None:
    """Append (loss, meV/atom, eV/Å) to a curve; a point with the key of the last replaces it.

    Epochs are the iterations done so far: #0 of a later ladder step or fit cycle is the state
    before its first iteration, so it shares its epoch with the end of the step before. The same
    where the count falls back within a step: the trainer began it again.
    """
    if points and points[-1].key == key:
        epoch = points.pop().epoch
    if epoch is None:
        last = points[-1] if points else None
        if last is None:
            before = 0
        elif last.key[:2] == key[:2] and last.key[2] < key[2]:
            before = last.epoch - last.key[2]
        else:
            before = last.epoch
        epoch = before + key[2]
    loss, rmse_energy, rmse_force = numbers
    points.append(TrainingMetrics(epoch, rmse_energy, rmse_force, loss, key))


class Lines:
    """Lines of a growing text; the unfinished one waits for its rest."""

    _rest = ""

    def feed(self, text: str) -> None:
        """Take the next piece of the file, cut anywhere."""
        *lines, self._rest = (self._rest + text).split("\n")
        for line in lines:
            self._read_line(line.rstrip())

    def _read_line(self, line: str) -> None:
        raise NotImplementedError


class TableReader(Lines):
    """metrics.txt or test_metrics.txt, as `points`; rows that are torn are left out.

    A second header is a restart into the same file: the points before it are forgotten. ``best`` is
    the point with the lowest loss after the start, ``at_wanted`` the one that ``look_for``
    asks for.
    """

    def __init__(self) -> None:
        self._forget()
        self._wanted: Key | None = None
        self._begin([])

    def _forget(self) -> None:
        self.points: list[TrainingMetrics] = []
        self.best: TrainingMetrics | None = None
        self.at_wanted: TrainingMetrics | None = None

    def look_for(self, key: Key) -> None:
        """Keep the point with this key, if it is there or once it comes."""
        if key != self._wanted:
            self._wanted = key
            self.at_wanted = next((p for p in reversed(self.points) if p.key == key), None)

    def _begin(self, columns: list[str]) -> None:
        """Take a header; where a column stands is looked up once for all rows."""
        self._columns = columns
        self._places: tuple[int, ...] | None = None
        with contextlib.suppress(ValueError):
            self._places = tuple(columns.index(name) for name in _COLUMNS)

    def _read_line(self, line: str) -> None:
        if _COLUMNS[0] in line:
            _, header, rest = line.partition(_COLUMNS[0])
            self._forget()
            self._begin([header, *rest.split()])
            return
        words = line.split()
        if self._places is None or len(words) != len(self._columns):
            return  # a row that a kill has torn
        a, b, c, d, e, f = self._places
        if max(len(words[a]), len(words[b]), len(words[c])) > _DIGITS:
            return
        with contextlib.suppress(ValueError):
            key = int(words[a]), int(words[b]), int(words[c])
            numbers = float(words[d]), float(words[e]) * 1e3, float(words[f])
            add_point(self.points, key, numbers)
            self._note(self.points[-1])

    def _note(self, point: TrainingMetrics) -> None:
        if point.key == self._wanted:
            self.at_wanted = point
        least = inf if self.best is None or self.best.loss is None else self.best.loss
        if point.key[2] > 0 and point.loss is not None and point.loss < least:
            self.best = point

    def state(self) -> dict[str, Any]:
        """Return all that is needed to read on, as JSON: of the points, the last."""
        return {
            "rest": self._rest,
            "columns": self._columns,
            "points": write_points(self.points[-1:]),
            "best": write_points([self.best]),
            "wanted": self._wanted,
            "at_wanted": write_points([self.at_wanted]),
        }

    @classmethod
    def from_state(cls, state: dict[str, Any]) -> TableReader:
        """Return a reader that goes on where `state` was taken; its curve begins there."""
        reader = cls()
        reader._rest = state["rest"]
        reader._begin(list(state["columns"]))
        reader.points = read_points(state["points"])
        reader.best = next(iter(read_points(state["best"])), None)
        reader.at_wanted = next(iter(read_points(state["at_wanted"])), None)
        reader._wanted = state["wanted"] and tuple(state["wanted"])
        return reader
