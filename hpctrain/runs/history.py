"""The history of a run: what its events add up to. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any, TypedDict

from hpctrain.runs.submitter import Place, Submitter, read_submitter
from hpctrain.shapes import AttemptNumber, FileName, JobId, PotentialName, Time, misfit


class Accepted(TypedDict):
    """When a failed verification was accepted, and why."""

    when: str | None
    why: str


class _Event(TypedDict, total=False):
    time: Time
    event: str


class _OfAttempt(_Event, Place, total=False):
    attempt: AttemptNumber
    job_id: JobId
    until: AttemptNumber | None
    folder: str | None
    moved_to: str | None


class _Adopted(_Event):
    folder: str


class _Collecting(_Event):
    name: PotentialName


class _Collected(_Event):
    name: FileName


_SHAPES: dict[str, Any] = {
    "prepared": _OfAttempt,
    "submitting": _OfAttempt,
    "submitted": _OfAttempt,
    "seen": _OfAttempt,
    "adopted": _Adopted,
    "collecting": _Collecting,
    "collected": _Collected,
}


def event_misfit(event: dict[str, Any]) -> str | None:
    """Say what is wrong with an event of a kind that counts; None if nothing is."""
    kind = event.get("event")
    if not isinstance(kind, str):
        return "is not an event"
    problem = misfit(event, _SHAPES.get(kind, _Event))
    return problem and f"is not an event '{kind}': {problem.strip().removeprefix('.')}"


@dataclass
class History:
    """A run as its events tell it.

    ``job_ids`` is by attempt. ``submitting`` is the attempt whose submission was begun and whose
    end is not recorded, ``submitting_host`` the machine it was begun on. ``interrupted``: the user
    stopped that submission; ``abandoned``: it turned out that there is no job. ``first`` is the
    attempt that ``hpctrain resume`` submitted last: those before it are over, whatever they left.
    ``until`` is the last attempt of the chain that was to be submitted, ``folder`` where the run
    was then.
    ``accepted`` says when a failing verification was accepted, and why. ``since`` is the time of
    the last event. ``submitter`` is who submitted last, and where; ``clusters`` are the clusters
    that have to be named to be asked about its jobs. ``seen`` are the attempts whose job the
    scheduler has once shown, ``moved`` those whose job it has handed on to another server.
    ``adopted`` is the folder of a training that was made by hand.
    """

    attempt: int = 0
    job_ids: dict[int, str] = field(default_factory=dict)
    submitting: int | None = None
    submitting_host: str | None = None
    interrupted: bool = False
    abandoned: bool = False
    unclear: str | None = None
    refused: str | None = None
    cancel_requested: bool = False
    first: int = 1
    until: int | None = None
    folder: str | None = None
    collecting: str | None = None
    collecting_since: str | None = None
    accepted: Accepted | None = None
    collected: str | None = None
    first_submitted: str | None = None
    since: str | None = None
    submitter: Submitter = field(default_factory=Submitter)
    clusters: str | None = None
    seen: set[int] = field(default_factory=set)
    adopted: str | None = None
    moved: dict[int, str] = field(default_factory=dict)

    @property
    def unfinished(self) -> bool:
        """Say whether a submission was begun whose end is not recorded."""
        if self.submitting is not None:
            return True
        return not (self.attempt or self.refused or self.abandoned or self.adopted)

    @property
    def half_done(self) -> bool:
        """Say whether recovery has something to finish."""
        return self.unfinished or self.cut_short

    @property
    def cut_short(self) -> bool:
        """Say whether a chain was to be longer, and nobody has said that it shall not."""
        if self.until is None or not self.job_ids or self.submitting is not None:
            return False
        over = self.refused or self.abandoned or self.interrupted or self.cancel_requested
        return max(self.job_ids) < self.until and not over and self.collected is None


def fold(events: Iterable[Mapping[str, Any]]) -> History:
    """Add up the events, in order; one of an unknown kind, or without its facts, counts nothing."""
    history = History()
    resuming, firsts = False, [1]
    for event in events:
        kind, attempt = event.get("event"), event.get("attempt")
        if kind in ("prepared", "submitting", "submitted"):
            history.submitter = read_submitter(event, history.submitter)
        if kind == "prepared":
            continue
        if kind == "seen":
            if isinstance(attempt, int):
                history.seen.add(attempt)
                if isinstance(moved_to := event.get("moved_to"), str):
                    history.moved[attempt] = moved_to
            continue
        if kind == "resuming":
            resuming = True
        elif kind == "submitting" and isinstance(attempt, int):
            if resuming:
                firsts.append(attempt)
            resuming = False
            history.attempt = history.submitting = attempt
            history.submitting_host = event.get("host")
            history.folder = event.get("folder")
            until = event.get("until")
            history.until = until if isinstance(until, int) else None
            history.unclear = history.refused = None
            history.cancel_requested = history.interrupted = history.abandoned = False
            history.first_submitted = history.first_submitted or event.get("time")
        elif kind == "submitted" and isinstance(attempt, int) and event.get("job_id"):
            history.attempt = max(history.attempt, attempt)
            history.job_ids[attempt] = str(event["job_id"])
            named = event.get("clusters")
            history.clusters = named if isinstance(named, str) else history.clusters
            history.abandoned = False
            if history.submitting in (None, attempt):
                history.submitting = history.unclear = None
        elif kind in ("refused", "abandoned"):
            # There is no such attempt: what was before it counts again.
            if len(firsts) > 1 and history.submitting == firsts[-1]:
                firsts.pop()
            history.submitting = None
            if kind == "refused":
                history.refused = str(event.get("reason"))
            else:
                history.abandoned = True
        elif kind == "unclear":
            history.unclear = str(event.get("reason"))
        elif kind == "adopted":
            history.adopted = str(event.get("folder"))
        elif kind == "interrupted":
            history.interrupted = True
        elif kind == "cancel_requested":
            history.cancel_requested = True
        elif kind == "collecting":
            history.collecting = str(event.get("name"))
            history.collecting_since = event.get("time")
        elif kind == "accepted":
            history.accepted = {"when": event.get("time"), "why": str(event.get("why") or "")}
        elif kind == "collected":
            history.collected = str(event.get("name"))
        else:
            continue
        history.since = event.get("time")
    history.first = firsts[-1]
    return history
