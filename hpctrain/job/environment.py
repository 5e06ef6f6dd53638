"""What the job was given: versions, host, cores, GPUs. Standard library, Python >= 3.8."""

from __future__ import annotations

import os
import platform
import re
import subprocess
import sys
from importlib import metadata
from pathlib import Path
from typing import Any, Collection, Iterable

# Variables that say what a job was given. Nothing else of the environment is kept: it can
# hold secrets.
VARIABLES = (
    "SLURM_JOB_ID", "SLURM_JOB_NAME", "SLURM_JOB_PARTITION", "SLURM_JOB_NODELIST",
    "SLURM_CPUS_PER_TASK", "SLURM_CPUS_ON_NODE", "SLURM_MEM_PER_NODE", "SLURM_RESTART_COUNT",
    "SLURM_CLUSTER_NAME", "PBS_JOBID", "PBS_QUEUE", "NCPUS", "HPCTRAIN_LOCAL_JOB_ID",
    "CUDA_VISIBLE_DEVICES", "OMP_NUM_THREADS", "TF_NUM_INTRAOP_THREADS", "TF_NUM_INTEROP_THREADS",
)  # fmt: skip
# The site local may be used inside a job of another scheduler.
JOB_ID_VARIABLES = ("HPCTRAIN_LOCAL_JOB_ID", "SLURM_JOB_ID", "PBS_JOBID")

# What apptainer and singularity tell those inside; the second name is of either.
CONTAINER_VARIABLES = ("APPTAINER_CONTAINER", "SINGULARITY_CONTAINER")


def job_id() -> str | None:
    """Return the scheduler's id of this job, or None outside one."""
    for name in JOB_ID_VARIABLES:
        if os.environ.get(name):
            return os.environ[name]
    return None


def attempt_number(asked: int) -> int:
    """Return the number of this attempt: a job that was put back into the queue is the next."""
    return asked + (_given_number("SLURM_RESTART_COUNT") or 0)


def end_time() -> int | None:
    """Return when the scheduler will end this job, in seconds since the epoch, if it says so."""
    return _given_number("SLURM_JOB_END_TIME")


def seconds_since_begin(now: float) -> float:
    """Return how long ago the job script began, where the script has noted it; else 0."""
    began = _given_number("HPCTRAIN_BEGAN")
    return max(0.0, now - began) if began else 0.0


def _given_number(name: str) -> int | None:
    """Return a number that the scheduler of this job gives; not one of a job around it."""
    if "HPCTRAIN_LOCAL_JOB_ID" in os.environ:
        return None
    text = os.environ.get(name, "")
    return int(text) if re.match(r"[1-9][0-9]*$", text) else None


def cores(asked: int | None, threads_per_core: int = 1) -> int:
    """Count the cores this job may use: those the scheduler gave, else ``asked``, else all.

    ``threads_per_core`` is more than 1 where the scheduler counts hardware threads.
    """
    for name in ("SLURM_CPUS_PER_TASK", "SLURM_CPUS_ON_NODE", "NCPUS"):
        given = _given_number(name)
        if given:
            return max(1, given // threads_per_core)
    if asked:
        return asked
    return len(os.sched_getaffinity(0))


def put_on_path(run: Path) -> None:
    """Let every Python that this job starts find the package ``job`` in the run's folder."""
    before = os.environ.get("PYTHONPATH")
    os.environ["PYTHONPATH"] = os.pathsep.join(filter(None, [str(run), before]))


def set_threads(count: int, keep: Collection[str]) -> None:
    """Tell the trainer how many threads to start; without it, it takes every core of the node.

    ``keep`` names variables that the site profile sets itself.
    """
    wanted = {
        "OMP_NUM_THREADS": count,
        "TF_NUM_INTRAOP_THREADS": count,
        "TF_NUM_INTEROP_THREADS": 1,
    }
    for name, value in wanted.items():
        if name not in keep:
            os.environ[name] = str(value)


def versions(packages: Iterable[str]) -> dict[str, str]:
    """Return the versions of these packages, as far as they are installed."""
    found = {}
    for name in packages:
        try:
            found[name] = metadata.version(name)
        except metadata.PackageNotFoundError:
            continue
    return found


def cpu() -> str | None:
    """Return the name of the processor, as Linux tells it; not every kind has one."""
    try:
        with open("/proc/cpuinfo", encoding="utf-8", errors="replace") as file:
            named = (line for line in file if line.startswith("model name"))
            return next((line.partition(":")[2].strip() for line in named), None)
    except OSError:
        return None


def gpus() -> list[str]:
    """List the GPUs that nvidia-smi names; empty where there is none, or no nvidia-smi."""
    try:
        reply = subprocess.run(
            ["nvidia-smi", "--query-gpu=name,memory.total", "--format=csv,noheader"],
            stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, timeout=10, check=False,
        )  # fmt: skip
    except (OSError, subprocess.TimeoutExpired):
        return []
    if reply.returncode != 0:
        return []
    return [line.strip() for line in reply.stdout.decode("utf-8", "replace").splitlines()]


def container() -> str | None:
    """Return the image of the container that this runs in; None outside one."""
    for name in CONTAINER_VARIABLES:
        if os.environ.get(name):
            return os.environ[name]
    return None


def describe(count: int, packages: Iterable[str]) -> dict[str, Any]:
    """Return what environment.json says; ``packages`` are those that the result may depend on."""
    image = container()
    return {
        **({"container": image} if image else {}),
        "host": platform.node(),
        "platform": platform.platform(),
        "python": platform.python_version(),
        "executable": sys.executable,
        "packages": versions(packages),
        "cores": count,
        "cpu": cpu(),
        "gpus": gpus(),
        "variables": {name: os.environ[name] for name in VARIABLES if name in os.environ},
    }
