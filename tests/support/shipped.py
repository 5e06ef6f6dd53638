"""What the shipped profiles make of a job, target by target.

``python tests/support/shipped.py`` writes the golden scripts and the table in docs/clusters.md.
"""

from __future__ import annotations

import sys
from dataclasses import replace
from functools import cache
from pathlib import Path
from typing import Any

from paths import DOCS, TESTS

from hpctrain import __version__
from hpctrain.fields import walltime_seconds
from hpctrain.files import resource
from hpctrain.launch.script import job_script
from hpctrain.schedulers import scheduler_of
from hpctrain.schedulers.base import JobRequest
from hpctrain.sites.choose import complete, open_questions
from hpctrain.sites.hardware import gpu_maker
from hpctrain.sites.load import Site, load
from hpctrain.sites.misfits import longest, misfits
from hpctrain.sites.profile import SiteProfile
from hpctrain.yamlfile import read_mapping, validate

GOLDEN = TESTS / "golden" / "sites"
TABLE = DOCS / "clusters.md"
CLOSED = TESTS / "profiles"  # clusters whose centre has closed them
GENERIC = ("local", "slurm", "pbs", "mycluster", "practice-slurm", "practice-pbs", "alliance")
NAMES = sorted({path.stem for path in resource("site_profiles").glob("*.yaml")} - set(GENERIC))
CLUSTERS = [*NAMES, *sorted(path.stem for path in CLOSED.glob("*.yaml"))]
# How a user of these tests answers the profiles' questions.
ACCOUNTS = {"lumi": "project_465000001", "bunya": "a_group"}
ANSWERS: dict[str, Any] = {
    "cores": 8,
    "gpu_dialect": "gres",
    "gpu_type": "h100",
    "memory": "16G",
    "qos": "ehpc",
    "resources.filesystems": "home:eagle",
    "resources.storage": "gdata/ab12+scratch/ab12",
    "chunk.model": "mil_ait",
    "chunk.node_type": "genoa",
}
JOB = JobRequest("p.20260101-000000-abcd.01", "hpctrain:20260101-000000-abcd.01", "job-%j.out")
MARGIN = "00:01:00"


@cache
def site(name: str) -> Site:
    """A profile, shipped or closed."""
    closed = CLOSED / f"{name}.yaml"
    if not closed.exists():
        return load(name, None)
    content = read_mapping(closed)
    return Site(name, validate(SiteProfile, content, closed), (closed,), (content,))


def at(name: str, target: str, changes: dict[str, Any]) -> SiteProfile:
    """A target of it, with what a user says on top."""
    known = site(name)
    return replace(known, layers=(*known.layers, changes)).at(target)


def answered(name: str, target: str) -> SiteProfile:
    """A target as a job gets it whose user has answered every question, and asks for no more than
    an hour of the least that it takes."""
    bare = site(name).at(target)
    changes: dict[str, Any] = {"margin": MARGIN, "walltime": _walltime(bare)}
    if bare.account_rule.needed != "never":
        changes["account"] = ACCOUNTS.get(name, "abc123")
    if bare.limits.min_nodes:
        changes["nodes"] = changes["tasks"] = bare.limits.min_nodes
    if bare.limits.min_memory:
        changes["memory"] = bare.limits.min_memory
    for key in open_questions(at(name, target, changes)):
        below = changes
        *path, last = key.split(".")
        for part in path:
            below = below.setdefault(part, {})
        below[last] = ANSWERS[key]
    return complete(at(name, target, changes), {})


def _walltime(profile: SiteProfile) -> str:
    hour, limits = "01:00:00", profile.limits
    most = longest(limits, limits.min_nodes or profile.nodes or 1)
    if most and walltime_seconds(most) < walltime_seconds(hour):
        return most
    least = limits.min_walltime
    return least if least and walltime_seconds(least) > walltime_seconds(hour) else hour


def script(profile: SiteProfile) -> str:
    """The job script, with nothing in it of the machine that these tests run on."""
    scheduler = scheduler_of(profile.scheduler, Path("/project/runs/.queue"))
    python = profile.trainer.model_copy(update={"python": "/envs/pacemaker/bin/python"})
    profile = profile.model_copy(update={"trainer": python})
    folder = Path("/project/runs/R")
    text = job_script(profile, scheduler, JOB, "20260101-000000-abcd", folder, None)
    return text.replace(f"hpctrain {__version__}", "hpctrain VERSION")


def golden(name: str) -> str:
    """All targets of a site, one script after the other."""
    parts = []
    for target in site(name).profile.targets:
        profile = answered(name, target)
        assert misfits(profile) == [], f"{name} {target}"
        parts.append(f"######## {name}, target {target}\n{script(profile)}")
    return "\n".join(parts)


def hardware(name: str) -> list[str]:
    """What the trainer as PyPI has it cannot use there."""
    nodes = [site(name).at(target).node for target in site(name).profile.targets]
    makers = {gpu_maker(node.gpu) for node in nodes} & {"AMD", "Intel"}
    arch = {f"{node.arch}" for node in nodes} & {"aarch64"}
    return [*sorted(arch), *(f"GPUs of {maker}" for maker in sorted(map(str, makers)))]


def rows() -> str:
    """The table of docs/clusters.md."""
    lines = [
        "| Site | Cluster | Scheduler | Targets; longest walltime | Account | Facts |",
        "|---|---|---|---|---|---|",
    ]
    for name in NAMES:
        profile = site(name).profile
        targets = []
        for target in profile.targets:
            at = site(name).at(target)
            most = longest(at.limits, at.nodes or 1)
            by_name = "*" if profile.targets[target].choice == "by-name" else ""
            targets.append(f"`{target}`{by_name}{f' {most}' if most else ''}")
        needed = {"always": "needed", "sometimes": "sometimes", "never": "none", None: "?"}
        account = needed[profile.account_rule.needed]
        known = [profile.confidence or "", profile.checked or "undated"]
        if profile.recognise.variable or profile.recognise.host:
            known.append("recognised")
        known += hardware(name)
        lines.append(
            f"| `{name}` | {profile.description} | {profile.scheduler} | {', '.join(targets)} "
            f"| {account} | {', '.join(known)} |"
        )
    return "\n".join(lines) + "\n"


BEGIN, END = "<!-- table: python tests/support/shipped.py -->\n", "<!-- end of the table -->"


def page(text: str) -> str:
    head, _, rest = text.partition(BEGIN)
    _, _, tail = rest.partition(END)
    return f"{head}{BEGIN}{rows()}{END}{tail}"


if __name__ == "__main__":
    GOLDEN.mkdir(parents=True, exist_ok=True)
    for name in CLUSTERS:
        (GOLDEN / f"{name}.sh").write_text(golden(name), encoding="utf-8")
    TABLE.write_text(page(TABLE.read_text(encoding="utf-8")), encoding="utf-8")
    print(f"wrote {len(CLUSTERS)} scripts and {TABLE.name}", file=sys.stderr)
