"""Use case: a job of about a minute that shows whether a site works for its user.

What it reports stays in ``runs/.proofs/SITE.TARGET/TIME/``; ``sites list`` shows the last of each.
"""

from __future__ import annotations

import contextlib
import shutil
import time
from dataclasses import dataclass, replace
from datetime import datetime, timezone
from pathlib import Path
from typing import Annotated, Any, TypedDict, cast

from hpctrain.errors import HpctrainError, SiteUnreachable
from hpctrain.files import as_json, put_job, write_atomically, write_text
from hpctrain.launch.plan import Plan, plan
from hpctrain.launch.script import job_script
from hpctrain.process import Run as RunProgram
from hpctrain.process import converse, run_scheduler
from hpctrain.project import Project
from hpctrain.records import BadFile, read_record
from hpctrain.schedulers.base import ENDED, JobRequest, Refused, Submitted, number_of
from hpctrain.shapes import ClusterName, FileName, Holds, JobId

FOLDER = ".proofs"
# The job takes about a minute; file systems that are slow, and sites whose shortest job is five
# minutes, have been seen.
WALLTIME, MARGIN = "00:05:00", "00:01:00"
# What a file system may take to show on one machine what was written on another.
VISIBLE_S = 30.0


class _Place(TypedDict, total=False):
    clusters: ClusterName | None


class _Submitted(_Place):
    site: FileName
    target: FileName | None
    submitted: str
    job_id: JobId | None
    scheduler: str


class _Trainer(TypedDict, total=False):
    gpus: list[str] | None


class _Scratch(TypedDict):
    folder: str
    writable: bool


class Proof(TypedDict):
    """proof.json, as far as it is read here."""

    when: str
    problems: list[str]
    host: str
    python: str
    packages: dict[str, str | None]
    cores: int
    threads: str | None
    gpus: list[str]
    trainer: Annotated[dict[str, Any], Holds(_Trainer)]
    scratch: Annotated[dict[str, Any], Holds(_Scratch)] | None


@dataclass(frozen=True)
class SiteTest:
    """One test job; ``found`` is the proof.json that it left, None while there is none.

    ``damage`` says which of its files is damaged, and how, where one is.
    """

    site: str
    target: str | None
    folder: Path
    submitted: str
    job_id: str | None
    scheduler: str
    found: dict[str, Any] | None
    clusters: str | None = None
    damage: str | None = None

    @property
    def verdict(self) -> str:
        """Return ``passed``, ``failed``, or ``submitted`` as long as the job has left nothing.

        It is ``damaged`` where that cannot be told any more.
        """
        if self.damage is not None:
            return "damaged"
        if self.found is None:
            return "submitted"
        return "failed" if self.found["problems"] else "passed"

    def words(self) -> str:
        """Say how it went, when, and on which target; or which file is damaged."""
        if self.damage is not None:
            return self.damage
        when = (self.found["when"] if self.found else self.submitted)[:10]
        where = f" ({self.target})" if self.target else ""
        return f"{self.verdict} {when}{where}"


def start(
    project: Project,
    site_name: str | None,
    *,
    changes: dict[str, Any] | None = None,
    program: RunProgram = run_scheduler,
) -> SiteTest:
    """Submit a test job to the target that a training would get.

    Raises HpctrainError if the job has no place or is refused, SiteUnreachable if the scheduler
    does not say whether it took it.
    """
    changes = dict(changes or {})
    quick = {"walltime": WALLTIME, "margin": MARGIN, "continuation": "manual"}
    changes["site"] = {**changes.get("site", {}), **quick}
    planned = plan(project, site_name, changes)
    # To the microsecond: a second test of the same place may follow at once.
    stamp = f"{datetime.now(timezone.utc):%Y%m%d-%H%M%S-%f}"
    name = ".".join(filter(None, (planned.site.name, planned.target)))
    folder = project.runs / FOLDER / name / stamp
    taken = _submit(planned, project, folder, stamp, program)
    facts: dict[str, Any] = {
        "site": planned.site.name,
        "target": planned.target,
        "submitted": f"{datetime.now(timezone.utc):%Y-%m-%dT%H:%M:%SZ}",
        "job_id": taken.job_id,
        "scheduler": planned.profile.scheduler,
        "clusters": taken.cluster or planned.scheduler.clusters,
    }
    write_atomically(folder / "submitted.json", as_json(facts))
    return SiteTest(folder=folder, found=None, **facts)


