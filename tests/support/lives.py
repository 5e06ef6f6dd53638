"""What whole lives of runs share: the demo on a site of its own, and the state of its run."""

from __future__ import annotations

from pathlib import Path

from hpctrain.project import Project, find_project, init
from hpctrain.runs.actions.status import RunStatus, status
from hpctrain.runs.state.verdict import SETTLED


def project_on(folder: Path, **profiles: str) -> Project:
    """Make a demo project with site profiles, by their names."""
    init(folder, demo=True)
    (folder / "site_profiles").mkdir()
    for name, profile in profiles.items():
        (folder / "site_profiles" / f"{name.replace('_', '-')}.yaml").write_text(profile)
    return find_project(str(folder))


def when(project: Project, *states: str) -> RunStatus | None:
    """The one run, once it is in one of these states, or has ended."""
    run = status(project).runs[0]
    return run if run.state in states or run.state in SETTLED else None
