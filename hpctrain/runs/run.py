"""The run's folder on disk: its manifest, its events, and what the jobs left."""

from __future__ import annotations

import json
import os
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

from hpctrain.errors import HpctrainError
from hpctrain.files import encodable, now, read_json
from hpctrain.runs.manifest import Manifest, read_manifest
from hpctrain.runs.result import Result, read_result

MANIFEST = "run.json"
EVENTS = "events.jsonl"


@dataclass(frozen=True)
class Run:
    """One run: a folder with everything about it."""

    folder: Path

    @property
    def run_id(self) -> str:
        return self.folder.name

    @cached_property
    def manifest(self) -> Manifest:
        """Return what was asked for, as run.json holds it; it is written once."""
        content = read_manifest(self.folder / MANIFEST)
        if content is None:
            raise HpctrainError(
                f"{self.folder / MANIFEST} is missing or damaged",
                "the rest of the folder is untouched; copy run.json back from a backup, "
                "or move the folder out of runs/",
            )
        return content

    @property
    def scheduler_name(self) -> str:
        """Return the name of the scheduler that the site's profile gives."""
        return str(self.manifest["site"]["profile"]["scheduler"])

    def events(self) -> list[dict[str, Any]]:
        """Read what happened, in order; a last line without its end was never finished."""
        try:
            text = (self.folder / EVENTS).read_text(encoding="utf-8", errors="replace")
        except FileNotFoundError:
            return []
        events = []
        # Not splitlines(): it also splits at characters that JSON leaves as they are.
        for line in text.split("\n")[:-1]:
            try:
                event = json.loads(line)
            except ValueError:
                continue
            if isinstance(event, dict):
                events.append(event)
        return events

    def record(self, event: str, **facts: object) -> None:
        """Append an event; when this returns, it is on the disk."""
        content = {"time": now(), "event": event, **facts}
        line = encodable(json.dumps(content, ensure_ascii=False)) + "\n"
        descriptor = os.open(
            self.folder / EVENTS, os.O_RDWR | os.O_APPEND | os.O_CREAT | os.O_CLOEXEC, 0o644
        )
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
        return sorted(int(name) for name in names if name.isdecimal())

    def claim(self, number: int) -> dict[str, Any] | None:
        """Read which job took this attempt; None if none has begun it."""
        return read_json(self.attempt(number) / "claim.json")

    def result(self, number: int) -> Result | None:
        """Read what the job said at its end; None if it has not ended, or could not say."""
        return read_result(self.attempt(number) / "result.json")


def all_runs(folder: Path) -> Iterator[Run]:
    """Yield every run, the oldest first."""
    if not folder.is_dir():
        return
    for name in sorted(entry.name for entry in os.scandir(folder)):
        if not name.startswith(".") and (folder / f"{name}/{MANIFEST}").is_file():
            yield Run(folder / name)


def find_runs(folder: Path, names: tuple[str, ...]) -> list[Run]:
    """Find the runs with these ids, or unique beginnings of ids; all if none is named."""
    every = list(all_runs(folder))
    if not names:
        return every
    found: list[Run] = []
    for name in names:
        matches = [run for run in every if run.run_id.startswith(name)]
        exact = [run for run in matches if run.run_id == name]
        if len(exact or matches) != 1:
            problem = f"the ids of {len(matches)} runs begin" if matches else "no run's id begins"
            raise HpctrainError(f"{problem} with {name}", "list them with: hpctrain status")
        if (exact or matches)[0] not in found:
            found.append((exact or matches)[0])
    return found
