"""Use case: a job of about a minute that shows whether a site works for its user.

What it reports stays in ``runs/.proofs/SITE.TARGET/TIME/``; ``sites list`` shows the last of each.
"""

from __future__ import annotations

import contextlib
import shutil
from dataclasses import dataclass, replace
from datetime import datetime, timezone
from pathlib import Path
from typing import Annotated, Any, TypedDict

from hpctrain.engines import DEFAULT, engine_of
from hpctrain.errors import HpctrainError
from hpctrain.files import as_json, write_text
from hpctrain.launch import short_job
from hpctrain.launch.plan import Plan, plan
from hpctrain.launch.short_job import VISIBLE_S
from hpctrain.process import Run as RunProgram
from hpctrain.process import run_scheduler
from hpctrain.project import Project
from hpctrain.records import BadFile, read_record
from hpctrain.schedulers.base import Submitted
from hpctrain.shapes import ClusterName, FileName, Holds, JobId
from hpctrain.sites.demand import threads_per_core

FOLDER = ".proofs"
# The job takes about a minute; file systems that are slow, and sites whose shortest job is five
# minutes, have been seen.
WALLTIME, MARGIN = "00:05:00", "00:01:00"


class _Place(TypedDict, total=False):
    clusters: ClusterName | None
    trainer: FileName


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
    found: Proof | None
    clusters: str | None = None
    damage: str | None = None
    trainer: str = DEFAULT

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
        """Say how it went, when, and where, if not with the default; or which file is damaged."""
        if self.damage is not None:
            return self.damage
        when = (self.found["when"] if self.found else self.submitted)[:10]
        where = ", ".join(filter(None, (self.target, self._other_trainer)))
        return f"{self.verdict} {when}" + (f" ({where})" if where else "")

    @property
    def _other_trainer(self) -> str | None:
        return None if self.trainer == DEFAULT else self.trainer


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
    engine = planned.config.training.engine
    other = None if engine == DEFAULT else engine
    name = ".".join(filter(None, (planned.site.name, planned.target, other)))
    folder = project.runs / FOLDER / name / short_job.new_name()
    taken = _submit(planned, project, folder, program)
    facts: dict[str, Any] = {
        "site": planned.site.name,
        "target": planned.target,
        "trainer": engine,
        "submitted": f"{datetime.now(timezone.utc):%Y-%m-%dT%H:%M:%SZ}",
        "job_id": taken.job_id,
        "scheduler": planned.profile.scheduler,
        "clusters": taken.cluster or planned.scheduler.clusters,
    }
    short_job.record(folder, facts, f"what it finds will be in {folder / 'proof.json'}")
    return SiteTest(folder=folder, found=None, **facts)


def _submit(planned: Plan, project: Project, folder: Path, program: RunProgram) -> Submitted:
    unclear = f"if it did, what it finds will be in {folder}"
    folder.mkdir(parents=True)
    try:
        with short_job.removed_if_no_job(folder):
            package = short_job.put(planned, project, folder, "proof", "try_site.py")
            shutil.copyfile(package / "try_site.sh", package / "before.sh")
            write_text(package / "settings.json", as_json(_settings(planned)))
            return short_job.submit(planned, folder, "proof", unclear=unclear, program=program)
    finally:
        for above in (folder.parent, folder.parent.parent):
            with contextlib.suppress(OSError):  # there are other tests, or this one
                above.rmdir()


def _settings(planned: Plan) -> dict[str, Any]:
    """List what the job has to know of the profile."""
    profile = planned.profile
    scratch = profile.scratch.folder if profile.scratch else None
    training = planned.config.training
    evaluator, _ = engine_of(training.engine).choose_evaluator(
        training, profile.trainer.evaluator, own=False
    )
    return {
        "cores": profile.cores,
        "threads_per_core": threads_per_core(profile),
        "gpus": profile.gpus,
        "arch": profile.node.arch,
        "container": profile.trainer.container,
        "modules": [word for line in profile.modules for word in line.split()],
        "engine": training.engine,
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

    def look() -> SiteTest | None:
        latest = read(test.folder)
        if latest is not None and latest.damage is not None:
            raise HpctrainError(latest.damage, f"what it printed is in {test.folder}")
        return latest if latest is not None and latest.found is not None else None

    return short_job.wait(
        project, test.scheduler, test.clusters, test.job_id, test.folder, look,
        without="left no report", program=program, visible_s=visible_s,
    )  # fmt: skip


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
        trainer=facts.get("trainer", DEFAULT),
        found=None,
    )
    try:
        found = read_record(folder / "proof.json", Proof)
    except BadFile as bad:
        return replace(test, damage=_words(bad))
    return replace(test, found=found)


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
