"""One honest state from three witnesses: the events, the job's evidence, the scheduler. Pure.

The job's own result counts most; then what the scheduler says; leaving the queue is no success,
a failed query is no answer, and what is not known is called unknown.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal

from hpctrain.history import History
from hpctrain.schedulers.base import ENDED, JobState, JobView

State = Literal["prepared", "submitting", "collected"] | JobState

# States from which a run goes nowhere by itself.
SETTLED: frozenset[State] = ENDED | {"collected", "prepared"}


@dataclass(frozen=True)
class Verdict:
    """The state of a run, and why. ``reason`` is empty where the state says it all."""

    state: State
    reason: str = ""


@dataclass(frozen=True)
class Witness:
    """What the scheduler said of the run's latest job.

    ``view`` is the job as the queue or the accounting shows it; ``silence`` says why nobody could
    be asked. Both None: they were asked, and do not know the job.
    """

    view: JobView | None = None
    silence: str | None = None


def settled_without_asking(history: History, result: Mapping[str, Any] | None) -> Verdict | None:
    """The verdict where no scheduler needs to be asked, else None."""
    if history.collected is not None:
        return Verdict("collected", history.collected)
    if result is not None and result.get("state") in ("completed", "failed"):
        return Verdict(result["state"], str(result.get("reason") or ""))
    if history.submitting is None and history.job_id is None:
        return Verdict("prepared", f"refused: {history.refused}" if history.refused else "")
    return None


def verdict(history: History, result: Mapping[str, Any] | None, witness: Witness) -> Verdict:
    """The state of a run."""
    settled = settled_without_asking(history, result)
    if settled is not None:
        return settled
    view = witness.view
    if result is not None and result.get("state") == "terminated":
        if view is not None and view.state in ("timeout", "out_of_memory", "cancelled", "failed"):
            return Verdict(view.state, view.reason or str(result.get("reason")))
        if view is not None and view.state not in ENDED:
            # The scheduler is not done with the job: why it ends, it will tell then.
            return Verdict("stopping" if view.state == "running" else view.state, view.reason)
        if history.cancel_requested:
            return Verdict("cancelled", "by hpctrain cancel")
        if witness.silence is None:
            return Verdict("failed", f"{result.get('reason')}; the scheduler does not say why")
    if witness.silence is not None:
        if history.submitting is not None and history.job_id is None:
            return Verdict("submitting", f"not known whether it was taken ({witness.silence})")
        return Verdict("unknown", witness.silence)
    if view is None:
        if history.submitting is not None:
            return Verdict("submitting", history.unclear or "the scheduler does not show it")
        return Verdict("unknown", f"neither queue nor accounting knows job {history.job_id}")
    if view.state == "completed":
        return Verdict("unknown", "the job has ended; its result is not there (yet)")
    return Verdict(view.state, view.reason)
