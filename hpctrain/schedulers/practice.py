"""The schedulers of practice clusters: the real translators, speaking to :mod:`.practice_cluster`.

What is asked and how answers are read is the same as with the real one.
"""

from __future__ import annotations

import sys
from collections.abc import Generator, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, TypeVar

from hpctrain.schedulers.base import (
    FILES_FRESH_S,
    FILES_POLL_S,
    JobRequest,
    Refused,
    Scheduler,
    Submitted,
    Unclear,
)

if TYPE_CHECKING:
    from hpctrain.process import Reply
    from hpctrain.schedulers.base import Conversation
    from hpctrain.schedulers.cluster import ClusterConversation
    from hpctrain.sites.profile import SiteProfile

Answer = TypeVar("Answer")


@dataclass(frozen=True)
class PracticeScheduler:
    """A practice cluster in ``folder``, spoken to as ``real`` speaks to a real one."""

    real: Scheduler
    folder: str

    # It stands in for a cluster, but is files in the project's folder, and nobody pays for it.
    fresh_s, poll_s = FILES_FRESH_S, FILES_POLL_S
    is_this_machine = False
    is_charged = False
    clusters = None

    @property
    def name(self) -> str:
        return f"practice-{self.real.name}"

    @property
    def template(self) -> str:
        return self.real.template

    @property
    def refusals(self) -> tuple[int, ...]:
        return self.real.refusals

    @property
    def tells_the_end(self) -> bool:
        return self.real.tells_the_end

    def directives(self, site: SiteProfile, job: JobRequest) -> list[str]:
        return self.real.directives(site, job)

    def submit_argv(self, script: str, job: JobRequest, site: SiteProfile) -> list[str]:
        return self._command(self.real.submit_argv(script, job, site))

    def read_submit(self, reply: Reply) -> Submitted | Refused | Unclear:
        return self.real.read_submit(self._as_theirs(reply))

    def clusters_named(self, directives: Sequence[str]) -> None:  # noqa: ARG002
        return

    def identity(self) -> None:
        """Return None: the cluster is in the project's folder."""
        return

    def queue(self) -> Conversation:
        return self._lead_here(self.real.queue())

    def accounting(self, since: float) -> Conversation | None:
        conversation = self.real.accounting(since)
        return None if conversation is None else self._lead_here(conversation)

    def cancel_argv(self, job_ids: Sequence[str]) -> list[str]:
        return self._command(self.real.cancel_argv(job_ids))

    def read_cancel(self, reply: Reply) -> str | None:
        return self.real.read_cancel(self._as_theirs(reply))

    def cluster(self) -> ClusterConversation | None:
        conversation = self.real.cluster()
        return None if conversation is None else self._lead_here(conversation)

    def try_argv(self, script: str) -> list[str] | None:
        argv = self.real.try_argv(script)
        return None if argv is None else self._command(argv)

    def read_try(self, reply: Reply) -> str | None:
        return self.real.read_try(self._as_theirs(reply))

    def _lead_here(
        self, conversation: Generator[list[str], Reply, Answer]
    ) -> Generator[list[str], Reply, Answer]:
        try:
            argv = next(conversation)
            while True:
                reply = yield self._command(argv)
                argv = conversation.send(self._as_theirs(reply))
        except StopIteration as end:
            answer: Answer = end.value
            return answer

    def _command(self, argv: list[str]) -> list[str]:
        return [*self._prefix, *argv]

    def _as_theirs(self, reply: Reply) -> Reply:
        """Return the reply as if the program itself had been called: some of them name it."""
        return replace(reply, argv=reply.argv[len(self._prefix) :])

    @property
    def _prefix(self) -> list[str]:
        return [sys.executable, "-m", "hpctrain.schedulers.practice_cluster", self.folder]
