"""What is written down of a submission: each event before what follows from it."""

from __future__ import annotations

import contextlib
from collections.abc import Iterable
from typing import Any

from hpctrain.errors import HpctrainError
from hpctrain.records import BadFile
from hpctrain.runs.jobs import job_of, token
from hpctrain.runs.place import own_jobs
from hpctrain.runs.run import EVENTS, Run
from hpctrain.schedulers.base import JobView, number_of

# A file in the run's folder, where the disk had no room for the event.
INTERRUPTED = "interrupted"


class Unrecorded(HpctrainError):
    """The error that a run has its name, and what happened to it could not be written down.

    The next command finds the job by its token, or submits it if there is none; the command that
    failed would make another run.
    """

    def __init__(self, run: Run, event: str, facts: dict[str, Any], error: OSError) -> None:
        what = {
            "submitting": "nothing was submitted yet",
            "submitted": f"it was submitted as job {facts.get('job_id')}",
            "refused": f"the scheduler did not take it: {facts.get('reason')}",
            "interrupted": "its submission was interrupted, and that is recorded nowhere",
        }.get(event, "it is not known whether it was submitted")
        command = (
            f"hpctrain status {run.run_id} finishes it (to submit again would make another run)"
        )
        if event == "interrupted":
            command = f"hpctrain cancel {run.run_id}, or the next command submits it all the same"
        super().__init__(
            f"{error.filename or run.folder / EVENTS}: {error.strerror or error}; "
            f"the run {run.run_id} exists: {what}",
            f"fix that, for example by making room on the disk; then {command}",
        )
        self.event = event


def record(run: Run, event: str, **facts: Any) -> None:
    """Append an event to a run that has its name; Unrecorded where that cannot be written."""
    try:
        run.record(event, **facts)
    except OSError as error:
        raise Unrecorded(run, event, facts, error) from error


def record_interrupted(run: Run, **facts: Any) -> None:
    """Record that the rest is not wanted; an empty file finds room where an event does not."""
    try:
        record(run, "interrupted", **facts)
    except Unrecorded:
        try:
            (run.folder / INTERRUPTED).touch()
        except OSError:
            pass
        else:
            return
        raise


def remember(run: Run, attempt: int, view: JobView, job_id: str | None) -> str:
    """Record that the scheduler has shown a job, and its id where it is another one."""
    with contextlib.suppress(OSError, BadFile, Unrecorded):  # a project that can only be read
        if job_id is not None and number_of(view.job_id) != number_of(job_id):
            _record_adopted(run, attempt, view)
            return view.job_id
        moved = {} if view.moved_to is None else {"moved_to": view.moved_to}
        run.record("seen", attempt=attempt, job_id=view.job_id, **moved)
    return job_id or view.job_id


def adopt(run: Run, attempt: int, views: Iterable[JobView]) -> str | None:
    """Record the id of a job that was submitted and whose id was lost, if it is among these."""
    view = job_of(own_jobs(views, run), run.run_id, attempt, None)
    if view is None:
        return None
    _record_adopted(run, attempt, view)
    return view.job_id


def _record_adopted(run: Run, attempt: int, view: JobView) -> None:
    facts = {} if view.cluster is None else {"cluster": view.cluster, "clusters": view.cluster}
    record(
        run, "submitted", attempt=attempt, token=token(run.run_id, attempt), job_id=view.job_id,
        adopted=True, **facts,
    )  # fmt: skip
    with contextlib.suppress(OSError):
        run.record("seen", attempt=attempt, job_id=view.job_id)
