"""The choice of a target: the one that is named, or the first that the job fits."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from hpctrain.errors import HpctrainError
from hpctrain.sites.misfits import has_gpus, longest, misfits
from hpctrain.yamlfile import nearest

if TYPE_CHECKING:
    from hpctrain.sites.load import Site
    from hpctrain.sites.profile import SiteProfile


# How the answers to the most usual questions are given.
_OPTIONS = {"walltime": "--walltime ", "memory": "--memory "}
_ANSWERS = {"memory": "16G"}
HALF_A_DAY = "12:00:00"


@dataclass(frozen=True)
class Choice:
    """The target that was chosen; None where the profile has none.

    ``profile`` is complete: the target's keys are in it. ``others`` are the targets that were
    passed over on the way, each with all reasons.
    """

    target: str | None
    profile: SiteProfile
    others: dict[str, list[str]] = field(default_factory=dict)


def choose(site: Site, environment: Mapping[str, str]) -> Choice:
    """Choose the target of a job.

    Raises HpctrainError, with every reason, if the job does not fit, or if a question of the site
    is open. ``environment`` is the login session's: some sites say there which account to take.
    """
    targets, named = site.profile.targets, site.profile.target
    if named is not None and named not in targets:
        raise HpctrainError(
            f"the site {site.name} has no target '{named}'{nearest(named, list(targets))}",
            f"hpctrain sites show {site.name} lists them" if targets else "leave --target out",
        )
    if not targets or named is not None:
        profile = complete(site.at(named) if named else site.profile, environment)
        where = f"the target {named} of {site.name}" if named else f"the site {site.name}"
        asks = named is not None and site.asks_for_gpus(named)
        if reasons := misfits(profile, asks_for_gpus=asks):
            raise HpctrainError(
                _list(f"the job does not fit {where}:", reasons), _next_step(profile, asks)
            )
        _refuse_open_questions(site, profile)
        return Choice(named, profile)
    others: dict[str, list[str]] = {}
    ways: list[str] = []
    for name, target in targets.items():
        profile = complete(site.at(name), environment)
        asks = site.asks_for_gpus(name)
        reasons = misfits(profile, asks_for_gpus=asks)
        if (asks or has_gpus(profile)) and site.profile.gpus == 0:
            reasons.insert(0, "it is for jobs with GPUs, and none is requested")
        if target.choice == "by-name":
            reasons.append("it is taken only when it is named")
        if not reasons:
            _refuse_open_questions(site, profile)
            return Choice(name, profile, others)
        others[name] = reasons
        if reasons == misfits(profile, asks_for_gpus=asks) and (
            way := _how_to_shorten(profile, asks)
        ):
            ways.append(f"{way} (--target {name})")
    lines = [f"{name}: {'; '.join(reasons)}" for name, reasons in others.items()]
    raise HpctrainError(
        _list(f"the job fits none of the targets of {site.name}:", lines),
        ways[0]
        if ways
        else "ask for something else (--gpus, --walltime, --memory, --set site.cores=…), or name "
        "one with --target",
    )


def complete(site: SiteProfile, environment: Mapping[str, str]) -> SiteProfile:
    """Add what follows from the site's own rules: the account's ending, the cores of each GPU."""
    changes: dict[str, Any] = {}
    rule = site.account_rule
    account = site.account or (environment.get(rule.variable) if rule.variable else None) or None
    if account and rule.suffix and not account.endswith(rule.suffix):
        account += rule.suffix
    if account != site.account:
        changes["account"] = account
    if site.cores is None and site.cores_per_gpu and site.gpus:
        changes["cores"] = site.cores_per_gpu * site.gpus // (site.tasks or 1)
    return site.model_copy(update=changes) if changes else site


def open_questions(site: SiteProfile) -> dict[str, str]:
    """Return the questions of the site that have no answer yet, by key."""
    asked = dict(site.ask)
    rule = site.account_rule
    if rule.needed == "always":
        lists = f" `{rule.list_command}` lists yours." if rule.list_command else ""
        asked.setdefault("account", f"Which account pays?{lists}")
    return {key: question for key, question in asked.items() if not _value(site, key)}


def _refuse_open_questions(site: Site, profile: SiteProfile) -> None:
    from hpctrain.sites.load import users_folder

    if open_ones := open_questions(profile):
        answers = {**_ANSWERS, "walltime": _usual_walltime(profile)}
        options = " ".join(
            _OPTIONS.get(key, f"--set site.{key}=") + answers.get(key, "…") for key in open_ones
        )
        lines = ", ".join(f"`{_line(key, answers.get(key, '…'))}`" for key in open_ones)
        raise HpctrainError(
            _list(
                f"the site {site.name} needs to know:",
                [f"{key}: {question}" for key, question in open_ones.items()],
            ),
            f"for one run: {options}; for all: write it into "
            f"{users_folder() / (site.name + '.yaml')}, below the line `extends: {site.name}`: "
            f"{lines}",
        )


def _usual_walltime(profile: SiteProfile) -> str:
    """Return a walltime to show as an example: half a day, or the most that is allowed."""
    from hpctrain.fields import walltime_seconds

    most = longest(profile.limits, profile.nodes or 1)
    if most is None or walltime_seconds(most) > walltime_seconds(HALF_A_DAY):
        return HALF_A_DAY
    return most


def _line(key: str, answer: str) -> str:
    """Write the line that answers a question in a profile; a dotted key as YAML nests it."""
    *above, last = key.split(".")
    answer = f'"{answer}"' if key == "walltime" else answer
    return "".join(f"{part}: {{" for part in above) + f"{last}: {answer}" + "}" * len(above)


def _value(site: SiteProfile, path: str) -> object:
    """Return the value at a dotted key; None where there is none."""
    value: Any = site
    for part in path.split("."):
        value = value.get(part) if isinstance(value, dict) else getattr(value, part, None)
    return value


def _list(head: str, lines: list[str]) -> str:
    return "\n".join([head, *(f"  {line}" for line in lines)])


def _next_step(site: SiteProfile, asks_for_gpus: bool) -> str:
    """Say what to try when a job does not fit."""
    return _how_to_shorten(site, asks_for_gpus) or (
        "change what is requested; if the profile is out of date, --set site.limits.KEY=VALUE"
    )


def _how_to_shorten(site: SiteProfile, asks_for_gpus: bool) -> str | None:
    """Say how to go on where nothing but the walltime is too long."""
    most = longest(site.limits, site.nodes or 1)
    shorter = site.model_copy(update={"walltime": most})
    if most is None or misfits(shorter, asks_for_gpus=asks_for_gpus):
        return None
    rule = "" if site.no_chaining else " --set site.continuation=resubmit"
    then = "hpctrain resume starts the next attempt"
    if rule:
        then = f"the job starts its next attempt by itself; without continuation, {then}"
    return f"shorten it and go on: --walltime {most}{rule}: {then}"
