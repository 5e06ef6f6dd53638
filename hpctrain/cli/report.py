"""The command report."""

from __future__ import annotations

from pathlib import Path

import click

from hpctrain.cli.completion import complete_runs_and_potentials
from hpctrain.cli.options import common, print_json, print_message, print_text


@click.command("report")
@click.argument("name", metavar="RUN|POTENTIAL", shell_complete=complete_runs_and_potentials)
@click.option(
    "--output",
    metavar="FILE",
    type=click.Path(path_type=Path),
    help="File to write. Default: NAME.html in the current folder.",
)
@common
def report_command(name: str, output: Path | None, project_file: str | None, as_json: bool) -> None:
    """Write one HTML page about a run or a potential.

    The page shows the learning curve, the checks, predicted against labelled energies and forces,
    settings, data and provenance. It is a single file and needs no network.

    RUN is a run id, a beginning of one that no other run shares, or the name of a run. The run may
    be in any state.

    \b
    Examples:
      hpctrain report potential_gen_01
      hpctrain report 20261123-1838 --output now.html
    """
    from hpctrain.potentials.report import write_page
    from hpctrain.project import find_project

    done = write_page(find_project(project_file), name, output, say=print_message)
    if as_json:
        print_json("report", {**vars(done), "path": str(done.path)})
    else:
        print_text(f"wrote {done.path}")
