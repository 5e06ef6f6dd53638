"""Slurm: arguments out, text in.

Every list is asked for with explicit fields, because ``--json`` differs between releases. Fields
are separated by the ASCII unit separator: names, reasons and comments hold commas, pipes, spaces.
"""

from __future__ import annotations

import re
import time
from collections.abc import Sequence
from typing import TYPE_CHECKING

from hpctrain.errors import SiteUnreachable
from hpctrain.process import Reply
from hpctrain.schedulers.base import (
    CLUSTER_FRESH_S,
    CLUSTER_POLL_S,
    JobRequest,
    JobView,
    NotKept,
    Refused,
    Submitted,
    Unclear,
    is_absent,
    message,
    refuse_foreign,
)
from hpctrain.schedulers.slurm import cluster, refusals
from hpctrain.schedulers.slurm import states as words
from hpctrain.schedulers.slurm.directives import directives
from hpctrain.schedulers.times import seconds

if TYPE_CHECKING:
    from hpctrain.schedulers.base import Conversation
    from hpctrain.schedulers.cluster import ClusterConversation
    from hpctrain.sites.profile import SiteProfile

SEPARATOR = "\x1f"
QUEUE_FORMAT = SEPARATOR.join(["%i", "%T", "%r", "%M", "%l", "%j", "%k"])
ACCOUNTING_FIELDS = "JobID,State,ExitCode,ElapsedRaw,TimelimitRaw,JobName,Comment"
# sacct's own choice leaves out jobs that were cancelled while held, and, for a while, jobs that
# began at once: it goes by a time of eligibility that they lack. Naming every state does not.
ACCOUNTING_STATES = "BF,CA,CD,DL,F,NF,OOM,PD,PR,R,RQ,RS,RV,S,TO"
FOREIGN = ("account_option", "queue", "resource_style", "chunk", "place", "resources")
KILLED = 128  # from here on an exit code is a signal's
SLURM_OOM_SIGNAL = 125  # sacct's "0:125" is Slurm's own mark, not a signal

_JOB_ID = re.compile(r"\d+(_(\d+|\[[^\]]*\]))?(\+\d+)?")
_SUBMITTED = re.compile(r"^(\d+)(;\S+)?$", re.MULTILINE)


