"""Use case: ask the schedulers to end jobs."""

from __future__ import annotations

from dataclasses import dataclass

from hpctrain.errors import SiteUnreachable
from hpctrain.process import Run as RunProgram
from hpctrain.process import run as run_program
from hpctrain.project import Project
from hpctrain.schedulers import scheduler_of
from hpctrain.status import status
from hpctrain.verdict import SETTLED


@dataclass(frozen=True)
class Cancelled:
    """What was done about one run; ``asked`` if its scheduler was told to end the job."""

    run_id: str
    job_id: str | None
    asked: bool
    state: str


def cancel(
    project: Project, names: tuple[str, ...], *, program: RunProgram = run_program
) -> list[Cancelled]:
    """End the jobs of these runs; a run that has none any more is left as it is."""
    done = []
    for found in status(project, names, program=program).runs:
        assert found.run is not None
        if found.state in SETTLED or found.job_id is None:
            done.append(Cancelled(found.run_id, found.job_id, asked=False, state=found.state))
            continue
        kind = found.run.manifest["site"]["profile"]["scheduler"]
        scheduler = scheduler_of(kind, project.queue)
        found.run.record("cancel_requested", attempt=found.attempt, job_id=found.job_id)
        problem = scheduler.read_cancel(program(scheduler.cancel_argv([found.job_id])))
        if problem is not None:
            raise SiteUnreachable(
                f"{found.run_id}: {scheduler.name} did not cancel job {found.job_id}: {problem}",
                f"try again: hpctrain cancel {found.run_id}",
            )
        done.append(Cancelled(found.run_id, found.job_id, asked=True, state=found.state))
    return done
