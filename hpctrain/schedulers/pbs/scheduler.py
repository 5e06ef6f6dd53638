"""PBS (OpenPBS, PBS Professional, and Torque as far as it is alike): arguments out, text in.

PBS keeps ended jobs in the same place as the others, for as long as the site wants (``-x``); so
there is no accounting beside the queue.
"""

from __future__ import annotations

import os
import pwd
import re
from collections.abc import Generator, Sequence
from typing import TYPE_CHECKING

from hpctrain.errors import SiteUnreachable
from hpctrain.process import Reply
from hpctrain.schedulers.base import (
    CLUSTER_FRESH_S,
    CLUSTER_POLL_S,
    JobRequest,
    JobView,
    Refused,
    Submitted,
    Unclear,
    absolute,
    elsewhere,
    is_absent,
    message,
    whole_lines,
)
from hpctrain.schedulers.pbs import cluster
from hpctrain.schedulers.pbs import reply as words
from hpctrain.schedulers.pbs.directives import directives
from hpctrain.schedulers.pbs.states import judge
from hpctrain.schedulers.times import seconds

if TYPE_CHECKING:
    from hpctrain.schedulers.base import Conversation, IdentityConversation
    from hpctrain.schedulers.cluster import ClusterConversation
    from hpctrain.sites.profile import SiteProfile

    Asking = Generator[list[str], Reply, list[words.Job]]

# Ids that go on one command line.
MOST_IDS = 2000
NAME_LENGTH = 15  # of a job's name on older servers

_SUBMITTED = re.compile(r"^(\d+(?:(?:\[\])?\.[\w.-]+)?(?:@[\w.-]+)?)\s*$", re.MULTILINE)


class PbsScheduler:
    """OpenPBS and PBS Professional; with ``resource_style: nodes-ppn``, Torque."""

    name = "pbs"
    template = "pbs.sh.j2"
    refusals = tuple(words.REFUSALS)
    tells_the_end = False
    fresh_s, poll_s = CLUSTER_FRESH_S, CLUSTER_POLL_S
    is_this_machine = False
    is_charged = True
    clusters = None

    def directives(self, site: SiteProfile, job: JobRequest) -> list[str]:
        del job  # what is the job's own stands on the command line
        return directives(site)

    def submit_argv(self, script: str, job: JobRequest, site: SiteProfile) -> list[str]:
        token = job.comment.removeprefix("hpctrain:")
        argv = ["qsub"]
        if site.resource_style != "nodes-ppn":
            # Else qsub leaves a copy of itself behind for a minute, under the same command line.
            # Torque's -f is another.
            argv.append("-f")
        argv += ["-N", short_name(job.name)]
        argv += ["-v", f"HPCTRAIN_TOKEN={token},HPCTRAIN_ATTEMPT={job.attempt}"]
        if job.after is not None:
            argv += ["-W", f"depend=afterany:{job.after}"]
        return [*argv, script]

    def read_submit(self, reply: Reply) -> Submitted | Refused | Unclear:
        """Take the id from stdout alone; what is on stderr can hold numbers too."""
        said = message(reply)
        if is_absent(reply):
            return Refused(f"qsub is not on this machine: {said}", elsewhere(self.name))
        if reply.code == 0:
            # The last: a site's greeting may have a line of digits too.
            *_, match = None, *_SUBMITTED.finditer(reply.out)
            if match is None:
                return Unclear(f"qsub printed no job id: {said}")
            return Submitted(match[1], match[0].strip())
        lines = [line.strip() for line in reply.err.splitlines()]
        complained = any(line.startswith("qsub: ") for line in lines)
        # A hook of the site's may say anything, and has said it for the server.
        lost = reply.code not in words.HOOKS and any(
            phrase in reply.err.lower() for phrase in words.NO_ANSWER
        )
        if reply.code not in words.REFUSALS or not complained or lost:
            answered = reply.code is not None and not lost and bool(reply.err.strip())
            return Unclear(said, answered=answered)
        usage = next((n for n, line in enumerate(lines) if line.startswith("usage:")), len(lines))
        reason = "; ".join(filter(None, lines[:usage]))
        return Refused(reason, words.REFUSALS[reply.code])

    def clusters_named(self, directives: Sequence[str]) -> None:  # noqa: ARG002
        """Return None: a server is named behind the queue, and answers for itself."""
        return

    def identity(self) -> IdentityConversation:
        """Ask for the server's name."""
        reply = yield ["qstat", "-B", "-f"]
        match = words.SERVER.search(reply.out)
        return match[1] or match[2] if match else None

    def queue(self) -> Conversation:
        """Ask for the ids first, and then for what is known of each."""
        user = pwd.getpwuid(os.getuid()).pw_name
        listed = yield ["qselect", "-x", "-u", user]
        history = not (_no_history(listed) or _not_understood(listed))
        if not history:
            listed = yield ["qselect", "-u", user]
        if is_absent(listed):
            everybodys = yield from _details([], history=True)
            jobs = [job for job in everybodys if _owner(job) == user]
        else:
            ids = _ids(listed)
            jobs = []
            for first in range(0, len(ids), MOST_IDS):
                part = ids[first : first + MOST_IDS]
                jobs += yield from _details(part, history=history)
        return [_view(job, user) for job in jobs]

    def accounting(self, since: float) -> None:  # noqa: ARG002
        """Return None: what PBS still knows, qstat -x shows."""
        return

    def cancel_argv(self, job_ids: Sequence[str]) -> list[str]:
        return ["qdel", *job_ids]

    def read_cancel(self, reply: Reply) -> str | None:
        """Return what qdel objects; a job that has ended, or is unknown, is no error."""
        lines = [line for line in reply.err.splitlines() if line.strip()]
        others = [line for line in lines if not any(phrase in line for phrase in words.OVER)]
        if reply.code == 0 or (reply.code is not None and lines and not others):
            return None
        return "; ".join(line.strip() for line in others) or message(reply)

    def cluster(self) -> ClusterConversation:
        return cluster.ask()

    def try_argv(self, script: str) -> None:  # noqa: ARG002
        """Return None: qsub has no way to try."""
        return

    def read_try(self, reply: Reply) -> str | None:
        return None if reply.code == 0 else message(reply)