class SlurmScheduler:
    """Slurm 20.02 or later (``squeue --me``)."""

    name = "slurm"
    template = "slurm.sh.j2"
    refusals = (1, 2, 255)
    tells_the_end = True  # SLURM_JOB_END_TIME
    fresh_s, poll_s = CLUSTER_FRESH_S, CLUSTER_POLL_S
    is_this_machine = False
    is_charged = True

    def directives(self, site: SiteProfile, job: JobRequest) -> list[str]:
        refuse_foreign(
            site, FOREIGN, self.name, "take these keys out of the site's profile: they are for PBS"
        )
        return directives(site, job)

    def submit_argv(self, script: str, job: JobRequest, site: SiteProfile) -> list[str]:
        del site  # what it says is in the head of the script
        # One script serves all attempts: the command line wins over the script's head.
        argv = ["sbatch", "--parsable", f"--job-name={job.name}", f"--comment={job.comment}"]
        if job.after is not None:
            argv.append(f"--dependency=afterany:{job.after}")
        return [*argv, script, str(job.attempt)]

    def read_submit(self, reply: Reply) -> Submitted | Refused | Unclear:
        """Take the id from stdout alone: on success stderr has warnings, with numbers in them."""
        said = message(reply)
        if is_absent(reply):
            return Refused(f"sbatch is not on this machine: {said}")
        if reply.code is None:
            return Unclear(said)
        if reply.code == 0:
            match = _SUBMITTED.search(reply.out)
            return Submitted(match[1]) if match else Unclear(f"sbatch told no job id: {said}")
        if refusals.is_lost(reply.err):
            return Unclear(said)
        if reply.code in (1, 255):
            if told := refusals.site_says(reply.err):
                return Refused("; ".join(told), refusals.SITE)
            if refusals.is_refusal(reply.err.splitlines()):
                return Refused(said, refusals.advice(reply.err))
        return Unclear(said, answered=reply.code < KILLED and bool(reply.err.strip()))

    def queue(self) -> Conversation:
        return self.read_queue((yield self.queue_argv()))

    def queue_argv(self) -> list[str]:
        # --me rather than --user: for a user name that cannot be looked up, squeue --user
        # prints nothing and exits 0, which reads as an empty queue.
        return ["squeue", "--me", "--noheader", "--states=all", f"--format={QUEUE_FORMAT}"]

    def read_queue(self, reply: Reply) -> list[JobView]:
        views = []
        for fields in _rows(reply):
            job_id, raw, reason, elapsed, limit, name, comment = fields
            views.append(
                JobView(
                    job_id=job_id,
                    name=name,
                    comment="" if comment == "(null)" else comment,
                    state=words.state_of(raw, reason),
                    raw=raw,
                    reason=words.reason_of(raw, reason),
                    elapsed_s=seconds(elapsed),
                    walltime_s=seconds(limit),
                )
            )
        return views

    def accounting(self, since: float) -> Conversation:
        return self.read_accounting((yield self.accounting_argv(since)))

    def accounting_argv(self, since: float) -> list[str]:
        """Ask for all states, and for the name beside the comment.

        Held jobs may be in the queue only, and comments come at the end of a job, if at all; so the
        token is looked for in the name too.
        """
        start = time.strftime("%Y-%m-%dT%H:%M:%S", time.localtime(since))
        return [
            "sacct", "--allocations", "--parsable2", f"--delimiter={SEPARATOR}", "--noheader",
            f"--starttime={start}", "--endtime=now", f"--state={ACCOUNTING_STATES}",
            f"--format={ACCOUNTING_FIELDS}",
        ]  # fmt: skip

    def read_accounting(self, reply: Reply) -> list[JobView]:
        views = []
        for fields in _rows(reply):
            job_id, raw, exit_code, elapsed, limit, name, comment = fields
            state = words.state_of(raw, "")
            code, said = _exit(exit_code)
            if state not in ("completed", "failed") and code == 0:
                code = None  # sacct writes 0:0 for whatever has not ended by itself
            views.append(
                JobView(
                    job_id=job_id,
                    name=name,
                    comment=comment,
                    state=state,
                    raw=raw,
                    reason=words.reason_of(raw, "") or (said if state == "failed" else ""),
                    elapsed_s=float(elapsed) if elapsed.isdigit() else None,
                    walltime_s=float(limit) * 60 if limit.isdigit() else None,
                    exit_code=code,
                )
            )
        return views

    def cancel_argv(self, job_ids: Sequence[str]) -> list[str]:
        return ["scancel", *job_ids]

    def read_cancel(self, reply: Reply) -> str | None:
        """Return what scancel objects; an unknown or finished job is no error to it."""
        return None if reply.code == 0 else message(reply)

    def cluster(self) -> ClusterConversation:
        return cluster.ask()

    def try_argv(self, script: str) -> list[str]:
        return ["sbatch", "--test-only", script]

    def read_try(self, reply: Reply) -> str | None:
        """Return what sbatch objects; on success it says on stderr when the job would start."""
        if reply.code == 0:
            return None
        if refusals.is_lost(reply.err):
            raise SiteUnreachable(message(reply))
        return "; ".join(refusals.site_says(reply.err)) or message(reply)


def _rows(reply: Reply) -> list[list[str]]:
    """Read the rows of seven fields that begin with a job's id, and leave out the rest."""
    # squeue exits 0 after some errors, with no rows: that is no answer either.
    if reply.code != 0 or re.search(r"^(squeue|sacct): error:", reply.err, re.MULTILINE):
        absent = is_absent(reply) and reply.argv[0] == "sacct"
        if absent or "accounting storage is disabled" in reply.err:
            raise NotKept(
                message(reply),
                "this site keeps no accounting: a job that left the queue cannot be asked about",
            )
        raise SiteUnreachable(message(reply))
    rows = [line.split(SEPARATOR, 6) for line in reply.out.split("\n")]
    return [row for row in rows if len(row) == 7 and _JOB_ID.fullmatch(row[0])]


def _exit(text: str) -> tuple[int | None, str]:
    """Return the exit code as a shell says it, and in words, of sacct's ``code:signal``."""
    match = re.fullmatch(r"(\d+):(\d+)", text)
    if match is None or int(match[2]) == SLURM_OOM_SIGNAL:
        return None, ""
    code, signal = int(match[1]), int(match[2])
    if signal:
        return 128 + signal, f"ended by signal {signal}"
    return code, f"ended with exit code {code}"
