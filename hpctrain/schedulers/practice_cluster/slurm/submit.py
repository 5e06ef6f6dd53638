"""sbatch of a practice Slurm: what it takes, what it refuses, and what becomes of it."""

from __future__ import annotations

import os
import shlex
import sys
import time
from pathlib import Path

from hpctrain.identity import identity
from hpctrain.schedulers.local_queue import queue as engine
from hpctrain.schedulers.local_queue.state import write
from hpctrain.schedulers.practice_cluster.slurm import request as ask
from hpctrain.schedulers.practice_cluster.slurm.environment import expand, job_variables
from hpctrain.schedulers.practice_cluster.slurm.jobs import (
    CORES,
    DOWN,
    KILL_WAIT_S,
    NODE,
    Json,
    job_at,
)
from hpctrain.schedulers.practice_cluster.slurm.options import Options, Refusal, parse, read_head

FAILED = "sbatch: error: Batch job submission failed: "
NOT_A_SCRIPT = (
    "sbatch: error: This does not look like a batch script.  The first",
    "sbatch: error: line must start with #! followed by the path to an interpreter.",
    "sbatch: error: For instance: #!/bin/sh",
)
DOS = (
    "sbatch: error: Batch script contains DOS line breaks (\\r\\n)",
    "sbatch: error: instead of expected UNIX line breaks (\\n).",
)
# In the job's output, before it is told to end.
KILLED = f"slurmstepd-{NODE}: error: *** JOB %j ON {NODE} CANCELLED AT %t{{}} ***\n"
# Of a job around this one: they are not this job's. HPCTRAIN_LOCAL_JOB_ID is the engine's own.
FOREIGN = ("SLURM_", "SLURMD_", "HPCTRAIN_LOCAL_")
# sbatch hands all of them on, and a job's own take their place, but for these.
INHERITED = ("SLURM_CONF", "SLURM_RESTART_COUNT", "SLURM_ARRAY_TASK_ID")
# "INPUT ENVIRONMENT VARIABLES" of sbatch(1): they come before the script's lines.
VARIABLES = {
    "SBATCH_ACCOUNT": "account", "SBATCH_ARRAY_INX": "array", "SBATCH_CONSTRAINT": "constraint",
    "SBATCH_GRES": "gres", "SBATCH_GPUS": "gpus", "SBATCH_JOB_NAME": "job-name",
    "SBATCH_MEM_PER_CPU": "mem-per-cpu", "SBATCH_MEM_PER_NODE": "mem",
    "SBATCH_OUTPUT": "output", "SBATCH_PARTITION": "partition", "SBATCH_QOS": "qos",
    "SBATCH_TIMELIMIT": "time",
}  # fmt: skip
# The engine starts it with bash. It says what only it can know, and becomes the script.
STARTER = """\
export SLURM_JOB_ID=$HPCTRAIN_LOCAL_JOB_ID SLURM_JOBID=$HPCTRAIN_LOCAL_JOB_ID SLURM_TASK_PID=$$
unset HPCTRAIN_LOCAL_JOB_ID
{more}exec {command} "$@"
"""


def sbatch(cluster: Path, words: list[str], down: bool) -> list[str]:
    """Submit a job, and return the lines of sbatch."""
    found, rest = parse("sbatch", words, ask.OPTIONS, code=255)
    ask.check_words(found)
    name, script = _script(found, rest)
    in_head, _ = parse(
        "sbatch", read_head(script.decode("utf-8", "surrogateescape")), ask.OPTIONS, code=255
    )
    ask.check_words(in_head)
    given = {**in_head, **_variables(), **found}
    if len({"mem", "mem-per-cpu", "mem-per-gpu"} & set(given)) > 1:
        raise Refusal(
            1, "sbatch: fatal: --mem, --mem-per-cpu, and --mem-per-gpu are mutually exclusive."
        )
    if ask.unknown_gres(given):
        raise Refusal(1, "sbatch: error: Invalid generic resource (gres) specification")
    if down:
        raise Refusal(1, FAILED + DOWN)
    wanted = ask.request(given)
    after = _after(cluster, given.get("dependency", ""))
    job = _job(given, wanted, name)
    if wanted.impossible:
        _leave_a_row(cluster / "jobs", job)
        raise Refusal(1, *wanted.impossible)
    spool = cluster / "spool" / f"{os.uname().nodename}-{os.getpid()}-{time.time_ns()}"
    spool.mkdir(parents=True)
    (spool / "slurm_script").write_bytes(script)
    (spool / "start").write_text(
        STARTER.format(more=_more(given), command=_command(script, spool / "slurm_script")),
        encoding="utf-8", errors="surrogateescape",
    )  # fmt: skip
    job |= {"script": str(spool / "start"), "arguments": rest[1:], "after": after}
    # The supervisor is this process's child, and hands on its environment.
    for variable in [each for each in os.environ if each.startswith(FOREIGN)]:
        if variable not in INHERITED:
            del os.environ[variable]
    os.environ.update(job_variables(given, wanted, job["name"]))
    try:
        number = engine.put(cluster / "jobs", job, held="hold" in given or bool(wanted.never))
    except engine.NotTaken as reason:
        raise Refusal(1, f"{FAILED}{reason}") from None
    return [str(number) if "parsable" in given else f"Submitted batch job {number}"]


