"""sites list, show, schema, init, check, test."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from hpctrain.cli.changes import parse_changes
from hpctrain.cli.options import Group, common, print_json, project_if_any, set_option, talk

if TYPE_CHECKING:
    from hpctrain.project import Project


def _folder(project_file: str | None) -> Path | None:
    project = project_if_any(project_file)
    return project.folder if project else None


def _queue(project: Project | None) -> Path:
    """Where the practice clusters are, beside the local queue."""
    return project.queue if project else Path("runs/.queue").absolute()


@click.group("sites", cls=Group)
def sites_group() -> None:
    """Show, create and test site profiles, one file per cluster.

    A profile is a YAML file. Profiles are searched in the project's site_profiles/, then in
    ~/.config/hpctrain/site_profiles, then among those that come with hpctrain.
    """


@sites_group.command("list")
@common
def list_command(project_file: str | None, as_json: bool) -> None:
    """List the sites that can be named with --site.

    An asterisk marks the site that this machine belongs to. FACTS says how reliable a profile is
    and when it was checked. PROOF is the result of the last 'hpctrain sites test'.
    """
    import os
    import platform

    from hpctrain.cli.terminal.tables import table
    from hpctrain.errors import HpctrainError
    from hpctrain.launch.proofs import latest
    from hpctrain.sites.load import load, names
    from hpctrain.sites.recognise import here, rules

    project = project_if_any(project_file)
    folder = project.folder if project else None
    proofs = latest(project.runs) if project else {}
    at = {site.name for site in here(rules(folder), os.environ, platform.node())}
    rows: list[dict[str, Any]] = []
    for name, file in sorted(names(folder).items()):
        row: dict[str, Any] = {"name": name, "here": name in at, "file": str(file)}
        row["proofs"] = [
            {"target": proof.target, "verdict": proof.verdict, "words": proof.words(),
             "folder": str(proof.folder)} for proof in proofs.get(name, ())
        ]  # fmt: skip
        try:
            profile = load(name, folder).profile
            row |= {"scheduler": profile.scheduler, "description": profile.description or "",
                    "targets": list(profile.targets), "confidence": profile.confidence,
                    "checked": profile.checked}  # fmt: skip
        except HpctrainError as error:
            row |= {"scheduler": "broken", "description": error.message.replace("\n", " "),
                    "targets": [], "confidence": None, "checked": None}  # fmt: skip
        rows.append(row)
    if as_json:
        print_json("sites-list", {"sites": rows})
        return
    heads = ("SITE", "SCHEDULER", "FACTS", "PROOF", "DESCRIPTION", "FILE")
    print(table(heads, [_list_row(row) for row in rows]))


def _list_row(row: dict[str, Any]) -> list[str]:
    facts = " ".join(filter(None, (row["confidence"], row["checked"])))
    proofs = ", ".join(proof["words"] for proof in row["proofs"])
    name = row["name"] + (" *" if row["here"] else "")
    return [name, row["scheduler"], facts, proofs, row["description"], row["file"]]


@sites_group.command("show")
@click.argument("name")
@click.option("--target", metavar="NAME", help="As a job of this target would have it.")
@common
def show_command(name: str, target: str | None, project_file: str | None, as_json: bool) -> None:
    """Print a site's profile.

    If the profile extends other files, they are merged and listed first.
    """
    import yaml

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
        print(f"# {file}")
    print(yaml.safe_dump(profile, sort_keys=False, allow_unicode=True), end="")


@sites_group.command("schema")
@common
def schema_command(project_file: str | None, as_json: bool) -> None:
    """Print the JSON Schema of a site profile, for editors."""
    del project_file
    from hpctrain.sites.site_schema import schema, text

    if as_json:
        print_json("sites-schema", {"json_schema": schema()})
    else:
        print(text(), end="")


@sites_group.command("init")
@click.argument("name")
@click.option("--scheduler", metavar="S",
              help="slurm, pbs or practice-pbs; found by its commands if not given.")  # fmt: skip
@click.option("--here", is_flag=True, help="Into the project's site_profiles/, for its group.")
@common
def init_command(
    name: str, scheduler: str | None, here: bool, project_file: str | None, as_json: bool
) -> None:
    """Write a first profile from what the cluster reports.

    The file is NAME.yaml in ~/.config/hpctrain/site_profiles. It has comments and is meant to be
    edited. An existing file is not overwritten. Run this on a login node of the cluster.
    """
    from hpctrain.errors import UsageError
    from hpctrain.launch.site_check import init
    from hpctrain.sites.load import FOLDER, users_folder

    project = project_if_any(project_file)
    if here and project is None:
        raise UsageError("--here needs a project, and there is none here", "leave --here out")
    folder = project.folder / FOLDER if here and project else users_folder()
    path = init(name, folder, _queue(project), scheduler)
    if as_json:
        print_json("sites-init", {"file": str(path)})
        return
    print(f"wrote {path}")
    print(f"next: read it over, then hpctrain sites check {name}")


@sites_group.command("check")
@click.argument("name")
@click.option("--target", metavar="NAME", help="This target alone.")
@set_option("site.account=materials")
@common
def check_command(
    name: str,
    target: str | None,
    assignments: tuple[str, ...],
    project_file: str | None,
    as_json: bool,
) -> None:
    """Compare a profile with the live cluster.

    This compares names, limits and options. On Slurm, 'sbatch --test-only' also checks the script
    of each target. Nothing is submitted. Exit code 1 if something is wrong.
    """
    from hpctrain.launch.site_check import check
    from hpctrain.sites.load import load

    project = project_if_any(project_file)
    changes = parse_changes(assignments).get("site")
    site = load(name, project.folder if project else None, changes)
    templates = project.folder / "templates" if project else None
    checked = check(site, _queue(project), templates, target=target)
    if as_json:
        findings = [vars(finding) for finding in checked.findings]
        print_json("sites-check", {"ok": checked.ok, "findings": findings,
                                   "targets": checked.targets, "tried": checked.tried})  # fmt: skip
    else:
        for finding in checked.findings:
            print(f"{finding.severity:8} {finding.target or '-'}: {finding.words}")
        tried = f", {len(checked.tried)} judged by the scheduler itself" if checked.tried else ""
        print(f"{'ok' if checked.ok else 'not ok'}: {len(checked.targets)} looked at{tried}")
    if not checked.ok:
        raise SystemExit(1)


@sites_group.command("test")
@click.argument("name", required=False)
@click.option("--target", metavar="NAME", help="Target of the site.")
@click.option("--gpus", type=click.IntRange(min=0), metavar="N", help="GPUs to ask for.")
@set_option("site.account=materials")
@click.option("--wait", "waiting", is_flag=True, help="Wait for what the job finds.")
@common
def test_command(
    name: str | None,
    target: str | None,
    gpus: int | None,
    assignments: tuple[str, ...],
    waiting: bool,
    project_file: str | None,
    as_json: bool,
) -> None:
    """Submit a one-minute test job to a site.

    The job checks that the modules load, that the trainer starts, and which GPUs, cores and scratch
    folder it gets. The result is kept in runs/.proofs and shown by 'hpctrain sites list'.

    \b
    Example:
      hpctrain sites test mycluster --gpus 1 --wait
    """
    from hpctrain.launch.site_test import prove, wait
    from hpctrain.project import find_project

    project = find_project(project_file)
    changes = parse_changes(assignments, {"site.target": target, "site.gpus": gpus})
    proof = prove(project, name, changes=changes)
    talk(f"proof job {proof.job_id} on {proof.site}: {proof.folder}")
    if waiting:
        proof = wait(project, proof)
    if as_json:
        print_json("sites-test", {"site": proof.site, "target": proof.target,
                                  "job_id": proof.job_id, "folder": str(proof.folder),
                                  "verdict": proof.verdict, "found": proof.found})  # fmt: skip
    else:
        print(f"{proof.site}: {proof.words()}")
        for line in _found_lines(proof.found):
            print(f"  {line}")
        if not waiting:
            print("next: hpctrain sites list")
    if proof.verdict == "failed":
        raise SystemExit(1)


def _found_lines(found: dict[str, Any] | None) -> list[str]:
    if found is None:
        return []
    packages = ", ".join(f"{name} {version}" for name, version in found["packages"].items())
    visible = found["trainer"].get("gpus") or found["gpus"]
    lines = [
        f"host {found['host']}, Python {found['python']}",
        f"{packages or 'no package of the trainer'}",
        f"cores {found['cores']}, threads {found['threads']}",
        f"GPUs: {', '.join(visible) or 'none'}",
    ]
    if found["scratch"]:
        state = "can be written to" if found["scratch"]["writable"] else "cannot be written to"
        lines.append(f"scratch {found['scratch']['folder']} {state}")
    return [*lines, *(f"problem: {problem}" for problem in found["problems"])]
