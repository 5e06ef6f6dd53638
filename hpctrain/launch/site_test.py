"""Use case: a job of a minute that proves, or disproves, that a site works for its user.

What it found stays in ``runs/.proofs/SITE.TARGET/TIME/``, and ``sites list`` shows the last of it.
"""

from __future__ import annotations

import shutil
import time
from datetime import datetime, timezone
from pathlib import Path
from typing import Any

from hpctrain.errors import HpctrainError, SiteUnreachable
from hpctrain.files import as_json, resource, write_atomically
from hpctrain.launch.plan import Plan, plan
from hpctrain.launch.proofs import FOLDER, Proof, read
from hpctrain.launch.script import job_script
from hpctrain.process import Run as RunProgram
from hpctrain.process import converse
from hpctrain.process import run as run_program
from hpctrain.project import Project
from hpctrain.schedulers.base import ENDED, JobRequest, Refused, Submitted

# The job takes about a minute; file systems that are slow, and sites whose shortest job is five
# minutes, have been seen.
WALLTIME, MARGIN = "00:05:00", "00:01:00"
# What a file system may take to show on one machine what was written on another.
VISIBLE_S = 30.0


def prove(
    project: Project,
    site_name: str | None,
    *,
    changes: dict[str, Any] | None = None,
    program: RunProgram = run_program,
) -> Proof:
    """Submit a proof job, with the profile's target as a training would get it."""
    changes = dict(changes or {})
    quick = {"walltime": WALLTIME, "margin": MARGIN, "continuation": "manual"}
    changes["site"] = {**changes.get("site", {}), **quick}
    planned = plan(project, site_name, changes)
    stamp = f"{datetime.now(timezone.utc):%Y%m%d-%H%M%S}"
    name = ".".join(filter(None, (planned.site.name, planned.target)))
    folder = project.runs / FOLDER / name / stamp
    if folder.exists():
        raise HpctrainError(
            f"a proof job of {name} was submitted this second", "look at it: hpctrain sites list"
        )
    job_id = _submit(planned, project, folder, stamp, program)
    facts: dict[str, Any] = {
        "site": planned.site.name,
        "target": planned.target,
        "submitted": f"{datetime.now(timezone.utc):%Y-%m-%dT%H:%M:%SZ}",
        "job_id": job_id,
        "scheduler": planned.profile.scheduler,
    }
    write_atomically(folder / "submitted.json", as_json(facts))
    return Proof(folder=folder, found=None, **facts)


def _submit(planned: Plan, project: Project, folder: Path, stamp: str, program: RunProgram) -> str:
    profile, scheduler = planned.profile, planned.scheduler
    job = JobRequest(f"proof-{stamp[-6:]}", f"hpctrain:proof.{stamp}", profile.output)
    script = job_script(
        profile, scheduler, job, f"proof {stamp}", folder, project.folder / "templates"
    )
    (folder / "job").mkdir(parents=True)
    try:
        (folder / "job.sh").write_text(script, encoding="utf-8")
        # In the place of the trainer's driver: templates of a user's own name that file.
        shutil.copyfile(resource("job") / "proof.py", folder / "job" / "train.py")
        shutil.copyfile(resource("job") / "environment.py", folder / "job" / "environment.py")
        folder_of = profile.scratch.folder if profile.scratch else None
        settings = {
            "cores": profile.cores,
            "gpus": profile.gpus,
            "arch": profile.node.arch,
            "modules": [word for line in profile.modules for word in line.split()],
            "evaluator": planned.config.training.evaluator or profile.trainer.evaluator
            or "tensorpot",
            "keep_variables": sorted(profile.environment),
            "scratch": folder_of and folder_of.replace("{account}", profile.account or "$ACCOUNT"),
        }  # fmt: skip
        (folder / "job" / "settings.json").write_text(as_json(settings), encoding="utf-8")
        reply = program(scheduler.submit_argv("job.sh", job, profile), cwd=str(folder))
        outcome = scheduler.read_submit(reply)
        if isinstance(outcome, Refused):
            raise HpctrainError(
                f"{scheduler.name} did not take the job: {outcome.reason}",
                f"hold the profile against the cluster: hpctrain sites check {planned.site.name}",
            )
    except HpctrainError:
        shutil.rmtree(folder)  # made just now, and there is no job that needs it
        raise
    if not isinstance(outcome, Submitted):
        raise SiteUnreachable(
            f"{scheduler.name} did not say whether it took the job: {outcome.reason}",
            f"if it did, what it finds will be in {folder}",
        )
    return outcome.job_id


def wait(
    project: Project,
    proof: Proof,
    *,
    program: RunProgram = run_program,
    visible_s: float = VISIBLE_S,
) -> Proof:
    """Until the job has left its proof; HpctrainError if it ended and left none."""
    from hpctrain.schedulers import scheduler_of

    scheduler = scheduler_of(proof.scheduler, project.queue)
    every = 5.0 if proof.scheduler in ("slurm", "pbs") else 0.5
    gone_since: float | None = None
    while True:
        current = read(proof.folder)
        if current is not None and current.found is not None:
            return current
        views = {view.job_id: view for view in converse(scheduler.queue(), program)}
        view = views.get(str(proof.job_id))
        over = view is None or view.state in ENDED
        gone_since = (gone_since or time.monotonic()) if over else None
        if gone_since is not None and time.monotonic() - gone_since > visible_s:
            raise HpctrainError(
                f"the job {proof.job_id} has ended and left no proof"
                + (f" ({view.raw}{': ' + view.reason if view.reason else ''})" if view else ""),
                f"what it printed is in {proof.folder}",
            )
        time.sleep(every)
