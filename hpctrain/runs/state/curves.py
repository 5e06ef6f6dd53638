"""How far a training is: the trainer's tables and log in a run's folder, as curves."""

from __future__ import annotations

import math
from dataclasses import dataclass, field, replace
from pathlib import Path

from hpctrain.engines.base import TrainingMetrics
from hpctrain.engines.pacemaker.log import LogReader
from hpctrain.engines.pacemaker.tables import TableReader, on_train_epochs
from hpctrain.files import read_json
from hpctrain.runs.run import Run


@dataclass(frozen=True)
class Curves:
    """Learning curves over all attempts, by the iterations of the whole training.

    ``seams`` are the iterations after which a later attempt went on.
    """

    train: list[TrainingMetrics] = field(default_factory=list)
    test: list[TrainingMetrics] = field(default_factory=list)
    seams: list[int] = field(default_factory=list)

    @property
    def iteration(self) -> int | None:
        return self.train[-1].epoch if self.train else None


def curves(run: Run) -> Curves:
    """Both curves of a run; empty as long as the trainer has written nothing.

    An attempt goes on from a checkpoint. What the one before did after that was lost with it, and
    is left out.
    """
    whole = Curves()
    for number in run.attempts():
        folder = run.attempt(number)
        train, test = read_attempt(folder)
        done = _start(folder)
        if not train:
            continue
        for curve, points in ((whole.train, train), (whole.test, test)):
            curve[:] = [point for point in curve if point.epoch <= done] if done else []
            curve.extend(replace(point, epoch=point.epoch + done) for point in points)
        whole.seams[:] = [seam for seam in whole.seams if seam < done]
        if done:
            whole.seams.append(done)
    return whole


def _start(folder: Path) -> int:
    """Iterations of the training that were done when an attempt began, by its checkpoint."""
    total = (read_json(folder / "resume" / "state.json") or {}).get("total")
    return total if isinstance(total, int) else 0


def read_attempt(folder: Path) -> tuple[list[TrainingMetrics], list[TrainingMetrics]]:
    """Training and test curve of one start of the trainer: the tables, else the log."""
    train, test = _table(folder / "metrics.txt"), _table(folder / "test_metrics.txt")
    if not train or not test:
        log = LogReader()
        log.feed(_text(folder / "log.txt"))
        train, test = train or log.last.points, test or log.last.test_points
    return train, on_train_epochs(test, train)


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
