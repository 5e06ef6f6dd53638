"""Use cases: remove runs, and prune those that ended long ago.

A run's folder is renamed first, to a name that is nobody's run, and then deleted. What a kill
leaves of such a folder, the next removal or submission deletes. Of a run whose potential is
archived the files stay by which it is verified (:mod:`hpctrain.runs.kept`).
"""

from __future__ import annotations

import os
import shutil
import time
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from pathlib import Path

from hpctrain.errors import HpctrainError, SiteUnreachable
from hpctrain.files import timestamp
from hpctrain.process import Run as RunProgram
from hpctrain.process import run_scheduler
from hpctrain.project import Project
from hpctrain.runs import kept
from hpctrain.runs.actions.status import RunStatus, status
from hpctrain.runs.history import History
from hpctrain.runs.lock import hold_lock
from hpctrain.runs.place import original
from hpctrain.runs.run import Run
from hpctrain.runs.state.adopted import ORIGIN
from hpctrain.runs.state.ask import ask_for_jobs, without_a_result
from hpctrain.runs.state.attempts import find_counting_attempt
from hpctrain.runs.state.kept_answers import forget
from hpctrain.runs.state.verdict import SETTLED
from hpctrain.runs.strays import strike_off
from hpctrain.runs.submission import scheduler_of_run
from hpctrain.runs.submitter import owned_by, stranger, who_asks

Say = Callable[[str], None]
REMOVED = ".removed-"
NOTHING = "nothing was removed"


@dataclass(frozen=True)
class Removal:
    """A run that is removed: the bytes that it ``frees``, and those that it ``keeps``.

    ``kept`` is the folder of what is kept, None where nothing is; ``loses`` says what nobody has a
    copy of.
    """

    run_id: str
    name: str | None
    state: str
    since: str | None
    frees: int
    keeps: int
    kept: str | None
    loses: str | None


@dataclass(frozen=True)
class Left:
    """A run that is old enough, and is not removed; and why."""

    run_id: str
    state: str
    why: str


@dataclass(frozen=True)
class Removed:
    """The runs that were removed, the bytes that all of them free, and those that were left."""

    runs: list[Removal]
    frees: int
    left: list[Left]


Agree = Callable[[Removed], None]


def remove(
    project: Project,
    names: tuple[str, ...],
    *,
    agree: Agree = lambda _: None,
    program: RunProgram = run_scheduler,
    say: Say = lambda _: None,
) -> Removed:
    """Remove the named runs: all of them, or none.

    HpctrainError if one may have a job, SiteUnreachable if that cannot be found out. ``agree`` is
    shown what will be removed, and raises if that is not wanted.
    """
    found = status(project, names, program=program, say=say).runs if names else []
    for one in found:
        _refuse(project, one, program)
    planned = _plan(project, found, [])
    agree(planned)
    return _remove(project, planned, program, say)


def prune(
    project: Project,
    older_s: float,
    *,
    agree: Agree = lambda _: None,
    program: RunProgram = run_scheduler,
    clock: Callable[[], float] = time.time,
    say: Say = lambda _: None,
) -> Removed:
    """Remove the runs that have ended, and that nothing has happened to for so many seconds.

    Left are those that may have a job, and those whose potential is finished and not archived.
    ``agree`` is shown both, where there is something to remove.
    """
    found, left = [], []
    for one in status(project, program=program, say=say).runs:
        if one.state not in SETTLED or clock() - _since(one) <= older_s:
            continue
        try:
            _refuse(project, one, program)
        except HpctrainError as problem:
            left.append(Left(one.run_id, one.state, problem.message))
            continue
        if _loses(one):
            left.append(Left(one.run_id, one.state, "its potential is finished, and not archived"))
        else:
            found.append(one)
    planned = _plan(project, found, left)
    if not found:
        return planned
    agree(planned)
    return _remove(project, planned, program, say)


def sweep(runs: Path, say: Say = lambda _: None) -> None:
    """Delete what is left of removed runs; the project's lock is held."""
    for folder in [*runs.glob(f"{REMOVED}*"), *runs.glob(f"{kept.FOLDER}/.*")]:
        shutil.rmtree(folder, ignore_errors=True)
        if folder.exists():
            say(f"{folder} could not be deleted yet; the next hpctrain rm tries again")


