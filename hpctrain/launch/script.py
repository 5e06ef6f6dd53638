"""The job script of a profile: the scheduler's options, modules, environment, and the program."""

from __future__ import annotations

import sys
from pathlib import Path

from hpctrain import __version__
from hpctrain.schedulers.base import JobRequest, Scheduler
from hpctrain.sites.profile import SiteProfile


def job_script(
    profile: SiteProfile,
    scheduler: Scheduler,
    job: JobRequest,
    run_id: str,
    folder: Path,
    templates: Path | None,
) -> str:
    """Render the script that works in ``folder``; ``templates`` are the project's own.

    Raises HpctrainError where the scheduler cannot express what the profile says.
    """
    from hpctrain.render import render

    return render(
        profile.template or scheduler.template,
        {
            "version": __version__,
            "run_id": run_id,
            "directives": scheduler.directives(profile, job),
            "shell": profile.shell,
            "modules": profile.modules,
            "setup": profile.setup,
            "environment": profile.environment,
            "run_dir": folder,
            "output": profile.output,
            "umask": profile.umask,
            "launcher": profile.launcher,
            "python": profile.trainer.python or sys.executable,
        },
        folders=[] if templates is None else [templates],
    )
