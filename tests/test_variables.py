"""The user's shell does not steer the schedulers' programs, and the job cleans likewise."""

from __future__ import annotations

import sys

import pytest

from hpctrain import variables
from hpctrain.job import next_attempt
from hpctrain.process import LOCAL_QUEUE, run, run_scheduler

SHELL = {
    "PATH": "/bin", "SBATCH_PARTITION": "debug", "SQUEUE_PARTITION": "debug", "SACCT_FORMAT": "x",
    "SCANCEL_STATE": "RUNNING", "SCONTROL_ALL": "1", "SINFO_PARTITION": "debug",
    "SALLOC_QOS": "debug", "SLURM_TIME_FORMAT": "relative", "PBS_DPREFIX": "#QSUB",
    "SLURM_CONF": "/etc/slurm.conf", "SLURM_CLUSTERS": "gpu", "SLURM_JWT": "secret",
    "PBS_CONF_FILE": "/etc/pbs.conf", "PBS_DEFAULT": "server", "PBS_SERVER": "server",
    "CUDA_VISIBLE_DEVICES": "1", "OMP_NUM_THREADS": "4",
}  # fmt: skip
JOB = {
    "SLURM_JOB_ID": "7", "SLURM_RESTART_COUNT": "2", "SLURM_ARRAY_TASK_ID": "3",
    "SRUN_CPUS_PER_TASK": "8", "SLURMD_NODENAME": "n1", "PBS_O_WORKDIR": "/", "NCPUS": "8",
    "HPCTRAIN_TOKEN": "t.01", "HPCTRAIN_ATTEMPT": "3", "HPCTRAIN_LOCAL_JOB_ID": "4",
}  # fmt: skip


def test_what_names_the_cluster_stays() -> None:
    kept = variables.environment_for_schedulers(SHELL)
    assert sorted(kept) == [
        "CUDA_VISIBLE_DEVICES", "OMP_NUM_THREADS", "PATH", "PBS_CONF_FILE", "PBS_DEFAULT",
        "PBS_SERVER", "SLURM_CLUSTERS", "SLURM_CONF", "SLURM_JWT",
    ]  # fmt: skip


@pytest.mark.parametrize("around", [{"SLURM_JOB_ID": "7"}, {"PBS_JOBID": "7.server"}])
def test_nothing_of_a_job_around(around: dict[str, str]) -> None:
    given = {**JOB, "CUDA_VISIBLE_DEVICES": "1", "PMI_RANK": "0", "PATH": "/bin"}
    del given["SLURM_JOB_ID"]
    assert variables.environment_for_schedulers({**given, **around}) == {"PATH": "/bin"}


def test_the_job_cleans_by_the_same_lists() -> None:
    for name in ("STEERING", "KEPT", "AROUND", "TOLD_TO_JOBS"):
        assert getattr(next_attempt, name) == getattr(variables, name)
    for given in (SHELL, JOB, {**SHELL, **JOB}):
        assert next_attempt.environment_for(given) == variables.environment_for_schedulers(given)
    assert next_attempt.LOCAL_QUEUE == LOCAL_QUEUE


def test_programs_are_started_so(monkeypatch: pytest.MonkeyPatch) -> None:
    for name, value in {**SHELL, **JOB}.items():
        if name != "PATH":
            monkeypatch.setenv(name, value)
    shows = [sys.executable, "-c", "import os; print(*sorted(os.environ))"]
    seen = run_scheduler(shows).out.split()
    assert {"SLURM_CONF", "PBS_DEFAULT", "OMP_NUM_THREADS"} < set(seen)
    assert not {*JOB, "SBATCH_PARTITION", "SQUEUE_PARTITION", "CUDA_VISIBLE_DEVICES"} & set(seen)
    # The site local: what runs here is inside the job around it. So is the trainer.
    assert "SLURM_JOB_ID" in run_scheduler([*shows, LOCAL_QUEUE]).out.split()
    assert "SLURM_JOB_ID" in run(shows).out.split()


@pytest.mark.parametrize(
    ("name", "value", "way"),
    [
        ("SBATCH_PARTITION", "debug", "--set site.partition=debug"),
        ("SBATCH_TIMELIMIT", "3", "--set site.walltime=HH:MM:SS"),
        ("SBATCH_TIMELIMIT", "01:00:00", "--set site.walltime=01:00:00"),
        ("SBATCH_MEM_PER_NODE", "100", "--set site.memory=100M"),
        ("SBATCH_GRES", "gpu:a100:2", "--set site.gpus=2"),
        ("SBATCH_RESERVATION", "course", "extra_directives: [--reservation=course]"),
        ("SBATCH_CLUSTERS", "gpu", "SLURM_CLUSTERS=gpu"),
        ("SBATCH_ARRAY_INX", "1-9", "a job gets what the profile"),
    ],
)
def test_what_would_have_mattered_is_said(name: str, value: str, way: str) -> None:
    (said,) = variables.ignored({name: value, "SBATCH_DEBUG": "2"}, {"partition": "cpu"})
    assert said.startswith(f"{name}={value} of your shell is ignored; ")
    assert way in said


def test_what_says_the_same_is_not_said() -> None:
    decided = {"account": "mat", "partition": "cpu", "gpus": 2}
    given = {"SBATCH_ACCOUNT": "MAT", "SBATCH_PARTITION": "cpu", "SBATCH_GPUS": "2"}
    assert list(variables.ignored(given, decided)) == []
    assert list(variables.ignored({"SQUEUE_PARTITION": "debug"}, decided)) == []
