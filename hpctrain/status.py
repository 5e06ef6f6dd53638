"""Use case: events, evidence and one look at each site give one honest state per run."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from hpctrain import ledger
from hpctrain.engines.base import TrainingMetrics
from hpctrain.history import History, fold
from hpctrain.process import Run as RunProgram
from hpctrain.process import run as run_program
from hpctrain.progress import curves, finite, seconds_left
from hpctrain.project import Project
from hpctrain.schedulers import scheduler_of
from hpctrain.verdict import Verdict, Witness, settled_without_asking, verdict
from hpctrain.witness import Case, ask

Metrics = dict[str, float | None]


@dataclass(frozen=True)
class RunStatus:
    """One run, as ``status`` shows it. Metrics are in meV/atom and eV/Å; times in seconds."""

    run_id: str
    site: str
    scheduler: str
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
    run: ledger.Run | None = None


@dataclass(frozen=True)
class SiteStatus:
    """Whether a site could be asked."""

    site: str
    reachable: bool
    error: str | None


@dataclass(frozen=True)
class Report:
    """What ``status`` found."""

    queried_at: str
    sites: list[SiteStatus]
    runs: list[RunStatus]


def status(
    project: Project,
    names: tuple[str, ...] = (),
    *,
    program: RunProgram = run_program,
) -> Report:
    """The state of the named runs, or of all. Each site is asked at most twice."""
    found = ledger.find(project.runs, names)
    histories = {run.run_id: fold(run.events()) for run in found}
    results = {run.run_id: run.result(histories[run.run_id].attempt) for run in found}
    verdicts: dict[str, Verdict] = {}
    to_ask: dict[tuple[str, str], list[Case]] = defaultdict(list)
    for run in found:
        settled = settled_without_asking(histories[run.run_id], results[run.run_id])
        if settled is not None:
            verdicts[run.run_id] = settled
        else:
            to_ask[_site(run)].append(Case(run, histories[run.run_id]))
    asked = []
    for (site, kind), cases in sorted(to_ask.items()):
        witnesses, error = ask(cases, scheduler_of(kind, project.queue), program)
        asked.append(SiteStatus(site, error is None, error))
        for case in cases:
            run_id = case.run.run_id
            # The job may have written its result between the first look and the answer.
            results[run_id] = case.run.result(case.history.attempt)
            histories[run_id] = fold(case.run.events())
            verdicts[run_id] = verdict(
                histories[run_id], results[run_id], witnesses.get(run_id, Witness())
            )
    return Report(
        queried_at=ledger.now(),
        sites=asked,
        runs=[
            _described(run, histories[run.run_id], verdicts[run.run_id], results[run.run_id])
            for run in found
        ],
    )


def _site(run: ledger.Run) -> tuple[str, str]:
    site = run.manifest["site"]
    return site["name"], site["profile"]["scheduler"]


def _described(
    run: ledger.Run,
    history: History,
    found: Verdict,
    result: Mapping[str, Any] | None,
) -> RunStatus:
    max_iter = int(run.manifest["settings"]["training"]["max_iter"])
    train = test = iteration = eta = None
    if history.attempt:
        so_far = curves(run)
        iteration = so_far.iteration
        train, test = _last(so_far.train), _last(so_far.test)
    potential = (result or {}).get("potential") or {}
    train, test = potential.get("train") or train, potential.get("test") or test
    heartbeat = ledger.read_json(run.attempt(history.attempt) / "heartbeat.json") or {}
    reason = found.reason
    if found.state == "failed" and result is None:
        reason = ": ".join(filter(None, [reason, _last_lines(run.job_output(history.job_id))]))
    running = found.state == "running"
    if running and heartbeat.get("phase") == "train":
        eta = seconds_left(run.attempt(history.attempt), max_iter)
    return RunStatus(
        run_id=run.run_id,
        site=_site(run)[0],
        scheduler=_site(run)[1],
        job_id=history.job_id,
        state=found.state,
        since=_since(run, history, found, result),
        reason=reason,
        attempt=history.attempt,
        iteration=iteration,
        max_iter=max_iter,
        train=_two(train),
        test=_two(test),
        eta_s=eta,
        phase=heartbeat.get("phase") if running else None,
        run=run,
    )


def _since(
    run: ledger.Run, history: History, found: Verdict, result: Mapping[str, Any] | None
) -> str | None:
    """When the state began, where it was told; else the last event of the run."""
    if result is not None and found.state != "collected" and result.get("ended"):
        return ledger.iso(float(result["ended"]))
    claim = run.claim(history.attempt)
    if found.state == "running" and claim is not None and claim.get("time"):
        return ledger.iso(float(claim["time"]))
    return history.since


def _last(points: Sequence[TrainingMetrics]) -> Metrics | None:
    if not points:
        return None
    return {
        "rmse_energy_mev_per_atom": points[-1].rmse_energy,
        "rmse_force_ev_per_a": points[-1].rmse_force,
    }


def _last_lines(path: Path, lines: int = 3) -> str:
    """The end of what a job script printed: why it failed before the trainer was started."""
    try:
        with path.open("rb") as file:
            file.seek(max(0, path.stat().st_size - 4000))
            text = file.read().decode("utf-8", "replace")
    except OSError:
        return ""
    return " / ".join(line.strip() for line in text.splitlines()[-lines:] if line.strip())


def _two(metrics: Mapping[str, Any] | None) -> Metrics | None:
    if metrics is None:
        return None
    names = ("rmse_energy_mev_per_atom", "rmse_force_ev_per_a")
    return {name: finite(metrics.get(name)) for name in names}
