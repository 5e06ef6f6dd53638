"""The folder of a run before it has its name: data, input, job script and manifest."""

from __future__ import annotations

import platform
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any, cast

from hpctrain import __version__
from hpctrain.engines import engine_of
from hpctrain.fields import Likeness
from hpctrain.files import as_json, now, sha256_of, write_atomically, write_text
from hpctrain.launch.job_files import write_job
from hpctrain.launch.on_end import on_end_argv
from hpctrain.launch.plan import Plan, plan
from hpctrain.launch.trainer_checks import check_python, check_walltime, choose_evaluator
from hpctrain.launch.trainer_input import input_text, trainer_input
from hpctrain.potentials import archive, parents
from hpctrain.project import Project
from hpctrain.runs.jobs import job_request
from hpctrain.runs.manifest import DatasetFacts, Manifest
from hpctrain.runs.names import refuse_name
from hpctrain.runs.place import SCRIPT
from hpctrain.runs.run import MANIFEST, new_run_id
from hpctrain.schedulers.base import JobRequest, Scheduler
from hpctrain.settings import ProjectConfig
from hpctrain.sites import load
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

    ``start_from`` is the name of an archived potential to go on from, or the path of a published
    one, ``name`` that of the run; the potential of a
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
    run_id = new_run_id()
    job = job_request(config.project, run_id, 1, profile.output)
    # Before the data are read: what the site cannot do is known already.
    scheduler.directives(profile, job)
    argv = scheduler.submit_argv(SCRIPT, job, profile)
    check_python(profile, scheduler, config.training.engine)
    check_walltime(profile, scheduler, notes)
    engine, evaluator = engine_of(config.training.engine), choose_evaluator(config, profile, notes)
    on_end = on_end_argv(project, config, profile, notes)
    parent = None
    if start_from is not None:
        parent = parents.find_parent(project.potentials, start_from, engine)
        notes += parent.notes(config.training)

    folder.mkdir(parents=True)
    options: dict[str, Any] = {
        "cutoff": config.training.cutoff,
        "mixed_pbc": engine.takes_mixed_pbc(evaluator),
        "up_to_generation": generation,
        "skip_bad": skip_bad,
    }
    if engine.takes_stress(config.training):
        options["stress"] = True
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
            taken_by=f"the evaluator {evaluator}",
            scan=preflight.add if preflight else None, look_for=look_for, sources=sources,
        )  # fmt: skip
        reuse.keep(project.runs, dataset)
    notes += elements_note(dataset.elements_left_out)
    notes += dataset.notes
    if preflight is None:
        notes += leakage_notes(dataset.leakage)
    notes += lock_notes(sources.names, project.folder)
    given = trainer_input(config, evaluator, dataset, parent)
    notes += given.notes
    if parent is not None:
        parent.put(folder)
    write_text(folder / "input.yaml", input_text(given, run_id))
    write_job(folder, project, config, run_id, profile, scheduler, job, evaluator, given, on_end)
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
        "reference_energies": given.reference_energies,
        "warnings": given.warnings,
        "parents": [parent.facts(dataset, notes)] if parent else [],
        "unknown": parent.unknown if parent else [],
        "name": name,
        "trial": trial,
        "input": given.mapping,
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
