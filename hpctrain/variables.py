"""The variables of the user's shell that the schedulers' programs must not see. Pure.

sbatch takes SBATCH_* before the lines of the script, squeue leaves out what SQUEUE_* exclude, and
a job that is submitted from inside another one inherits what that one was told. The profile decides
instead. What names the cluster, and what proves who the user is, stays. The job cleans the
environment of its next attempt by the same lists, in ``job/next_attempt.py``.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping

# Slurm: sbatch(1), squeue(1), sacct(1), scancel(1), scontrol(1), sinfo(1), "ENVIRONMENT VARIABLES",
# and the output variables of jobs. PBS: qsub(1B), "Environment Variables".
STEERING = (
    "SBATCH_", "SQUEUE_", "SACCT_", "SACCTMGR_", "SALLOC_", "SCANCEL_", "SCONTROL_", "SINFO_",
    "SRUN_", "SLURM_", "SLURMD_", "PBS_", "HPCTRAIN_LOCAL_", "HPCTRAIN_TOKEN", "HPCTRAIN_ATTEMPT",
    "HPCTRAIN_BEGAN",
)  # fmt: skip
# Where the cluster is, and who asks. PBS: pbs.conf(8B), which variables may replace.
KEPT = (
    "SLURM_CONF", "SLURM_CONF_SERVER", "SLURM_CLUSTERS", "SLURM_JWT", "SLURM_SACK_KEY",
    "SLURM_SACK_JWKS", "PBS_CONF_FILE", "PBS_EXEC", "PBS_HOME", "PBS_SERVER", "PBS_DEFAULT",
    "PBS_PRIMARY", "PBS_SECONDARY", "PBS_SERVER_HOST_NAME", "PBS_PUBLIC_HOST_NAME",
    "PBS_LEAF_NAME", "PBS_LEAF_ROUTERS", "PBS_BATCH_SERVICE_PORT", "PBS_AUTH_METHOD",
    "PBS_ENCRYPT_METHOD", "PBS_SUPPORTED_AUTH_METHODS", "PBS_GSS_USER_CREDENTIALS_BIN",
)  # fmt: skip
# Which say that a job is around, and what a scheduler tells it under names that are not its own.
AROUND = ("SLURM_JOB_ID", "PBS_JOBID")
TOLD_TO_JOBS = (
    "CUDA_VISIBLE_DEVICES", "ROCR_VISIBLE_DEVICES", "GPU_DEVICE_ORDINAL", "ZE_AFFINITY_MASK",
    "NCPUS", "PMI_", "PMIX_",
)  # fmt: skip

# The key of a profile that says the same as a variable of sbatch's, and for the others the option.
KEYS = {
    "SBATCH_ACCOUNT": "account", "SBATCH_PARTITION": "partition", "SBATCH_QOS": "qos",
    "SBATCH_CONSTRAINT": "constraint", "SBATCH_TIMELIMIT": "walltime",
    "SBATCH_MEM_PER_NODE": "memory", "SBATCH_MEM_PER_CPU": "memory", "SBATCH_MEM_PER_GPU": "memory",
    "SBATCH_GPUS": "gpus", "SBATCH_GPUS_PER_NODE": "gpus", "SBATCH_GPUS_PER_TASK": "gpus",
    "SBATCH_GRES": "gpus", "SBATCH_OUTPUT": "output",
}  # fmt: skip
OPTIONS = {
    "SBATCH_ACCTG_FREQ": "acctg-freq", "SBATCH_CONTAINER": "container",
    "SBATCH_CONTAINER_ID": "container-id", "SBATCH_CORE_SPEC": "core-spec",
    "SBATCH_CPUS_PER_GPU": "cpus-per-gpu", "SBATCH_DELAY_BOOT": "delay-boot",
    "SBATCH_DISTRIBUTION": "distribution", "SBATCH_EXCLUSIVE": "exclusive",
    "SBATCH_GPU_BIND": "gpu-bind", "SBATCH_GPU_FREQ": "gpu-freq", "SBATCH_GRES_FLAGS": "gres-flags",
    "SBATCH_HINT": "hint", "SBATCH_MEM_BIND": "mem-bind", "SBATCH_NETWORK": "network",
    "SBATCH_PROFILE": "profile", "SBATCH_REQ_SWITCH": "switches",
    "SBATCH_RESERVATION": "reservation", "SBATCH_SPREAD_JOB": "spread-job",
    "SBATCH_THREADS_PER_CORE": "threads-per-core", "SBATCH_THREAD_SPEC": "thread-spec",
    "SBATCH_TRES_BIND": "tres-bind", "SBATCH_TRES_PER_TASK": "tres-per-task",
    "SBATCH_USE_MIN_NODES": "use-min-nodes", "SBATCH_WCKEY": "wckey",
}  # fmt: skip
# Without a meaning for a training: how much sbatch prints, and what hpctrain sets itself.
_SILENT = (
    "SBATCH_DEBUG", "SBATCH_IGNORE_PBS", "SBATCH_JOB_NAME", "SBATCH_OPEN_MODE", "SBATCH_REQUEUE",
    "SBATCH_NO_REQUEUE", "SBATCH_SIGNAL", "SBATCH_WAIT", "SBATCH_GET_USER_ENV",
)  # fmt: skip


def environment_for_schedulers(given: Mapping[str, str]) -> dict[str, str]:
    """Return the environment without what steers the schedulers' programs, or tells of a job."""
    told = TOLD_TO_JOBS if any(name in given for name in AROUND) else ()
    return {
        name: value
        for name, value in given.items()
        if name in KEPT or not name.startswith(STEERING + told)
    }


