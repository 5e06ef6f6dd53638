"""Runs that go nowhere by themselves any more, as ``status`` has shown them.

What is kept of a run counts as long as the files that it was found in are the same ones, by their
numbers, sizes and times. Losing ``runs/.cache/settled.json`` costs time only.
"""

from __future__ import annotations

from dataclasses import asdict, fields, replace
from pathlib import Path
from typing import Any, TypedDict

from hpctrain import __version__
from hpctrain.files import stamp
from hpctrain.runs.cache import read_kept, write_kept
from hpctrain.runs.history import History
from hpctrain.runs.result import VerificationStep
from hpctrain.runs.run import EVENTS, MANIFEST, Run
from hpctrain.runs.state.summary import RunStatus
from hpctrain.runs.state.verdict import SETTLED
from hpctrain.shapes import AttemptNumber, RunName, Time, misfit

Seen = tuple[list[int], str]

_NAMES = {field.name for field in fields(RunStatus)} - {"run", "changed"}
_KEPT = _NAMES | {"attempts", "stamp"}


class _Kept(TypedDict, total=False):
    run_id: str
    site: str
    job_id: str | None
    state: str
    since: Time | None
    reason: str
    attempt: int
    iteration: int | None
    max_iter: int
    train: dict[str, float | None] | None
    test: dict[str, float | None] | None
    eta_s: float | None
    warnings: list[str]
    phase: str | None
    before: str | None
    verification: VerificationStep | None
    name: RunName | None
    trial: bool
    origin: str | None
    asked: str
    kept_iteration: int | None
    attempts: list[AttemptNumber]
    stamp: str


class SettledRuns:
    """The runs of a project that are settled; one of these serves one command."""

    def __init__(self, cache: Path) -> None:
        self._path = cache / "settled.json"
        self._runs = read_kept(self._path, __version__)
        self._same: dict[str, bool] = {}
        self._histories: dict[str, tuple[str, History, dict[str, str]]] = {}
        self._changed = False

    def find(self, run: Run) -> RunStatus | None:
        """Return how a settled run is shown; None if it has to be looked at."""
        kept = self._runs.get(run.run_id)
        if kept is None:
            return None
        if run.run_id not in self._same:
            # Another attempt would be another stamp: that of the folder of attempts.
            self._same[run.run_id] = _is_whole(kept) and (
                kept["stamp"] == stamp(_files(run, kept["attempts"]))
            )
        if not self._same[run.run_id]:
            return None
        facts = {name: kept[name] for name in _NAMES}
        return RunStatus(**facts, run=run) if facts["run_id"] == run.run_id else None

    def history(self, run: Run) -> History:
        """Read what happened to a run; only once, as long as nothing is added."""
        mark = stamp([f"{run.folder}/{EVENTS}"])
        kept = self._histories.get(run.run_id)
        if kept is None or kept[0] != mark:
            history = run.history()
            kept = self._histories[run.run_id] = mark, history, dict(run.bad_files)
        run.bad_files.update(kept[2])
        return kept[1]

    def keep(self, run: Run, shown: RunStatus, before: Seen) -> None:
        """Keep how a settled run is shown; ``before`` is from before its files were read."""
        if before != see(run) or run.bad_files:
            return
        content = asdict(replace(shown, run=None))
        content = {name: content[name] for name in _NAMES}
        self._runs[run.run_id] = {**content, "attempts": before[0], "stamp": before[1]}
        self._changed = True

    def save(self, folder: Path) -> None:
        """Keep what was learned, of the runs that are still there."""
        if self._changed:
            write_kept(self._path, __version__, self._runs, folder)


def _is_whole(kept: Any) -> bool:
    if not isinstance(kept, dict) or kept.keys() != _KEPT or misfit(kept, _Kept):
        return False
    return kept["state"] in SETTLED


def see(run: Run) -> Seen:
    """Return a run's attempts, and what changes with every file that its state is found in."""
    attempts = run.attempts()
    return attempts, stamp(_files(run, attempts))


def _files(run: Run, attempts: list[int]) -> list[str]:
    """List what a settled run's state is found in; a folder changes with the names in it."""
    folder = str(run.folder)
    files = [folder, f"{folder}/{MANIFEST}", f"{folder}/{EVENTS}", f"{folder}/attempts"]
    for number in attempts:
        attempt = f"{folder}/attempts/{number:02d}"
        files += [attempt, f"{attempt}/result.json", f"{attempt}/claim.json"]
    return files
