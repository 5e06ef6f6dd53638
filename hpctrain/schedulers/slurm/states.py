"""Slurm's words, and what they mean here. A word that is not listed is passed on, never guessed."""

from __future__ import annotations

import os

from hpctrain.schedulers.base import ENDED, JobState

# JOB STATE CODES of sacct(1) and squeue(1), Slurm 22.05.
STATES: dict[str, JobState] = {
    "BOOT_FAIL": "failed",
    "CANCELLED": "cancelled",
    "COMPLETED": "completed",
    "COMPLETING": "stopping",
    "CONFIGURING": "queued",
    "DEADLINE": "failed",
    "FAILED": "failed",
    "NODE_FAIL": "failed",
    "OUT_OF_MEMORY": "out_of_memory",
    "PENDING": "queued",
    "PREEMPTED": "failed",
    "REQUEUED": "queued",
    "REQUEUE_FED": "queued",
    "REQUEUE_HOLD": "held",
    "RESIZING": "running",
    "RESV_DEL_HOLD": "held",
    "REVOKED": "failed",
    "RUNNING": "running",
    "SIGNALING": "running",
    "SPECIAL_EXIT": "held",
    "STAGE_OUT": "stopping",
    "STOPPED": "held",
    "SUSPENDED": "held",
    "TIMEOUT": "timeout",
}

# What the state alone tells.
STATE_WORDS: dict[str, str] = {
    "BOOT_FAIL": "a compute node did not start",
    "CONFIGURING": "the compute node is being made ready",
    "DEADLINE": "it could not end before its deadline",
    "NODE_FAIL": "a compute node failed",
    "OUT_OF_MEMORY": "it used more memory than it asked for; ask for more",
    "PREEMPTED": "a job of higher priority took its place",
    "REQUEUE_HOLD": "put back into the queue and held; scontrol release JOB lets it go on",
    "RESV_DEL_HOLD": "held because its reservation was deleted",
    "REVOKED": "another cluster of the federation took it",
    "SPECIAL_EXIT": "put back into the queue and held; scontrol release JOB lets it go on",
    "STAGE_OUT": "its files are being copied back",
    "STOPPED": "stopped by a signal; its cores are kept",
    "SUSPENDED": "suspended; its cores are given to others",
    "TIMEOUT": "it ran to its time limit",
}

HOLDS = frozenset({"JobHeldUser", "JobHeldAdmin"})

# JOB REASON CODES of squeue(1), and "Job Reason Codes" of Slurm's documentation.
REASONS: dict[str, str] = {
    "None": "",
    "Priority": "jobs of higher priority are ahead",
    "Resources": "waits for free cores, memory or GPUs",
    "BadConstraints": "no node has what was asked: it never runs; check constraint and GPUs",
    "BeginTime": "waits for its start time; after a requeue that is about two minutes",
    "BurstBufferResources": "waits for room in the burst buffer",
    "Cleaning": "its previous start is being cleaned up",
    "Dependency": "waits for another job",
    "DependencyNeverSatisfied": "the job it waits for failed: it never runs; cancel it",
    "InvalidAccount": "the account is not valid: it never runs; correct account in the site",
    "InvalidQOS": "the QOS is not valid: it never runs; correct qos in the site",
    "JobHeldAdmin": "held by an administrator; ask the site",
    "JobHeldUser": "held by its owner; scontrol release JOB lets it go on",
    "JobLaunchFailure": "it could not be started on the node; see its output, or ask the site",
    "Licenses": "waits for a licence",
    "NodeDown": "a node it needs is down",
    "NonZeroExitCode": "its script ended with an error",
    "PartitionConfig": "asks for more than the partition has: it never runs; ask for less",
    "PartitionDown": "the partition is down",
    "PartitionInactive": "the partition is closed to jobs",
    "PartitionNodeLimit": "asks for more nodes than the partition allows: it never runs",
    "PartitionTimeLimit": "asks for more time than the partition allows: it never runs; "
    "shorten walltime",
    "Prolog": "the compute node is being made ready",
    "ReqNodeNotAvail": "a node it needs is not available, or reserved, for example before "
    "maintenance; a shorter walltime may fit",
    "Reservation": "waits for its reservation",
    "SystemFailure": "Slurm or the node failed",
    "TimeLimit": "it ran to its time limit",
}

# Families of reasons: Slurm builds these names from the limit that was met.
FAMILIES: tuple[tuple[str, str], ...] = (
    ("ReqNodeNotAvail", REASONS["ReqNodeNotAvail"]),
    ("QOSMinGRES", "asks for less than the QOS wants: it never runs; see sacctmgr show qos"),
    ("QOSMinCpu", "asks for less than the QOS wants: it never runs; see sacctmgr show qos"),
    ("QOSMax", "the limit of the QOS is reached; it waits for your other jobs, or asks too much"),
    ("QOSGrp", "the QOS as a whole is at its limit; it waits for others"),
    ("QOS", "a limit of the QOS is reached"),
    ("AssocMax", "your limit is reached; it waits for your other jobs, or asks too much"),
    ("AssocGrp", "the account as a whole is at its limit; it waits, or the grant is used up"),
    ("Assoc", "a limit of the account is reached"),
    ("MaxJobsPer", "too many jobs run at once; it waits for them"),
    ("MaxSubmitJobsPer", "too many jobs are queued at once"),
)

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
    "Unspecified error",
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
)
SUBMISSION_FAILED = "Batch job submission failed: "


def state_of(raw: str, reason: str) -> JobState:
    """Return our state for Slurm's word (``CANCELLED by 1000`` is CANCELLED) and its reason."""
    word = raw.split(" ", 1)[0]
    state = STATES.get(word, "unknown")
    if word == "PENDING" and (reason in HOLDS or reason.endswith("held")):
        return "held"
    return state


def reason_of(raw: str, reason: str) -> str:
    """Say plainly why the job is where it is; an unknown reason stays as Slurm wrote it."""
    word = raw.split(" ", 1)[0]
    state = STATES.get(word)
    if word == "CANCELLED":
        return _who_cancelled(raw)
    if word in STATE_WORDS:
        return STATE_WORDS[word]
    if state in ENDED and state != "failed":
        return ""  # Slurm leaves the last reason for waiting there
    if reason in REASONS:
        return REASONS[reason]
    for beginning, words in FAMILIES:
        if reason.startswith(beginning):
            return f"{words} ({reason})"
    return reason


def _who_cancelled(raw: str) -> str:
    """Say who cancelled: sacct tells the user's number, squeue does not."""
    who = raw.partition(" by ")[2].strip()
    if not who.isdecimal():
        return ""
    return "by you" if int(who) == os.getuid() else f"by an administrator (user {who})"
