"""Use case: submit a training, or show what would be submitted."""

from __future__ import annotations

import contextlib
import shutil
import tempfile
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from hpctrain.files import as_json, write_atomically
from hpctrain.interrupts import hold_interrupts
from hpctrain.launch.enough import expect
from hpctrain.launch.plan import Plan
from hpctrain.launch.preflight import begin, refuse_mistakes
from hpctrain.launch.prepare import Prepared, prepare
from hpctrain.potentials import archive
from hpctrain.process import Run as RunProgram
from hpctrain.process import run_scheduler
from hpctrain.project import Project
from hpctrain.runs.actions import remove
from hpctrain.runs.actions.recovery import recover
from hpctrain.runs.chain import send_all
from hpctrain.runs.lock import hold_lock
from hpctrain.runs.manifest import Manifest
from hpctrain.runs.names import refuse_name
from hpctrain.runs.run import MANIFEST, Run
from hpctrain.runs.state.kept_answers import forget
from hpctrain.runs.submission import JobRefused
from hpctrain.runs.submitter import who_asks

if TYPE_CHECKING:
    from hpctrain.data.check.report import Findings
    from hpctrain.data.check.scan import Preflight

# A folder that a submission was writing, and has not touched for so long, is nobody's any more.
ABANDONED_S = 86400.0


@dataclass(frozen=True)
class SubmittedRun:
    """A run, and the job that the scheduler has made of it."""

    run_id: str
    run_dir: Path
    site: str
    job_id: str
    manifest: Manifest
    notes: list[str]
    findings: Findings | None  # None: the data were not checked
    expected: dict[str, Any] | None  # what the training takes, and what its job may lack of that


def submit(
    project: Project,
    site: str | None = None,
    *,
    changes: dict[str, Any] | None = None,
    generation: int | None = None,
    skip_bad: bool = False,
    start_from: str | None = None,
    name: str | None = None,
    trial: bool = False,
    check: bool = True,
    program: RunProgram = run_scheduler,
    progress: Callable[[int, int | None], None] = lambda *_: None,
    agree: Callable[[Plan], None] = lambda _: None,
    say: Callable[[str], None] = lambda _: None,
) -> SubmittedRun:
    """Make a run of the project's data and settings, and hand it to a site's scheduler.

    ``changes`` is what ``--set`` asks for, nested like hpctrain.yaml, with the site profile's keys
    under ``site``. ``generation`` trains on the rows up to that generation and names the potential
    after it. ``start_from`` names the potential to go on from. ``name`` is what the run can be
    called instead of its id; the potential of a ``trial`` is never archived. Without ``check`` the
    data are not looked over for mistakes. ``agree`` is shown where the training would go and what
    it costs, and raises if that is not wanted. Raises HpctrainError before anything is
    submitted if anything is wrong.
    """
    recover(project, program, say)
    preflight = _begin(project, changes, generation) if check else None
    project.runs.mkdir(exist_ok=True)
    # The name begins with a dot: no command takes it for a run before it is whole.
    # What cannot be removed of it is swept later, and does not say that the submission failed.
    with tempfile.TemporaryDirectory(
        dir=project.runs, prefix=".new-", ignore_cleanup_errors=True
    ) as temporary:
        prepared = prepare(
            project,
            Path(temporary) / "run",
            site,
            changes=changes,
            generation=generation,
            skip_bad=skip_bad,
            start_from=start_from,
            name=name,
            trial=trial,
            preflight=preflight,
            progress=progress,
            agree=agree,
        )
        if prepared.findings is not None:
            refuse_mistakes(prepared.findings)
        expected = expect(prepared)
        run = Run(project.runs / prepared.run_id)
        with hold_lock(project.runs, "submit", say=say):
            _sweep(project.runs, Path(temporary))
            remove.sweep(project.runs)
            if name is not None:
                refuse_name(project.runs, name)
            # Under the lock: of two submits at once, the second sees the first one's generation.
            number = archive.generation_of(project, prepared.rows_fingerprint, generation)
            manifest: Manifest = {**prepared.manifest, "generation": number}
            write_atomically(prepared.folder / MANIFEST, as_json(manifest))
            who = who_asks(prepared.scheduler, program)
            Run(prepared.folder).record("prepared", host=who.host, **who.facts())
            with hold_interrupts():
                prepared.folder.rename(run.folder)
                try:
                    job_id = send_all(run, 1, prepared.scheduler, program, who)
                except JobRefused:
                    # It was made just now, and there is no job that needs it.
                    shutil.rmtree(run.folder, ignore_errors=True)
                    raise
                finally:
                    forget(project.cache)
    return SubmittedRun(
        run.run_id, run.folder, prepared.site.name, job_id, manifest, prepared.notes,
        prepared.findings, expected,
    )  # fmt: skip


def _begin(
    project: Project, changes: Mapping[str, Any] | None, generation: int | None
) -> Preflight:
    settings = {key: value for key, value in (changes or {}).items() if key != "site"}
    return begin(project.config(settings), generation)


def _sweep(runs: Path, mine: Path) -> None:
    """Remove the folders of submissions that were killed before their run had a name.

    Their age is counted from ``mine``, the folder of this one, by the file server's clock: that of
    this machine may be a day off.
    """
    now = mine.stat().st_mtime
    for folder in runs.glob(".new-*"):
        with contextlib.suppress(OSError):  # another submission has just ended
            if folder != mine and now - folder.lstat().st_mtime > ABANDONED_S:
                shutil.rmtree(folder, ignore_errors=True)


def dry_run(
    project: Project, site: str | None = None, *, check: bool = False, **options: Any
) -> tuple[dict[str, str], list[str], Prepared]:
    """Return the texts that a submission would write, and its command; nothing is kept.

    With ``check`` the data are looked over as ``submit`` does it, and what was found is in what is
    returned. The other ``options`` are those of ``prepare``.
    """
    if check:
        options["preflight"] = _begin(project, options.get("changes"), options.get("generation"))
    with tempfile.TemporaryDirectory(prefix="hpctrain-") as temporary:
        prepared = prepare(project, Path(temporary) / "run", site, **options)
        names = ("job.sh", "input.yaml", "run.json")
        files = {name: (prepared.folder / name).read_text(encoding="utf-8") for name in names}
    return files, prepared.argv, prepared
