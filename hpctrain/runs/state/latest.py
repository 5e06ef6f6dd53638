"""The trainer's growing files, read at the price of what was appended since the last time.

Where each file was read to, and what its reader has to know to read on, is kept in
``runs/.cache/following.json`` for all commands of the project. Losing that file costs time only.
"""

from __future__ import annotations

import contextlib
import json
import stat
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import BinaryIO, cast

from hpctrain.engines import engine_of
from hpctrain.engines.curves import CurveReader, Json, Key, Reader, Stand, TrainingMetrics
from hpctrain.records import BadFile, damaged, open_binary, read_pieces, text_of
from hpctrain.runs.cache import read_kept, write_kept
from hpctrain.runs.run import Run
from hpctrain.runs.state.curves import Curves, growing_files, iterations_before, join

VERSION = 4  # of what is kept; what another one kept is not read
# The end of what was read is compared before reading on: a file may have been begun again.
KNOWN_BYTES = 64
# The trainer's files are complete when the result is there, after the file system's lag.
SETTLED_S = 300.0


@dataclass(frozen=True)
class Kept:
    """The potential that is kept if nothing better comes: that of the lowest test loss so far."""

    iteration: int
    train: TrainingMetrics
    test: TrainingMetrics

    def better(self, other: Kept | None) -> Kept:
        """Return the one with the lower loss; the earlier one where they are the same."""
        losses = self.test.loss, None if other is None else other.test.loss
        if other is None or losses[0] is None or losses[1] is None or losses[0] < losses[1]:
            return self
        return other


@dataclass(frozen=True)
class Latest:
    """Where a training stands. ``pace`` is seconds per iteration in the present attempt.

    ``kept`` is None where nothing is tested.
    """

    iteration: int | None = None
    train: TrainingMetrics | None = None
    test: TrainingMetrics | None = None
    pace: float | None = None
    kept: Kept | None = None


