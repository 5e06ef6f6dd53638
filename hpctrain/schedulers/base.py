"""What every scheduler can say. A scheduler translates: arguments out, text in. It runs nothing."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal, Protocol

from hpctrain.errors import SiteUnreachable

if TYPE_CHECKING:
    from hpctrain.models import SiteProfile
    from hpctrain.process import Reply

JobState = Literal[
    "queued", "held", "running", "stopping",
    "completed", "failed", "timeout", "out_of_memory", "cancelled",
    "unknown",
]  # fmt: skip

# States after which the scheduler will not run the job again by itself.
ENDED: frozenset[JobState] = frozenset(
    {"completed", "failed", "timeout", "out_of_memory", "cancelled"}
)


@dataclass(frozen=True)
class JobRequest:
    """One attempt, as the scheduler is asked to run it.

    ``name`` and ``comment`` both carry the token by which a lost job is found again.
    ``output`` is where the scheduler puts the script's own output, relative to the run's folder.
    ``attempt`` is the job script's argument; ``after`` is a job to wait for, however it ends.
    """

    name: str
    comment: str
    output: str
    attempt: int = 1
    after: str | None = None


@dataclass(frozen=True)
class JobView:
    """One job as one query of the queue or of the accounting showed it.

    ``raw`` is the scheduler's own word for the state; ``reason`` is in plain words, or empty.
    Times are seconds; None is "not told".
    """

    job_id: str
    name: str
    comment: str
    state: JobState
    raw: str
    reason: str = ""
    elapsed_s: float | None = None
    walltime_s: float | None = None
    exit_code: int | None = None


@dataclass(frozen=True)
class Submitted:
    """The scheduler took the job and told its id."""

    job_id: str


@dataclass(frozen=True)
class Refused:
    """The scheduler answered, and did not take the job."""

    reason: str


@dataclass(frozen=True)
class Unclear:
    """No id, and no proof that there is no job: look the token up before anything else."""

    reason: str


class NotKept(SiteUnreachable):
    """The site keeps no accounting: it will never answer."""


class Scheduler(Protocol):
    """One module of this package per scheduler; ``hpctrain.schedulers.SCHEDULERS`` lists them.

    Every ``*_argv`` returns a complete command for :func:`hpctrain.process.run`; every ``read_*``
    takes its reply. ``read_queue`` and ``read_accounting`` raise
    :class:`hpctrain.errors.SiteUnreachable` when the reply is no answer, and leave out, never
    misread, what they cannot parse.
    """

    name: str
    template: str

    def directives(self, site: SiteProfile, job: JobRequest) -> list[str]:
        """Lines for the head of the job script, without the comment prefix."""
        ...

    def submit_argv(self, script: str, job: JobRequest, site: SiteProfile) -> list[str]: ...

    def read_submit(self, reply: Reply) -> Submitted | Refused | Unclear: ...

    def queue_argv(self) -> list[str]:
        """All of the user's jobs that the queue still shows."""
        ...

    def read_queue(self, reply: Reply) -> list[JobView]: ...

    def accounting_argv(self, since: float) -> list[str] | None:
        """The user's jobs since a time (seconds since the epoch); None where nothing is kept."""
        ...

    def read_accounting(self, reply: Reply) -> list[JobView]: ...

    def cancel_argv(self, job_ids: Sequence[str]) -> list[str]: ...

    def read_cancel(self, reply: Reply) -> str | None:
        """None when the scheduler took the request, else what it said."""
        ...
