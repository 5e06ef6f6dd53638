"""The folder of a run before it has its name: data, input, job script and manifest."""

from __future__ import annotations

import importlib.util
import json
import platform
import secrets
import shutil
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timezone
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any, cast

import yaml

from hpctrain import __version__
from hpctrain.engines.pacemaker import input as pacemaker
from hpctrain.engines.pacemaker.faults import functions_of
from hpctrain.errors import HpctrainError
from hpctrain.fields import Evaluator, Likeness, walltime_seconds
from hpctrain.files import as_json, now, put_job, sha256_of, write_atomically, write_text
from hpctrain.launch.on_end import on_end_argv
from hpctrain.launch.plan import Plan, plan
from hpctrain.launch.script import job_script
from hpctrain.potentials import archive, parents
from hpctrain.project import Project
from hpctrain.render import render
from hpctrain.runs.jobs import job_request
from hpctrain.runs.manifest import DatasetFacts, Manifest
from hpctrain.runs.names import refuse_name
from hpctrain.runs.place import SCRIPT
from hpctrain.runs.run import MANIFEST
from hpctrain.schedulers.base import JobRequest, Scheduler
from hpctrain.settings import ProjectConfig
from hpctrain.sites import load
from hpctrain.sites.demand import threads_per_core
from hpctrain.sites.profile import SiteProfile

if TYPE_CHECKING:
    from hpctrain.data.check.report import Findings
    from hpctrain.data.check.scan import Preflight
    from hpctrain.data.export import Dataset


@dataclass(frozen=True)
class Prepared:
    """A run in a folder that has not got its name yet, with all that its submission needs.

    ``profile`` is that of the target.
    """

    folder: Path
    run_id: str
    site: load.Site
    profile: SiteProfile
    scheduler: Scheduler
    job: JobRequest
    argv: list[str]
    manifest: Manifest
    notes: list[str]
    findings: Findings | None = None  # None: the data were not checked

    @property
    def rows_fingerprint(self) -> str:
        """Return the fingerprint of the structures, whichever side of the split they are on."""
        return str(self.manifest["dataset"]["rows_fingerprint"])


