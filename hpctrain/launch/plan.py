"""Where a training would go, and what it would cost: decided before any data are read."""

from __future__ import annotations

import os
import platform
from dataclasses import dataclass
from typing import Any

from hpctrain import variables
from hpctrain.errors import HpctrainError
from hpctrain.project import Project
from hpctrain.schedulers import scheduler_for
from hpctrain.schedulers.base import Scheduler
from hpctrain.settings import ProjectConfig
from hpctrain.sites import load
from hpctrain.sites.advice import advice, explain_choice
from hpctrain.sites.choose import choose
from hpctrain.sites.demand import Cost, cost
from hpctrain.sites.profile import SiteProfile
from hpctrain.sites.recognise import read_rules, recognise


class NoSite(HpctrainError):
    """No site is named, and this machine does not tell which one is meant."""


@dataclass(frozen=True)
class Plan:
    """Site, target and cost of a training.

    ``profile`` is complete, with the target's keys in it; ``cost`` is None where nothing is
    counted (this machine, practice clusters).
    """

    config: ProjectConfig
    site: load.Site
    target: str | None
    profile: SiteProfile
    scheduler: Scheduler
    notes: list[str]
    cost: Cost | None

    @property
    def is_expensive(self) -> bool:
        """Say whether it costs so much that the user should be asked."""
        if self.cost is None or self.cost.hours is None:
            return False
        above = self.profile.ask_above
        return self.cost.hours > (above.gpu_hours if self.cost.of == "gpu" else above.core_hours)


def plan(project: Project, site_name: str | None, changes: dict[str, Any] | None) -> Plan:
    """Choose site, target and scheduler, and add up the cost.

    ``changes`` is what ``--set`` asks for, nested like hpctrain.yaml, with the site profile's keys
    under ``site``. Raises HpctrainError if the job has no place.
    """
    changes = dict(changes or {})
    site_changes = changes.pop("site", None)
    notes: list[str] = []
    config = project.config(changes, notes)
    name = site_name or config.site or _recognise_site(project, notes)
    site = load.load(name, project.folder, site_changes)
    if load.is_example(site):
        raise HpctrainError(
            f"{name} is an example to copy, not a cluster",
            f"on your cluster's login node, hpctrain sites init {name} writes a profile of that "
            "name from what the scheduler reports; hpctrain sites list shows ready ones",
        )
    choice = choose(site, os.environ)
    own = choice.profile.trainer.of(config.training.engine)
    profile = choice.profile.model_copy(update={"trainer": own})
    notes += explain_choice(site, choice.target, choice.others)
    asked = site.at(choice.target) if choice.target else site.profile
    if profile.account != asked.account:
        notes.append(f"account {profile.account}, by the site's account_rule")
    notes += advice(site, profile, project.folder)
    notes += variables.notes(os.environ, dict(profile))
    scheduler = scheduler_for(profile.scheduler, project.queue, profile.extra_directives)
    return Plan(
        config,
        site,
        choice.target,
        profile,
        scheduler,
        notes,
        cost(profile) if scheduler.is_charged else None,
    )


def _recognise_site(project: Project, notes: list[str]) -> str:
    """Name the site that this machine belongs to, where that is beyond doubt."""
    found = recognise(read_rules(project.folder), os.environ, platform.node())
    if len(found) == 1:
        notes.append(f"site {found[0].name}, known by {found[0].by}")
        return found[0].name
    if found:
        raise NoSite(
            "no site is named, and this machine may be any of: "
            + ", ".join(f"{site.name} ({site.by})" for site in found),
            "add --site NAME",
        )
    raise NoSite(
        "no site is named",
        "add --site NAME, or set site: in hpctrain.yaml; to list them: hpctrain sites list",
    )
