"""The programs of a practice Slurm, as those of Slurm 22.05 answer.

One cluster, one user, one node: partitions cpu (default, 1 day) and short (10 minutes), 4 CPUs,
16000 MB, 2 GPUs a100, the account materials, QOS normal and long. Associations and QOS are
enforced; what no partition can run is accepted and waits for ever (``EnforcePartLimits=NO``).

It differs from the real one: nothing is requeued (as with ``JobRequeue=0``); time limits are kept
to the second, not to the minute, and --signal comes at its second; there is no backfill; GPUs and
memory are checked, and then not counted; a job that waits for one whose dependency can never be
satisfied is let go; a job, even one that waits, is lost (NODE_FAIL) when the machine restarts.
There are no arrays, steps, reservations or mail. What is not imitated is refused, and named.
"""

from __future__ import annotations

import sys
from collections.abc import Callable
from pathlib import Path

from hpctrain.schedulers.local_queue import queue as engine
from hpctrain.schedulers.practice_cluster.slurm.jobs import DOWN, OVER, job_at, jobs_in
from hpctrain.schedulers.practice_cluster.slurm.options import Refusal, parse
from hpctrain.schedulers.practice_cluster.slurm.sacct import sacct
from hpctrain.schedulers.practice_cluster.slurm.squeue import squeue
from hpctrain.schedulers.practice_cluster.slurm.submit import sbatch

SCANCEL = {
    "me": "", "signal!": "s", "user!": "u", "name!": "n", "jobname!": "", "state!": "t",
    "partition!": "p", "batch!": "b", "full!": "f", "account!": "A", "interactive!": "i",
}  # fmt: skip
BAD_ID = "Invalid job id specified"
FINISHED = "Job has already finished"
PARTITION = "Requested partition configuration not available now"


def main(folder: Path, program: str, words: list[str]) -> int:
    """Run one of the programs, and return its exit code.

    As long as there is a file ``down``, the whole cluster is unreachable.
    """
    for stream in (sys.stdout, sys.stderr):
        # As it was given: a name need not be UTF-8.
        stream.reconfigure(encoding="utf-8", errors="surrogateescape")  # type: ignore[union-attr]
    try:
        down = (folder / "down").exists()
        for line in PROGRAMS[program](folder, words, down):
            print(line)
    except Refusal as refusal:
        print(refusal, file=sys.stderr)
        return refusal.code
    except OSError as error:
        print(f"{program}: fatal: practice cluster {folder}: {error}", file=sys.stderr)
        return 1
    return 0


def scancel(cluster: Path, words: list[str], down: bool) -> list[str]:
    """Cancel jobs; nothing is printed."""
    found, numbers = parse("scancel", words, SCANCEL)
    if not numbers and "me" not in found:
        raise Refusal(1, "scancel: error: No job identification provided")
    for word in numbers:
        if not (word.isascii() and word.isdecimal()):
            raise Refusal(1, f"scancel: error: Invalid job id {word}")
    if down:
        said = [f"scancel: error: Kill job error on job id {word}: {DOWN}" for word in numbers]
        raise Refusal(8, *(said or [f"slurm_load_jobs error: {DOWN}"]))
    if not numbers:
        numbers = [str(job.number) for job in jobs_in(cluster)]
    for word in numbers:
        # Nothing is said of a job that is unknown, or over.
        job = job_at(cluster, word)
        if job and job.state not in OVER:
            engine.cancel(job.folder)
            (job.folder / "cancel").touch()  # the engine leaves out one that can never run
    return []


def scontrol(cluster: Path, words: list[str], down: bool) -> list[str]:
    """Release, hold or requeue; the last is always refused, as with ``JobRequeue=0``."""
    _, rest = parse("scontrol", words, {})
    keyword, numbers = (rest[0] if rest else ""), ",".join(rest[1:]).split(",")
    if keyword not in ("release", "hold", "uhold", "requeue"):
        known = ("show", "update", "suspend", "resume", "top", "requeuehold", "ping", "write")
        if keyword in known:
            raise Refusal(1, f"the practice cluster does not imitate scontrol {keyword}")
        raise Refusal(1, f"invalid keyword: {keyword}")
    if len(rest) < 2:
        raise Refusal(1, f"too few arguments for keyword:{keyword}")
    said: list[str] = []
    for word in numbers:
        problem = "Unexpected message received" if down else _set(cluster, word, keyword)
        if problem:
            said.append(f"{problem} for job {word}")
            said += [] if keyword == "requeue" else [f"slurm_suspend error: {problem}"]
    if said:
        raise Refusal(1, *said)
    return []


def _set(cluster: Path, word: str, keyword: str) -> str:
    """Do it, or return why not."""
    job = job_at(cluster, word)
    if job is None:
        return BAD_ID
    if keyword == "requeue":
        waits = job.state == "PENDING"
        return "Job is pending execution" if waits else "Requested operation is presently disabled"
    if job.state in OVER:
        return FINISHED
    stuck = job.facts.get("reason")  # it is held already, for good
    if stuck:
        return PARTITION if keyword != "release" and stuck == "PartitionConfig" else ""
    if job.state == "PENDING":
        (engine.release if keyword == "release" else engine.hold)(job.folder)
    return ""


PROGRAMS: dict[str, Callable[[Path, list[str], bool], list[str]]] = {
    "sbatch": sbatch,
    "squeue": squeue,
    "sacct": sacct,
    "scancel": scancel,
    "scontrol": scontrol,
}
