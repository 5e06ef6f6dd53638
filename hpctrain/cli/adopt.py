"""The command adopt."""

from __future__ import annotations

from pathlib import Path

import click

from hpctrain.cli.options import common, print_json, print_message, print_text
from hpctrain.cli.terminal.row_counter import RowCounter


@click.command("adopt")
@click.argument(
    "folder", type=click.Path(exists=True, file_okay=False, path_type=Path), metavar="FOLDER"
)
@click.option("--name", metavar="NAME", help="Name of the run, as for 'hpctrain submit'.")
@click.option("--generation", type=click.IntRange(min=0), metavar="N",
              help="Generation of the potential. Default: as for 'hpctrain submit'.")  # fmt: skip
@common
def adopt_command(
    folder: Path, name: str | None, generation: int | None, project_file: str | None, as_json: bool
) -> None:
    """Take a training that was made by hand as a run.

    FOLDER is one in which the trainer was run, or still runs: with its input.yaml and log.txt. It
    is only read. The run has a state, a learning curve and a page, and 'hpctrain collect' archives
    its potential, with a card. What the folder does not tell is called unknown.

    \b
    Example:
      hpctrain adopt ~/fits/al-7 --name al-7
    """
    from hpctrain.launch.adopt import adopt
    from hpctrain.project import find_project

    project = find_project(project_file)
    with RowCounter("reading") as counter:
        done = adopt(
            project, folder, name=name, generation=generation, progress=counter, say=print_message
        )
    if as_json:
        print_json("adopt", vars(done))
        return
    words = "adopted as" if done.new else "was adopted before, as"
    state = done.state + (f" ({done.reason})" if done.reason else "")
    print_text(f"{words} the run {done.run_id}: {state}")
    for unknown in done.unknown:
        print_text(f"  not known: {unknown}")
    if done.state == "completed":
        print_text(f"next: hpctrain collect {done.name or done.run_id}")
    else:
        print_text(f"next: hpctrain status {done.name or done.run_id} --watch")
