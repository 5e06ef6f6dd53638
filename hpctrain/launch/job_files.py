"""The job script, and what travels with it to the compute node."""

from __future__ import annotations

import json
from pathlib import Path

from hpctrain.engines.facts import Input
from hpctrain.fields import walltime_seconds
from hpctrain.files import put_job, write_text
from hpctrain.launch.script import job_script
from hpctrain.project import Project
from hpctrain.runs.jobs import job_request
from hpctrain.runs.place import SCRIPT
from hpctrain.schedulers.base import JobRequest, Scheduler
from hpctrain.settings import ProjectConfig
from hpctrain.sites.demand import threads_per_core
from hpctrain.sites.profile import SiteProfile


def write_job(
    folder: Path,
    project: Project,
    config: ProjectConfig,
    run_id: str,
    profile: SiteProfile,
    scheduler: Scheduler,
    job: JobRequest,
    evaluator: str,
    given: Input,
    on_end: list[str],
) -> None:
    """Write the job script, and what travels with it."""
    script = job_script(
        profile, scheduler, job, run_id, project.runs / run_id, project.folder / "templates"
    )
    write_text(folder / "job.sh", script)
    package = put_job(folder)
    settings = {
        "engine": config.training.engine,
        "evaluator": evaluator,
        "cores": profile.cores,
        "threads_per_core": threads_per_core(profile),
        "gpus": profile.gpus,
        "require_gpu": profile.require_gpu,
        "patience": config.training.patience,
        **given.job,
        "keep_variables": sorted(profile.environment),
        "walltime_s": walltime_seconds(profile.walltime) if profile.walltime else None,
        "margin_s": walltime_seconds(profile.margin),
        "continuation": profile.continuation,
        "max_attempts": profile.max_attempts,
        "refusals": scheduler.refusals,
        "active_set": config.training.active_set,
        "on_end": on_end,
        "verification_s": 60 * config.training.verify_minutes,
        # What the job says to its scheduler to start the next attempt, by attempt.
        "submit_argv": {
            str(attempt): scheduler.submit_argv(
                SCRIPT, job_request(config.project, run_id, attempt, profile.output), profile
            )
            for attempt in range(2, profile.max_attempts + 1)
            if profile.continuation == "resubmit"
        },
    }
    write_text(package / "input.json", json.dumps(given.mapping, indent=1))
    write_text(package / "settings.json", json.dumps(settings, indent=1))
