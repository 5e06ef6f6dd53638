"""What the user's shell says to the schedulers' programs changes neither job nor answer."""

from __future__ import annotations

import pytest
from faults.field import STATUS, SUBMIT, Field, forget_answers, runs, states, trainings
from waiting import wait_for

pytestmark = pytest.mark.slow

STEERING = {
    "SBATCH_PARTITION": "nowhere", "SBATCH_TIMELIMIT": "1", "SBATCH_ACCOUNT": "nobody",
    "SBATCH_MEM_PER_NODE": "1", "SBATCH_ARRAY_INX": "1-3", "SBATCH_JOB_NAME": "other",
    "SQUEUE_PARTITION": "nowhere", "SQUEUE_NAMES": "other", "SQUEUE_ACCOUNT": "nobody",
    "SQUEUE_QOS": "none", "SQUEUE_LICENSES": "none", "SCANCEL_PARTITION": "nowhere",
    "SCANCEL_NAME": "other", "SACCT_FORMAT": "JobID", "PBS_DPREFIX": "#NOBODY",
}  # fmt: skip
OUTER = {
    "SLURM_JOB_ID": "424242", "SLURM_JOBID": "424242", "SLURM_RESTART_COUNT": "2",
    "SLURM_ARRAY_TASK_ID": "3", "SLURM_ARRAY_JOB_ID": "424240", "SLURM_MEM_PER_NODE": "100",
    "SLURM_CPUS_PER_TASK": "300", "PBS_JOBID": "424242.elsewhere", "PBS_NODEFILE": "/nowhere",
    "HPCTRAIN_TOKEN": "20260101-000000-0000.03", "HPCTRAIN_ATTEMPT": "3",
}  # fmt: skip


@pytest.mark.fault("variables of the user's shell")
def test_variables_of_the_shell(field: Field) -> None:
    """The profile decides, the queue shows the job, and cancel reaches it."""
    project = field.project(behaviour="wait")
    first = field.run(project, *SUBMIT, environment=STEERING)
    assert first.code == 0, first.err
    if field.world.name == "slurm":
        assert "SBATCH_PARTITION=nowhere of your shell is ignored" in first.out + first.err
    wait_for(lambda: trainings(project), 60, "the training to begin")
    forget_answers(project)
    shown = field.run(project, *STATUS, environment=STEERING)
    assert (shown.code, states(shown)) == (0, ["running"]), shown.err
    (run,) = runs(project)
    ended = field.run(project, "cancel", run.run_id, environment=STEERING)
    assert ended.code == 0, ended.err
    field.world.queue_is_empty()
    assert len(trainings(project)) == 1
    forget_answers(project)
    assert states(field.run(project, *STATUS, environment=STEERING)) == ["cancelled"]
    field.note("submit, status, cancel", "the profile decides; what is ignored is said")


@pytest.mark.fault("inside another job")
def test_inside_another_job(field: Field) -> None:
    project = field.project()
    first = field.run(project, *SUBMIT, environment=OUTER)
    assert first.code == 0, first.err
    field.ends_well(project, "the job inherits nothing: its first attempt is number 1")
