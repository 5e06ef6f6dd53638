"""The Protocol of schedulers and its records. A scheduler translates, and runs nothing."""

from __future__ import annotations

import re
from collections.abc import Callable, Generator, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Literal, Protocol

from hpctrain.errors import HpctrainError, SiteUnreachable

if TYPE_CHECKING:
    from hpctrain.process import Reply
    from hpctrain.schedulers.cluster import ClusterConversation
    from hpctrain.sites.profile import SiteProfile

JobState = Literal[
    "queued", "held", "running", "stopping",
    "completed", "failed", "timeout", "out_of_memory", "cancelled",
    "unknown",
]  # fmt: skip

# A controller serves a whole cluster: more questions than this would be a burden to it.
CLUSTER_FRESH_S, CLUSTER_POLL_S = 5.0, 15.0
# A queue that is files in the project's folder is nobody's burden.
FILES_FRESH_S, FILES_POLL_S = 0.5, 1.0

# What may be a row, or the beginning of one: nothing but an id, or fields.
_PART = re.compile(r"\d\S*\s*$|[^\n]*\x1f")
_NOT_STARTED = ("No such file or directory", "Permission denied", "Not a directory")

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
    """One job, as one query of the queue or of the accounting showed it.

    ``raw`` is the scheduler's own word for the state; ``reason`` is in plain words, or empty.
    Times are seconds; None is "not told". ``cluster`` is set where the question named clusters.
    ``folder`` is where it was submitted, and works, where the scheduler tells that. ``moved_to`` is
    the server that a job was handed on to: what becomes of it, only that one knows.
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
    cluster: str | None = None
    folder: str | None = None
    moved_to: str | None = None


@dataclass(frozen=True)
class Submitted:
    """A submission that the scheduler took, with the job's id.

    ``printed`` is the id as it was printed, ``cluster`` the name that was printed with it.
    """

    job_id: str
    printed: str = field(default="", compare=False)
    cluster: str | None = None


@dataclass(frozen=True)
class Refused:
    """A submission that the scheduler answered and did not take: there is no job.

    ``advice`` is what to do about it, where that is known.
    """

    reason: str
    advice: str = ""

    @property
    def sentence(self) -> str:
        """Return the reason with the advice."""
        return f"{self.reason} ({self.advice})" if self.advice else self.reason


@dataclass(frozen=True)
class Unclear:
    """A submission without an id and without proof that there is no job: look the token up.

    ``answered``: the program said something, and nothing of a connection that was lost; so said
    twice, it is meant.
    """

    reason: str
    answered: bool = False


class NotKept(SiteUnreachable):
    """The error that a site keeps no accounting: it will never answer."""


if TYPE_CHECKING:
    # A conversation: it yields commands, is sent their replies, and returns the jobs they show.
    # Most ask once; PBS asks for the ids first, and again where a server is old.
    Conversation = Generator[list[str], Reply, list[JobView]]
    # It returns the name by which a cluster calls itself; None if it does not say.
    IdentityConversation = Generator[list[str], Reply, str | None]


class Scheduler(Protocol):
    """A scheduler, as :func:`hpctrain.schedulers.scheduler_of` returns it.

    Every command is complete for :func:`hpctrain.process.run`. The conversations ``queue`` and
    ``accounting`` are led by :func:`hpctrain.process.converse`; they raise
    :class:`hpctrain.errors.SiteUnreachable` when a reply is no answer: a row that cannot be read
    may be any job's, and then nothing is known of those that are not shown.

    ``refusals`` are exit codes of a submission that prove, where a reason was said too, that there
    is no job; the job itself goes by them when it submits the next attempt. ``tells_the_end`` says
    whether a job can learn from its environment when it will be ended. ``fresh_s`` is for how many
    seconds one answer serves all commands, ``poll_s`` how often a command that follows runs asks.
    ``is_this_machine``: the jobs share this machine with whoever submits them, and nothing else
    limits them. ``is_charged``: what jobs hold is paid for. ``clusters`` are those that its
    questions name; None: whichever this machine belongs to.
    """

    @property
    def name(self) -> str: ...

    @property
    def template(self) -> str: ...

    @property
    def refusals(self) -> tuple[int, ...]: ...

    @property
    def tells_the_end(self) -> bool: ...

    @property
    def fresh_s(self) -> float: ...

    @property
    def poll_s(self) -> float: ...

    @property
    def is_this_machine(self) -> bool: ...

    @property
    def is_charged(self) -> bool: ...

    @property
    def clusters(self) -> str | None: ...

    def directives(self, site: SiteProfile, job: JobRequest) -> list[str]:
        """Return the lines for the head of the job script, without the comment prefix."""
        ...

    def submit_argv(self, script: str, job: JobRequest, site: SiteProfile) -> list[str]:
        """Return the command that submits a job script."""
        ...

    def read_submit(self, reply: Reply) -> Submitted | Refused | Unclear:
        """Read what became of the submission."""
        ...

    def clusters_named(self, directives: Sequence[str]) -> str | None:
        """Return the clusters that extra directives send jobs to by name; None without."""
        ...

    def identity(self) -> IdentityConversation | None:
        """Ask for the name of the cluster that answers.

        None where there is no other one: the queue is in the project's own folder.
        """
        ...

    def queue(self) -> Conversation:
        """Ask for all of the user's jobs that the queue still shows."""
        ...

    def accounting(self, since: float) -> Conversation | None:
        """Ask for the user's jobs since a time, in seconds since the epoch.

        None where there is no more to learn than from the queue.
        """
        ...

    def cancel_argv(self, job_ids: Sequence[str]) -> list[str]:
        """Return the command that ends these jobs."""
        ...

    def read_cancel(self, reply: Reply) -> str | None:
        """Return None when the scheduler took the request, else what it said."""
        ...

    def cluster(self) -> ClusterConversation | None:
        """Ask what the cluster has: partitions or queues, nodes, QOS, accounts.

        None where there is nothing to describe.
        """
        ...

    def try_argv(self, script: str) -> list[str] | None:
        """Return the command that judges a job script without submitting it, if there is one."""
        ...

    def read_try(self, reply: Reply) -> str | None:
        """Return None when the script would be taken, else what the scheduler said."""
        ...


