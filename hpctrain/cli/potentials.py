"""The commands potentials list, show, verify, diff and current."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING, Any

import click

from hpctrain.cli.completion import complete_potentials
from hpctrain.cli.options import Group, common, print_json, print_message, print_text
from hpctrain.cli.terminal.row_counter import RowCounter

if TYPE_CHECKING:
    from hpctrain.potentials.card import Card


@click.group("potentials", cls=Group)
def potentials_group() -> None:
    """List, check and compare archived potentials."""


@potentials_group.command("list")
@common
def list_command(project_file: str | None, as_json: bool) -> None:
    """List the archived potentials.

    The table shows errors, the verdict of the checks, date, size and run. A star marks the current
    potential.
    """
    from hpctrain.cli.terminal.layout import width_of
    from hpctrain.cli.terminal.potentials import potentials_table
    from hpctrain.potentials.archive import current_name, read_cards
    from hpctrain.project import find_project
    from hpctrain.records import BadFile

    folder, now = find_project(project_file).potentials, None
    try:
        now = current_name(folder)
    except BadFile as bad:
        print_message(f"{bad.message}; {bad.hint}")
    cards = read_cards(folder, print_message)
    found = [{**_summary(card), "current": card["name"] == now} for card in cards]
    if as_json:
        print_json("potentials-list", {"potentials": found})
    elif not found:
        print_text("no potential is archived yet; next: hpctrain collect")
    else:
        print_text(potentials_table(found, width_of(sys.stdout)))


def _summary(card: Card) -> dict[str, Any]:
    """Return a line of the list, as --json prints it."""
    from hpctrain.potentials.archive import number_of
    from hpctrain.potentials.card import checks_made

    numbers, made = number_of(card["name"]), checks_made(card)
    return {
        # Cards of older versions do not say it.
        **({"checks": made} if made else {}),
        "name": card["name"],
        "generation": card["generation"],
        "revision": numbers[1] if numbers else None,
        "sha256": card["files"]["yace"]["sha256"],
        "bytes": card["files"]["yace"].get("bytes"),
        "archived": card.get("archived"),
        "train": card["metrics"]["train"],
        "test": card["metrics"]["test"],
        "verdict": (card.get("verification") or {}).get("verdict"),
        "active_set": "asi" in card["files"],
        "parents": [parent["name"] for parent in card.get("parents") or []],
        "run_id": card["run"]["run_id"],
    }


@potentials_group.command("show")
@click.argument("name", shell_complete=complete_potentials)
@common
def show_command(name: str, project_file: str | None, as_json: bool) -> None:
    """Show one potential: its errors, its checks, how to use it.

    This includes the lines to use it from ASE and LAMMPS. NAME may be 'current'. With --json, the
    whole card is printed.
    """
    from hpctrain.cli.terminal.cards import card_page
    from hpctrain.cli.terminal.layout import width_of
    from hpctrain.potentials import archive
    from hpctrain.project import find_project

    project = find_project(project_file)
    card = archive.find_card(project.potentials, name)
    if as_json:
        print_json("potentials-show", {"card": card})
    else:
        now = archive.current_name(project.potentials) == card["name"]
        width = width_of(sys.stdout)
        print_text(card_page(card, project.potentials, is_current=now, width=width))


@potentials_group.command("verify")
@click.argument("names", nargs=-1, metavar="[NAME]...", shell_complete=complete_potentials)
@common
def verify_command(names: tuple[str, ...], project_file: str | None, as_json: bool) -> None:
    """Check that archived files and their data are unchanged.

    For each potential this compares its files with the recorded checksums, and checks their write
    protection, the exported data of the run, and the rows of the data source. Nothing is changed.
    Without NAME, all potentials are checked.

    Exit code 1 if something has changed or is gone.
    """
    from hpctrain.cli.terminal.potentials import audit_table
    from hpctrain.potentials.audit import audit
    from hpctrain.project import find_project

    with RowCounter("reading") as counter:
        found = audit(find_project(project_file), names, progress=counter)
    if as_json:
        facts = [
            {"name": one.name, "ok": one.ok, "findings": [vars(f) for f in one.findings]}
            for one in found
        ]
        print_json("potentials-verify", {"ok": all(one.ok for one in found), "potentials": facts})
    elif not found:
        print_text("no potential is archived yet; next: hpctrain collect")
    else:
        print_text("\n\n".join(audit_table(one) for one in found))
    if not all(one.ok for one in found):
        raise SystemExit(1)


@potentials_group.command("diff")
@click.argument("first", metavar="A", shell_complete=complete_potentials)
@click.argument("second", metavar="B", shell_complete=complete_potentials)
@common
def diff_command(first: str, second: str, project_file: str | None, as_json: bool) -> None:
    """Compare two potentials.

    This lists the differences in settings, data, versions and errors. If the trainer is installed
    on this machine, the errors of both are also computed on the same structures, which neither was
    trained on.
    """
    from hpctrain.cli.terminal.comparison import comparison
    from hpctrain.cli.terminal.layout import width_of
    from hpctrain.potentials.compare import diff
    from hpctrain.project import find_project

    found = diff(find_project(project_file), first, second)
    if as_json:
        print_json("potentials-diff", found)
    else:
        print_text(comparison(found, width_of(sys.stdout)))


@potentials_group.command("current")
@click.argument("name", required=False, metavar="[NAME]", shell_complete=complete_potentials)
@common
def current_command(name: str | None, project_file: str | None, as_json: bool) -> None:
    """Show the current potential, or choose another one.

    With NAME, that potential becomes the current one. No other command changes it. You can move
    forward and back, and each move is recorded with its time and user. Programs find the current
    potential as potentials/current.yace.
    """
    from hpctrain.cli.terminal.potentials import current_potential
    from hpctrain.potentials.current import move, position
    from hpctrain.project import find_project

    project = find_project(project_file)
    found = move(project, name, say=print_message) if name is not None else position(project)
    if as_json:
        facts: dict[str, Any] = {
            "name": found.name,
            "history": found.history,
            "links": [str(link) for link in found.links],
        }
        print_json("potentials-current", facts)
    else:
        print_text(current_potential(found))
