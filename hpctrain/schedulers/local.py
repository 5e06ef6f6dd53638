"""The scheduler of this machine: the small queue of :mod:`.local_queue` in the project's folder."""

from __future__ import annotations

import json
import math
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from hpctrain.errors import HpctrainError, SiteUnreachable
from hpctrain.schedulers.base import (
    FILES_FRESH_S,
    FILES_POLL_S,
    JobRequest,
    JobState,
    JobView,
    Refused,
    Submitted,
    Unclear,
    absolute,
    refuse_foreign,
)

if TYPE_CHECKING:
    from hpctrain.process import Reply
    from hpctrain.schedulers.base import Conversation
    from hpctrain.sites.profile import SiteProfile

# Keys of a site profile that ask a scheduler for something this queue does not have.
_FOREIGN = (
    "account", "partition", "qos", "constraint", "nodes", "tasks", "memory", "memory_style",
    "gpus", "gpu_type", "gpu_dialect", "mail_user", "mail_events", "extra_directives",
    "account_option", "queue", "resource_style", "chunk", "place", "resources",
)  # fmt: skip

_STATES: dict[str, JobState] = {
    "QUEUED": "queued",
    "HELD": "held",
    "DEPENDS": "queued",
    "RUNNING": "running",
    "STOPPING": "stopping",
    "COMPLETED": "completed",
    "FAILED": "failed",
    "TIMEOUT": "timeout",
    "CANCELLED": "cancelled",
    "LOST": "failed",
    "NEVER": "failed",
    "ELSEWHERE": "unknown",
    "UNKNOWN": "unknown",
}


@dataclass(frozen=True)
class LocalScheduler:
    """The site ``local``; ``folder`` is its queue's, and the same for all of a project."""

    folder: str

    name = "local"
    template = "local.sh.j2"
    # 1 and 2 are said before there is a job, never after.
    refusals = (1, 2)
    tells_the_end = False
    fresh_s, poll_s = FILES_FRESH_S, FILES_POLL_S
    is_this_machine = True
    is_charged = False
    clusters = None

    def directives(self, site: SiteProfile, job: JobRequest) -> list[str]:  # noqa: ARG002
        """Return none: what the queue needs stands on its command line."""
        _check(site)
        return []

    def submit_argv(self, script: str, job: JobRequest, site: SiteProfile) -> list[str]:
        _check(site)
        # Joined with "=": a value may begin with a dash.
        argv = self._argv("submit", f"--name={job.name}", f"--comment={job.comment}")
        argv.append(f"--output={job.output}")
        if site.walltime is not None:
            from hpctrain.fields import walltime_seconds  # slow to import: pydantic

            argv.append(f"--walltime={walltime_seconds(site.walltime)}")
        # One job at a time, in order: whoever waits for an earlier one need not say so.
        return [*argv, "--", script, str(job.attempt)]

    def read_submit(self, reply: Reply) -> Submitted | Refused | Unclear:
        answer = reply.out.strip()
        if reply.code == 0 and answer.isascii() and answer.isdecimal():
            return Submitted(answer)
        if reply.code in self.refusals:
            return Refused(_complaint(reply))
        return Unclear(_complaint(reply))

    def clusters_named(self, directives: Sequence[str]) -> None:  # noqa: ARG002
        return

    def identity(self) -> None:
        """Return None: the queue is in the project's folder."""
        return

    def queue(self) -> Conversation:
        return self.read_queue((yield self.queue_argv()))

    def queue_argv(self) -> list[str]:
        """Return the command that lists all jobs of the folder, ended ones too."""
        return self._argv("list")

    def read_queue(self, reply: Reply) -> list[JobView]:
        if reply.code != 0:
            raise SiteUnreachable(f"the local queue did not answer: {_complaint(reply)}")
        lines = reply.out.splitlines()
        views = [view for line in lines if (view := _read_job(line)) is not None]
        if lines and not views:
            raise SiteUnreachable(f"the local queue's answer cannot be read: {lines[0][:200]}")
        return views

    def accounting(self, since: float) -> None:  # noqa: ARG002
        """Return None: the list keeps everything."""
        return

    def cancel_argv(self, job_ids: Sequence[str]) -> list[str]:
        return self._argv("cancel", "--", *job_ids)

    def read_cancel(self, reply: Reply) -> str | None:
        return None if reply.code == 0 else _complaint(reply)

    def cluster(self) -> None:
        """Return None: it is this machine."""
        return

    def try_argv(self, script: str) -> None:  # noqa: ARG002
        return

    def read_try(self, reply: Reply) -> str | None:
        return None if reply.code == 0 else _complaint(reply)

    def _argv(self, *words: str) -> list[str]:
        return [sys.executable, "-m", "hpctrain.schedulers.local_queue", self.folder, *words]


def _check(site: SiteProfile) -> None:
    if site.continuation == "requeue":
        raise HpctrainError(
            "the scheduler local cannot requeue a job",
            "choose continuation: resubmit, chain or manual",
        )
    refuse_foreign(
        site,
        _FOREIGN,
        "local",
        "leave them out, here and in the site's profile; local knows cores and walltime",
    )


def _complaint(reply: Reply) -> str:
    lines = (reply.problem or reply.err or reply.out).strip().splitlines()
    return lines[-1] if lines else f"exit code {reply.code}, and no message"


def _read_job(line: str) -> JobView | None:
    try:
        job = json.loads(line)
        return JobView(
            job_id=str(job["id"]),
            name=str(job["name"]),
            comment=str(job["comment"]),
            state=_STATES.get(job["state"], "unknown"),
            raw=str(job["state"]),
            reason=str(job.get("reason") or ""),
            elapsed_s=_number(job.get("elapsed_s")),
            walltime_s=_number(job.get("walltime_s")),
            exit_code=None if job.get("exit_code") is None else int(job["exit_code"]),
            folder=absolute(job.get("cwd")),
        )
    except (ValueError, KeyError, TypeError, AttributeError, OverflowError):
        return None


def _number(value: Any) -> float | None:
    if value is None:
        return None
    number = float(value)
    if not math.isfinite(number):
        raise ValueError(f"{value} is not a number")
    return number
