"""init, check, export."""

from __future__ import annotations

import os
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from hpctrain.cli.options import (
    RowCounter,
    agree_to_the_cost,
    changes_from,
    common,
    dedupe_option,
    print_json,
    settings_options,
    talk,
)
from hpctrain.errors import HpctrainError

if TYPE_CHECKING:
    from hpctrain.data.check.report import Report
    from hpctrain.data.check.scan import Preflight
    from hpctrain.launch.prepare import Prepared


@click.command("init")
@click.argument("folder", metavar="[DIR]", default=".", type=click.Path(path_type=Path))
@click.option("--demo", is_flag=True, help="Add a small labelled database (aluminium, PBE).")
@common
def init_command(folder: Path, demo: bool, project_file: str | None, as_json: bool) -> None:
    """Create a project with a commented hpctrain.yaml.

    The files go into DIR, by default the current folder. Existing files are not overwritten. With
    --demo the project is complete and can be trained at once.

    \b
    Examples:
      hpctrain init al-ace
      hpctrain init demo --demo
    """
    del project_file  # there is none yet
    from hpctrain.init import init

    made = init(folder, demo=demo)
    if as_json:
        print_json("init", {"folder": str(made.folder), "files": [str(f) for f in made.files]})
        return
    for file in made.files:
        print(f"wrote {file}")
    if not made.files:
        print(f"{made.folder} is a demo already; nothing to do")
    there = "" if folder == Path() else f"cd {folder} && "
    print(f"next: {there}hpctrain check" if demo else f"next: fill in {folder / 'hpctrain.yaml'}")


@click.command("export")
@click.argument("folder", metavar="DIR", type=click.Path(path_type=Path))
@click.option("--skip-bad", is_flag=True, help="Leave out rows that cannot be used.")
@click.option(
    "--from-card",
    "card",
    metavar="CARD",
    type=click.Path(path_type=Path),
    help="A potential's card (its .json): write again what it was trained on.",
)
@click.option("--set", "assignments", multiple=True, metavar="KEY=VALUE",
              help="Change one setting, for example data.seed=1.")  # fmt: skip
@dedupe_option
@common
def export_command(
    folder: Path,
    skip_bad: bool,
    dedupe: str | None,
    card: Path | None,
    assignments: tuple[str, ...],
    project_file: str | None,
    as_json: bool,
) -> None:
    """Write the split data to DIR: train.extxyz and test.extxyz.

    Each structure has its energy and forces, its stress if there is one, its config_type, its
    generation and its database id.

    With --from-card, the files are the ones that a potential was trained and tested on, byte for
    byte. If rows have changed since then, they are listed and nothing is written.

    \b
    Examples:
      hpctrain export data --set data.seed=1
      hpctrain export again --from-card potentials/potential_gen_01.json
    """
    from hpctrain.data.duplicates.search import in_words
    from hpctrain.data.export import export
    from hpctrain.project import find_project

    project = find_project(project_file)
    config = project.config(changes_from(assignments, None, dedupe=dedupe))
    with RowCounter("reading") as counter:
        if card is not None:
            from hpctrain.potentials.export_again import export_again

            dataset = export_again(card, config.data, project.folder, folder, progress=counter)
        else:
            dataset = export(
                config.data,
                project.folder,
                folder,
                cutoff=config.training.cutoff,
                skip_bad=skip_bad,
                progress=counter,
            )
    facts = dataset.facts()
    for side, file in (("train", dataset.train), ("test", dataset.test)):
        facts[side]["path"] = str(file.path)
    if as_json:
        print_json("export", facts)
        return
    for side in ("train", "test"):
        part = facts[side]
        print(f"{part['path']}: {part['structures']} structures, {part['atoms']} atoms")
    _print_skipped(facts)
    for note in in_words(dataset.leakage):
        talk(f"note: {note}")
    print(f"fingerprint {dataset.fingerprint}")


@click.command("check")
@settings_options
@click.option("--html", "html_file", metavar="FILE", type=click.Path(path_type=Path),
              help="Also write the report, with histograms, as one HTML page.")  # fmt: skip
@common
def check_command(
    site: str | None,
    target: str | None,
    assignments: tuple[str, ...],
    walltime: str | None,
    gpus: int | None,
    memory: str | None,
    generation: int | None,
    start_from: str | None,
    skip_bad: bool,
    dedupe: str | None,
    html_file: Path | None,
    project_file: str | None,
    as_json: bool,
) -> None:
    """Check data, settings and site without submitting anything.

    This does everything that submit does before it submits. It also looks for problems in the data
    that would spoil a training: wrong units, outliers, atoms that are too close, and more. To
    accept a finding, list its name in data.silence in hpctrain.yaml.

    Exit code 1 if there is something to fix.

    \b
    Examples:
      hpctrain check --site mycluster
      hpctrain check --html report.html
    """
    from hpctrain.data.check.report import report
    from hpctrain.data.check.scan import Preflight
    from hpctrain.launch.submit import dry_run
    from hpctrain.project import find_project

    project = find_project(project_file)
    changes = changes_from(
        assignments, walltime, target=target, gpus=gpus, memory=memory, dedupe=dedupe
    )
    config = project.config({key: value for key, value in changes.items() if key != "site"})
    preflight = Preflight(
        config.training.cutoff, generations=config.data.generations, up_to=generation
    )
    prepared, trouble = None, None
    with RowCounter("reading") as counter:
        try:
            _, _, prepared = dry_run(
                project,
                site,
                changes=changes,
                generation=generation,
                start_from=start_from,
                skip_bad=skip_bad,
                agree=partial(agree_to_the_cost, sure=True),
                progress=counter,
                watch=preflight.see,
                look_for="near",
            )
        except HpctrainError as error:
            # What the rows told before is told first; without rows there is only the error.
            if not preflight.rows:
                raise
            trouble = error
    found = report(
        preflight,
        silence=config.data.silence,
        references=config.training.reference_energies,
        skip_bad=skip_bad,
        leakage=prepared.manifest["dataset"]["leakage"] if prepared else None,
    )
    found.data["training"] = _cost(prepared, found.data) if prepared else None
    if html_file is not None:
        _write_page(html_file, found, preflight, config.project)
    if as_json:
        print_json("check", _check_facts(prepared, found, trouble))
    else:
        _print_check(prepared, found)
    if html_file is not None:
        talk(f"wrote {html_file}")
    if trouble is not None and not as_json:
        raise trouble
    if trouble is not None:
        talk(f"hpctrain: {trouble.message}")  # stdout has its one object already
        raise SystemExit(trouble.exit_code)
    if found.stops:
        raise SystemExit(1)


