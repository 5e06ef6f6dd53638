"""The learning curves of a run, from the trainer's tables and logs in its folder."""

from __future__ import annotations

import contextlib
import math
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path

from hpctrain.engines.base import TrainingMetrics
from hpctrain.engines.pacemaker.log import LogReader
from hpctrain.engines.pacemaker.tables import TableReader, on_train_epochs
from hpctrain.records import BadFile, open_binary, read_pieces, text_of
from hpctrain.runs.result import Checkpoint
from hpctrain.runs.run import Run

Reader = TableReader | LogReader
# The trainer's files in an attempt's folder that tell of its errors.
READERS: dict[str, type[Reader]] = {
    "metrics.txt": TableReader,
    "test_metrics.txt": TableReader,
    "log.txt": LogReader,
}
# The training curve and the test curve of one attempt, by the attempt's own iterations.
Both = tuple[list[TrainingMetrics], list[TrainingMetrics]]


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
        """Return the last iteration that was trained; None before the first."""
        return self.train[-1].epoch if self.train else None


def curves(run: Run) -> Curves:
    """Read both curves of a run; empty as long as the trainer has written nothing."""
    return join(
        (iterations_before(run, number) or 0, read_attempt(run.attempt(number)))
        for number in run.attempts()
    )


def join(attempts: Iterable[tuple[int, Both]]) -> Curves:
    """Join the curves of attempts, each with the iterations that were done when it began.

    An attempt goes on from a checkpoint. What the one before did after that was lost with it, and
    is left out.
    """
    whole = Curves()
    for done, (train, test) in attempts:
        if not train:
            continue
        for curve, points in ((whole.train, train), (whole.test, test)):
            curve[:] = [point for point in curve if point.epoch <= done] if done else []
            curve.extend(replace(point, epoch=point.epoch + done) for point in points)
        whole.seams[:] = [seam for seam in whole.seams if seam < done]
        if done:
            whole.seams.append(done)
    return whole


def iterations_before(run: Run, number: int) -> int | None:
    """Return the iterations done when an attempt began, by its checkpoint; None without one."""
    checkpoint = run.try_read(run.attempt(number) / "resume" / "state.json", Checkpoint)
    return (checkpoint or {}).get("total")


def read_attempt(folder: Path) -> Both:
    """Read the curves of one start of the trainer: from the tables, else from the log."""
    read = {name: reader_of() for name, reader_of in READERS.items()}
    for name, reader in read.items():
        if name != "log.txt" or not all(choose(read)):
            for text in _texts(folder / name):
                reader.feed(text)
    return choose(read)


def choose(read: Mapping[str, Reader]) -> Both:
    """Take each curve from its table, and from the log where the table is lost."""
    log = read["log.txt"]
    assert isinstance(log, LogReader)
    train, test = (_points(read[name]) for name in ("metrics.txt", "test_metrics.txt"))
    train = train or log.last.points
    return train, on_train_epochs(test or log.last.test_points, train)


def _points(reader: Reader) -> list[TrainingMetrics]:
    return reader.last.points if isinstance(reader, LogReader) else reader.points


def finite(value: float | None) -> float | None:
    """Return a number as JSON can hold it: NaN and infinity become null."""
    return value if value is not None and math.isfinite(value) else None


def _texts(path: Path) -> Iterator[str]:
    """Yield the whole lines of a file, in pieces; nothing if it is not there, or no file."""
    with contextlib.suppress(BadFile, OSError):
        file = open_binary(path)
        if file is not None:
            with file:
                yield from map(text_of, read_pieces(file))
