"""The job script of a profile: the scheduler's options, modules, environment, and the program."""

from __future__ import annotations

import sys
from pathlib import Path

from hpctrain import __version__
from hpctrain.launch.container import ENVIRONMENT, container_words
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

    container = container_words(profile, folder)
    python = profile.trainer.python or ("python3" if container else sys.executable)
    return render(
        profile.template or scheduler.template,
        {
            "version": __version__,
            "run_id": run_id,
            "directives": scheduler.directives(profile, job),
            "shell": profile.shell,
            "modules": profile.modules,
            "setup": profile.setup,
            "environment": {**(ENVIRONMENT if container else {}), **profile.environment},
            "run_dir": folder,
            "output": profile.output,
            "umask": profile.umask,
            "launcher": [*profile.launcher, *container],
            "container": container,
            "python": python,
        },
        folders=[] if templates is None else [templates],
    )
