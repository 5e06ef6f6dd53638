"""The environment of a practice Slurm's job, and the name of its output."""

from __future__ import annotations

import os
import re
from pathlib import Path

from hpctrain.schedulers.practice_cluster.slurm.jobs import (
    ACCOUNT,
    CLUSTER,
    MEMORY_MB,
    NODE,
    QOS,
    user_name,
)
from hpctrain.schedulers.practice_cluster.slurm.options import Options, megabytes
from hpctrain.schedulers.practice_cluster.slurm.request import Request, gpus_of


def expand(pattern: str, name: str) -> str:
    """Expand a file's name, but for the job's number."""
    values = {"x": name, "u": user_name(), "N": NODE, "J": "%j", "A": "%j", "j": "%j", "%": "%"}
    return re.sub(r"%([xuNJAj%])", lambda match: values[match[1]], pattern)


def job_variables(given: Options, wanted: Request, name: str) -> dict[str, str]:
    """Return the job's environment, but for its number.

    It is what a job of Slurm 22.05 was seen to have (practice-environment); SLURM_JOB_END_TIME is
    not among it.
    """
    cores = str(wanted.cores)
    variables = {
        "CLUSTER_NAME": CLUSTER, "CPUS_ON_NODE": cores, "JOB_ACCOUNT": ACCOUNT,
        "JOB_CPUS_PER_NODE": cores, "JOB_GID": str(os.getgid()), "JOB_NAME": name,
        "JOB_NODELIST": NODE, "JOB_NUM_NODES": "1", "JOB_PARTITION": wanted.partition,
        "JOB_QOS": given.get("qos", QOS[0]), "JOB_UID": str(os.getuid()), "JOB_USER": user_name(),
        "LOCALID": "0", "NNODES": "1", "NODEID": "0", "NODELIST": NODE, "PROCID": "0",
        "SUBMIT_DIR": str(Path.cwd()), "SUBMIT_HOST": os.uname().nodename,
        "TASKS_PER_NODE": str(wanted.tasks),
    }  # fmt: skip
    if "cpus-per-task" in given:
        variables["CPUS_PER_TASK"] = given["cpus-per-task"]
    if "ntasks" in given:
        variables |= {"NTASKS": given["ntasks"], "NPROCS": given["ntasks"]}
    if "mem" in given:
        variables["MEM_PER_NODE"] = str(megabytes(given["mem"]) or MEMORY_MB)
    if gpus := gpus_of(given, wanted.tasks):
        variables["GPUS_ON_NODE"] = str(gpus)
    return {"SLURMD_NODENAME": NODE} | {f"SLURM_{key}": text for key, text in variables.items()}
