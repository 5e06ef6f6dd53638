"""One run as ``status`` shows it: its verdict, its attempt, and where its training stands."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from hpctrain.engines.curves import TrainingMetrics
from hpctrain.files import iso
from hpctrain.records import BadFile, read_end
from hpctrain.runs.history import History
from hpctrain.runs.result import (
    Heartbeat,
    VerificationStep,
)
from hpctrain.runs.run import Run
from hpctrain.runs.state.attempts import CountingAttempt
from hpctrain.runs.state.curves import finite
from hpctrain.runs.state.differences import Change, asked_for
from hpctrain.runs.state.latest import Latest
from hpctrain.runs.state.verdict import SchedulerWord, Verdict
from hpctrain.runs.state.warnings import list_warnings, warnings_of_job

Metrics = dict[str, float | None]


@dataclass(frozen=True)
class RunStatus:
    """One run, as ``status`` shows it. Metrics are in meV/atom and eV/Å; times in seconds.

    ``before`` is the last known state of a job that cannot be asked about. ``damage`` is what is
    wrong with a file without which nothing more can be said: it is the reason then. ``train`` and
    ``test`` are the errors of the potential that is kept: while it trains, that of
    ``kept_iteration``, which has the lowest loss on the test set so far; the last one where nothing
    is tested. ``asked`` is what was asked for, and ``changed`` what of it is not as in the run that
    is shown before.
    """

    run_id: str
    site: str
    job_id: str | None
    state: str
    since: str | None
    reason: str
    attempt: int
    iteration: int | None
    max_iter: int
    train: Metrics | None
    test: Metrics | None
    eta_s: float | None
    warnings: list[str] = field(default_factory=list)
    phase: str | None = None
    before: str | None = None
    run: Run | None = None
    verification: VerificationStep | None = None
    name: str | None = None
    trial: bool = False
    origin: str | None = None
    asked: str = ""
    changed: list[Change] = field(default_factory=list)
    damage: str | None = None
    kept_iteration: int | None = None


def summarise(
    run: Run,
    history: History,
    counting: CountingAttempt,
    found: Verdict,
    word: SchedulerWord,
    latest: Latest,
    now: float,
) -> RunStatus:
    """Put together all that is told about a run."""
    folder = run.attempt(counting.attempt)
    potential = (counting.result or {}).get("potential") or {}
    alive = found.state in ("running", "unknown")
    heartbeat = (run.try_read(folder / "heartbeat.json", Heartbeat) if alive else None) or {}
    phase = heartbeat.get("phase") if found.state == "running" else None
    max_iter = int(run.manifest["settings"]["training"]["max_iter"] or 0)
    eta = None
    if phase == "train" and latest.pace is not None:
        eta = max(0.0, latest.pace * (max_iter - (latest.iteration or 0)))
    here = latest.kept or latest
    best = (counting.result or {}).get("best")
    reason = found.reason
    if found.state == "failed" and counting.result is None:
        told = _last_lines(run.job_output(counting.job_id))
        reason = ": ".join(filter(None, [reason, told]))
    since = found.since
    if since is None:
        since = _since(run, history, counting, found, heartbeat)
    return RunStatus(
        run_id=run.run_id,
        site=run.manifest["site"]["name"],
        job_id=counting.job_id,
        state=found.state,
        since=since,
        reason=reason,
        attempt=counting.attempt if counting.job_id else 0,
        iteration=latest.iteration,
        max_iter=max_iter,
        train=_both_errors(potential.get("train")) or _metrics_of(here.train),
        test=_both_errors(potential.get("test")) or _metrics_of(here.test),
        eta_s=eta,
        warnings=[
            *warnings_of_job(run, folder, found, counting.result),
            *list_warnings(run, history, found.state, counting.attempt, phase, eta, word, now),
            *_bad_files(run, reason),
        ],
        phase=phase,
        before=None if word.before is None else word.before.state,
        run=run,
        verification=(counting.result or {}).get("verification"),
        name=run.manifest.get("name"),
        trial=run.manifest.get("trial", False),
        origin=run.manifest.get("origin"),
        asked=asked_for(run.manifest),
        damage=counting.damage if found.state == "unknown" else None,
        kept_iteration=best["iteration"] if best else getattr(latest.kept, "iteration", None),
    )


def unreadable(run: Run, bad: BadFile) -> RunStatus:
    """Tell of a run whose own record is damaged what its events still say."""
    run.note(bad)
    reason = bad.within(run.folder)
    try:
        history = run.history()
    except BadFile:
        history = History()
    return RunStatus(
        run_id=run.run_id,
        site="?",
        job_id=history.job_ids.get(history.attempt),
        state="unknown",
        since=history.since,
        reason=reason,
        attempt=history.attempt,
        iteration=None,
        max_iter=0,
        train=None,
        test=None,
        eta_s=None,
        warnings=_bad_files(run, reason),
        run=run,
        damage=reason,
    )


def _bad_files(run: Run, reason: str) -> list[str]:
    """List what was found damaged, without what is the reason already."""
    return [words for words in run.bad_files.values() if words not in reason]


def _since(
    run: Run,
    history: History,
    counting: CountingAttempt,
    found: Verdict,
    heartbeat: Heartbeat,
) -> str | None:
    """Return when the state began, where that was told; else the time of the last event."""
    if counting.result is not None and found.state != "collected" and counting.result.get("ended"):
        return iso(float(counting.result["ended"]))
    if found.state == "running":
        claim = run.claim(counting.attempt)
        if claim is not None and claim.get("time"):
            return iso(float(claim["time"]))
    if found.state == "unknown" and heartbeat.get("time"):
        return iso(float(heartbeat["time"]))
    return history.since


def _metrics_of(point: TrainingMetrics | None) -> Metrics | None:
    if point is None:
        return None
    return {
        "rmse_energy_mev_per_atom": finite(point.rmse_energy),
        "rmse_force_ev_per_a": finite(point.rmse_force),
    }


def _last_lines(path: Path, lines: int = 3) -> str:
    """Return the end of what a job script printed: why it failed before the trainer started."""
    text = read_end(path, 4000)
    return " / ".join(line.strip() for line in text.splitlines()[-lines:] if line.strip())


def _both_errors(metrics: Mapping[str, Any] | None) -> Metrics | None:
    if metrics is None:
        return None
    names = ("rmse_energy_mev_per_atom", "rmse_force_ev_per_a")
    return {name: finite(metrics.get(name)) for name in names}
