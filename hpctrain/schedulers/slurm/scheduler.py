"""Slurm: arguments out, text in.

Every list is asked for with explicit fields, because ``--json`` differs between releases. Fields
are separated by the ASCII unit separator: names, reasons and comments hold commas, pipes, spaces.
"""

from __future__ import annotations

import re
import time
from collections.abc import Sequence
from dataclasses import dataclass, replace
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
    absolute,
    elsewhere,
    is_absent,
    message,
    refuse_foreign,
    whole_lines,
)
from hpctrain.schedulers.slurm import cluster, refusals
from hpctrain.schedulers.slurm import states as words
from hpctrain.schedulers.slurm.directives import clusters_named, directives
from hpctrain.schedulers.times import seconds

if TYPE_CHECKING:
    from hpctrain.schedulers.base import Conversation, IdentityConversation
    from hpctrain.schedulers.cluster import ClusterConversation
    from hpctrain.sites.profile import SiteProfile

SEPARATOR = "\x1f"
QUEUE_FORMAT = SEPARATOR.join(["%i", "%T", "%r", "%M", "%l", "%Z", "%j", "%k"])
ACCOUNTING_FIELDS = "JobID,State,ExitCode,ElapsedRaw,TimelimitRaw,WorkDir,JobName,Comment"
# sacct's own choice leaves out jobs that were cancelled while held, and, for a while, jobs that
# began at once: it goes by a time of eligibility that they lack. Naming every state does not.
ACCOUNTING_STATES = "BF,CA,CD,DL,F,NF,OOM,PD,PR,R,RQ,RS,RV,S,TO"
FOREIGN = ("account_option", "queue", "resource_style", "chunk", "place", "resources")
KILLED = 128  # from here on an exit code is a signal's
SLURM_OOM_SIGNAL = 125  # sacct's "0:125" is Slurm's own mark, not a signal

_JOB_ID = re.compile(r"\d+(_(\d+|\[[^\]]*\]))?(\+\d+)?")
_SUBMITTED = re.compile(r"^(\d+)(?:;(\S+))?\s*$", re.MULTILINE)
_CLUSTER_NAME = re.compile(r"^ClusterName\s*=\s*(\S+)", re.MULTILINE)
# What squeue writes above the rows of each cluster that it was asked for by name.
_HEADER = re.compile(r"CLUSTER: (\S+)")


