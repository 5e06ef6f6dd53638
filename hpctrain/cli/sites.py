"""sites list, show, schema."""

from __future__ import annotations

import json
from pathlib import Path

import click

from hpctrain.cli.options import common, print_json


def _folder(project_file: str | None) -> Path | None:
    """The project's folder; sites can be looked at without a project too."""
    from hpctrain.errors import HpctrainError
    from hpctrain.project import find_project

    try:
        return find_project(project_file).folder
    except HpctrainError:
        if project_file is not None:
            raise
        return None


@click.group("sites")
def sites_group() -> None:
    """Look at site profiles: one YAML file per cluster.

    They are found in the project's site_profiles/, then in ~/.config/hpctrain/site_profiles, then
    among those that ship with hpctrain.
    """


@sites_group.command("list")
@common
def list_command(project_file: str | None, as_json: bool) -> None:
    """List the sites that can be named with --site."""
    from hpctrain.console import table
    from hpctrain.errors import HpctrainError
    from hpctrain.sites import load, names

    folder = _folder(project_file)
    rows = []
    for name, file in sorted(names(folder).items()):
        try:
            profile = load(name, folder).profile
            rows.append([name, profile.scheduler, profile.description or "", str(file)])
        except HpctrainError as error:
            rows.append([name, "broken", error.message.replace("\n", " "), str(file)])
    if as_json:
        keys = ("name", "scheduler", "description", "file")
        print_json("sites-list", {"sites": [dict(zip(keys, row, strict=True)) for row in rows]})
    else:
        print(table(("SITE", "SCHEDULER", "DESCRIPTION", "FILE"), rows))


@sites_group.command("show")
@click.argument("name")
@common
def show_command(name: str, project_file: str | None, as_json: bool) -> None:
    """Print a site's profile, put together from the files it extends."""
    import yaml

    from hpctrain.sites import load

    site = load(name, _folder(project_file))
    profile = site.profile.model_dump(mode="json", exclude_unset=True)
    if as_json:
        files = [str(file) for file in site.files]
        print_json("sites-show", {"name": name, "files": files, "profile": profile})
        return
    for file in site.files:
        print(f"# {file}")
    print(yaml.safe_dump(profile, sort_keys=False, allow_unicode=True), end="")


@sites_group.command("schema")
@common
def schema_command(project_file: str | None, as_json: bool) -> None:
    """Print the JSON Schema of a site profile, for editors."""
    del project_file
    from hpctrain.profile import SiteProfile

    schema = SiteProfile.model_json_schema()
    schema["properties"]["extends"] = {
        "type": "string",
        "description": "name of the profile that this one changes",
    }
    # A profile that extends another need not name the scheduler again.
    schema.pop("required", None)
    if as_json:
        print_json("sites-schema", {"json_schema": schema})
    else:
        print(json.dumps(schema, indent=2, ensure_ascii=False))
