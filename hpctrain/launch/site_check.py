"""Use cases: a site profile made from a live cluster, and one compared with it."""

from __future__ import annotations

import os
import shutil
import tempfile
from collections.abc import Callable
from dataclasses import dataclass
from datetime import date
from pathlib import Path

from hpctrain.errors import HpctrainError, SiteUnreachable
from hpctrain.files import resource
from hpctrain.launch.script import job_script
from hpctrain.launch.site_draft import draft
from hpctrain.launch.site_findings import Finding, compare
from hpctrain.process import Run as RunProgram
from hpctrain.process import converse, run_scheduler
from hpctrain.schedulers import scheduler_of
from hpctrain.schedulers.base import JobRequest, Scheduler
from hpctrain.schedulers.cluster import LiveCluster
from hpctrain.sites import load
from hpctrain.sites.choose import complete, open_questions
from hpctrain.sites.misfits import misfits
from hpctrain.sites.profile import SCHEMA_FILE, SiteProfile
from hpctrain.yamlfile import read_mapping, validate


@dataclass(frozen=True)
class SiteCheck:
    """What differs between a site's targets and the live cluster.

    ``tried`` are the targets whose script the scheduler itself has judged.
    """

    findings: list[Finding]
    targets: list[str | None]
    tried: list[str | None]

    @property
    def ok(self) -> bool:
        """Say whether nothing is wrong."""
        return not any(finding.severity == "wrong" for finding in self.findings)


def init(
    name: str,
    folder: Path,
    queue: Path,
    scheduler_name: str | None = None,
    *,
    program: RunProgram = run_scheduler,
    which: Callable[[str], str | None] = shutil.which,
) -> Path:
    """Write ``folder/NAME.yaml`` from what the cluster says; what is there is not overwritten.

    ``queue`` is where the practice clusters are. Raises SiteUnreachable where nobody answers.
    """
    path = folder / f"{name}.yaml"
    if path.exists():
        raise HpctrainError(
            f"{path} is there already", "choose another name, or move that file away"
        )
    chosen = scheduler_name or _find_scheduler(which)
    cluster = _ask_cluster(scheduler_of(chosen, queue), program)
    schema = resource(load.FOLDER) / SCHEMA_FILE
    text = draft(name, chosen, cluster, schema, date.today().isoformat())
    folder.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=folder, prefix=".hpctrain-") as temporary:
        new = Path(temporary) / path.name
        new.write_text(text, encoding="utf-8")
        validate(SiteProfile, read_mapping(new), new)
        os.link(new, path)  # never over a file that has come in between
    return path


def check(
    site: load.Site,
    queue: Path,
    templates: Path | None = None,
    *,
    target: str | None = None,
    program: RunProgram = run_scheduler,
) -> SiteCheck:
    """Compare a site's targets, or one of them, with the cluster that it describes."""
    scheduler = scheduler_of(site.profile.scheduler, queue)
    cluster = _ask_cluster(scheduler, program)
    names: list[str | None] = [target] if target else [*site.profile.targets] or [None]
    findings = [Finding(None, "unknown", f"not known: {reason}") for reason in cluster.untold]
    tried = []
    for name in names:
        profile = complete(site.at(name) if name else site.profile, os.environ)
        findings += compare(profile, cluster)
        open_ones = open_questions(profile)
        if open_ones:
            what = (
                f"not tried: {', '.join(open_ones)} {'is' if len(open_ones) == 1 else 'are'} open"
            )
            findings.append(Finding(name, "unknown", what))
            continue
        asks = name is not None and site.asks_for_gpus(name)
        findings += [
            Finding(name, "wrong", reason) for reason in misfits(profile, asks_for_gpus=asks)
        ]
        said = _try_script(profile, scheduler, templates, program)
        if said is not None:
            tried.append(name)
            findings += [Finding(name, "wrong", words) for words in said]
    return SiteCheck(findings, names, tried)


def _ask_cluster(scheduler: Scheduler, program: RunProgram) -> LiveCluster:
    conversation = scheduler.cluster()
    if conversation is None:
        raise HpctrainError(
            f"the scheduler {scheduler.name} has no cluster to ask",
            "sites init and sites check are for Slurm and PBS",
        )
    try:
        return converse(conversation, program)
    except SiteUnreachable as error:
        raise SiteUnreachable(
            error.message,
            f"no {scheduler.name} answers here: run this on a login node of the cluster, or try "
            "again when it is back",
        ) from None


def _try_script(
    profile: SiteProfile, scheduler: Scheduler, templates: Path | None, program: RunProgram
) -> list[str] | None:
    """List what the scheduler says against the script; None where it cannot be asked."""
    job = JobRequest("hpctrain-check", "hpctrain:check", profile.output)
    with tempfile.TemporaryDirectory(prefix="hpctrain-check-") as temporary:
        folder = Path(temporary)
        try:
            script = job_script(profile, scheduler, job, "check", folder, templates)
        except HpctrainError as error:
            return [error.message]
        (folder / "job.sh").write_text(script, encoding="utf-8")
        argv = scheduler.try_argv("job.sh")
        if argv is None:
            return None
        said = scheduler.read_try(program(argv, cwd=str(folder)))
    return [] if said is None else [f"{' '.join(argv[:2])}: {said}"]


def _find_scheduler(which: Callable[[str], str | None]) -> str:
    for name, commands in (("slurm", ("sinfo", "sbatch")), ("pbs", ("qstat", "qsub"))):
        if all(which(command) for command in commands):
            return name
    raise SiteUnreachable(
        "neither sbatch and sinfo nor qsub and qstat are on this machine",
        "run this on a login node of the cluster, or add --scheduler",
    )
