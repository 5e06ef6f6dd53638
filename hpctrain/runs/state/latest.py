"""Reading the trainer's growing files at the price of what was appended since the last look.

Where each file was read to, and what its reader has to know to read on, is kept in
``runs/.cache/following.json`` for all commands of the project. Losing that file costs time only.
The whole curves are read by :mod:`hpctrain.progress`, when a potential is archived.
"""

from __future__ import annotations

import contextlib
import json
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

from hpctrain.engines.base import TrainingMetrics
from hpctrain.engines.pacemaker.log import LogReader
from hpctrain.engines.pacemaker.tables import TableReader
from hpctrain.files import read_json, write_atomically
from hpctrain.runs.run import Run

VERSION = 2  # of what is kept; what another one kept is not read
CHUNK = 1 << 20
# The end of what was read is compared before reading on: a file may have been begun again.
KNOWN_BYTES = 64
READERS: dict[str, type[TableReader] | type[LogReader]] = {
    "metrics.txt": TableReader,
    "test_metrics.txt": TableReader,
    "log.txt": LogReader,
}
# The trainer's files are complete when the result is there, after the file system's lag.
SETTLED_S = 300.0

Json = dict[str, Any]


@dataclass(frozen=True)
class Latest:
    """Where a training stands. ``pace`` is seconds per iteration in the present attempt."""

    iteration: int | None = None
    train: TrainingMetrics | None = None
    test: TrainingMetrics | None = None
    pace: float | None = None


class Following:
    """The readers of all runs, between two looks."""

    def __init__(self, folder: Path) -> None:
        self._path = folder / "following.json"
        kept = read_json(self._path) or {}
        self._runs: Json = kept.get("runs", {}) if kept.get("version") == VERSION else {}
        self._changed = False

    def latest(self, run: Run, now: float) -> Latest:
        """The last points of a run, over all its attempts."""
        kept = self._runs.get(run.run_id, {})
        found = Latest()
        for number in run.attempts():
            folder, name = run.attempt(number), str(number)
            attempt = kept.get(name, {})
            if not attempt.get("final"):
                attempt = kept[name] = self._read(folder, attempt, now)
            here = _latest(attempt)
            found = Latest(
                here.iteration if here.iteration is not None else found.iteration,
                here.train or found.train,
                here.test or found.test,
                here.pace,
            )
        if kept:
            self._runs[run.run_id] = kept
        return found

    def save(self, folder: Path) -> None:
        """Keep what was learned, of the runs that are still there."""
        if not self._changed:
            return
        there = {name: kept for name, kept in self._runs.items() if (folder / name).is_dir()}
        with contextlib.suppress(OSError):  # the next look costs more, that is all
            self._path.parent.mkdir(parents=True, exist_ok=True)
            content = {"version": VERSION, "runs": there}
            write_atomically(self._path, json.dumps(content, separators=(",", ":")))

    def _read(self, folder: Path, kept: Json, now: float) -> Json:
        files, base = kept.get("files", {}), kept.get("base")
        if base is None:
            # What the attempt goes on from is written before its trainer starts.
            base = (read_json(folder / "resume" / "state.json") or {}).get("total")
        new: Json = {"base": base, "files": {}}
        for name in READERS:
            told = _followed(folder / name, files.get(name))
            if told is not None:
                new["files"][name] = told
        with contextlib.suppress(OSError):
            new["final"] = now - (folder / "result.json").stat().st_mtime > SETTLED_S
        if new != kept:
            self._changed = True
        return new


def _latest(attempt: Json) -> Latest:
    files = attempt["files"]
    log = files.get("log.txt", {})
    started = int(attempt["base"] or 0)  # without a checkpoint it has begun from the start
    train = _point(files.get("metrics.txt")) or _point(log, "points")
    test = _point(files.get("test_metrics.txt")) or _point(log, "test_points")
    return Latest(None if train is None else started + train.epoch, train, test, _pace(log))


def _point(file: Json | None, curve: str | None = None) -> TrainingMetrics | None:
    """The last point that a reader has seen."""
    if not file:
        return None
    state = file["state"] if curve is None else file["state"]["part"]
    points = state[curve or "points"]
    return TrainingMetrics(**{**points[-1], "key": tuple(points[-1]["key"])}) if points else None


def _pace(log: Json) -> float | None:
    """Seconds per iteration since the first one: before it the trainer builds its graphs."""
    last = _point(log, "points")
    if last is None or not log["state"]["part"]["times"] or last.epoch == log["first"]:
        return None
    times = log["state"]["part"]["times"]
    began, ended = (datetime.strptime(time, "%Y-%m-%d %H:%M:%S,%f") for time in times)
    return (ended - began).total_seconds() / (last.epoch - int(log["first"]))


def _followed(path: Path, kept: Json | None) -> Json | None:
    """What is known of a file after reading what was appended; None if it is not there."""
    try:
        stat = path.stat()
        mark = [stat.st_ino, stat.st_size, stat.st_mtime_ns]
        if kept and kept["mark"] == mark:
            return kept
        with path.open("rb") as file:
            reader_of = READERS[path.name]
            fresh: Json = {"offset": 0, "known": "", "first": None, "state": reader_of().state()}
            if kept and kept["mark"][0] == stat.st_ino and kept["offset"] <= stat.st_size:
                known = bytes.fromhex(kept["known"])
                file.seek(kept["offset"] - len(known))
                fresh = kept if file.read(len(known)) == known else fresh
            reader = reader_of.from_state(fresh["state"])
            offset, known, first = fresh["offset"], bytes.fromhex(fresh["known"]), fresh["first"]
            file.seek(offset)
            for lines in _whole_lines(file):
                first = _feed(reader, lines.decode("utf-8", "replace"), first)
                # The curve so far is not needed, only its end.
                reader = reader_of.from_state(reader.state())
                offset += len(lines)
                known = lines[-KNOWN_BYTES:]
        # As JSON gives it back, so that nothing seems to have changed next time.
        state = json.loads(json.dumps(reader.state()))
        return {"mark": mark, "offset": offset, "known": known.hex(), "first": first,
                "state": state}  # fmt: skip
    except FileNotFoundError:
        return None
    except OSError:
        return kept  # a file server that hiccups


def _feed(reader: TableReader | LogReader, text: str, first: int | None) -> int | None:
    """Read on; the epoch of the first point of this start of the trainer."""
    parts = len(reader.parts) if isinstance(reader, LogReader) else 0
    reader.feed(text)
    if not isinstance(reader, LogReader):
        return None
    if len(reader.parts) != parts:
        first = None
    points = reader.last.points
    return points[0].epoch if first is None and points else first


def _whole_lines(file: Any) -> Iterator[bytes]:
    """The rest of a file in pieces that end with a line; a line being written has to wait."""
    rest = b""
    while True:
        piece = file.read(CHUNK)
        if not piece:
            return
        end = piece.rfind(b"\n") + 1
        if end:
            yield rest + piece[:end]
            rest = piece[end:]
        else:
            rest += piece
