"""The run's folder on disk: its manifest, its events, and what the jobs left."""

from __future__ import annotations

import glob
import json
import os
import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import datetime, timezone
from functools import cached_property
from pathlib import Path
from typing import Any, TypeVar

from hpctrain.engines import DEFAULT
from hpctrain.files import encodable, naming, now
from hpctrain.records import (
    SMALL,
    BadFile,
    damaged,
    open_to_append,
    parse,
    read_lines,
    read_record,
)
from hpctrain.runs.history import History, event_misfit, fold
from hpctrain.runs.manifest import Manifest, read_manifest
from hpctrain.runs.result import Claim, Result

MANIFEST = "run.json"
EVENTS = "events.jsonl"
# A run has some ten events of some hundred bytes each; no program of ours has written more.
_LONGEST_EVENT, _MOST_EVENTS, _MOST_BYTES = 1 << 20, 10_000, 1 << 30

# Of an event; a line that ends somewhere behind it was cut off when its writer was killed.
_BEGINNING = b'{"time": "'
_ATTEMPT = re.compile(r"[0-9]{1,4}")

Record = TypeVar("Record")


@dataclass(frozen=True)
class Run:
    """One run: a folder with everything about it.

    ``bad_files`` says, by file, what was found damaged so far and can be done without.
    """

    folder: Path
    bad_files: dict[str, str] = field(default_factory=dict, compare=False, repr=False)

    @property
    def run_id(self) -> str:
        return self.folder.name

    @cached_property
    def manifest(self) -> Manifest:
        """Return what was asked for, as run.json holds it; it is written once."""
        content = read_manifest(self.folder / MANIFEST)
        if content is None:
            raise BadFile(self.folder / MANIFEST, "is missing")
        return content

    @property
    def engine(self) -> str:
        """Return the name of the trainer."""
        return str(self.manifest["settings"]["training"].get("engine") or DEFAULT)

    def note(self, bad: BadFile) -> None:
        """Keep what is wrong with a file that can be done without."""
        words = bad.within(self.folder)
        self.bad_files.setdefault(os.path.relpath(bad.path, self.folder), words)

    def try_read(self, path: Path, shape: type[Record], limit: int = SMALL) -> Record | None:
        """Read a file that can be done without: None also if it is bad, which is noted."""
        try:
            return read_record(path, shape, limit)
        except BadFile as bad:
            self.note(bad)
            return None

    @property
    def scheduler_name(self) -> str:
        """Return the name of the scheduler that the site's profile gives."""
        return str(self.manifest["site"]["profile"]["scheduler"])

    def events(self) -> list[dict[str, Any]]:
        """Read what happened, in order; a last line without its end was never finished.

        A line that is no event is left out and noted. BadFile if the file cannot be read.
        """
        path, events = self.folder / EVENTS, []
        for number, line in enumerate(read_lines(path, _LONGEST_EVENT, _MOST_BYTES), 1):
            problem, event = _event(line)
            if problem is None:
                events.append(event)
            elif line is None or (line and not line.startswith(_BEGINNING)):
                self.note(damaged(path, f"line {number} {problem}"))
            if number > _MOST_EVENTS:
                raise damaged(path, f"it has more than {_MOST_EVENTS} lines")
        return events

    def history(self) -> History:
        """Add up what happened. BadFile if it is not known any more what was submitted."""
        history = fold(self.events())
        if not (history.attempt or history.adopted) and (
            EVENTS in self.bad_files or self._has_had_a_job()
        ):
            raise damaged(self.folder / EVENTS, "it does not say any more what was submitted")
        return history

    def _has_had_a_job(self) -> bool:
        """Say whether a job has left something: an attempt, or what its script printed."""
        if any(self.attempts()):
            return True
        output = str(self.manifest["site"]["profile"]["output"])
        name = "[0-9]*".join(glob.escape(part) for part in output.split("%j"))
        return any(self.folder.glob(name))

    def record(self, event: str, **facts: object) -> None:
        """Append an event; when this returns, it is on the disk."""
        content = {"time": now(), "event": event, **facts}
        line = encodable(json.dumps(content, ensure_ascii=False)) + "\n"
        path = self.folder / EVENTS
        with naming(path):
            descriptor = open_to_append(path)
            try:
                size = os.fstat(descriptor).st_size
                if size and os.pread(descriptor, 1, size - 1) != b"\n":
                    line = "\n" + line  # end the torn line of a writer that was killed
                left = line.encode()
                while left:
                    left = left[os.write(descriptor, left) :]
                os.fsync(descriptor)
            finally:
                os.close(descriptor)

    @property
    def manifest_file(self) -> Path:
        """Return run.json; its owner made the run."""
        return self.folder / MANIFEST

    def job_output(self, job_id: str | None) -> Path:
        """Return the file that the scheduler writes what the job script prints to."""
        output = str(self.manifest["site"]["profile"]["output"])
        return self.folder / output.replace("%j", job_id or "")

    def attempt(self, number: int) -> Path:
        return self.folder / f"attempts/{number:02d}"

    def attempts(self) -> list[int]:
        """List the attempts whose folder is there, in order."""
        try:
            names = [entry.name for entry in os.scandir(f"{self.folder}/attempts")]
        except (FileNotFoundError, NotADirectoryError):
            return []
        except OSError as error:
            raise BadFile(self.folder / "attempts", f"cannot be read: {error.strerror}") from error
        return sorted(int(name) for name in names if _ATTEMPT.fullmatch(name))

    def claim(self, number: int) -> Claim | None:
        """Read which job took this attempt; None if none has begun it.

        A claim that is damaged is noted, and says only that the attempt was begun.
        """
        try:
            return read_record(self.attempt(number) / "claim.json", Claim)
        except BadFile as bad:
            self.note(bad)
            return {}

    def count_begun(self) -> int:
        """Count the attempts that began to train, which are those that max_attempts bounds."""
        begun = [number for number in self.attempts() if self.claim(number) is not None]
        results = [self.result_if_whole(number) or {} for number in begun]
        return sum(
            result.get("begun") is not False and not result.get("gives_way_to")
            for result in results
        )

    def result(self, number: int) -> Result | None:
        """Read what the job said at its end; None if it has not ended, or could not say."""
        path = self.attempt(number) / "result.json"
        result = read_record(path, Result)
        if result is not None and "state" not in result:
            raise damaged(path, "state is missing")
        return result

    def result_if_whole(self, number: int) -> Result | None:
        """Read a result as :meth:`result` does; None also if it is damaged, which is noted."""
        try:
            return self.result(number)
        except BadFile as bad:
            self.note(bad)
            return None


def _event(line: bytes | None) -> tuple[str | None, dict[str, Any]]:
    """Return what is wrong with a line, None if nothing is, and the event that it holds."""
    if line is None:
        return f"is longer than {_LONGEST_EVENT >> 20} MB", {}
    try:
        try:
            event = parse(line)
        except UnicodeDecodeError:
            # What is not UTF-8 comes from the words of another program, and hides no event.
            event = parse(line.decode("utf-8", "replace").encode())
    except ValueError:
        return "is not an event", {}
    if not isinstance(event, dict):
        return "is not an event", {}
    return event_misfit(event), event


def new_run_id() -> str:
    """Return an id for a new run: they sort by time, and two in one second differ."""
    import secrets  # 5 ms, and only new runs need it

    return f"{datetime.now(timezone.utc):%Y%m%d-%H%M%S}-{secrets.token_hex(2)}"


def all_runs(folder: Path) -> Iterator[Run]:
    """Yield every run, the oldest first; also one whose manifest is no file."""
    if not folder.is_dir():
        return
    for name in sorted(entry.name for entry in os.scandir(folder)):
        if not name.startswith(".") and os.path.lexists(f"{folder}/{name}/{MANIFEST}"):
            yield Run(folder / name)
