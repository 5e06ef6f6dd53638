"""How far a training is: the trainer's tables and log in a run's folder, as curves."""

from __future__ import annotations

import math
from dataclasses import dataclass, field, replace
from datetime import datetime
from pathlib import Path

from hpctrain.engines.base import TrainingMetrics
from hpctrain.engines.pacemaker_log import LogReader
from hpctrain.engines.pacemaker_tables import TableReader, on_train_epochs
from hpctrain.ledger import Run


@dataclass(frozen=True)
class Curves:
    """Learning curves over all attempts: iterations are counted on, ``seams`` says where."""

    train: list[TrainingMetrics] = field(default_factory=list)
    test: list[TrainingMetrics] = field(default_factory=list)
    seams: list[int] = field(default_factory=list)

    @property
    def iteration(self) -> int | None:
        return self.train[-1].epoch if self.train else None


def curves(run: Run) -> Curves:
    """Both curves of a run; empty as long as the trainer has written nothing."""
    whole = Curves()
    for number in run.attempts():
        train, test = read_attempt(run.attempt(number))
        done = whole.iteration or 0
        if train and whole.train:
            whole.seams.append(done)
        whole.train.extend(replace(point, epoch=point.epoch + done) for point in train)
        whole.test.extend(replace(point, epoch=point.epoch + done) for point in test)
    return whole


def read_attempt(folder: Path) -> tuple[list[TrainingMetrics], list[TrainingMetrics]]:
    """Training and test curve of one start of the trainer: the tables, else the log."""
    train, test = _table(folder / "metrics.txt"), _table(folder / "test_metrics.txt")
    if not train or not test:
        log = LogReader()
        log.feed(_text(folder / "log.txt"))
        train, test = train or log.last.points, test or log.last.test_points
    return train, on_train_epochs(test, train)


def seconds_left(folder: Path, max_iter: int) -> float | None:
    """Time to the last iteration at the pace so far, by the times in the log.

    From the first iteration on: before it the trainer builds its graphs. None as long as there is
    no pace.
    """
    log = LogReader()
    log.feed(_text(folder / "log.txt"))
    points, times = log.last.points, log.last.times
    if times is None or not points or points[-1].epoch == points[0].epoch:
        return None
    began, last = (datetime.strptime(time, "%Y-%m-%d %H:%M:%S,%f") for time in times)
    pace = (last - began).total_seconds() / (points[-1].epoch - points[0].epoch)
    return max(0.0, pace * (max_iter - points[-1].epoch))


def finite(value: float | None) -> float | None:
    """A number as JSON can hold it: NaN and infinity become null."""
    return value if value is not None and math.isfinite(value) else None


def _table(path: Path) -> list[TrainingMetrics]:
    reader = TableReader()
    reader.feed(_text(path))
    return reader.points


def _text(path: Path) -> str:
    try:
        return path.read_text(encoding="utf-8", errors="replace")
    except OSError:
        return ""