def ignored(given: Mapping[str, str], profile: Mapping[str, object]) -> Iterator[str]:
    """Say which variables a submission to Slurm goes without, though sbatch would heed them.

    ``profile`` has what the profile decides, by key; a variable that says the same is not named.
    """
    for name in sorted(given):
        value, key = given[name], KEYS.get(name)
        if not name.startswith("SBATCH_") or name in _SILENT or not value:
            continue
        if key is not None and _same(value, profile.get(key)):
            continue
        if key is not None:
            way = f"the profile decides; to use it: --set site.{key}={_as_profile(key, value)}"
        elif name in OPTIONS:
            way = f"to use it: extra_directives: [--{OPTIONS[name]}={value}] in the profile"
        elif name == "SBATCH_CLUSTERS":
            way = f"SLURM_CLUSTERS={value} names the cluster to all of Slurm's programs"
        else:
            way = "a job gets what the profile and hpctrain ask for"
        yield f"{name}={' '.join(value.split())[:80]} of your shell is ignored; {way}"


def notes(given: Mapping[str, str], profile: Mapping[str, object]) -> list[str]:
    """Say what of the user's shell a submission goes without; ``profile`` is the site's."""
    scheduler = str(profile.get("scheduler"))
    if scheduler == "local":
        return []
    return [*job_around(given), *(ignored(given, profile) if scheduler.endswith("slurm") else ())]


def job_around(given: Mapping[str, str]) -> Iterator[str]:
    """Say that the command runs inside a job, whose variables the new one does not inherit."""
    if around := [f"{name}={given[name]}" for name in AROUND if given.get(name)]:
        yield f"this is inside a job ({around[0]}); its variables are not passed on to the new job"


def _as_profile(key: str, value: str) -> str:
    """Write a value as a profile does: sbatch also takes minutes, megabytes and kinds of GPUs."""
    if key == "walltime":
        return value if value.count(":") == 2 else "HH:MM:SS"
    if key == "memory" and value.isdecimal():
        return f"{value}M"
    return value.rpartition(":")[2] if key == "gpus" else value


def _same(value: str, decided: object) -> bool:
    return decided is not None and value.strip().lower() == str(decided).lower()
