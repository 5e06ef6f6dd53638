"""collect, potentials."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import click

from hpctrain.cli.options import common, print_json, talk
from hpctrain.cli.verify import verdicts

if TYPE_CHECKING:
    from hpctrain.collect import Collected


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
    """Archive finished potentials in potentials/, versioned, with a card and a learning curve.

    Only what has ended well, loads, and has not failed a check is archived; nothing there is ever
    overwritten, and collecting twice archives once. All finished runs, if none is named.
    """
    from hpctrain.errors import UsageError

    if accept and not runs:
        raise UsageError("--accept needs the runs that it is meant for", "name them: see status")
    if why is not None and not accept:
        raise UsageError("--why is the reason for --accept", "say both")
    from hpctrain.collect import collect
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
    from hpctrain.collect import use_lines
    from hpctrain.console import metrics_rows, table

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
    print(f"learning curve  {one.path.parent / 'report' / one.name / 'learning_curve.png'}")
    print("\nUse it from ASE, in the trainer's environment, and from LAMMPS with ML-PACE:")
    for line in use_lines(str(one.path), one.card["elements"]):
        print(f"  {line}")


@click.group("potentials")
def potentials_group() -> None:
    """Look at archived potentials."""


@potentials_group.command("list")
@common
def list_command(project_file: str | None, as_json: bool) -> None:
    """List the archived potentials with their errors."""
    from hpctrain.archive import cards
    from hpctrain.console import rmse, table
    from hpctrain.project import find_project

    found = list(cards(find_project(project_file).potentials))
    if as_json:
        print_json("potentials-list", {"potentials": [_short(card) for card in found]})
    elif not found:
        print("no potentials yet; next: hpctrain collect")
    else:
        rows = [
            [card["name"], rmse(card["metrics"]["train"]), rmse(card["metrics"]["test"]),
             card["run"]["run_id"]]
            for card in found
        ]  # fmt: skip
        print(table(("NAME", "TRAIN", "TEST", "RUN"), rows))
        print("\nTRAIN and TEST: RMSE of energies (meV/atom) / forces (eV/Å)")


@potentials_group.command("show")
@click.argument("name")
@common
def show_command(name: str, project_file: str | None, as_json: bool) -> None:
    """Print the card of a potential: data, settings, errors, how to use it."""
    import yaml

    from hpctrain.archive import cards
    from hpctrain.errors import HpctrainError
    from hpctrain.project import find_project
    from hpctrain.yamlfile import nearest

    found = {card["name"]: card for card in cards(find_project(project_file).potentials)}
    if name not in found:
        raise HpctrainError(
            f"there is no potential '{name}'{nearest(name, list(found))}",
            "list them with: hpctrain potentials list",
        )
    if as_json:
        print_json("potentials-show", {"card": found[name]})
    else:
        print(yaml.safe_dump(found[name], sort_keys=False, allow_unicode=True), end="")


def _short(card: dict[str, Any]) -> dict[str, Any]:
    return {
        "name": card["name"],
        "generation": card["generation"],
        "sha256": card["files"]["yace"]["sha256"],
        "train": card["metrics"]["train"],
        "test": card["metrics"]["test"],
        "run_id": card["run"]["run_id"],
    }
