"""The command verify."""

from __future__ import annotations

import sys
from pathlib import Path

import click

from hpctrain.cli.completion import complete_potentials_and_files
from hpctrain.cli.options import common, print_json, print_message, print_text, project_if_any


@click.command("verify")
@click.argument("potential", metavar="FILE|POTENTIAL", shell_complete=complete_potentials_and_files)
@click.option(
    "--data",
    type=click.Path(path_type=Path),
    metavar="FILE",
    help="Structures with energies and forces, as extxyz. Default: those named in the card.",
)
@click.option(
    "--minutes",
    type=click.FloatRange(min=0, min_open=True),
    default=5.0,
    show_default=True,
    metavar="M",
    help="Time limit for all checks, in minutes.",
)
@common
def verify_command(
    potential: str, data: Path | None, minutes: float, project_file: str | None, as_json: bool
) -> None:
    """Check a potential: errors, forces, crystals and dynamics.

    The checks are the same as in the last step of a training job. They run on this machine, in the
    trainer's environment. Exit code 1 if a check fails.

    \b
    Examples:
      hpctrain verify potential_gen_01
      hpctrain verify fits/7/output_potential.yaml --data labelled.extxyz --minutes 10
    """
    from hpctrain.cli.terminal.cards import verdict_table
    from hpctrain.cli.terminal.layout import width_of
    from hpctrain.potentials.verify import verify

    done = verify(
        project_if_any(project_file), potential, data=data, minutes=minutes, say=print_message
    )
    for note in done.notes:
        print_message(note)
    if as_json:
        print_json(
            "verify",
            {
                "path": str(done.path),
                "sha256": done.sha256,
                "data": [str(path) for path in done.data],
                "notes": done.notes,
                "verification": done.content,
            },
        )
    else:
        print_text(verdict_table(done.content, width_of(sys.stdout)))
    if done.content["verdict"] == "fail":
        raise SystemExit(1)
