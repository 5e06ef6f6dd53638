"""A job of hpctrain's own that is no training: put into a folder, submitted, waited for."""

from __future__ import annotations

import contextlib
import shutil
import time
from collections.abc import Callable, Iterator, Mapping
from datetime import datetime, timezone
from pathlib import Path
from typing import Any, TypedDict, TypeVar

from hpctrain.errors import HpctrainError, SiteUnreachable
from hpctrain.files import as_json, put_job, write_atomically, write_text
from hpctrain.launch.plan import Plan
from hpctrain.launch.script import job_script
from hpctrain.process import Run as RunProgram
from hpctrain.process import converse
from hpctrain.project import Project
from hpctrain.records import BadFile, read_record
from hpctrain.schedulers import scheduler_of
from hpctrain.schedulers.base import ENDED, JobRequest, Refused, Submitted, number_of

Found = TypeVar("Found")
SCRIPT = "job.sh"
# What a file system may take to show on one machine what was written on another.
VISIBLE_S = 30.0
_END = 4096  # bytes of what a job has printed


class _NotBegun(TypedDict):
    reason: str


def new_name() -> str:
    """Return a name for a job's folder: the time, to the microsecond, as another may follow."""
    return f"{datetime.now(timezone.utc):%Y%m%d-%H%M%S-%f}"


@contextlib.contextmanager
def removed_if_no_job(folder: Path) -> Iterator[None]:
    """Remove the folder if what follows fails, unless there may be a job that needs it.

    So after Ctrl-C while it was submitted, and where the scheduler did not say what it did.
    """
    try:
        yield
    except BaseException as error:
        may_run = isinstance(error, SiteUnreachable) or (
            isinstance(error, KeyboardInterrupt) and (folder / SCRIPT).is_file()
        )
        if not may_run:
            shutil.rmtree(folder, ignore_errors=True)
        raise


def put(planned: Plan, project: Project, folder: Path, kind: str, driver: str) -> Path:
    """Write the job's script and package into its folder; return the package's.

    ``kind`` is the first word of the job's name, ``driver`` the program that it starts.
    """
    job = _request(planned, folder, kind)
    templates = project.folder / "templates"
    title = f"{kind} {folder.name}"
    script = job_script(planned.profile, planned.scheduler, job, title, folder, templates)
    write_text(folder / SCRIPT, script)
    package = put_job(folder)
    # In the place of the trainer's driver: templates of a user's own name that file.
    shutil.copyfile(package / driver, package / "train.py")
    return package


def submit(
    planned: Plan, folder: Path, kind: str, *, unclear: str, program: RunProgram
) -> Submitted:
    """Submit what :func:`put` has written.

    Raises HpctrainError if the job is refused, SiteUnreachable, with what to do (``unclear``), if
    the scheduler does not say whether it took it.
    """
    scheduler = planned.scheduler
    job = _request(planned, folder, kind)
    reply = program(scheduler.submit_argv(SCRIPT, job, planned.profile), cwd=str(folder))
    outcome = scheduler.read_submit(reply)
    if isinstance(outcome, Submitted):
        return outcome
    if isinstance(outcome, Refused):
        raise HpctrainError(
            f"{scheduler.name} did not take the job: {outcome.reason}",
            f"{f'{outcome.advice}; ' if outcome.advice else ''}compare the profile with the "
            f"cluster: hpctrain sites check {planned.site.name}",
        )
    raise SiteUnreachable(
        f"{scheduler.name} did not say whether it took the job: {outcome.reason}", unclear
    )


def record(folder: Path, facts: Mapping[str, Any], unrecorded: str) -> None:
    """Write down what was submitted; HpctrainError, with what to do (``unrecorded``), if it fails.

    The same command again would submit another job.
    """
    path = folder / "submitted.json"
    try:
        write_atomically(path, as_json(facts))
    except OSError as error:
        raise HpctrainError(
            f"{error.filename or path}: {error.strerror or error}; job {facts['job_id']} was "
            f"submitted before, and works in {folder}",
            unrecorded,
        ) from error


def wait(
    project: Project,
    scheduler_name: str,
    clusters: str | None,
    job_id: str | None,
    folder: Path,
    look: Callable[[], Found | None],
    *,
    without: str,
    program: RunProgram,
    visible_s: float = VISIBLE_S,
) -> Found:
    """Return what ``look`` finds, as soon as it does.

    HpctrainError if the job ended ``without``, such as "left no report", for ``visible_s`` seconds.
    """
    scheduler = scheduler_of(scheduler_name, project.queue, clusters)
    gone_since: float | None = None
    while (found := look()) is None:
        # The server's name behind the number may be another one than was printed.
        views = {number_of(view.job_id): view for view in converse(scheduler.queue(), program)}
        view = views.get(number_of(str(job_id)))
        over = view is None or view.state in ENDED
        gone_since = (gone_since or time.monotonic()) if over else None
        if gone_since is not None and time.monotonic() - gone_since > visible_s:
            words = f" ({view.raw}{': ' + view.reason if view.reason else ''})" if view else ""
            raise HpctrainError(
                f"the job {job_id} has ended and {without}{words}{_reason(folder)}",
                f"what it printed is in {folder}",
            )
        time.sleep(scheduler.fresh_s)
    return found


def _request(planned: Plan, folder: Path, kind: str) -> JobRequest:
    stamp = folder.name
    return JobRequest(f"{kind}-{stamp[9:15]}", f"hpctrain:{kind}.{stamp}", planned.profile.output)


def _reason(folder: Path) -> str:
    """Return why the job ended before its program began, or else the last that it printed."""
    with contextlib.suppress(BadFile):
        result = read_record(folder / "attempts" / "01" / "result.json", _NotBegun)
        if result:
            return f": {result['reason']}"
    with contextlib.suppress(OSError):
        printed = [_end_of(file) for file in sorted(folder.glob("*.out"))]
        lines = [line.strip() for line in "\n".join(printed).splitlines() if line.strip()]
        return f": it printed last: {lines[-1]}" if lines else ""
    return ""


def _end_of(file: Path) -> str:
    with file.open("rb") as stream:
        stream.seek(max(0, file.stat().st_size - _END))
        return stream.read(_END).decode("utf-8", "replace")