class TrainingFiles:
    """The trainer's files of all runs, with where each was read to.

    A command that looks again and again keeps one of these for all its looks: then :meth:`curves`
    reads a run's files from their beginning once, and after that what is appended.
    """

    def __init__(self, cache: Path) -> None:
        self._path = cache / "following.json"
        # Readers of whole curves, for as long as this object lives; the others are kept on disk,
        # and know the last points only.
        self._whole: dict[Path, Reader] = {}
        self._changed = False

    @cached_property
    def _runs(self) -> Json:
        """Read what is kept, when the first run is asked about that is not settled."""
        return read_kept(self._path, VERSION)

    def are_final(self, run: Run) -> bool:
        """Say whether nothing is written to a run's files any more, as far as they were read."""
        kept = self._runs.get(run.run_id, {})
        return all(kept.get(str(number), {}).get("final") for number in run.attempts())

    def latest(self, run: Run, now: float, *, iterations_only: bool = False) -> Latest:
        """Return the last points of a run, over all its attempts.

        With ``iterations_only`` the table that tells how far it is will do, where it is there.
        """
        try:
            return self._latest(run, now, iterations_only)
        except (KeyError, TypeError, ValueError, AttributeError, IndexError, OverflowError):
            if self._runs.pop(run.run_id, None) is None:  # kept by another program, or damaged
                raise
            return self._latest(run, now, iterations_only)

    def _latest(self, run: Run, now: float, iterations_only: bool) -> Latest:
        kept = self._runs.get(run.run_id, {})
        latest = Latest()
        for number in run.attempts():
            name = str(number)
            attempt = kept.get(name, {})
            if not attempt.get("final") or (attempt.get("in_part") and not iterations_only):
                attempt = kept[name] = self._read_on(run, number, attempt, now, iterations_only)
            here, kept_before = _latest(attempt), latest.kept
            if (
                kept_before is not None
                and here.iteration is not None
                and kept_before.iteration > int(attempt["base"] or 0)
            ):
                kept_before = None  # after the checkpoint: it was lost
            latest = Latest(
                here.iteration if here.iteration is not None else latest.iteration,
                here.train or latest.train,
                here.test or latest.test,
                here.pace,
                here.kept.better(kept_before) if here.kept else kept_before,
            )
        if kept:
            self._runs[run.run_id] = kept
        return latest

    def curves(self, run: Run, now: float) -> Curves:
        """Return the whole curves of a run, as :func:`hpctrain.runs.state.curves.curves` does."""
        kept = self._runs.setdefault(run.run_id, {})
        attempts = []
        files = growing_files(run)
        for number in run.attempts():
            folder, name = run.attempt(number), str(number)
            attempt = kept.get(name, {})
            new = [file for file in files.paths if folder / file not in self._whole]
            for file in new:
                self._whole[folder / file] = files.reader_of(file)()
                attempt.get("files", {}).pop(file, None)
            if new or not attempt.get("final"):
                attempt = kept[name] = self._read_on(run, number, attempt, now)
            read = {file: self._whole[folder / file] for file in files.paths}
            attempts.append((int(attempt["base"] or 0), engine_of(run.engine).curves(read)))
        return join(attempts)

    def save(self, folder: Path) -> None:
        """Keep what was learned, of the runs that are still there."""
        if self._changed:
            write_kept(self._path, VERSION, self._runs, folder)
            self._changed = False

    def _read_on(
        self, run: Run, number: int, kept: Json, now: float, iterations_only: bool = False
    ) -> Json:
        """Read what an attempt's files have got since ``kept``, and return what to keep then."""
        folder, growing = run.attempt(number), growing_files(run)
        files, base = kept.get("files", {}), kept.get("base")
        if base is None:
            # What the attempt goes on from is written before its trainer starts.
            base = iterations_before(run, number)
        new: Json = {"base": base, "engine": run.engine, "files": {}}
        stand = Stand()
        # The tests first: they tell which of the training's points is wanted.
        paths = growing.paths if iterations_only else (growing.test, growing.train, *growing.others)
        for name in paths:
            if iterations_only and stand.train is not None:
                new["in_part"] = True
                break
            file = None
            try:
                wanted = stand.best.key if stand.best and name == growing.train else None
                file = self._read_file(
                    folder / name, growing.reader_of(name), files.get(name), wanted
                )
            except BadFile as bad:
                run.note(bad)
            if file is not None:
                new["files"][name] = file
                stand = _stand(new)
        with contextlib.suppress(OSError):
            new["final"] = now - (folder / "result.json").stat().st_mtime > SETTLED_S
        if new != kept:
            self._changed = True
        return new

    def _read_file(
        self, path: Path, reader_of: type[Reader], kept: Json | None, wanted: Key | None
    ) -> Json | None:
        """Read what was appended to a file; None if it is not there.

        ``wanted``: the point with this key is kept.
        """
        try:
            found = path.lstat()
            mark = [found.st_ino, found.st_size, found.st_mtime_ns]
            known = wanted is None or (kept and kept["state"]["wanted"] == list(wanted))
            if kept and kept["mark"] == mark and known:
                return kept
            if not stat.S_ISREG(found.st_mode):
                raise damaged(path, "it is not a regular file")
            opened = open_binary(path)
            if opened is None:
                raise FileNotFoundError(path)
            with opened as file:
                if not kept or kept["mark"][0] != found.st_ino or not _goes_on(file, kept):
                    self._begin_again(path, reader_of)
                    kept = {"offset": 0, "known": "", "state": reader_of().state()}
                return self._feed_rest(path, file, reader_of, kept, mark, wanted)
        except FileNotFoundError:
            self._begin_again(path, reader_of)
            return None
        except OSError:
            return kept  # a file server that hiccups

    def _begin_again(self, path: Path, reader_of: type[Reader]) -> None:
        if path in self._whole:
            self._whole[path] = reader_of()

    def _feed_rest(
        self,
        path: Path,
        file: BinaryIO,
        reader_of: type[Reader],
        kept: Json,
        mark: list[int],
        wanted: Key | None,
    ) -> Json:
        """Feed a file's reader from where it was read to, and return what to keep of it."""
        whole = path in self._whole
        reader = self._whole[path] if whole else reader_of.from_state(kept["state"])
        if wanted is not None:
            cast("CurveReader", reader).look_for(wanted)
        position, known = kept["offset"], bytes.fromhex(kept["known"])
        try:
            file.seek(position)
            for lines in read_pieces(file):
                reader.feed(text_of(lines))
                if not whole:  # the curve so far is not needed, only its end
                    reader = reader_of.from_state(reader.state())
                position += len(lines)
                known = lines[-KNOWN_BYTES:]
        except OSError:
            mark = mark[:1]  # not read to its end: the rest comes with the next look
        # As JSON gives it back, so that nothing seems to have changed next time.
        state = json.loads(json.dumps(reader.state()))
        return {"mark": mark, "offset": position, "known": known.hex(), "state": state}


def _stand(attempt: Json) -> Stand:
    files = attempt["files"]
    return engine_of(attempt["engine"]).stand({name: files[name]["state"] for name in files})


def _latest(attempt: Json) -> Latest:
    stand, kept = _stand(attempt), None
    started = int(attempt["base"] or 0)  # without a checkpoint it has begun from the start
    if stand.best is not None and stand.train is not None:
        # The closing test of a fit has a number that no iteration has.
        there = stand.at_best or stand.train
        kept = Kept(started + there.epoch, there, stand.best)
    iteration = None if stand.train is None else started + stand.train.epoch
    return Latest(iteration, stand.train, stand.test, stand.pace, kept)


def _goes_on(file: BinaryIO, kept: Json) -> bool:
    """Say whether a file still holds what was read of it, as far as its last bytes tell."""
    known = bytes.fromhex(kept["known"])
    file.seek(kept["offset"] - len(known))
    return file.read(len(known)) == known
