"""Warnings about a job that is allowed and probably not meant: waste, and what goes wrong later."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

from hpctrain.sites.demand import demand
from hpctrain.sites.hardware import hardware_notes

if TYPE_CHECKING:
    from hpctrain.sites.load import Site
    from hpctrain.sites.profile import SiteProfile


def advice(site: Site, profile: SiteProfile, project_folder: Path) -> list[str]:
    """Warn about a job that fits; ``profile`` is that of its target."""
    return [
        *hardware_notes(profile),
        *_waste(site, profile),
        *_preemption(profile),
        *_place(profile, project_folder),
        *_age(profile),
    ]


def _waste(site: Site, profile: SiteProfile) -> Iterator[str]:
    """Warn of what is paid for and not used: the trainer is one process, with one GPU at most."""
    asked, node = demand(profile), profile.node
    if asked.nodes > 1:
        yield f"{asked.nodes} nodes are requested, and the trainer uses one"
    if profile.node_sharing != "whole":
        if asked.gpus > 1:
            yield f"{asked.gpus} GPUs are requested, and the trainer uses one"
        return
    if node.gpus and node.gpus > 1:
        also = _name_smaller_targets(site, gpus=1)
        yield (f"a whole node with {node.gpus} GPUs is charged, and the trainer uses one{also}")
    usable = node.usable_cores or node.cores
    if not node.gpus and usable and asked.cores and asked.cores < usable:
        also = _name_smaller_targets(site, gpus=0)
        yield f"a whole node with {usable} cores is charged, and {asked.cores} are used{also}"


def _name_smaller_targets(site: Site, *, gpus: int) -> str:
    """Name the targets that give a part of a node."""
    names = []
    for name, target in site.profile.targets.items():
        shared = (target.node_sharing or site.profile.node_sharing) == "shared"
        has = bool(target.node.gpus or target.limits.max_gpus)
        if shared and has == bool(gpus) and target.choice == "automatic":
            names.append(name)
    return f"; a part of a node: --target {' or '.join(names)}" if names else ""


def _preemption(profile: SiteProfile) -> Iterator[str]:
    rule = profile.preemption
    if rule is None or profile.continuation == "requeue":
        return
    after = f" once it has run {rule.after}" if rule.after else ""
    becomes = {"requeued": " and put back into the queue", "ended": "", None: ""}[rule.then]
    going_on = (
        ""
        if profile.continuation != "manual"
        else "; hpctrain resume goes on from its last checkpoint"
    )
    yield f"the job may be ended for others{after}{becomes}{going_on}"


def _place(profile: SiteProfile, project_folder: Path) -> Iterator[str]:
    if profile.home_folder == "no-jobs" and _is_below(project_folder, Path.home()):
        where = f", for example {profile.scratch.folder}" if profile.scratch else ""
        yield f"the project lies in the home folder, where jobs must not work here: move it{where}"
    if profile.submit_from:
        yield f"submit from {profile.submit_from}"


def _age(profile: SiteProfile) -> Iterator[str]:
    if profile.until:
        yield f"the centre names {profile.until} as the end of this cluster"


def _is_below(folder: Path, above: Path) -> bool:
    return folder.resolve().is_relative_to(above.resolve())


def explain_choice(site: Site, target: str | None, others: dict[str, list[str]]) -> list[str]:
    """Say which target was taken, and why not those before it."""
    if target is None or site.profile.target is not None:
        return []
    passed = [f"not {name}: {'; '.join(reasons)}" for name, reasons in others.items()]
    return [f"target {target}" + (f" ({' | '.join(passed)})" if passed else "")]
