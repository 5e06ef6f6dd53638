"""The command collect."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING, Any

import click

from hpctrain.cli.completion import complete_runs
from hpctrain.cli.options import common, print_json, print_message, print_text
from hpctrain.errors import UsageError

if TYPE_CHECKING:
    from collections.abc import Sequence

    from hpctrain.potentials.collect import Collected, NotReady


@click.command("collect")
@click.argument("runs", nargs=-1, metavar="[RUN]...", shell_complete=complete_runs)
@click.option("--accept", is_flag=True, help="Archive the named runs even if a check failed.")
@click.option("--why", metavar="WORDS", help="Reason for --accept. It is stored in the card.")
@common
def collect_command(
    runs: tuple[str, ...], accept: bool, why: str | None, project_file: str | None, as_json: bool
) -> None:
    """Archive the potentials of finished runs.

    Each potential goes into potentials/ under a new version number, with a card and a learning
    curve. Nothing in the archive is ever overwritten. A run that was collected before is not
    collected again. Without RUN, all finished runs are collected.

    A potential that failed a check is not archived, unless you accept it.

    \b
    Examples:
      hpctrain collect
      hpctrain collect 20261123-1838 --accept --why "bcc is unstable in DFT too"
    """
    from hpctrain.cli.terminal.cards import collected_potential
    from hpctrain.cli.terminal.layout import width_of
    from hpctrain.potentials.collect import collect
    from hpctrain.project import find_project

    if accept and not runs:
        raise UsageError("--accept needs the names of runs", "to list them: hpctrain status")
    if why is not None and not accept:
        raise UsageError("--why needs --accept", "--why is the reason why a run is accepted")
    accepted = (why or "") if accept else None
    done = collect(find_project(project_file), runs, accept=accepted, say=print_message)
    # Without RUN, only what is new is shown.
    potentials = [one for one in done.potentials if one.new or runs]
    if as_json:
        not_ready = [vars(one) for one in done.not_ready]
        print_json("collect", {"potentials": [_facts(one) for one in potentials],
                               "not_ready": not_ready})  # fmt: skip
    else:
        for one in potentials:
            print_text(collected_potential(one, width_of(sys.stdout)))
        if not potentials and not done.not_ready:
            print_text("nothing to collect; see: hpctrain status")
    _print_not_ready(done.not_ready, named=bool(runs))
    if runs and done.not_ready:
        raise SystemExit(1)


def _facts(one: Collected) -> dict[str, Any]:
    """Return a potential as --json prints it."""
    from hpctrain.potentials.verification import checks_made

    made = checks_made(one.card)
    return {
        **({"checks": made} if made else {}),
        "name": one.name,
        "path": str(one.path),
        "sha256": one.sha256,
        "card": str(one.card_path),
        "run_id": one.run_id,
        "verification": (one.card.get("verification") or {}).get("verdict"),
    }


def _print_not_ready(not_ready: Sequence[NotReady], *, named: bool) -> None:
    """Print why runs give no potential; those that failed are only counted, unless named."""
    from hpctrain.schedulers.base import ENDED

    failed = trials = 0
    for run in not_ready:
        if run.trial and not named:
            trials += 1
            continue
        if run.state in ENDED and run.state != "completed" and not named:
            failed += 1
            continue
        why = f": {run.reason}" if run.reason != run.state else ""
        print_message(f"{run.run_id} is not ready: {run.state}{why}")
    if trials:
        print_message(f"{trials} trial{'s' * (trials > 1)} left out: never archived")
    if failed:
        print_message(
            f"{failed} other run{'s' * (failed > 1)} ended without a potential: hpctrain status"
        )