def prepare(
    project: Project,
    folder: Path,
    site_name: str | None,
    *,
    changes: dict[str, Any] | None = None,
    generation: int | None = None,
    skip_bad: bool = False,
    start_from: str | None = None,
    name: str | None = None,
    trial: bool = False,
    progress: Callable[[int, int | None], None] = lambda *_: None,
    preflight: Preflight | None = None,
    look_again: bool = False,
    look_for: Likeness = "identical",
    agree: Callable[[Plan], None] = lambda _: None,
) -> Prepared:
    """Write everything that a submission needs into ``folder``.

    ``start_from`` names an archived potential to go on from, ``name`` the run; the potential of a
    ``trial`` is never archived. ``preflight`` is shown every selected row, and what it finds is
    returned; where an earlier run has the same data, what was found then is taken, unless
    ``look_again``. ``look_for`` is how alike structures on both sides of the split must be to be
    reported. ``agree`` is shown the plan before any data are read, and raises
    HpctrainError if it is not accepted. Raises HpctrainError if anything is wrong.
    """
    from hpctrain.data.duplicates.search import leakage_notes
    from hpctrain.data.export import elements_note, export
    from hpctrain.data.sources.ase_sqlite import lock_notes
    from hpctrain.data.sources.names import expand_sides
    from hpctrain.launch import preflight as checks
    from hpctrain.launch import reuse

    if name is not None:
        refuse_name(project.runs, name)
    planned = plan(project, site_name, changes)
    agree(planned)
    config, site, profile = planned.config, planned.site, planned.profile
    scheduler, notes = planned.scheduler, list(planned.notes)
    run_id = f"{datetime.now(timezone.utc):%Y%m%d-%H%M%S}-{secrets.token_hex(2)}"
    job = job_request(config.project, run_id, 1, profile.output)
    # Before the data are read: what the site cannot do is known already.
    scheduler.directives(profile, job)
    argv = scheduler.submit_argv(SCRIPT, job, profile)
    _check_python(profile, scheduler)
    _check_walltime(profile, scheduler, notes)
    evaluator = _choose_evaluator(config, profile, notes)
    on_end = on_end_argv(project, config, profile, notes)
    parent = parents.find_parent(project.potentials, start_from) if start_from is not None else None

    folder.mkdir(parents=True)
    options: dict[str, Any] = {
        "cutoff": config.training.cutoff,
        "mixed_pbc": evaluator != "tensorpot",
        "up_to_generation": generation,
        "skip_bad": skip_bad,
    }
    sources = expand_sides(config.data.source, config.data.test_source, project.folder)
    key = reuse.key(config.data, sources.names, project.folder, **options)
    same = None
    if key is not None and not look_again:
        fits = partial(checks.recall, config=config) if preflight else lambda _: True
        same = reuse.find(project.runs, key, fits)
    if same is not None:
        dataset = reuse.take(same, folder)
        notes.append(
            f"the data have not changed since the run {same.folder.name}: its export is shared"
        )
    else:
        dataset = export(
            config.data, project.folder, folder, **options, progress=progress,
            scan=preflight.add if preflight else None, look_for=look_for, sources=sources,
        )  # fmt: skip
        reuse.keep(project.runs, dataset)
    notes += elements_note(dataset.elements_left_out)
    notes += pacemaker.share_notes(config.training)
    notes += dataset.notes
    if preflight is None:
        notes += leakage_notes(dataset.leakage)
    notes += lock_notes(sources.names, project.folder)
    energies, mapping = _input(config, evaluator, dataset, parent, notes)
    warnings = _warnings(energies, dataset, parent, notes)
    if parent is not None:
        parent.put(folder)
    text = _input_text(mapping, config, run_id, parent)
    write_text(folder / "input.yaml", text)
    _write_job(folder, project, config, run_id, profile, scheduler, job, evaluator, mapping, on_end)
    manifest: Manifest = {
        "schema": "hpctrain.run/1",
        "run_id": run_id,
        "project": config.project,
        "created": now(),
        "generation": archive.generation_of(
            project, dataset.rows_fingerprint, generation, notes.append
        ),
        "site": {
            "name": site.name,
            "target": planned.target,
            "files": [str(file) for file in site.files],
            "profile": profile.model_dump(mode="json"),
        },
        "settings": _as_used(config, dataset),
        "evaluator": evaluator,
        "dataset": cast("DatasetFacts", {**dataset.facts(), "key": key}),
        "reference_energies": energies,
        "warnings": warnings,
        "parents": [parent.facts(dataset, notes)] if parent else [],
        "name": name,
        "trial": trial,
        "input": mapping,
        "versions": {"hpctrain": __version__, "python": platform.python_version()},
        "files": {
            path.name: sha256_of(path) for path in (folder / "job.sh", folder / "input.yaml")
        },
    }
    findings = None
    if preflight is not None:
        known = checks.recall(same.folder, config) if same is not None else None
        if known is not None:
            findings = checks.findings_of(known, config, manifest)
        else:
            findings = checks.judge(preflight, config, manifest, skip_bad=skip_bad)
            known = checks.record(findings, preflight, config)
        manifest["check"] = known
    write_atomically(folder / "rows.json", as_json(dataset.rows()))
    write_atomically(folder / MANIFEST, as_json(manifest))
    return Prepared(folder, run_id, site, profile, scheduler, job, argv, manifest, notes, findings)


def _warnings(
    energies: dict[str, float] | str,
    dataset: Dataset,
    parent: parents.Parent | None,
    notes: list[str],
) -> list[str]:
    """List what the potential's card has to warn of; the notes learn of it too."""
    if parent is not None:
        return [
            warning
            for warning in parent.card.get("warnings") or []
            if warning.startswith(pacemaker.UNDETERMINED)
        ]
    found = pacemaker.reference_warning(
        energies, dataset.elements, dataset.independent_compositions
    )
    if found is None:
        return []
    notes.append("; ".join(found))
    return [found[0]]


def _input(
    config: ProjectConfig,
    evaluator: Evaluator,
    dataset: Dataset,
    parent: parents.Parent | None,
    notes: list[str],
) -> tuple[dict[str, float] | str, dict[str, Any]]:
    """Return the reference energies, and what the trainer's input has to say."""
    training = config.training
    energies: dict[str, float] | str
    if parent is not None and training.b_basis_size == "auto":
        known = functions_of(parent.card["input"]) or "…"
        raise HpctrainError(
            f"training.b_basis_size is auto, and the training goes on from {parent.name}: its "
            "basis cannot become smaller",
            f"write the parent's: b_basis_size: {known}",
        )
    if parent is not None:
        energies = parent.reference_energies(training, dataset, notes)
    else:
        energies = pacemaker.reference_energies(
            training, dataset.elements, dataset.isolated_atoms, dataset.elements_left_out
        )
    facts = pacemaker.DataFacts(dataset.elements, energies)
    mapping = pacemaker.input_mapping(training, evaluator, facts)
    return energies, mapping if parent is None else parent.adapt(mapping, notes)