@dataclass(frozen=True)
class SlurmScheduler:
    """Slurm 20.02 or later (``squeue --me``).

    Behind one login node there may be clusters that answer only to those who name them.
    """

    clusters: str | None = None

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
            return Refused(f"sbatch is not on this machine: {said}", elsewhere(self.name))
        if reply.code is None:
            return Unclear(said)
        if reply.code == 0:
            # The last: a site's greeting may have a line of digits too.
            *_, match = None, *_SUBMITTED.finditer(reply.out)
            if match is None:
                return Unclear(f"sbatch printed no job id: {said}")
            return Submitted(match[1], match[0].strip(), match[2])
        if refusals.is_lost(reply.err):
            return Unclear(said)
        if refusals.NO_CLUSTER in reply.err:
            return Refused(said, elsewhere(self.name))
        if reply.code in (1, 255):
            if told := refusals.site_says(reply.err):
                return Refused("; ".join(told), refusals.SITE)
            if refusals.is_refusal(reply.err.splitlines()):
                return Refused(said, refusals.advice(reply.err))
        return Unclear(said, answered=reply.code < KILLED and bool(reply.err.strip()))

    def clusters_named(self, directives: Sequence[str]) -> str | None:
        return clusters_named(directives)

    def identity(self) -> IdentityConversation:
        """Ask for ``ClusterName``; clusters that are named are what they are called."""
        if self.clusters is not None:
            return self.clusters
        match = _CLUSTER_NAME.search((yield ["scontrol", "show", "config"]).out)
        return match[1] if match else None

    def queue(self) -> Conversation:
        views = []
        for one in self._each_cluster():
            views += self.read_queue((yield self.queue_argv(one)), one)
        return views

    def queue_argv(self, cluster: str | None = None) -> list[str]:
        # --me rather than --user: for a user name that cannot be looked up, squeue --user
        # prints nothing and exits 0, which reads as an empty queue.
        return [
            "squeue", "--me", *_on(cluster), "--noheader", "--states=all",
            f"--format={QUEUE_FORMAT}",
        ]  # fmt: skip

    def read_queue(self, reply: Reply, cluster: str | None = None) -> list[JobView]:
        views = []
        for fields in _rows(reply):
            if isinstance(fields, str):
                cluster = fields
                continue
            job_id, raw, reason, elapsed, limit, folder, name, comment = fields
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
                    cluster=cluster,
                    folder=absolute(folder),
                )
            )
        return views

    def accounting(self, since: float) -> Conversation:
        views = []
        for one in self._each_cluster():
            reply = yield self.accounting_argv(since, one)
            views += self.read_accounting(reply, one)
        return views

    def accounting_argv(self, since: float, cluster: str | None = None) -> list[str]:
        """Ask for all states, and for the name beside the comment.

        Held jobs may be in the queue only, and comments come at the end of a job, if at all; so the
        token is looked for in the name too.
        """
        start = time.strftime("%Y-%m-%dT%H:%M:%S", time.localtime(since))
        return [
            "sacct", *_on(cluster), "--allocations", "--parsable2", f"--delimiter={SEPARATOR}",
            "--noheader", f"--starttime={start}", "--endtime=now",
            f"--state={ACCOUNTING_STATES}",
            f"--format={ACCOUNTING_FIELDS}",
        ]  # fmt: skip

    def read_accounting(self, reply: Reply, cluster: str | None = None) -> list[JobView]:
        views = []
        for fields in _rows(reply):
            if isinstance(fields, str):
                continue
            job_id, raw, exit_code, elapsed, limit, folder, name, comment = fields
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
                    cluster=cluster,
                    folder=absolute(folder),
                )
            )
        return views

    def cancel_argv(self, job_ids: Sequence[str]) -> list[str]:
        return ["scancel", *_on(self.clusters), *job_ids]

    def read_cancel(self, reply: Reply) -> str | None:
        """Return what scancel objects; it exits with 0 for a job that it does not know."""
        unknown = "Invalid job id" in reply.err
        return None if reply.code == 0 and not unknown else message(reply)

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

    def _each_cluster(self) -> list[str | None]:
        """List the clusters to ask, each by a question of its own."""
        return [None] if self.clusters is None else [*self.clusters.split(",")]


def _on(cluster: str | None) -> list[str]:
    return [] if cluster is None else [f"--clusters={cluster}"]


def _rows(reply: Reply) -> list[list[str] | str]:
    """Read the rows of eight fields that begin with a job's id, and the headings of clusters."""
    # squeue exits 0 after some errors, with no rows: that is no answer either.
    if reply.code != 0 or re.search(r"^(squeue|sacct): error:", reply.err, re.MULTILINE):
        absent = is_absent(reply) and reply.argv[0] == "sacct"
        if absent or "accounting storage is disabled" in reply.err:
            raise NotKept(
                message(reply),
                "this site keeps no accounting: a job that left the queue cannot be asked about",
            )
        raise SiteUnreachable(message(reply))
    rows: list[list[str] | str] = []
    for line in whole_lines(replace(reply, out=_unfolded(reply.out)), _is_row):
        header = _HEADER.fullmatch(line)
        rows.append(header[1] if header else _fields(line))
    return rows


def _fields(line: str) -> list[str]:
    """Split a row; a site's wrapper that knows nothing of the folder leaves it out."""
    fields = line.split(SEPARATOR, 7)
    if len(fields) == 7 and not fields[5].startswith("/"):
        fields.insert(5, "")
    return fields


def _is_row(line: str) -> bool:
    fields = _fields(line)
    return (len(fields) == 8 and bool(_JOB_ID.fullmatch(fields[0]))) or bool(
        _HEADER.fullmatch(line)
    )


def _unfolded(text: str) -> str:
    """Put the names and comments that go over several lines into one."""
    return re.sub(rf"\n(?=[^\n]*{SEPARATOR})(?!\d[\d_+\[\],%-]*{SEPARATOR})", " ", text)


def _exit(text: str) -> tuple[int | None, str]:
    """Return the exit code as a shell says it, and in words, of sacct's ``code:signal``."""
    match = re.fullmatch(r"(\d+):(\d+)", text)
    if match is None or int(match[2]) == SLURM_OOM_SIGNAL:
        return None, ""
    code, signal = int(match[1]), int(match[2])
    if signal:
        return 128 + signal, f"ended by signal {signal}"
    return code, f"ended with exit code {code}"
