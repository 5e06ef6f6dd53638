"""What a submission did and what it said are two things: a job that exists is adopted, never
repeated."""

from __future__ import annotations

from typing import Any

import pytest
from faults.field import PBS, SLURM, STATUS, SUBMIT, Field, runs, states, trainings
from waiting import wait_for

pytestmark = pytest.mark.slow

# How long a program may take in these tests (seconds).
LIMIT_S = 1.5
UNREACHABLE = {
    "slurm": 'echo "sbatch: error: Batch job submission failed: Unable to contact slurm controller '
    '(connect failure)" >&2; exit 1',
    "pbs": 'echo "Connection refused" >&2; '
    'echo "qsub: cannot connect to server pbsnode (errno=15010)" >&2; exit 162',
}
TIMED_OUT = {
    "slurm": 'echo "sbatch: error: Batch job submission failed: Socket timed out on send/recv '
    'operation" >&2; exit 1',
    "pbs": 'echo "qsub: End of File" >&2; exit 183',
}
QUEUE_FAILS = {
    "slurm": 'echo "slurm_load_jobs error: Socket timed out" >&2; exit 1',
    "pbs": 'echo "qstat: cannot connect to server pbsnode (errno=15010)" >&2; exit 255',
}


def fault(name: str, lines: str | dict[str, str], code: int, *worlds: Any) -> list[Any]:
    """The fault in each world, and how hpctrain ends; the lines may be a world's own."""
    return [
        pytest.param(
            *world.values,
            lines if isinstance(lines, str) else lines[world.values[0]],
            code,
            marks=[*world.marks, pytest.mark.fault(name)],
            id=f"{world.values[0]}-{name.replace(' ', '-').replace('/', '-')}",
        )
        for world in worlds or (SLURM, PBS)
    ]


@pytest.mark.parametrize(
    ("world", "lines", "code"),
    [
        *fault("sbatch/qsub passes on and dies", '"$REAL" "$@" >/dev/null; exit 1', 0),
        *fault("sbatch/qsub passes on and is killed", '"$REAL" "$@" >/dev/null; kill -9 $$', 0),
        *fault("sbatch/qsub passes on and hangs", '"$REAL" "$@" >/dev/null; sleep 600', 0),
        *fault("sbatch/qsub passes on and loses the connection",
               {world: f'"$REAL" "$@" >/dev/null; {said}' for world, said in TIMED_OUT.items()}, 0),
        *fault("sbatch/qsub warns on stderr",
               'echo "${0##*/}: warning: job 424242 may wait" >&2; exec "$REAL" "$@"', 0),
        *fault("sbatch/qsub prints a greeting",
               'echo "Welcome to 2 nodes"; exec "$REAL" "$@"', 0),
        *fault("sbatch prints id;cluster",
               'id=$("$REAL" "$@"); echo "$id;throwaway"', 0, SLURM),
        *fault("sbatch/qsub prints nothing", '"$REAL" "$@" >/dev/null', 0),
        *fault("sbatch/qsub reaches nobody", UNREACHABLE, 4),
        *fault("sbatch/qsub hangs and passes nothing on", "sleep 600", 4),
    ],
    indirect=["world"],
)  # fmt: skip
def test_submission(lines: str, code: int, field: Field) -> None:
    project = field.project()
    environment = field.wrapped(project, field.world.submits, lines)
    first = field.run(project, *SUBMIT, environment=environment, time_limit_s=LIMIT_S)
    assert first.code == code, first.err
    if code == 4:
        (run,) = runs(project)
        assert run.run_id in first.err
        assert "hpctrain status" in first.err
        assert not trainings(project)
    field.ends_well(project, "adopted" if code == 0 else "exit 4; finished later")


@pytest.mark.fault("sbatch/qsub dies and squeue/qstat fails")
def test_neither_answer(field: Field) -> None:
    """Whether there is a job is not known: exit 4, and status adopts it as soon as it can ask."""
    # Held, so that it cannot make its claim meanwhile, which would tell.
    project = field.project(profile=field.held)
    field.wrapped(project, field.world.asks, QUEUE_FAILS[field.world.name])
    environment = field.wrapped(project, field.world.submits, '"$REAL" "$@" >/dev/null; exit 1')
    first = field.run(project, *SUBMIT, environment=environment)
    assert first.code == 4, first.err
    second = field.run(project, *STATUS, environment=environment)
    assert second.code == 4
    assert states(second) == ["submitting"]
    # Another submit is another run; what became of the first is not guessed.
    assert QUEUE_FAILS[field.world.name].split('"')[1] in second.err
    field.world.release(field.world.active_jobs())
    field.ends_well(project, "exit 4; adopted later")


@pytest.mark.fault("sbatch/qsub reaches the scheduler after all")
def test_a_job_that_comes_late(field: Field) -> None:
    """The one way to two jobs: the second ends at once, and touches nothing of the first."""
    project = field.project()
    lines = (
        'folder=$PWD; cd /; (until [ -e "$folder/../../late" ]; do sleep 0.1; done; '
        f"exec {field.world.from_elsewhere}) >/dev/null 2>&1 </dev/null & disown; "
        f"{UNREACHABLE[field.world.name]}"
    )
    environment = field.wrapped(project, field.world.submits, lines)
    first = field.run(project, *SUBMIT, environment=environment)
    assert first.code == 4, first.err
    second = field.run(project, *STATUS)
    assert second.code == 0
    (run,) = runs(project)
    job_id = second.json["runs"][0]["job_id"]
    wait_for(lambda: run.result(1), 60, "the end of the first job")
    before = {path: path.stat().st_mtime_ns for path in run.attempt(1).rglob("*")}
    (project / "late").touch()
    token = f"{run.run_id}.01"
    wait_for(lambda: len(field.world.jobs_by_token()[token]) == 2, 60, "the late job")
    field.world.queue_is_empty()
    assert before == {path: path.stat().st_mtime_ns for path in run.attempt(1).rglob("*")}
    assert trainings(project) == [f"{run.run_id} 1 {job_id}"]
    done = field.run(project, *STATUS)
    assert (states(done), done.json["runs"][0]["job_id"]) == (["completed"], job_id)
    field.note("submit", "two jobs, one training: the second ends at once")
