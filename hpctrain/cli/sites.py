"""The commands sites list, show and schema: profiles as they are on disk."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from hpctrain.cli.completion import complete_sites, complete_targets
from hpctrain.cli.options import Group, common, print_json, print_text, project_if_any

if TYPE_CHECKING:
    from hpctrain.project import Project
    from hpctrain.sites.load import Site


def _folder(project_file: str | None) -> Path | None:
    """Return the project's folder, None outside a project."""
    project = project_if_any(project_file)
    return project.folder if project else None


@click.group("sites", cls=Group)
def sites_group() -> None:
    """Show, create and test site profiles, one file per cluster.

    A profile is a YAML file. hpctrain looks for it in the project's site_profiles/, then in
    ~/.config/hpctrain/site_profiles, then among the profiles that come with hpctrain.
    """


@sites_group.command("list")
@common
def list_command(project_file: str | None, as_json: bool) -> None:
    """List the sites that can be named with --site.

    An asterisk marks the site that this machine belongs to. FACTS says how reliable a profile is
    and when it was checked. PROOF is the result of the last 'hpctrain sites test'.
    """
    from hpctrain.cli.terminal.layout import width_of
    from hpctrain.cli.terminal.sites import sites_table

    rows = _list(project_if_any(project_file))
    if as_json:
        print_json("sites-list", {"sites": rows})
    else:
        print_text(sites_table(rows, width_of(sys.stdout)))


def _list(project: Project | None) -> list[dict[str, Any]]:
    """Return a line for each site, as --json prints it."""
    import os
    import platform

    from hpctrain.launch.site_test import last_tests
    from hpctrain.sites.load import names
    from hpctrain.sites.recognise import read_rules, recognise

    folder = project.folder if project else None
    tests = last_tests(project.runs) if project else {}
    at = {site.name for site in recognise(read_rules(folder), os.environ, platform.node())}
    return [
        {
            "name": name,
            "here": name in at,
            "file": str(file),
            "proofs": [
                {"target": test.target, "verdict": test.verdict, "words": test.words(),
                 "folder": str(test.folder)} for test in tests.get(name, ())
            ],
            **_profile_facts(name, folder),
        }
        for name, file in sorted(names(folder).items())
    ]  # fmt: skip


def _profile_facts(name: str, folder: Path | None) -> dict[str, Any]:
    """Return what the list says of a profile; one that cannot be read is told as broken."""
    from hpctrain.errors import HpctrainError
    from hpctrain.sites.load import load

    try:
        profile = load(name, folder).profile
    except HpctrainError as error:
        return {"scheduler": "broken", "description": error.message.replace("\n", " "),
                "targets": [], "confidence": None, "checked": None}  # fmt: skip
    return {"scheduler": profile.scheduler, "description": profile.description or "",
            "targets": list(profile.targets), "confidence": profile.confidence,
            "checked": profile.checked}  # fmt: skip


@sites_group.command("show")
@click.argument("name", shell_complete=complete_sites)
@click.option(
    "--target",
    metavar="NAME",
    shell_complete=complete_targets,
    help="Print the profile as a job of this target uses it.",
)
@common
def show_command(name: str, target: str | None, project_file: str | None, as_json: bool) -> None:
    """Print a site's profile.

    If the profile extends other files, they are merged and listed first.
    """
    import yaml

    from hpctrain.cli.terminal.layout import width_of, wrap
    from hpctrain.errors import HpctrainError
    from hpctrain.sites.load import load
    from hpctrain.yamlfile import nearest

    site = load(name, _folder(project_file))
    known = list(site.profile.targets)
    if target is not None and target not in known:
        raise HpctrainError(f"the site {name} has no target '{target}'{nearest(target, known)}")
    shown = site.at(target) if target else site.profile
    profile = shown.model_dump(mode="json", exclude_unset=True)
    if as_json:
        files = [str(file) for file in site.files]
        print_json("sites-show", {"name": name, "files": files, "profile": profile})
        return
    for file in site.files:
        print_text(f"# {file}")
    for note, where in _hardware_notes(site, [target] if target else known).items():
        print_text(wrap(f"# {', '.join(where)}: {note}", width_of(sys.stdout), "#   "))
    print_text(yaml.safe_dump(profile, sort_keys=False, allow_unicode=True), end="")


def _hardware_notes(site: Site, targets: list[str]) -> dict[str, list[str]]:
    """List what the trainer cannot use on the nodes of these targets, and of which it holds."""
    from hpctrain.sites.hardware import hardware_notes

    found: dict[str, list[str]] = {}
    for target in targets:
        for note in hardware_notes(site.at(target)):
            found.setdefault(note, []).append(target)
    return found


@sites_group.command("schema")
@common
def schema_command(project_file: str | None, as_json: bool) -> None:
    """Print the JSON Schema of a site profile, for editors."""
    del project_file
    from hpctrain.sites.profile import json_schema, schema_text

    if as_json:
        print_json("sites-schema", {"json_schema": json_schema()})
    else:
        print_text(schema_text(), end="")
