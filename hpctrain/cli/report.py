"""report."""

from __future__ import annotations

from pathlib import Path

import click

from hpctrain.cli.options import common, print_json, talk


@click.command("report")
@click.argument("name", metavar="RUN|POTENTIAL")
@click.option(
    "--output",
    metavar="FILE",
    type=click.Path(path_type=Path),
    help="Where to write the page; by default NAME.html in the current folder.",
)
@common
def report_command(name: str, output: Path | None, project_file: str | None, as_json: bool) -> None:
    """Write one HTML page about a run, in any state, or a potential.

    Learning curve, checks, predicted against labelled energies and forces, settings, data and
    provenance; the page needs nothing else, no network and no script. RUN is a run id or any
    unique beginning of one.
    """
    from hpctrain.potentials.report import write
    from hpctrain.project import find_project

    done = write(find_project(project_file), name, output, say=talk)
    if as_json:
        print_json("report", {**vars(done), "path": str(done.path)})
    else:
        print(f"wrote {done.path}")
