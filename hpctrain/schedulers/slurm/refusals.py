"""What sbatch says when there is no job: whose words they are, and what to do about them."""

from __future__ import annotations

import re
from collections.abc import Sequence

from hpctrain.schedulers.slurm.reasons import REASONS

SUBMISSION_FAILED = "Batch job submission failed: "
# slurm_strerror(SLURM_ERROR): what a plugin of the site's (job_submit.lua) leaves behind when it
# says no, and what is left too where no answer came.
UNSPECIFIED = "Unspecified error"

# slurm_strerror() where no whole answer of the controller came: the job may exist all the same.
NO_ANSWER: tuple[str, ...] = (
    "Unable to contact slurm controller",
    "Socket timed out",
    "Zero Bytes were transmitted or received",
    "Communication connection failure",
    "Communication shutdown failure",
    "Message send failure",
    "Message receive failure",
    "Unexpected message received",
    "Header lengths are longer than data received",
    "Insane message length",
    "Protocol authentication error",
    "Incompatible versions of client and server code",
    "Slurm backup controller in standby mode",
    "Connection refused",
    "Connection reset",
    "Connection timed out",
    "Transport endpoint is not connected",
    "No route to host",
    "Network is unreachable",
    "Broken pipe",
    "Interrupted system call",
)

# sbatch itself, before it asks the controller.
OWN_REFUSALS: tuple[str, ...] = (
    "sbatch: fatal: ",
    "sbatch: unrecognized option",
    "sbatch: option ",
    "sbatch: invalid option",
    "sbatch: error: Batch script ",
    "sbatch: error: This does not look like a batch script",
    "sbatch: error: Unable to open file",
    "sbatch: error: Unable to open script",
    "sbatch: error: Invalid ",
    "sbatch: error: Unknown ",
    "sbatch: error: Unrecognized ",
    "sbatch: error: cli_filter plugin terminated with error",  # src/sbatch/opt.c
)

# Slurm's programs are here, and no cluster is known to them; seen from 22.05.
NO_CLUSTER = "sbatch: fatal: Could not establish a configuration source"

# Slurm's own functions, in the log of what failed on the way: "slurm_receive_msg: …".
_INTERNAL = re.compile(r"_*[a-z]+(_[a-z0-9]+)+(\(\))?: |auth/|Munge |If munged")
_LINE = re.compile(r"sbatch: (?:error: )?(.+)")

SITE = "that is a rule of the site's own; its documentation, or its support, says more"
_WAIT = "wait until some of your jobs have ended, or cancel some; then submit again"
_LATER = "nothing is wrong with the job; submit again later"
_SHOW = "; sacctmgr show qos and sacctmgr show assoc tell the limits"
_TIME = "a shorter --walltime; sinfo -o '%P %l' shows what partitions allow"
_LESS = "ask for less, or name another partition; sinfo -o '%P %c %m %G' shows what nodes have"

# Beginnings of slurm_strerror() behind SUBMISSION_FAILED: src/common/slurm_errno.c of Slurm 26.11.
# Those marked "seen" were recorded from 22.05.
ADVICE: tuple[tuple[str, str], ...] = (
    ("MaxJobCount limit reached", _LATER),
    ("Rate limit exceeded", _LATER),
    ("System submissions disabled", _LATER),
    ("Required partition not available", _LATER),
    ("Partition in DOWN state", _LATER),
    ("Requested time limit is invalid", _TIME),  # seen
    ("Invalid time specified", "correct walltime, as HH:MM:SS"),
    ("Invalid account", "correct site.account; sacctmgr show assoc user=$USER lists yours"),  # seen
    ("Invalid qos", "correct site.qos; sacctmgr show assoc user=$USER format=qos lists yours"),
    ("Invalid partition name", "correct site.partition; sinfo lists them"),  # seen
    ("No partition specified", "set site.partition; sinfo lists them"),
    ("User's group not permitted", "another site.partition; sinfo lists them"),
    ("Access/permission denied", "ask the site whether you may submit there"),
    ("Invalid feature", "correct site.constraint; sinfo -o '%P %f' lists the features"),  # seen
    ("Invalid generic resource", "correct gpus, gpu_type or gpu_dialect; sinfo -o '%P %G'"),  # seen
    ("Invalid GRES specification", "name the kind of GPU: gpu_type, with gpu_dialect: gres-typed"),
    ("Invalid Trackable RESource", "correct gpus, or extra_directives"),
    ("Invalid license", "correct the licence in extra_directives"),
    ("Invalid wckey", "correct the wckey in extra_directives"),
    ("Requested reservation", "correct the reservation in extra_directives"),
    ("Access denied to requested reservation", "correct the reservation in extra_directives"),
    ("Memory required by task", "less memory; sinfo -o '%P %m' shows what nodes have"),
    ("More processors requested", "fewer cores; sinfo -o '%P %c' shows what nodes have"),  # seen
    ("CPU count specification", "other cores; sinfo -o '%P %c' shows what nodes have"),
    ("Node count specification", "other nodes; sinfo -o '%P %D' shows how many there are"),  # seen
    ("Requested node configuration", _LESS),  # seen
    ("Requested partition configuration", _LESS),
    ("Requested account has breached", f"another site.qos or account{_SHOW}"),
    ("Job dependency problem", "hpctrain resume submits an attempt that waits for none"),  # seen
    ("Job violates accounting/QOS policy", f"ask for less, or wait for your other jobs{_SHOW}"),
)


def site_says(err: str) -> list[str]:
    """List the lines that a plugin of the site's has put before ``Unspecified error``.

    They come with the controller's answer: so there was one, and there is no job.
    """
    *lines, last = [line.strip() for line in err.splitlines() if line.strip()] or [""]
    if not last.endswith(f": {UNSPECIFIED}"):
        return []
    told = [match[1] for line in lines if (match := _LINE.match(line))]
    told = [line for line in told if not _INTERNAL.match(line)]
    return [] if is_lost(err) else told


def is_lost(err: str) -> bool:
    """Say whether the controller was not heard to the end."""
    said = err.lower()
    return any(phrase.lower() in said for phrase in NO_ANSWER)


def is_refusal(lines: Sequence[str]) -> bool:
    """Say whether these lines of sbatch's say no, for a reason."""
    failed = [line.partition(SUBMISSION_FAILED)[2] for line in lines if SUBMISSION_FAILED in line]
    own = any(line.startswith(OWN_REFUSALS) for line in lines)
    return own or any(why.strip() != UNSPECIFIED for why in failed)


def advice(err: str) -> str:
    """Say what to do about a refusal; empty where only the site's own words can tell."""
    for name in re.findall(r"\w+", err):
        # A limit is named in a line of its own: AssocMaxSubmitJobLimit.
        row = REASONS.get(name)
        if row is not None and "Submit" in name:
            return _WAIT
        if row is not None and row.kind == "never":
            return f"{row.change}{_SHOW}"
    failed = err.partition(SUBMISSION_FAILED)[2]
    return next((words for begins, words in ADVICE if failed.startswith(begins)), "")
