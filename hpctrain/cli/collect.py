"""collect."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from hpctrain.cli.options import common, print_json, talk
from hpctrain.cli.verify import verdicts

if TYPE_CHECKING:
    from hpctrain.potentials.collect import Collected


@click.command("collect")
@click.argument("runs", nargs=-1, metavar="[RUN]...")
@click.option(
    "--accept", is_flag=True, help="Archive the named runs even if their verification failed."
)
@click.option("--why", metavar="WORDS", help="Why they are accepted; the card keeps it.")
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
    from hpctrain.errors import UsageError

    if accept and not runs:
        raise UsageError("--accept needs the runs that it is meant for", "name them: see status")
    if why is not None and not accept:
        raise UsageError("--why is the reason for --accept", "say both")
    from hpctrain.potentials.collect import collect
    from hpctrain.project import find_project
    from hpctrain.schedulers.base import ENDED

    accepted = (why or "") if accept else None
    done = collect(find_project(project_file), runs, accept=accepted, say=talk)
    shown = [one for one in done.potentials if one.new or runs]
    if as_json:
        print_json(
            "collect",
            {
                "potentials": [
                    {
                        "name": one.name,
                        "path": str(one.path),
                        "sha256": one.sha256,
                        "card": str(one.card_path),
                        "run_id": one.run_id,
                        "verification": (one.card.get("verification") or {}).get("verdict"),
                    }
                    for one in shown
                ],
                "not_ready": [vars(one) for one in done.not_ready],
            },
        )
    else:
        for one in shown:
            _print(one)
        if not shown and not done.not_ready:
            print("nothing to collect; see: hpctrain status")
    ended = 0
    for waiting in done.not_ready:
        if waiting.state in ENDED and waiting.state != "completed" and not runs:
            ended += 1
        else:
            why = f": {waiting.reason}" if waiting.reason != waiting.state else ""
            talk(f"{waiting.run_id} is not ready: {waiting.state}{why}")
    if ended:
        talk(f"{ended} other run{'s' * (ended > 1)} ended without a potential: hpctrain status")
    if runs and done.not_ready:
        raise SystemExit(1)


def _print(one: Collected) -> None:
    from hpctrain.cli.terminal.tables import metrics_rows, table
    from hpctrain.engines.pacemaker.usage import usage

    metrics = {name: one.card["metrics"][name] for name in ("train", "test")}
    print(table(("", "RMSE energy (meV/atom)", "RMSE force (eV/Å)"), metrics_rows(metrics)))
    print()
    checked = one.card.get("verification")
    if checked:
        print(verdicts(checked))
        if checked["accepted"]:
            print(f"accepted all the same: {checked['accepted']['why'] or 'no reason was given'}")
    else:
        why = one.card.get("not_verified", "archived before there were checks")
        print(f"not verified: {why}; to do it now: hpctrain verify {one.name}")
    print()
    print(f"potential       {one.path}" + ("" if one.new else "  (archived before)"))
    print(f"card            {one.card_path}")
    report = one.path.parent / "report" / one.name
    print(f"learning curve  {report / 'learning_curve.png'}")
    if (report / "report.html").is_file():
        print(f"report          {report / 'report.html'}")
    active_set = one.card.get("active_set") or {}
    if active_set.get("why"):
        print(f"no active set   {active_set['why']}")
    print("\nUse it from ASE, in the trainer's environment, and from LAMMPS with ML-PACE:")
    found = usage(str(one.path.with_suffix("")), one.card["elements"], "asi" in one.card["files"])
    for line in (*found["ase"], *found["lammps"]):
        print(f"  {line}")
    print(f"all of it: hpctrain potentials show {one.name}")