def _submit(
    planned: Plan, project: Project, folder: Path, stamp: str, program: RunProgram
) -> Submitted:
    profile, scheduler = planned.profile, planned.scheduler
    job = JobRequest(f"proof-{stamp[9:15]}", f"hpctrain:proof.{stamp}", profile.output)
    script = job_script(
        profile, scheduler, job, f"proof {stamp}", folder, project.folder / "templates"
    )
    folder.mkdir(parents=True)
    try:
        write_text(folder / "job.sh", script)
        package = put_job(folder)
        # In the place of the trainer's driver: templates of a user's own name that file.
        shutil.copyfile(package / "try_site.py", package / "train.py")
        shutil.copyfile(package / "try_site.sh", package / "before.sh")
        write_text(package / "settings.json", as_json(_settings(planned)))
        reply = program(scheduler.submit_argv("job.sh", job, profile), cwd=str(folder))
        outcome = scheduler.read_submit(reply)
        if isinstance(outcome, Refused):
            raise HpctrainError(
                f"{scheduler.name} did not take the job: {outcome.reason}",
                f"{f'{outcome.advice}; ' if outcome.advice else ''}compare the profile with the "
                f"cluster: hpctrain sites check {planned.site.name}",
            )
    except (HpctrainError, OSError):
        # They were made just now, and there is no job that needs them.
        shutil.rmtree(folder, ignore_errors=True)
        for above in (folder.parent, folder.parent.parent):
            with contextlib.suppress(OSError):  # there are other tests
                above.rmdir()
        raise
    if not isinstance(outcome, Submitted):
        raise SiteUnreachable(
            f"{scheduler.name} did not say whether it took the job: {outcome.reason}",
            f"if it did, what it finds will be in {folder}",
        )
    return outcome


def _settings(planned: Plan) -> dict[str, Any]:
    """List what the job has to know of the profile."""
    profile = planned.profile
    scratch = profile.scratch.folder if profile.scratch else None
    evaluator = planned.config.training.evaluator or profile.trainer.evaluator or "tensorpot"
    return {
        "cores": profile.cores,
        "gpus": profile.gpus,
        "arch": profile.node.arch,
        "modules": [word for line in profile.modules for word in line.split()],
        "evaluator": evaluator,
        "keep_variables": sorted(profile.environment),
        "scratch": scratch and scratch.replace("{account}", profile.account or "$ACCOUNT"),
    }


def wait(
    project: Project,
    test: SiteTest,
    *,
    program: RunProgram = run_scheduler,
    visible_s: float = VISIBLE_S,
) -> SiteTest:
    """Wait until the job has left its report; HpctrainError if it ended and left none.

    Raises HpctrainError too if the report is damaged.
    """
    from hpctrain.schedulers import scheduler_of

    scheduler = scheduler_of(test.scheduler, project.queue, test.clusters)
    gone_since: float | None = None
    while True:
        latest = read(test.folder)
        if latest is not None and latest.damage is not None:
            raise HpctrainError(latest.damage, f"what it printed is in {test.folder}")
        if latest is not None and latest.found is not None:
            return latest
        # The server's name behind the number may be another one than was printed.
        views = {number_of(view.job_id): view for view in converse(scheduler.queue(), program)}
        view = views.get(number_of(str(test.job_id)))
        over = view is None or view.state in ENDED
        gone_since = (gone_since or time.monotonic()) if over else None
        if gone_since is not None and time.monotonic() - gone_since > visible_s:
            raise HpctrainError(
                f"the job {test.job_id} has ended and left no report"
                + (f" ({view.raw}{': ' + view.reason if view.reason else ''})" if view else ""),
                f"what it printed is in {test.folder}",
            )
        time.sleep(scheduler.fresh_s)


def read(folder: Path) -> SiteTest | None:
    """Read the test in a folder; None if there is none."""
    try:
        facts = read_record(folder / "submitted.json", _Submitted)
    except BadFile as bad:
        site, _, target = folder.parent.name.partition(".")
        return SiteTest(site, target or None, folder, "", None, "", None, damage=_words(bad))
    if facts is None:
        return None
    test = SiteTest(
        site=facts["site"],
        target=facts["target"],
        folder=folder,
        submitted=facts["submitted"],
        job_id=facts["job_id"],
        scheduler=facts["scheduler"],
        clusters=facts.get("clusters"),
        found=None,
    )
    try:
        found = read_record(folder / "proof.json", Proof)
    except BadFile as bad:
        return replace(test, damage=_words(bad))
    return replace(test, found=cast("dict[str, Any] | None", found))


def _words(bad: BadFile) -> str:
    return bad.within(bad.path.parent.parent.parent.parent.parent)


def last_tests(runs: Path) -> dict[str, list[SiteTest]]:
    """Read the last test of each target, by site."""
    last: dict[str, list[SiteTest]] = {}
    for place in sorted((runs / FOLDER).glob("*")):
        tests = [test for test in map(read, sorted(place.glob("*"))) if test is not None]
        if tests:
            last.setdefault(tests[-1].site, []).append(tests[-1])
    return last