def number_of(job_id: str) -> str:
    """Return the number in a job's id: the server's name behind it is written in several ways."""
    match = re.match(r"\d+", job_id)
    return match[0] if match else job_id


def server_of(job_id: str) -> str | None:
    """Return the server that a job's id names, as in ``123.server`` and ``123@server``."""
    match = re.search(r"[.@]([\w.-]+)$", job_id)
    return match[1] if match else None


def absolute(folder: str | None) -> str | None:
    """Return a job's folder if it is a whole path; None for what says nothing."""
    return folder if folder and folder.startswith("/") else None


def whole_lines(reply: Reply, is_row: Callable[[str], bool]) -> list[str]:
    """Return the rows of a list; SiteUnreachable where it is not certain that all were read.

    A greeting before the rows is left out. A row that cannot be read, a last line without its end,
    and words in place of rows make it no answer.
    """
    program = reply.argv[0]
    lines = [line for line in reply.out.split("\n") if line.strip()]
    rows = [line for line in lines if is_row(line)]
    odd = next((line for line in lines if _PART.match(line) and not is_row(line)), None)
    if reply.out and not reply.out.endswith("\n"):
        odd = lines[-1] if lines else reply.out
    if odd is None and lines and not rows:
        odd = lines[0]
    if odd is not None:
        shown = " ".join(odd.replace("\x1f", " ").split())[:80]
        raise SiteUnreachable(f"{program}: not all of its answer can be read: {shown!r}")
    return rows


def message(reply: Reply) -> str:
    """Return what a program said on stderr, or what became of it, in one line."""
    lines = [line.strip() for line in reply.err.splitlines() if line.strip()]
    if reply.problem:
        lines.insert(0, reply.problem)
    return "; ".join(lines) or f"{reply.argv[0]} ended with exit code {reply.code}"


def is_absent(reply: Reply) -> bool:
    """Say whether a program was not started because it is not on this machine."""
    problem = reply.problem or ""
    return reply.code is None and any(words in problem for words in _NOT_STARTED)


def elsewhere(scheduler: str) -> str:
    """Say where a scheduler's programs are, when they are not here."""
    return (
        "run hpctrain where you can submit jobs, on a login node of the cluster; to learn without "
        f"a cluster: --site practice-{scheduler}"
    )


def refuse_foreign(site: SiteProfile, keys: Sequence[str], scheduler: str, advice: str) -> None:
    """Refuse a profile with keys that this scheduler has no word for, all named at once."""
    fields = type(site).model_fields
    unknown = [
        key
        for key in keys
        if getattr(site, key) != fields[key].get_default(call_default_factory=True)
    ]
    if unknown:
        raise HpctrainError(
            f"the scheduler {scheduler} does not know: {', '.join(unknown)}", advice
        )
