"""The commands potentials list, show, verify, diff and current."""

from __future__ import annotations

import sys
from pathlib import Path
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
@click.option("--all", "with_retired", is_flag=True, help="Also list the retired potentials.")
@common
def list_command(with_retired: bool, project_file: str | None, as_json: bool) -> None:
    """List the archived potentials.

    The table shows errors, the verdict of the checks, date, size and run. A star marks the current
    potential.
    """
    from hpctrain.cli.terminal.layout import width_of
    from hpctrain.cli.terminal.potentials import potentials_table
    from hpctrain.potentials.archive import current_name, listed_cards, read_cards
    from hpctrain.project import find_project
    from hpctrain.records import BadFile

    folder, now = find_project(project_file).potentials, None
    try:
        now = current_name(folder)
    except BadFile as bad:
        print_message(f"{bad.message}; {bad.hint}")
    listed = [*listed_cards(folder, print_message)]
    cards = [*read_cards(folder)] if with_retired else listed
    names = {card["name"] for card in listed}
    found = [
        {**_summary(card), "current": card["name"] == now, "retired": card["name"] not in names}
        for card in cards
    ]
    if as_json:
        print_json("potentials-list", {"potentials": found})
    elif not found:
        print_text("no potential is archived yet; next: hpctrain collect")
    else:
        print_text(potentials_table(found, width_of(sys.stdout)))


def _summary(card: Card) -> dict[str, Any]:
    """Return a line of the list, as --json prints it."""
    from hpctrain.potentials.archive import number_of
    from hpctrain.potentials.card import engine_of_card, main_file
    from hpctrain.potentials.verification import checks_made

    grading, main = engine_of_card(card).grading, main_file(card)
    numbers, made = number_of(card["name"]), checks_made(card)
    return {
        # Cards of older versions do not say it.
        **({"checks": made} if made else {}),
        "name": card["name"],
        "generation": card["generation"],
        "revision": numbers[1] if numbers else None,
        "sha256": main["sha256"],
        "bytes": main.get("bytes"),
        "archived": card.get("archived"),
        "train": card["metrics"]["train"],
        "test": card["metrics"]["test"],
        "verdict": (card.get("verification") or {}).get("verdict"),
        "active_set": grading is not None and grading.active_set in card["files"],
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


@potentials_group.command("retire")
@click.argument("name")
@click.option("--undo", is_flag=True, help="List it again.")
@common
def retire_command(name: str, undo: bool, project_file: str | None, as_json: bool) -> None:
    """Take a potential out of the lists; its files stay.

    It does not count for the numbers of new generations either. Its own name is never given again.
    'potentials list --all' lists it, and --undo takes the retirement back.
    """
    from hpctrain.potentials.retired import retire
    from hpctrain.project import find_project

    done = retire(find_project(project_file), name, undo=undo, say=print_message)
    if as_json:
        print_json("potentials-retire", vars(done))
    elif undo:
        print_text(f"{done.name} is {'listed again' if done.changed else 'not retired'}")
    else:
        print_text(f"{done.name} is retired{'' if done.changed else ' already'}; its files stay")


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
@click.option("--html", "html_file", metavar="FILE", type=click.Path(path_type=Path),
              help="Also write the comparison as one HTML page, with curves.")  # fmt: skip
@common
def diff_command(
    first: str, second: str, html_file: Path | None, project_file: str | None, as_json: bool
) -> None:
    """Compare two potentials, of one trainer or of two.

    This lists the differences in settings, data, versions, size, cost and errors. If the trainers
    are installed on this machine, the errors of both are also computed on the same structures,
    which neither was trained on.

    \b
    Example:
      hpctrain potentials diff potential_gen_01 potential_gen_02 --html compared.html
    """
    from hpctrain.cli.terminal.comparison import comparison
    from hpctrain.cli.terminal.layout import width_of
    from hpctrain.potentials.compare import diff
    from hpctrain.project import find_project

    project = find_project(project_file)
    found = diff(project, first, second, html=html_file, say=print_message)
    if as_json:
        print_json("potentials-diff", found)
    else:
        print_text(comparison(found, width_of(sys.stdout)))
        if html_file is not None:
            print_text(f"\nwrote {html_file}")


@potentials_group.command("current")
@click.argument("name", required=False, metavar="[NAME]", shell_complete=complete_potentials)
@common
def current_command(name: str | None, project_file: str | None, as_json: bool) -> None:
    """Show the current potential, or choose another one.

    With NAME, that potential becomes the current one. No other command changes it. You can move
    forward and back, and each move is recorded with its time and user. Programs find the current
    potential under the name current, with the ending of its files.
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


@potentials_group.command("export")
@click.argument("name")
@click.option(
    "--output",
    metavar="FILE",
    type=click.Path(path_type=Path),
    help="File to write. Default: NAME.zip in the current folder.",
)
@click.option(
    "--author",
    "authors",
    multiple=True,
    metavar="'FAMILY, GIVEN'",
    help="Author for CITATION.cff; also the name of an organisation. Can be given several times.",
)
@common
def export_command(
    name: str,
    output: Path | None,
    authors: tuple[str, ...],
    project_file: str | None,
    as_json: bool,
) -> None:
    """Write a potential and all about it as one zip.

    The zip holds the potential, its card, the fingerprint of its data, the page, CITATION.cff and
    a README that says how to use it. It is read again and checked before it gets its name. NAME may
    be 'current'.

    \b
    Example:
      hpctrain potentials export current --author 'Family, Given'
    """
    from hpctrain.cli.terminal.tables import file_size
    from hpctrain.potentials.bundle import export
    from hpctrain.project import find_project

    done = export(find_project(project_file), name, output, authors=authors, say=print_message)
    if not authors:
        print_message("CITATION.cff names your account as the author; better: --author")
    print_message("before you publish it: the card names the site, its hosts, paths and account")
    if as_json:
        print_json("potentials-export", {**vars(done), "path": str(done.path)})
    else:
        print_text(f"wrote {done.path} ({file_size(done.bytes)}, {len(done.files)} files, checked)")
