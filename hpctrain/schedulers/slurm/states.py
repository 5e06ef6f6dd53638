"""Slurm's words, and what they mean here. A word that is not listed is passed on, never guessed."""

from __future__ import annotations

import os

from hpctrain.schedulers.base import ENDED, JobState
from hpctrain.schedulers.slurm.reasons import row_of, sentence

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
    "OUT_OF_MEMORY": "it used more memory than it requested; request more",
    "PREEMPTED": "a job of higher priority took its place",
    "REQUEUE_HOLD": "put back into the queue and held; to release it: scontrol release JOB",
    "RESV_DEL_HOLD": "held because its reservation was deleted",
    "REVOKED": "another cluster of the federation took it",
    "SPECIAL_EXIT": "put back into the queue and held; to release it: scontrol release JOB",
    "STAGE_OUT": "its files are being copied back",
    "STOPPED": "stopped by a signal; its cores are kept",
    "SUSPENDED": "suspended; its cores are given to others",
    "TIMEOUT": "it ran to its time limit",
}


def state_of(raw: str, reason: str) -> JobState:
    """Return our state for Slurm's word (``CANCELLED by 1000`` is CANCELLED) and its reason."""
    word = raw.split(" ", 1)[0]
    state = STATES.get(word, "unknown")
    if word == "PENDING" and (row := row_of(reason)) is not None and row.kind == "held":
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
    return sentence(reason)


def _who_cancelled(raw: str) -> str:
    """Say who cancelled: sacct tells the user's number, squeue does not."""
    who = raw.partition(" by ")[2].strip()
    if not who.isdecimal():
        return ""
    return "by you" if int(who) == os.getuid() else f"by an administrator (user {who})"
