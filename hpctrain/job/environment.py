"""What the job was given: versions, host, cores, GPUs. Standard library, Python >= 3.8."""

from __future__ import annotations

import importlib.util
import os
import platform
import re
import subprocess
import sys
from importlib import metadata
from typing import Any, Collection

PACKAGES = (
    "python-ace", "tensorpotential", "tensorflow", "tensorflow-cpu",
    "numpy", "scipy", "pandas", "ase",
)  # fmt: skip
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


def job_id() -> str | None:
    """The scheduler's id of this job, or None outside one."""
    for name in JOB_ID_VARIABLES:
        if os.environ.get(name):
            return os.environ[name]
    return None


def attempt(asked: int) -> int:
    """The number of this attempt: a job that its scheduler put back into the queue is the next."""
    return asked + (_told("SLURM_RESTART_COUNT") or 0)


def end_time() -> int | None:
    """When the scheduler will end this job, in seconds since the epoch, where it says so."""
    return _told("SLURM_JOB_END_TIME")


def passed(now: float) -> float:
    """How long ago the job script began, in seconds, where the script has noted it; else 0."""
    began = _told("HPCTRAIN_BEGAN")
    return max(0.0, now - began) if began else 0.0


def _told(name: str) -> int | None:
    """A number that the scheduler of this job gives; not one of a job around it."""
    if "HPCTRAIN_LOCAL_JOB_ID" in os.environ:
        return None
    text = os.environ.get(name, "")
    return int(text) if re.match(r"[1-9][0-9]*$", text) else None


def cores(asked: int | None) -> int:
    """Cores this job may use: what the scheduler gave, else what was asked, else what is there."""
    for name in ("SLURM_CPUS_PER_TASK", "SLURM_CPUS_ON_NODE", "NCPUS"):
        given = _told(name)
        if given:
            return given
    if asked:
        return asked
    return len(os.sched_getaffinity(0))


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


def versions() -> dict[str, str]:
    """The versions of what the result may depend on."""
    found = {}
    for name in PACKAGES:
        try:
            found[name] = metadata.version(name)
        except metadata.PackageNotFoundError:
            continue
    return found


def gpus() -> list[str]:
    """The GPUs that nvidia-smi lists; empty where there is none, or no nvidia-smi."""
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


def describe(count: int) -> dict[str, Any]:
    """What environment.json says."""
    return {
        "host": platform.node(),
        "platform": platform.platform(),
        "python": platform.python_version(),
        "executable": sys.executable,
        "packages": versions(),
        "cores": count,
        "gpus": gpus(),
        "variables": {name: os.environ[name] for name in VARIABLES if name in os.environ},
    }


def fault(evaluator: str) -> str | None:
    """Why the trainer cannot work in this environment, or None. Takes no more than a moment."""
    found = versions()
    if "python-ace" not in found and importlib.util.find_spec("pyace") is None:
        return (
            "Pacemaker (python-ace) is not installed in the trainer's environment "
            f"({sys.executable}). Name the right one in the site profile: "
            "trainer: {python: /path/to/env/bin/python}"
        )
    for module in ("pandas", "ase", "numpy"):
        if importlib.util.find_spec(module) is None:
            return f"the trainer's environment ({sys.executable}) lacks {module}"
    if evaluator != "tensorpot":
        return None
    for module in ("tensorpotential", "tensorflow"):
        if importlib.util.find_spec(module) is None:
            return (
                f"the evaluator tensorpot needs {module}, which is not installed in the trainer's "
                f"environment ({sys.executable}). Install it, or set training.evaluator: pyace "
                "(slow)"
            )
    numpy = found.get("numpy", "")
    if re.match(r"2\.([4-9]|[1-9]\d)\b|[3-9]\.", numpy) and _older(found.get("tensorpotential")):
        return (
            f"numpy {numpy} breaks tensorpotential {found['tensorpotential']} (only 0-dimensional "
            "arrays can be converted …). In the trainer's environment: pip install 'numpy<2.4'"
        )
    return None


def _older(version: str | None) -> bool:
    """tensorpotential up to 0.6.2.1, the newest that was seen to fail with numpy 2.4."""
    numbers = [int(part) for part in re.findall(r"\d+", version or "")]
    return bool(numbers) and numbers <= [0, 6, 2, 1]
