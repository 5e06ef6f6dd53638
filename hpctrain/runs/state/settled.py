"""Runs that go nowhere by themselves any more, as ``status`` has shown them.

What is kept of a run counts as long as the files that it was found in are the same ones, by their
numbers, sizes and times. Losing ``runs/.cache/settled.json`` costs time only.
"""

from __future__ import annotations

import contextlib
import json
from dataclasses import asdict, fields, replace
from pathlib import Path
from typing import Any

from hpctrain import __version__
from hpctrain.files import read_json, stamp, write_atomically
from hpctrain.runs.run import EVENTS, MANIFEST, Run
from hpctrain.runs.state.summary import RunStatus
from hpctrain.runs.state.verdict import LAG_S, SETTLED

_NAMES = {field.name for field in fields(RunStatus)} - {"run"}


class SettledRuns:
    """The runs of a project that are settled; one of these serves one command."""

    def __init__(self, cache: Path) -> None:
        self._path = cache / "settled.json"
        kept = read_json(self._path) or {}
        runs = kept.get("runs") if kept.get("version") == __version__ else None
        self._runs: dict[str, Any] = runs if isinstance(runs, dict) else {}
        self._stamps: dict[str, str] = {}
        self._changed = False

    def find(self, run: Run) -> RunStatus | None:
        """Return how a settled run is shown; None if it has to be looked at."""
        kept = self._runs.get(run.run_id)
        if not isinstance(kept, dict) or set(kept) != _NAMES | {"stamp"}:
            return None
        if kept["stamp"] != self._stamp(run) or kept["state"] not in SETTLED:
            return None
        facts = {name: kept[name] for name in _NAMES}
        return RunStatus(**facts, run=run) if facts["run_id"] == run.run_id else None

    def keep(self, run: Run, shown: RunStatus, stamp_before: str, now: float) -> None:
        """Keep how a settled run is shown, if nothing of it has changed for a while.

        ``stamp_before`` is from before its files were read.
        """
        if stamp_before != self.stamp(run) or now - _newest(run) < LAG_S:
            return
        content = asdict(replace(shown, run=None))
        del content["run"]
        self._runs[run.run_id] = {**content, "stamp": stamp_before}
        self._changed = True

    def save(self, folder: Path) -> None:
        """Keep what was learned, of the runs that are still there."""
        if not self._changed:
            return
        there = {name: kept for name, kept in self._runs.items() if (folder / name).is_dir()}
        with contextlib.suppress(OSError):  # the next look costs more, that is all
            self._path.parent.mkdir(parents=True, exist_ok=True)
            content = {"version": __version__, "runs": there}
            write_atomically(self._path, json.dumps(content, separators=(",", ":")))

    def stamp(self, run: Run) -> str:
        """Return what changes with every file that a run's state is found in."""
        self._stamps[run.run_id] = found = stamp(_files(run))
        return found

    def _stamp(self, run: Run) -> str:
        return self._stamps.get(run.run_id) or self.stamp(run)


def _files(run: Run) -> list[str]:
    """List what a settled run's state is found in; a folder changes with the names in it."""
    folder = str(run.folder)
    files = [folder, f"{folder}/{MANIFEST}", f"{folder}/{EVENTS}", f"{folder}/attempts"]
    for number in run.attempts():
        attempt = f"{folder}/attempts/{number:02d}"
        files += [attempt, f"{attempt}/result.json", f"{attempt}/claim.json"]
    return files


def _newest(run: Run) -> float:
    """Return when the youngest of these files was written."""
    times = [0.0]
    for path in _files(run):
        with contextlib.suppress(OSError):
            times.append(Path(path).stat().st_mtime)
    return max(times)
