"""The command that a job calls when its run has ended: ``on_end`` of hpctrain.yaml."""

from __future__ import annotations

import os
import shlex
from pathlib import Path

from hpctrain.errors import HpctrainError
from hpctrain.project import Project
from hpctrain.settings import ProjectConfig
from hpctrain.sites.profile import SiteProfile


def on_end_argv(
    project: Project, config: ProjectConfig, profile: SiteProfile, notes: list[str]
) -> list[str]:
    """Return the command as the job calls it; empty without one. The notes say what it will be.

    A program with a slash lies beside hpctrain.yaml, or has an absolute path that only the compute
    node may know. Raises HpctrainError for one beside hpctrain.yaml that is no program.
    """
    if not config.on_end:
        return []
    program, *arguments = config.on_end
    path = project.folder / program
    if "/" in program and not Path(program).is_absolute():
        if not path.is_file():
            raise HpctrainError(
                f"on_end names {program}, and there is no file {path}",
                "write its path as seen from the folder of hpctrain.yaml, or an absolute one",
            )
        if not os.access(path, os.X_OK):
            raise HpctrainError(
                f"on_end names {program}, which may not be executed", f"chmod +x {path}"
            )
        program = str(path)
    argv = [program, *arguments]
    notes.append(f"on_end: when the run has ended, its job calls {shlex.join(argv)}")
    if profile.internet == "none":
        notes.append("on_end: jobs on this site reach no network outside the cluster")
    return argv