def _variables() -> Options:
    """Read the options that stand in the environment."""
    words = [f"--{name}={os.environ[key]}" for key, name in VARIABLES.items() if key in os.environ]
    return parse("sbatch", words, ask.OPTIONS, code=255)[0]


def _script(found: Options, rest: list[str]) -> tuple[str, bytes]:
    """Return the job's name, if no option says another, and its script."""
    if "wrap" in found:
        text = f"#!/bin/sh\n# This script was created by sbatch --wrap.\n\n{found['wrap']}\n"
        return "wrap", text.encode("utf-8", "surrogateescape")
    if not rest:
        name, script = "sbatch", sys.stdin.buffer.read()
    else:
        name = Path(rest[0]).name
        try:
            script = Path(rest[0]).read_bytes()
        except IsADirectoryError:
            script = b""  # seen: it is called empty
        except OSError:
            raise Refusal(1, f"sbatch: error: Unable to open file {rest[0]}") from None
    if not script:
        raise Refusal(1, "sbatch: error: Batch script is empty!")
    if not script.startswith(b"#!"):
        raise Refusal(1, *NOT_A_SCRIPT)
    if b"\r\n" in script:
        raise Refusal(1, *DOS)
    return name, script


def _after(cluster: Path, text: str) -> list[tuple[str, int]]:
    """Return what the job waits for, without jobs that the controller does not know.

    It was seen that those count as satisfied.
    """
    pairs = []
    for part in [part for part in text.split(",") if part]:
        kind, *numbers = part.split(":")
        imitated = kind in ("afterany", "afterok", "afternotok")
        if imitated and numbers and all(n.isascii() and n.isdecimal() for n in numbers):
            pairs += [(kind, int(number)) for number in numbers if job_at(cluster, number)]
        elif kind == "singleton" or (kind in ("after", "aftercorr") and "x" not in part):
            raise Refusal(1, f"sbatch: fatal: the practice cluster does not imitate {part}")
        else:
            raise Refusal(1, f"{FAILED}Job dependency problem")
    return pairs


def _job(given: Options, wanted: ask.Request, name: str) -> Json:
    name = given.get("job-name", name)
    output = expand(given.get("output", "slurm-%j.out"), name)
    begins_in = Path(given.get("chdir", "")).absolute()
    facts = {
        "partition": wanted.partition, "comment": given.get("comment"), "cores": wanted.cores,
        "nodes": wanted.nodes, "limit_s": wanted.limit_s, "reason": wanted.never or None,
    }  # fmt: skip
    job: Json = {
        "name": name, "comment": given.get("comment") or "", "output": str(begins_in / output),
        "walltime_s": wanted.limit_s or None, "grace_s": KILL_WAIT_S, "cwd": str(Path.cwd()),
        "begins_in": str(begins_in), "cores": wanted.cores, "room": CORES, "facts": facts,
    }  # fmt: skip
    errors = str(begins_in / expand(given["error"], name)) if "error" in given else job["output"]
    job["notes"] = {"TIMEOUT": (errors, KILLED.format(" DUE TO TIME LIMIT"))}
    job["notes"]["CANCELLED"] = (errors, KILLED.format(""))
    if wanted.warning and wanted.limit_s:
        job["warning"] = wanted.warning
    return job


def _leave_a_row(jobs: Path, job: Json) -> None:
    """Use up an id, as was seen where no node can ever be what is asked (queue.out)."""
    jobs.mkdir(parents=True, exist_ok=True)
    draft = jobs / f".refused-{os.uname().nodename}-{os.getpid()}-{time.time_ns()}"
    draft.mkdir()
    now = time.time()
    end = {"state": "FAILED", "reason": "", "elapsed_s": None, "exit_code": 1, "ended": now}
    job["facts"]["reason"] = "BadConstraints"
    write(draft / "ended.json", end)
    write(draft / "job.json", {**job, "submitted": now, "supervisor": identity(os.getpid())})
    engine.move_in(draft, jobs)


def _more(given: Options) -> str:
    """Return more lines of the starter: where errors go, and whether old output goes."""
    lines = "" if given.get("open-mode", "").startswith("a") else ": >/proc/self/fd/1\n"
    if "error" in given:
        name = shlex.quote(expand(given["error"], given.get("job-name", "")))
        lines += f'error={name}\nexec 2>>"${{error//%j/$SLURM_JOB_ID}}"\n'
    return lines


def _command(script: bytes, path: Path) -> str:
    """Return the script behind its own interpreter, as the kernel would start it."""
    line = script.splitlines()[0][2:].decode("utf-8", "surrogateescape")
    return shlex.join([*line.strip().split(maxsplit=1), str(path)])
