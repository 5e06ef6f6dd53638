"""init, check, export."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click

from hpctrain.cli.options import (
    RowCounter,
    changes_from,
    common,
    print_json,
    settings_options,
    talk,
)


@click.command("init")
@click.argument("folder", metavar="[DIR]", default=".", type=click.Path(path_type=Path))
@click.option("--demo", is_flag=True, help="Add a small labelled database (aluminium, PBE).")
@common
def init_command(folder: Path, demo: bool, project_file: str | None, as_json: bool) -> None:
    """Make a project: a commented hpctrain.yaml in DIR (by default, here).

    Nothing that is there already is overwritten. With --demo the project is complete and can be
    trained at once: hpctrain submit --site local.
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
@click.option("--set", "assignments", multiple=True, metavar="KEY=VALUE",
              help="Change one setting, for example data.seed=1.")  # fmt: skip
@common
def export_command(
    folder: Path,
    skip_bad: bool,
    assignments: tuple[str, ...],
    project_file: str | None,
    as_json: bool,
) -> None:
    """Write the split data, train.extxyz and test.extxyz, into DIR, and nothing else.

    Each structure carries energy, forces, stress where there is one, config_type, generation and
    its database id.
    """
    from hpctrain.dataset import export
    from hpctrain.project import find_project

    project = find_project(project_file)
    config = project.config(changes_from(assignments, None))
    with RowCounter("reading") as counter:
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
    print(f"fingerprint {dataset.fingerprint}")


@click.command("check")
@settings_options
@common
def check_command(
    site: str | None,
    assignments: tuple[str, ...],
    walltime: str | None,
    generation: int | None,
    skip_bad: bool,
    project_file: str | None,
    as_json: bool,
) -> None:
    """Try everything that submit does before submitting: data, settings, site. Submits nothing."""
    from hpctrain.project import find_project
    from hpctrain.submit import dry_run

    project = find_project(project_file)
    with RowCounter("reading") as counter:
        _, _, prepared = dry_run(
            project,
            site,
            changes=changes_from(assignments, walltime),
            generation=generation,
            skip_bad=skip_bad,
            progress=counter,
        )
    manifest = prepared.manifest
    if as_json:
        print_json(
            "check",
            {
                "site": prepared.site.name,
                "dataset": manifest["dataset"],
                "evaluator": manifest["evaluator"],
                "reference_energies": manifest["reference_energies"],
                "generation": manifest["generation"],
                "notes": prepared.notes,
            },
        )
        return
    print(describe(manifest))
    for note in prepared.notes:
        talk(f"note: {note}")
    print(f"next: hpctrain submit --site {prepared.site.name}")


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
    lines += [f"left out    {one['count']} rows: {one['reason']}" for one in data["skipped"]]
    return "\n".join(lines)


def _print_skipped(facts: dict[str, Any]) -> None:
    for one in facts["skipped"]:
        print(f"left out {one['count']}: {one['reason']} (row {', '.join(one['ids'])})")
