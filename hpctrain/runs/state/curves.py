"""The learning curves of a run, from the trainer's tables and logs in its folder."""

from __future__ import annotations

import contextlib
import math
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field, replace
from pathlib import Path

from hpctrain.engines import engine_of
from hpctrain.engines.curves import Both, GrowingFiles, TrainingMetrics
from hpctrain.records import BadFile, open_binary, read_pieces, text_of
from hpctrain.runs.result import Checkpoint
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
        """Return the last iteration that was trained; None before the first."""
        return self.train[-1].epoch if self.train else None


def curves(run: Run) -> Curves:
    """Read both curves of a run; empty as long as the trainer has written nothing."""
    return join(
        (iterations_before(run, number) or 0, read_attempt(run, number))
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
            # An attempt that came to no checkpoint began with this point too: it says nothing new.
            while len(curve) > 1 and curve[-2].epoch == done:
                curve.pop()
            curve.extend(replace(point, epoch=point.epoch + done) for point in points)
        whole.seams[:] = [seam for seam in whole.seams if seam < done]
        if done:
            whole.seams.append(done)
    return whole


def iterations_before(run: Run, number: int) -> int | None:
    """Return the iterations done when an attempt began, by its checkpoint; None without one."""
    checkpoint = run.try_read(run.attempt(number) / "resume" / "state.json", Checkpoint)
    return (checkpoint or {}).get("total")


def growing_files(run: Run) -> GrowingFiles:
    """Return the files that tell how far a run's trainer is, by their paths in an attempt."""
    return engine_of(run.engine).growing_files(run.manifest["input"])


def read_attempt(run: Run, number: int) -> Both:
    """Read the curves of one start of the trainer: from its tables, else from its other files."""
    engine, files = engine_of(run.engine), growing_files(run)
    read = {path: files.reader_of(path)() for path in files.paths}
    for path, reader in read.items():
        if path not in files.others or not all(engine.curves(read)):
            for text in _texts(run.attempt(number) / path):
                reader.feed(text)
    return engine.curves(read)


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