def _plan(project: Project, found: Iterable[RunStatus], left: list[Left]) -> Removed:
    removals, files = [], []
    for one in found:
        assert one.run is not None
        keeps = one.state == "collected"
        of_run = [*_files(one.run.folder)]
        going = [s for path, s in of_run if not (keeps and path in kept.FILES)]
        staying = [s for path, s in of_run if keeps and path in kept.FILES]
        files += going
        place = str(project.runs / kept.FOLDER / one.run_id) if keeps else None
        size = sum(stat.st_size for stat in staying)
        removals.append(Removal(one.run_id, one.name, one.state, one.since, _freed(going),
                                size, place, _loses(one)))  # fmt: skip
    return Removed(removals, _freed(files), left)


def _remove(project: Project, planned: Removed, program: RunProgram, say: Say) -> Removed:
    ids = tuple(one.run_id for one in planned.runs)
    with hold_lock(project.runs, "rm", say=say):
        # Somebody else may have resumed one of them in the meantime.
        forget(project.cache)
        found = status(project, ids, program=program, say=say).runs
        for one in found:
            _refuse(project, one, program)
        for one in found:
            assert one.run is not None
            if one.state == "collected":
                kept.keep(project.runs, one.run)
            one.run.folder.rename(project.runs / f"{REMOVED}{one.run_id}")
            strike_off(project.runs, one.run_id)
        sweep(project.runs, say)
    return planned


def _refuse(project: Project, found: RunStatus, program: RunProgram) -> None:
    """Raise HpctrainError unless it is certain that no job works in the run's folder."""
    run = found.run
    assert run is not None
    if found.state not in SETTLED and found.origin != ORIGIN:
        hint = f"end it first: hpctrain cancel {found.run_id}"
        if found.reason in run.bad_files.values():
            hint = f"if it certainly has no job: rm -r {run.folder}"
        raise HpctrainError(f"{found.run_id} is {found.state}, and may have a job; {NOTHING}", hint)
    history = run.history()
    if history.collecting is not None and history.collected is None:
        raise HpctrainError(
            f"{found.run_id}: its potential is archived in part; {NOTHING}",
            f"finish that first: hpctrain collect {found.run_id}",
        )
    if not history.attempt or original(run) is not None:
        return  # never submitted; or a copy, whose jobs work in the original
    _refuse_beside_a_job(project, run, history, program)


def _refuse_beside_a_job(project: Project, run: Run, history: History, program: RunProgram) -> None:
    scheduler = scheduler_of_run(run, project.queue, history)
    is_over = _says_itself_that_it_is_over(run, history)
    try:
        if not is_over:
            submitter = owned_by(history.submitter, run.manifest_file)
            problem = stranger(submitter, who_asks(scheduler, program))
            if problem is not None:
                raise HpctrainError(
                    f"{run.run_id}: {problem}; {NOTHING}", "remove it as that user, on that cluster"
                )
        jobs = ask_for_jobs(run, scheduler, program, project.cache, time.time())
    except SiteUnreachable as silence:
        if is_over:
            return
        raise SiteUnreachable(
            f"{run.run_id}: whether it has a job is not known: {silence.message}; {NOTHING}",
            "try again when the scheduler answers",
        ) from silence
    for job in without_a_result(run, jobs):
        raise HpctrainError(
            f"{run.run_id}: its job {job.job_id} is {job.state}; {NOTHING}",
            f"end it first: hpctrain cancel {run.run_id}",
        )


def _says_itself_that_it_is_over(run: Run, history: History) -> bool:
    """Say whether the last job has left its result, and none follows it."""
    if history.collected is not None:
        return True
    counting = find_counting_attempt(run, history)
    return counting.result is not None and not counting.later


def _loses(found: RunStatus) -> str | None:
    if found.state == "completed" and not found.trial:
        return "its potential is finished, and not archived: it will be lost"
    return None


def _since(found: RunStatus) -> float:
    """Return when something last happened to a run, in seconds since 1970."""
    assert found.run is not None
    if found.since is not None:
        return timestamp(found.since)
    try:
        return found.run.manifest_file.stat().st_mtime
    except OSError:
        return time.time()


def _files(folder: Path) -> Iterable[tuple[str, os.stat_result]]:
    """List the files of a folder by their paths in it; a link is itself, not what it leads to."""
    for place, _, names in os.walk(folder):
        for name in names:
            path = Path(place) / name
            try:
                yield str(path.relative_to(folder)), path.lstat()
            except FileNotFoundError:
                continue


def _freed(files: Iterable[os.stat_result]) -> int:
    """Return the bytes of these files that nothing else has a name for."""
    names: dict[tuple[int, int], int] = {}
    sizes: dict[tuple[int, int], tuple[int, int]] = {}
    for one in files:
        file = (one.st_dev, one.st_ino)
        names[file] = names.get(file, 0) + 1
        sizes[file] = (one.st_size, one.st_nlink)
    return sum(size for file, (size, links) in sizes.items() if names[file] >= links)
