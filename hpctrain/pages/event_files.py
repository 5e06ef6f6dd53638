"""Learning curves as TensorBoard's event files. The only module that imports tensorboard, late."""

from __future__ import annotations

import contextlib
import os
import time
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import IO, Any

from hpctrain.engines.curves import TrainingMetrics
from hpctrain.errors import HpctrainError
from hpctrain.runs.state.curves import Curves

# Only files that end in this are ours, and are replaced.
SUFFIX = ".hpctrain"


@dataclass
class EventFiles:
    """The event files of runs in ``folder``: RUN/train and RUN/test, so that one chart has both.

    As long as this object lives, points that are new are appended, so that a TensorBoard that is
    open shows them. A curve that is no longer what was written begins a new file.
    """

    folder: Path
    _sides: dict[tuple[str, str], _EventFile] = field(default_factory=dict)

    def write(self, run_id: str, curves: Curves) -> int:
        """Bring the files of a run up to date, and return how many points they hold.

        Raises HpctrainError where tensorboard is not installed.
        """
        for side, points in (("train", curves.train), ("test", curves.test)):
            if (run_id, side) not in self._sides:
                self._sides[run_id, side] = _EventFile(self.folder / run_id / side)
            self._sides[run_id, side].update(points)
        return len(curves.train) + len(curves.test)

    def close(self) -> None:
        """Close all files."""
        for side in self._sides.values():
            side.close()


@dataclass
class _EventFile:
    """The event file of one curve."""

    folder: Path
    written: list[TrainingMetrics] = field(default_factory=list)
    file: IO[bytes] | None = None

    def update(self, points: Sequence[TrainingMetrics]) -> None:
        """Append the points that are new, or begin anew where the others have changed."""
        if list(points[: len(self.written)]) != self.written or (self.file is None and points):
            self.close()
            self.file, self.written = _replace(self.folder), []
            _Records(self.file).begin()
        if self.file is None:
            return  # nothing was trained yet
        records = _Records(self.file)
        for point in points[len(self.written) :]:
            records.add(point)
        self.file.flush()
        self.written = list(points)

    def close(self) -> None:
        """Close the file, if there is one."""
        if self.file is not None:
            self.file.close()
        self.file = None


def _replace(folder: Path) -> IO[bytes]:
    """Open a new file in place of those that hpctrain has written there before.

    Those are emptied, and removed by the next call: a TensorBoard that reads a file by and by goes
    on to the next one from its end, but not from one that is gone.
    """
    _import()  # before anything is removed: it may be missing
    folder.mkdir(parents=True, exist_ok=True)
    earlier = list(folder.glob(f"events.out.tfevents.*{SUFFIX}"))
    seconds, nanoseconds = divmod(time.time_ns(), 10**9)
    name = f"{seconds}.{nanoseconds:09d}.{os.uname().nodename}.{os.getpid()}{SUFFIX}"
    file = (folder / f"events.out.tfevents.{name}").open("xb")
    for path in earlier:
        with contextlib.suppress(OSError):
            if path.stat().st_size:
                os.truncate(path, 0)
            else:
                path.unlink()
    return file


class _Records:
    """Records of an event file, as TensorBoard reads them."""

    def __init__(self, file: IO[bytes]) -> None:
        event_pb2, self._summary, record_writer = _import()
        self._event = event_pb2
        self._writer = record_writer.RecordWriter(file)

    def begin(self) -> None:
        """Write the head, and that what was shown of this curve before is void."""
        self._write(file_version="brain.Event:2")
        started = self._event.SessionLog(status=self._event.SessionLog.START)
        self._write(step=0, session_log=started)

    def add(self, point: TrainingMetrics) -> None:
        """Write a point: one scalar for each error."""
        values = {
            "rmse_energy_mev_per_atom": point.rmse_energy,
            "rmse_force_ev_per_a": point.rmse_force,
            "loss": point.loss,
        }
        summary = self._summary.Summary(
            value=[
                self._summary.Summary.Value(tag=name, simple_value=value)
                for name, value in values.items()
                if value is not None
            ]
        )
        self._write(step=point.epoch, summary=summary)

    def _write(self, **content: Any) -> None:
        event = self._event.Event(wall_time=time.time(), **content)
        self._writer.write(event.SerializeToString())


def _import() -> tuple[Any, Any, Any]:
    """Import the parts of tensorboard that need no TensorFlow."""
    try:
        from tensorboard.compat.proto import event_pb2, summary_pb2
        from tensorboard.summary.writer import record_writer
    except ImportError:
        raise HpctrainError(
            "tensorboard is not installed beside hpctrain",
            "install it: pip install 'hpctrain[tensorboard]'",
        ) from None
    return event_pb2, summary_pb2, record_writer