def short_name(name: str) -> str:
    """Write ``project.run_id.NN`` in 15 characters, of which the first is a letter."""
    parts = name.rsplit(".", 2)
    project, end = (parts[0], f".{parts[1][-4:]}.{parts[2]}") if len(parts) == 3 else (name, "")
    if not ("A" <= project[:1] <= "Z" or "a" <= project[:1] <= "z"):
        project = f"t{project}"
    return project[: NAME_LENGTH - len(end)] + end


def _details(ids: list[str], *, history: bool) -> Asking:
    """Ask what is known of these jobs, or of everybody's; ask again where a server is older.

    ``-E`` makes one request of it: without, one release prints the first job only. It goes with
    ids alone.
    """
    past = ["-x"] if history else []
    express = ["-E"] if ids else []
    reply = yield ["qstat", *express, *past, "-f", "-F", "json", *ids]
    if history and _no_history(reply):
        return (yield from _details(ids, history=False))
    if not _not_understood(reply):
        _check(reply)
        jobs, whole = words.from_json(reply.out)
        if not whole and (reply.code == 0 or reply.out.strip()):
            raise SiteUnreachable(f"qstat's answer is cut short, or no JSON: {reply.out[-80:]!r}")
        return jobs
    reply = yield ["qstat", *past, "-f", *ids]
    # To Torque -x is XML.
    if history and (_no_history(reply) or _not_understood(reply) or reply.out[:1] == "<"):
        reply = yield ["qstat", "-f", *ids]
    _check(reply)
    if reply.out and not reply.out.endswith("\n"):
        raise SiteUnreachable(f"qstat's answer is cut short: {reply.out[-80:]!r}")
    return words.from_text(reply.out)


def _view(job: words.Job, user: str) -> JobView:
    what = judge(job, user)
    token = job.token
    return JobView(
        job_id=job.job_id,
        name=job.get("Job_Name") or "",
        comment="" if token is None else f"hpctrain:{token}",
        state=what.state,
        raw=what.raw,
        reason=what.reason,
        elapsed_s=seconds(job.get("resources_used.walltime")),
        walltime_s=seconds(job.get("Resource_List.walltime")),
        exit_code=what.exit_code,
        folder=absolute(job.folder),
        moved_to=what.moved_to,
    )


def _ids(reply: Reply) -> list[str]:
    _check(reply)
    return [line.strip() for line in whole_lines(reply, _is_id)]


def _is_id(line: str) -> bool:
    return words.JOB_ID.fullmatch(line.strip()) is not None


def _check(reply: Reply) -> None:
    """Raise SiteUnreachable where the server has not answered: exit code 0 is no proof."""
    silent = reply.code == 0 and not reply.out.strip() and reply.err.startswith(reply.argv[0])
    if reply.code not in words.ANSWERS or silent:
        raise SiteUnreachable(message(reply))


def _no_history(reply: Reply) -> bool:
    return any(phrase in reply.err for phrase in words.NO_HISTORY)


def _not_understood(reply: Reply) -> bool:
    """Say whether the program is older than the option."""
    said = reply.err.lower()
    return reply.code in (1, 2) and any(phrase in said for phrase in words.NOT_UNDERSTOOD)


def _owner(job: words.Job) -> str:
    return (job.get("Job_Owner") or "").partition("@")[0]
