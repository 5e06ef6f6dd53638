"""The commands init and export."""

from __future__ import annotations

from pathlib import Path

import click

from hpctrain.cli.changes import parse_changes
from hpctrain.cli.options import (
    common,
    dedupe_option,
    print_json,
    print_message,
    print_text,
    set_option,
    skip_bad_option,
)
from hpctrain.cli.terminal.row_counter import RowCounter


@click.command("init")
@click.argument("folder", metavar="[DIR]", default=".", type=click.Path(path_type=Path))
@click.option("--demo", is_flag=True, help="Add a small labelled database: aluminium, PBE.")
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
    from hpctrain.project import init

    made = init(folder, demo=demo)
    if as_json:
        print_json("init", {"folder": str(made.folder), "files": [str(f) for f in made.files]})
        return
    for file in made.files:
        print_text(f"wrote {file}")
    if not made.files:
        print_text(f"{made.folder} is a demo already; nothing to do")
    there = "" if folder == Path() else f"cd {folder} && "
    print_text(
        f"next: {there}hpctrain check" if demo else f"next: fill in {folder / 'hpctrain.yaml'}"
    )


@click.command("export")
@click.argument("folder", metavar="DIR", type=click.Path(path_type=Path))
@skip_bad_option
@click.option(
    "--from-card",
    "card",
    metavar="CARD",
    type=click.Path(path_type=Path),
    help="Write the data of an archived potential again. CARD is its .json file.",
)
@set_option("data.seed=1")
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
    from hpctrain.cli.terminal.tables import export_summary
    from hpctrain.data.duplicates.search import leakage_notes
    from hpctrain.data.export import export
    from hpctrain.project import find_project

    project = find_project(project_file)
    config = project.config(parse_changes(assignments, {"data.dedupe": dedupe}))
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
    print_text(export_summary(facts))
    for note in (*dataset.notes, *leakage_notes(dataset.leakage)):
        print_message(f"note: {note}")
