"""The start of the next attempt from inside the job: once. Standard library, Python >= 3.8.

The order is what makes it safe. The result of this attempt is on the disk, and says that the
training goes on; then the intent (next.json), then the submission, then the id (next.json again).
Whatever is killed in between, the next hpctrain command finds the job by its token or its claim;
and two jobs for one attempt are harmless, since an attempt is claimed once.
"""

from __future__ import annotations

import contextlib
import os
import re
import subprocess
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any, BinaryIO, Mapping, Sequence

from . import evidence

LIMIT_S = 60.0
MOST_BYTES = 1_000_000
NO_ANSWER = (
    "contact slurm controller", "timed out", "Zero Bytes", "failure", "Unspecified error",
    "connect", "protocol error", "shutting down",
)  # fmt: skip
NOT_STARTED = 127
# A line of sbatch's that is not the log of Slurm's own functions: "slurm_receive_msg: …".
SITE_SAYS = re.compile(
    r"sbatch: (?!(?:error: )?(?:_*[a-z]+(?:_[a-z0-9]+)+: |auth/|Munge |If munged))"
)
# The lists of hpctrain/variables.py, which says why: what steers schedulers' programs, or was told
# to this job alone, and what their programs need.
STEERING = (
    "SBATCH_", "SQUEUE_", "SACCT_", "SACCTMGR_", "SALLOC_", "SCANCEL_", "SCONTROL_", "SINFO_",
    "SRUN_", "SLURM_", "SLURMD_", "PBS_", "HPCTRAIN_LOCAL_", "HPCTRAIN_TOKEN", "HPCTRAIN_ATTEMPT",
    "HPCTRAIN_BEGAN",
)  # fmt: skip
KEPT = (
    "SLURM_CONF", "SLURM_CONF_SERVER", "SLURM_CLUSTERS", "SLURM_JWT", "SLURM_SACK_KEY",
    "SLURM_SACK_JWKS", "PBS_CONF_FILE", "PBS_EXEC", "PBS_HOME", "PBS_SERVER", "PBS_DEFAULT",
    "PBS_PRIMARY", "PBS_SECONDARY", "PBS_SERVER_HOST_NAME", "PBS_PUBLIC_HOST_NAME",
    "PBS_LEAF_NAME", "PBS_LEAF_ROUTERS", "PBS_BATCH_SERVICE_PORT", "PBS_AUTH_METHOD",
    "PBS_ENCRYPT_METHOD", "PBS_SUPPORTED_AUTH_METHODS", "PBS_GSS_USER_CREDENTIALS_BIN",
)  # fmt: skip
LOCAL_QUEUE = "hpctrain.schedulers.local_queue"
AROUND = ("SLURM_JOB_ID", "PBS_JOBID")
TOLD_TO_JOBS = (
    "CUDA_VISIBLE_DEVICES", "ROCR_VISIBLE_DEVICES", "GPU_DEVICE_ORDINAL", "ZE_AFFINITY_MASK",
    "NCPUS", "PMI_", "PMIX_",
)  # fmt: skip


@dataclass(frozen=True)
class Outcome:
    """``job_id`` of the next attempt, or a ``problem``; ``certain`` that there is no such job."""

    job_id: str | None
    problem: str | None = None
    certain: bool = True


def environment_for(given: Mapping[str, str]) -> dict[str, str]:
    """Return a job's environment without what its scheduler set: the next job gets its own."""
    told = TOLD_TO_JOBS if any(name in given for name in AROUND) else ()
    return {
        name: value
        for name, value in given.items()
        if name in KEPT or not name.startswith(STEERING + told)
    }


def resubmit(
    run: Path,
    folder: Path,
    number: int,
    argv: Sequence[str] | None,
    given: Mapping[str, str],
    refusals: Sequence[int],
) -> Outcome:
    """Submit attempt ``number``; ``given`` is the environment that this job was started with.

    ``refusals`` are the exit codes that prove, with a reason beside them, that there is no job.
    """
    if not argv:
        return Outcome(None, f"settings.json does not say how to submit attempt {number}")
    intent: dict[str, Any] = {
        "schema": "hpctrain.next/1", "state": "submitting", "attempt": number,
        "token": f"{run.name}.{number:02d}", "host": os.uname().nodename, "pid": os.getpid(),
        "time": time.time(),
    }  # fmt: skip
    path = str(folder / "next.json")
    try:
        evidence.write_json(path, intent)
    except OSError as error:
        return Outcome(None, f"next.json could not be written ({error.strerror})")
    # On the site local the next attempt stays inside the job around this one, if there is any.
    variables = given if LOCAL_QUEUE in argv else environment_for(given)
    outcome = _outcome(_run(argv, run, variables), refusals)
    state = "submitted" if outcome.job_id else "refused" if outcome.certain else "unclear"
    known = {**intent, "state": state, "job_id": outcome.job_id, "reason": outcome.problem}
    with contextlib.suppress(OSError):  # the result says it too
        evidence.write_json(path, known)
    return outcome


def requeue(run: Path, job_id: str | None, given: Mapping[str, str]) -> Outcome:
    """Put this job back into the queue, which ends it."""
    if not job_id:
        return Outcome(None, "this is no job")
    code, _, error = _run(["scontrol", "requeue", job_id], run, environment_for(given))
    return Outcome(job_id) if code == 0 else Outcome(None, error, certain=code is not None)


def _run(
    argv: Sequence[str], run: Path, variables: Mapping[str, str]
) -> tuple[int | None, str, str]:
    """Return exit code, output and complaint; no code if it did not end in time.

    The output goes into files: a pipe has no end as long as something that a wrapper has left
    behind, such as a shared ssh connection, holds it open.
    """
    try:
        with tempfile.TemporaryFile() as out_file, tempfile.TemporaryFile() as err_file:
            reply = subprocess.run(
                list(argv), cwd=str(run), env=dict(variables), stdin=subprocess.DEVNULL,
                stdout=out_file, stderr=err_file, timeout=LIMIT_S, check=False,
            )  # fmt: skip
            out, err = _text(out_file), _text(err_file)
    except subprocess.TimeoutExpired:
        return None, "", f"{os.path.basename(argv[0])} did not answer in {LIMIT_S:.0f} s"
    except OSError as error:
        return NOT_STARTED, "", f"{argv[0]}: {error.strerror}"
    said = "; ".join(line.strip() for line in err.splitlines() if line.strip())
    return reply.returncode, out, said or f"exit code {reply.returncode}"


def _text(file: BinaryIO) -> str:
    file.seek(0)
    return file.read(MOST_BYTES).decode("utf-8", "replace")


def _outcome(reply: tuple[int | None, str, str], refusals: Sequence[int]) -> Outcome:
    """Read the reply: the id is on stdout alone, since warnings on stderr hold numbers too."""
    code, out, said = reply
    # Slurm: 123, or 123;cluster. PBS: 123.server. The last: a greeting may be a line of digits too.
    form = r"^(\d+(?:\.[\w.-]+)?(?:@[\w.-]+)?)(?:;\S+)?$"
    ids = re.findall(form, out, re.MULTILINE) if code == 0 else []
    if ids:
        return Outcome(ids[-1])
    silent = said == f"exit code {code}"
    refused = code == NOT_STARTED or (code in refusals and not silent)
    *told, last = said.split("; ")
    if last.endswith("failed: Unspecified error") and any(map(SITE_SAYS.match, told)):
        said = "; ".join(told)  # a plugin of the site's said no, in lines before that
    return Outcome(None, said, certain=refused and not any(words in said for words in NO_ANSWER))
