"""The command select."""

from __future__ import annotations

import sys
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING

import click

from hpctrain.cli.changes import parse_changes
from hpctrain.cli.completion import (
    complete_files,
    complete_potentials_and_files,
    complete_sites,
    complete_targets,
)
from hpctrain.cli.options import (
    agree_to_cost,
    common,
    print_json,
    print_message,
    print_text,
    project_if_any,
    set_option,
)
from hpctrain.cli.terminal.row_counter import RowCounter
from hpctrain.errors import UsageError

if TYPE_CHECKING:
    from typing import Any

    from hpctrain.potentials.write_choice import Choice
    from hpctrain.project import Project


@click.command("select")
@click.argument("candidates", nargs=-1, metavar="CANDIDATES...", shell_complete=complete_files)
@click.option(
    "--from",
    "potential",
    metavar="POTENTIAL",
    shell_complete=complete_potentials_and_files,
    help="Potential to improve: its name, 'current', or the path of its .yaml.",
)
@click.option(
    "-n",
    "--number",
    "wanted",
    type=click.IntRange(min=1),
    default=50,
    show_default=True,
    metavar="N",
    help="Choose at most so many.",
)
@click.option(
    "--output",
    metavar="FILE",
    type=click.Path(path_type=Path),
    help="Database to write, .db or .json; the page becomes FILE.html. Default: "
    "selected_gen_NN.db in the current folder. Never overwritten.",
)
@click.option(
    "--select",
    "selection",
    metavar="SELECTION",
    default="",
    help="Use only these candidates, by an ASE selection such as 'status=new'.",
)
@click.option(
    "--site",
    metavar="S",
    shell_complete=complete_sites,
    help="Grade them in a job on this site. Default: on this machine, now.",
)
@click.option(
    "--target",
    metavar="NAME",
    shell_complete=complete_targets,
    help="Target of the site. Default: the first that fits.",
)
@click.option(
    "--walltime",
    metavar="T",
    help="Time limit of the job, [D-]HH:MM:SS; one hour by default.",
)
@set_option("site.account=materials")
@click.option(
    "--finish",
    "folder",
    metavar="FOLDER",
    type=click.Path(path_type=Path),
    help="Write what an earlier job has chosen; its folder is in runs/.choices.",
)
@common
def select_command(
    candidates: tuple[str, ...],
    potential: str | None,
    wanted: int,
    output: Path | None,
    selection: str,
    site: str | None,
    target: str | None,
    walltime: str | None,
    assignments: tuple[str, ...],
    folder: Path | None,
    project_file: str | None,
    as_json: bool,
) -> None:
    """Choose which structures to label next.

    This computes the extrapolation grade of every candidate, and chooses those whose labels add
    most to what the potential was trained on. They are written to an ASE database with the keys
    status=new, generation and grade, and explained on an HTML page. Label them, add them to your
    data, and train again.

    CANDIDATES are ASE databases, extxyz files or any other source that data.source takes. They need
    no labels. Candidates that are nearly the same as others, or as structures that the potential
    was trained on, are left out. Fewer than N are written if no more of them add anything.

    \b
    Examples:
      hpctrain select md.extxyz --from current -n 50
      hpctrain select pool.db --from potential_gen_01 --select 'status=candidate'
      hpctrain select huge.extxyz --from potential_gen_01 --site mycluster
    """
    project = project_if_any(project_file)
    changes = parse_changes(assignments, {"site.target": target, "site.walltime": walltime})
    if folder is not None:
        if candidates or potential:
            raise UsageError("--finish takes no candidates and no potential: they are in FOLDER")
        _print(_finish(folder), as_json)
        return
    if not candidates:
        raise UsageError(
            "no candidates are named", "hpctrain select CANDIDATES --from POTENTIAL -n 50"
        )
    if potential is None:
        raise UsageError(
            "no potential is named",
            "add --from POTENTIAL; hpctrain potentials list shows their names",
        )
    if site is None and changes:
        raise UsageError("--target, --walltime and --set are for a job: they need --site")
    asked = {"sources": candidates, "what": potential, "wanted": wanted, "output": output,
             "select": selection}  # fmt: skip
    if site is None:
        _print(_here(project, asked), as_json)
    else:
        _print(_as_job(project, site, changes, asked), as_json)


def _prepare(project: Project | None, folder: Path, asked: dict[str, Any]) -> Any:
    from hpctrain.potentials.active_set import find_origin
    from hpctrain.potentials.select import prepare

    origin = find_origin(project, asked.pop("what"))
    with RowCounter("reading") as counter:
        prepare(
            project, asked.pop("sources"), origin, folder, **asked,
            progress=counter, say=print_message,
        )  # fmt: skip
    return origin


def _here(project: Project | None, asked: dict[str, Any]) -> Choice:
    from hpctrain.potentials.grade import cores_here, grade_here
    from hpctrain.potentials.write_choice import finish

    with tempfile.TemporaryDirectory(prefix="hpctrain-select-") as temporary:
        folder = Path(temporary)
        origin = _prepare(project, folder, {**asked, "cores": cores_here()})
        with RowCounter("grading") as counter:
            grade_here(project, origin, folder, progress=counter)
        return finish(folder)


def _as_job(
    project: Project | None, site: str, changes: dict[str, Any], asked: dict[str, Any]
) -> Choice:
    from hpctrain.launch import select_job
    from hpctrain.launch.short_job import removed_if_no_job
    from hpctrain.potentials.write_choice import finish
    from hpctrain.project import find_project

    project = project or find_project()
    planned = select_job.place(project, site, changes)
    agree_to_cost(planned, sure=True)
    folder = select_job.new_folder(project)
    with removed_if_no_job(folder):
        _prepare(project, folder, {**asked, "cores": planned.profile.cores})
    job = select_job.submit(project, planned, folder)
    print_message(f"job {job.job_id} on {planned.site.name}: {folder}")
    print_message(f"if you do not want to wait, later: hpctrain select --finish {folder}")
    with RowCounter("grading") as counter:
        select_job.wait(project, job, progress=counter)
    return finish(folder)


def _finish(folder: Path) -> Choice:
    from hpctrain.potentials.write_choice import finish

    return finish(folder)


def _print(done: Choice, as_json: bool) -> None:
    from hpctrain.cli.terminal.choice import choice_table
    from hpctrain.cli.terminal.layout import width_of

    for note in done.facts["notes"]:
        print_message(f"note: {note}")
    if as_json:
        print_json("select", done.facts)
        return
    print_text(choice_table(done.facts, width_of(sys.stdout)))
    if done.output is not None:
        print_text(f"\nwrote {done.output}\nwrote {done.page}")
        print_text("next: label them, add them to data.source, then: hpctrain submit")
