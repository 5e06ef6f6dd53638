"""potentials: list, show, verify, diff, current."""

from __future__ import annotations

from typing import Any

import click

from hpctrain.cli.options import Group, RowCounter, common, print_json, talk


@click.group("potentials", cls=Group)
def potentials_group() -> None:
    """Look at archived potentials, check and compare them, and choose the current one."""


@potentials_group.command("list")
@common
def list_command(project_file: str | None, as_json: bool) -> None:
    """List the archived potentials: errors, verdict of the verification, date, size.

    The current one is marked with a star.
    """
    from hpctrain.cli.terminal.cards import listed, short
    from hpctrain.potentials.archive import cards, current
    from hpctrain.project import find_project

    folder = find_project(project_file).potentials
    now = current(folder)
    found = [{**short(card), "current": card["name"] == now} for card in cards(folder)]
    if as_json:
        print_json("potentials-list", {"potentials": found})
    elif not found:
        print("no potentials yet; next: hpctrain collect")
    else:
        print(listed(found))


@potentials_group.command("show")
@click.argument("name")
@common
def show_command(name: str, project_file: str | None, as_json: bool) -> None:
    """Print what a potential is, how good, and how to use it: the lines for ASE and LAMMPS.

    NAME may be current. With --json, the whole card.
    """
    from hpctrain.cli.terminal.cards import page
    from hpctrain.potentials import archive
    from hpctrain.project import find_project

    project = find_project(project_file)
    card = archive.card(project.potentials, name)
    if as_json:
        print_json("potentials-show", {"card": card})
    else:
        now = archive.current(project.potentials) == card["name"]
        print(page(card, project.potentials, is_current=now))


@potentials_group.command("verify")
@click.argument("names", nargs=-1, metavar="[NAME]...")
@common
def verify_command(names: tuple[str, ...], project_file: str | None, as_json: bool) -> None:
    """Check that potentials are what was archived: all of them, if none is named.

    Files and their sums, write protection, the data that the run keeps, and whether the rows of the
    source still give the fingerprint. Changes nothing; exit code 1 if something is wrong.
    """
    from hpctrain.cli.terminal.cards import audited
    from hpctrain.potentials.audit import verify
    from hpctrain.project import find_project

    with RowCounter("reading") as counter:
        found = verify(find_project(project_file), names, progress=counter)
    if as_json:
        facts = [
            {"name": one.name, "ok": one.ok, "findings": [vars(f) for f in one.findings]}
            for one in found
        ]
        print_json("potentials-verify", {"ok": all(one.ok for one in found), "potentials": facts})
    elif not found:
        print("no potentials yet; next: hpctrain collect")
    else:
        print("\n\n".join(audited(one) for one in found))
    if not all(one.ok for one in found):
        raise SystemExit(1)


@potentials_group.command("diff")
@click.argument("first", metavar="A")
@click.argument("second", metavar="B")
@common
def diff_command(first: str, second: str, project_file: str | None, as_json: bool) -> None:
    """Compare two potentials: settings, data, versions, and errors on the same structures.

    The errors of both are computed on structures that neither was trained on, if the trainer is on
    this machine.
    """
    from hpctrain.cli.terminal.cards import compared
    from hpctrain.potentials.compare import diff
    from hpctrain.project import find_project

    found = diff(find_project(project_file), first, second)
    if as_json:
        print_json("potentials-diff", found)
    else:
        print(compared(found))


@potentials_group.command("current")
@click.argument("name", required=False, metavar="[NAME]")
@common
def current_command(name: str | None, project_file: str | None, as_json: bool) -> None:
    """Show which potential is the current one, or make NAME the current one.

    Nothing else moves it. It can be moved forward and back; every move is kept, with who and when.
    Programs find it as potentials/current.yace.
    """
    from hpctrain.cli.terminal.cards import pointed
    from hpctrain.potentials.current import look, move
    from hpctrain.project import find_project

    project = find_project(project_file)
    found = move(project, name, say=talk) if name is not None else look(project)
    if as_json:
        facts: dict[str, Any] = {
            "name": found.name,
            "history": found.history,
            "links": [str(link) for link in found.links],
        }
        print_json("potentials-current", facts)
    else:
        print(pointed(found))
