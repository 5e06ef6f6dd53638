"""The commands init and export."""

from __future__ import annotations

from pathlib import Path

import click

from hpctrain.cli.changes import parse_changes
from hpctrain.cli.completion import complete_files
from hpctrain.cli.options import (
    common,
    dedupe_option,
    print_json,
    print_note,
    print_text,
    set_option,
    skip_bad_option,
)
from hpctrain.cli.terminal.row_counter import RowCounter


@click.command("init")
@click.argument("folder", metavar="[DIR]", default=".", type=click.Path(path_type=Path))
@click.option("--demo", is_flag=True, help="Add a small labelled database: aluminium, PBE.")
@click.option(
    "--from",
    "sources",
    metavar="FILE",
    multiple=True,
    shell_complete=complete_files,
    help="Look at your data, and write settings that fit them. Can be repeated; a pattern in "
    "quotes fits several files.",
)
@common
def init_command(
    folder: Path, demo: bool, sources: tuple[str, ...], project_file: str | None, as_json: bool
) -> None:
    """Create a project with a commented hpctrain.yaml.

    The files go into DIR, by default the current folder. Existing files are not overwritten. With
    --demo the project is complete and can be trained at once. With --from each setting is chosen
    by your data, with its reason as a comment.

    \b
    Examples:
      hpctrain init al-ace
      hpctrain init --from data.extxyz
      hpctrain init cu --from cu.db --from 'runs/*/vasprun.xml'
      hpctrain init demo --demo
    """
    del project_file  # there is none yet
    if sources:
        if demo:
            raise click.UsageError("--demo brings its own data: leave out --from")
        _init_from(folder, sources, as_json)
        return
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


def _init_from(folder: Path, sources: tuple[str, ...], as_json: bool) -> None:
    from hpctrain.cli.terminal.proposals import facts_of, summary
    from hpctrain.propose.project import init_from

    if folder.is_file():
        raise click.UsageError(
            f"{folder} is a file: say --from for each file, or quote the pattern"
        )
    with RowCounter("reading") as counter:
        made = init_from(folder, sources, progress=counter)
    if as_json:
        print_json("init", {"folder": str(folder), "files": [str(made.file)], **facts_of(made)})
        return
    print_text(summary(made))
    for question in made.proposals.questions:
        print_note(f"to choose: {question}")
    for warning in made.proposals.warnings:
        print_note(f"note: {warning}")
    print_text(f"wrote {made.file}")
    there = "" if folder == Path() else f"cd {folder} && "
    if made.proposals.questions:
        print_text(f"next: choose in {made.file}, then: {there}hpctrain check")
    else:
        print_text(f"next: {there}hpctrain check")


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
        print_note(f"note: {note}")
