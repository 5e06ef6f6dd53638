"""sacct of a practice Slurm."""

from __future__ import annotations

import time
from collections.abc import Callable
from pathlib import Path

from hpctrain.schedulers.practice_cluster.slurm.jobs import ACCOUNT, OVER, Job, jobs_in, read_states
from hpctrain.schedulers.practice_cluster.slurm.options import Refusal, parse

SACCT = {
    "allocations": "X", "parsable2": "P", "noheader": "n", "delimiter=": "", "starttime=": "S",
    "endtime=": "E", "state=": "s", "format=": "o", "jobs=": "j", "json!": "", "parsable!": "p",
    "user!": "u", "allusers!": "a", "long!": "l", "brief!": "b", "name!": "", "clusters!": "M",
}  # fmt: skip
DATABASE_DOWN = (
    "sacct: error: slurm_persist_conn_open_without_init: failed to open persistent connection to "
    "host:127.0.0.1:6819: Connection refused",
    "sacct: error: Sending PersistInit msg: Connection refused",
    "sacct: error: Problem talking to the database: Connection refused",
)


def _state(job: Job) -> str:
    if job.state == "COMPLETING":
        return "RUNNING"
    return f"CANCELLED by {job.by}" if job.state == "CANCELLED" else job.state


ACCOUNTING_FIELDS: dict[str, tuple[str, Callable[[Job], str]]] = {
    field.lower(): (field, text)
    for field, text in {
        "JobID": lambda job: str(job.number),
        "JobName": lambda job: job.name or "allocation",
        "Partition": lambda job: str(job.facts.get("partition", "")),
        "Account": lambda _: ACCOUNT,
        "AllocCPUS": lambda job: str(job.facts.get("cores", 1)) if job.ran else "0",
        "State": _state,
        "ExitCode": lambda job: job.code,
        "Elapsed": lambda job: time.strftime("%H:%M:%S", time.gmtime(job.elapsed_s)),
        "ElapsedRaw": lambda job: str(int(job.elapsed_s)),
        "TimelimitRaw": lambda job: str(-int(-job.limit_s // 60)) if job.limit_s else "UNLIMITED",
        "WorkDir": lambda job: job.work_dir,
        # It comes with the end of the job.
        "Comment": lambda job: (job.comment or "") if job.state in OVER else "",
    }.items()
}
DEFAULT_FIELDS = "JobID,JobName,Partition,Account,AllocCPUS,State,ExitCode"


def _moment(text: str) -> float:
    if text == "now":
        return time.time()
    for layout in ("%Y-%m-%dT%H:%M:%S", "%Y-%m-%dT%H:%M", "%Y-%m-%d"):
        try:
            return time.mktime(time.strptime(text, layout))
        except (ValueError, OverflowError):
            continue
    raise Refusal(1, f"Invalid time specification (pos=0): {text}")


def sacct(cluster: Path, words: list[str], down: bool) -> list[str]:
    """Return the lines of sacct."""
    found, rest = parse("sacct", words, SACCT)
    if rest or not {"allocations", "parsable2"} <= set(found):
        raise Refusal(1, "sacct: fatal: the practice cluster imitates sacct -X -P only")
    fields = [name.split("%")[0] for name in found.get("format", DEFAULT_FIELDS).split(",")]
    for name in fields:
        if name.lower() not in ACCOUNTING_FIELDS:
            raise Refusal(1, f'sacct: error: Invalid field requested: "{name}"')
    states, bad = read_states(found["state"]) if "state" in found else (None, "")
    if bad:
        raise Refusal(1, f"sacct: fatal: unrecognized job state value '{bad}'")
    numbers = found["jobs"].split(",") if "jobs" in found else None
    today = time.strftime("%Y-%m-%d") if numbers is None else "1970-01-02"
    since = _moment(found.get("starttime", today if states is None else "now"))
    until = _moment(found.get("endtime", "now"))
    if down:
        raise Refusal(1, *DATABASE_DOWN)
    chosen = [
        job
        for job in jobs_in(cluster)
        if (job.ended or until) >= int(since) and int(job.submitted) <= until
        if numbers is None or str(job.number) in numbers
        if _recorded(job, states)
    ]
    columns = [ACCOUNTING_FIELDS[name.lower()] for name in fields]
    by = found.get("delimiter", "|")
    head = [] if "noheader" in found else [by.join(name for name, _ in columns)]
    return head + [by.join(text(job) for _, text in columns) for job in chosen]


def _recorded(job: Job, states: set[str] | None) -> bool:
    """Say whether the accounting shows it, which goes by a time of eligibility.

    Jobs that are held or wait for another have none yet, and one that was cancelled before it had
    one shows only where states are named.
    """
    waited = job.held or job.reason.startswith("Dependency")
    if job.state == "PENDING" and waited:
        return False
    if states is None:
        return job.ran or not waited
    return _state(job).split()[0] in states