def _input_text(
    mapping: dict[str, Any], config: ProjectConfig, run_id: str, parent: parents.Parent | None
) -> str:
    """Render the trainer's input, and make sure that it says what was meant."""
    name = parent.name if parent else None
    values = {
        "version": __version__,
        "run_id": run_id,
        **pacemaker.template_values(mapping, config.training, name),
    }
    text = render(pacemaker.TEMPLATE, values)
    if yaml.safe_load(text) != mapping:
        raise AssertionError(f"{pacemaker.TEMPLATE} does not say what was meant:\n{text}")
    return text


def _write_job(
    folder: Path,
    project: Project,
    config: ProjectConfig,
    run_id: str,
    profile: SiteProfile,
    scheduler: Scheduler,
    job: JobRequest,
    evaluator: Evaluator,
    mapping: dict[str, Any],
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
        "start": config.training.start,
        "choose_basis_size": pacemaker.size_is_open(config.training, mapping),
        # The optimizer follows from the size, unless the settings name one.
        "bfgs_up_to": 0 if config.training.optimizer else pacemaker.MAX_PARAMETERS_OF_BFGS,
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
    write_text(package / "input.json", json.dumps(mapping, indent=1))
    write_text(package / "settings.json", json.dumps(settings, indent=1))


def _check_walltime(profile: SiteProfile, scheduler: Scheduler, notes: list[str]) -> None:
    """Refuse, or note, that a job which cannot know when it ends is killed in the middle."""
    if profile.walltime is not None or scheduler.tells_the_end or scheduler.is_this_machine:
        return
    if profile.continuation != "manual":
        raise HpctrainError(
            f"continuation: {profile.continuation} needs a walltime: {scheduler.name} does not "
            "tell a job when it will end",
            "set walltime in the site, or add --walltime HH:MM:SS",
        )
    notes.append(
        f"no walltime: {scheduler.name} does not tell a job when it will end, so the training is "
        "killed there, and goes on from its last checkpoint; --walltime lets it end in time"
    )


def _check_python(profile: SiteProfile, scheduler: Scheduler) -> None:
    """Refuse a trainer's Python that is missing here; of other machines it cannot be known."""
    python, container = profile.trainer.python, profile.trainer.container
    if scheduler.is_this_machine and container is not None:
        _check_container(container, profile.trainer.runtime)
    elif scheduler.is_this_machine and python and shutil.which(python) is None:
        raise HpctrainError(
            f"trainer.python of the site is {python}, which is not a program on this machine",
            "name the Python of the environment that Pacemaker is installed in",
        )


def _check_container(image: str, runtime: str) -> None:
    if shutil.which(runtime) is None:
        raise HpctrainError(
            f"trainer.runtime of the site is {runtime}, which is not a program on this machine",
            "install it, or name the other: apptainer or singularity",
        )
    if "://" not in image and not Path(image).exists():
        raise HpctrainError(
            f"trainer.container of the site is {image}, which is not on this machine",
            "name the whole path of the image",
        )


def _choose_evaluator(config: ProjectConfig, profile: SiteProfile, notes: list[str]) -> Evaluator:
    """Return the evaluator asked for, else the site's, else that of hpctrain's environment."""
    if config.training.evaluator is not None:
        return config.training.evaluator
    if profile.trainer.evaluator is not None:
        return profile.trainer.evaluator
    own = profile.trainer.python is None and profile.trainer.container is None
    if own and importlib.util.find_spec("tensorpotential") is None:
        notes.append("evaluator pyace: tensorpotential is not installed with hpctrain")
        return "pyace"
    return "tensorpot"


def _as_used(config: ProjectConfig, dataset: Dataset) -> dict[str, Any]:
    """Return the settings as they are kept: with the selection that was chosen, and no password.

    What is called at the end is no part of the training: the job knows it.
    """
    from hpctrain.data.sources.names import without_passwords

    settings = config.model_dump(mode="json", exclude={"on_end"})
    settings["data"]["source"] = without_passwords(config.data.source)
    if config.data.test_source is not None:
        settings["data"]["test_source"] = without_passwords(config.data.test_source)
    settings["data"]["select"] = dataset.select
    return settings
