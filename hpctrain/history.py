"""What the events of a run add up to. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any


@dataclass
class History:
    """A run as its own events tell it.

    ``job_ids`` by attempt; ``submitting`` is the attempt whose submission was begun and whose end
    is not recorded; ``since`` is the time of the last event.
    """

    attempt: int = 0
    job_ids: dict[int, str] = field(default_factory=dict)
    submitting: int | None = None
    unclear: str | None = None
    refused: str | None = None
    cancel_requested: bool = False
    collecting: str | None = None
    collecting_since: str | None = None
    collected: str | None = None
    first_submitted: str | None = None
    since: str | None = None

    @property
    def job_id(self) -> str | None:
        """The job of the latest attempt."""
        return self.job_ids.get(self.attempt)


def fold(events: Iterable[Mapping[str, Any]]) -> History:
    """Read the events in order; one of an unknown kind, or without its facts, changes nothing."""
    history = History()
    for event in events:
        kind, attempt = event.get("event"), event.get("attempt")
        if kind == "submitting" and isinstance(attempt, int):
            history.attempt = history.submitting = attempt
            history.unclear = history.refused = None
            history.cancel_requested = False
            history.first_submitted = history.first_submitted or event.get("time")
        elif kind == "submitted" and isinstance(attempt, int) and event.get("job_id"):
            history.attempt = max(history.attempt, attempt)
            history.job_ids[attempt] = str(event["job_id"])
            if history.submitting in (None, attempt):
                history.submitting = history.unclear = None
        elif kind == "refused":
            history.submitting, history.refused = None, str(event.get("reason"))
        elif kind == "unclear":
            history.unclear = str(event.get("reason"))
        elif kind == "cancel_requested":
            history.cancel_requested = True
        elif kind == "collecting":
            history.collecting = str(event.get("name"))
            history.collecting_since = event.get("time")
        elif kind == "collected":
            history.collected = str(event.get("name"))
        else:
            continue
        history.since = event.get("time")
    return history