def _print_check(prepared: Prepared | None, found: Report) -> None:
    from hpctrain.cli.terminal.findings import findings, summary

    if prepared is not None:
        print(describe(prepared.manifest))
        print()
    print(summary(found.data))
    print()
    print(findings(found))
    if prepared is None:
        return
    for note in prepared.notes:
        talk(f"note: {note}")
    if found.stops:
        print("next: mend what stops, or accept it by name in hpctrain.yaml: data.silence")
    else:
        print(f"next: hpctrain submit --site {prepared.site.name}")


def _check_facts(
    prepared: Prepared | None, found: Report, trouble: HpctrainError | None
) -> dict[str, Any]:
    manifest = prepared.manifest if prepared else {}
    return {
        "ok": trouble is None and not found.stops,
        "error": trouble and {"error": trouble.message, "hint": trouble.hint},
        "site": prepared.site.name if prepared else None,
        "dataset": manifest.get("dataset"),
        "evaluator": manifest.get("evaluator"),
        "reference_energies": manifest.get("reference_energies"),
        "generation": manifest.get("generation"),
        "notes": prepared.notes if prepared else [],
        "findings": [finding.facts() for finding in found.findings],
        "data": found.data,
    }


def _cost(prepared: Prepared, data: dict[str, Any]) -> dict[str, Any] | None:
    """What the training will take on the site; None where nothing was measured: on a GPU."""
    from hpctrain.engines.pacemaker.cost import Task, estimate

    profile, manifest = prepared.site.profile, prepared.manifest
    if profile.gpus or data["neighbours_per_atom"] is None:
        return None
    training, train = manifest["settings"]["training"], manifest["dataset"]["train"]
    cores = profile.cores
    if cores is None:
        cores = (os.cpu_count() or 1) if profile.scheduler == "local" else 1
    return estimate(
        Task(
            structures=train["structures"],
            atoms=train["atoms"],
            neighbours=data["neighbours_per_atom"],
            elements=len(manifest["dataset"]["elements"]),
            functions=training["b_basis_size"],
            batch_size=training["batch_size"],
            iterations=training["max_iter"],
            evaluator=manifest["evaluator"],
            optimizer=training["optimizer"],
            cores=cores,
        )
    )


def _write_page(file: Path, found: Report, preflight: Preflight, project: str) -> None:
    from datetime import datetime

    from hpctrain import __version__
    from hpctrain.pages.check import page

    told = f"{datetime.now().astimezone():%Y-%m-%d %H:%M %Z}, hpctrain {__version__} check"
    text = page(found, preflight, f"The data of {project}", told)
    try:
        file.write_text(text, encoding="utf-8", errors="replace")
    except OSError as error:
        raise HpctrainError(f"{file} cannot be written: {error.strerror}") from error


def describe(manifest: dict[str, Any]) -> str:
    """Data and settings of a run in a few lines."""
    data, training = manifest["dataset"], manifest["settings"]["training"]
    kinds = ", ".join(f"{name} {count}" for name, count in sorted(data["config_types"].items()))
    generations = ", ".join(f"{g}: {count}" for g, count in sorted(data["generations"].items()))
    energies = manifest["reference_energies"]
    if isinstance(energies, dict):
        energies = ", ".join(f"{element} {value:.4f} eV" for element, value in energies.items())
    lines = [
        f"data        train {data['train']['structures']} structures "
        f"({data['train']['atoms']} atoms), test {data['test']['structures']} "
        f"({data['test']['atoms']} atoms)",
        f"elements    {', '.join(data['elements'])}; free atoms: {energies}",
        f"kinds       {kinds}",
        f"generations {generations}",
        f"training    {training['engine']} ({manifest['evaluator']}), cutoff "
        f"{training['cutoff']:g} Å, {training['b_basis_size']} functions per element, "
        f"κ = {manifest['input']['fit']['loss']['kappa']}, {training['max_iter']} iterations",
        f"site        {manifest['site']['name']} ({manifest['site']['profile']['scheduler']})",
    ]
    lines += [f"goes on     from {parent['name']}" for parent in manifest.get("parents", [])]
    lines += [f"left out    {one['count']} rows: {one['reason']}" for one in data["skipped"]]
    return "\n".join(lines)


def _print_skipped(facts: dict[str, Any]) -> None:
    for one in facts["skipped"]:
        print(f"left out {one['count']}: {one['reason']} (row {', '.join(one['ids'])})")
