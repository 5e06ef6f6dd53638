"""The command check."""

from __future__ import annotations

import sys
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from hpctrain.cli.options import (
    TrainingOptions,
    agree_to_cost,
    common,
    print_json,
    print_message,
    print_note,
    print_text,
    training_options,
)
from hpctrain.cli.terminal.row_counter import RowCounter
from hpctrain.errors import HpctrainError

if TYPE_CHECKING:
    from collections.abc import Mapping

    from hpctrain.data.check.report import Findings
    from hpctrain.data.check.scan import Preflight
    from hpctrain.launch.prepare import Prepared
    from hpctrain.project import Project


_NO_SITE = "none is named: data and settings were checked, but no site"


@click.command("check")
@training_options
@click.option("--html", "html_file", metavar="FILE", type=click.Path(path_type=Path),
              help="Also write the report as one HTML page, with histograms.")  # fmt: skip
@common
def check_command(
    options: TrainingOptions, html_file: Path | None, project_file: str | None, as_json: bool
) -> None:
    """Check data, settings and site without submitting anything.

    This does everything that submit does before it submits. It also looks for problems in the data
    that would spoil a training: wrong units, outliers, atoms that are too close, and more. To
    accept a finding, list its name in data.silence in hpctrain.yaml.

    Exit code 1 if there is something to fix.

    \b
    Examples:
      hpctrain check --site mycluster
      hpctrain check --html report.html
    """
    from hpctrain.launch.enough import expect
    from hpctrain.launch.plan import NoSite
    from hpctrain.launch.preflight import begin, judge
    from hpctrain.project import find_project

    project = find_project(project_file)
    changes = {key: value for key, value in options.changes().items() if key != "site"}
    config = project.config(changes)
    preflight = begin(config, options.generation)
    site_is_named = True
    try:
        prepared, trouble = _prepare(project, options, options.site, preflight)
    except NoSite:
        if "site" in options.changes():
            raise
        # The data need no cluster: they are checked as for a training on this machine.
        site_is_named = False
        prepared, trouble = _prepare(project, options, "local", preflight)
    found = prepared.findings if prepared else None
    if found is None:
        found = judge(preflight, config, None, skip_bad=options.skip_bad)
    found.data["training"] = expect(prepared) if prepared and site_is_named else None
    if html_file is not None:
        _write_page(html_file, found, preflight, config.project)
    if as_json:
        print_json("check", _facts(prepared, found, trouble, site_is_named))
    else:
        _print_check(prepared, found, site_is_named)
    if html_file is not None:
        print_message(f"wrote {html_file}")
    if trouble is not None:
        if not as_json:
            raise trouble
        print_message(f"hpctrain: {trouble.message}")  # stdout has its one object already
        raise SystemExit(trouble.exit_code)
    if found.stops:
        raise SystemExit(1)


def _prepare(
    project: Project, options: TrainingOptions, site: str | None, preflight: Preflight
) -> tuple[Prepared | None, HpctrainError | None]:
    """Prepare what submit would submit, and show each row to ``preflight``.

    Return it, or what stands in its way; HpctrainError if not even the rows could be read.
    """
    from hpctrain.launch.submit import dry_run

    with RowCounter("reading") as counter:
        try:
            _, _, prepared = dry_run(
                project,
                site,
                **options.arguments(),
                agree=partial(agree_to_cost, sure=True),
                progress=counter,
                preflight=preflight,
                look_again=True,
                look_for="near",
            )
        except HpctrainError as error:
            # What was found in the rows is printed first; without rows there is only the error.
            if not preflight.rows:
                raise
            return None, error
    return prepared, None


def _print_check(prepared: Prepared | None, found: Findings, site_is_named: bool) -> None:
    from hpctrain.cli.terminal.findings import findings
    from hpctrain.cli.terminal.layout import width_of, wrap
    from hpctrain.cli.terminal.tables import LEFT, manifest
    from hpctrain.data.check.facts import summary

    width = width_of(sys.stdout)
    select = None
    if prepared is not None:
        print_text(manifest(prepared.manifest, None if site_is_named else _NO_SITE, width))
        print_text()
        select = prepared.manifest["settings"]["data"].get("select")
    print_text(wrap(summary(found.data), width, " " * LEFT))
    print_text()
    if prepared is not None or found.findings:
        print_text(findings(found, select, width or 100))
    if prepared is None:
        return
    for warning in (found.data["training"] or {}).get("shortfalls", []):
        print_message(f"warning: {warning}")
    for note in prepared.notes:
        print_note(f"note: {note}")
    if found.stops:
        print_text(
            "next: fix each finding marked 'stop', or accept it: list its name in data.silence"
        )
    elif site_is_named:
        print_text(f"next: hpctrain submit --site {prepared.site.name}")
    else:
        print_text("next: choose a site (hpctrain sites list), then: hpctrain check --site NAME")


def _facts(
    prepared: Prepared | None, found: Findings, trouble: HpctrainError | None, site_is_named: bool
) -> dict[str, Any]:
    """Return what was found, as --json prints it."""
    manifest: Mapping[str, Any] = prepared.manifest if prepared else {}
    return {
        "ok": trouble is None and not found.stops,
        "error": trouble and {"error": trouble.message, "hint": trouble.hint},
        "site": prepared.site.name if prepared and site_is_named else None,
        "dataset": manifest.get("dataset"),
        "evaluator": manifest.get("evaluator"),
        "reference_energies": manifest.get("reference_energies"),
        "generation": manifest.get("generation"),
        "notes": prepared.notes if prepared else [],
        "findings": [finding.facts() for finding in found.findings],
        "data": found.data,
    }


def _write_page(file: Path, found: Findings, preflight: Preflight, project: str) -> None:
    from datetime import datetime

    from hpctrain import __version__
    from hpctrain.pages.check import page

    made = f"{datetime.now().astimezone():%Y-%m-%d %H:%M %Z}, hpctrain {__version__} check"
    text = page(found, preflight, f"The data of {project}", made)
    try:
        file.write_text(text, encoding="utf-8", errors="replace")
    except OSError as error:
        raise HpctrainError(f"{file} cannot be written: {error.strerror}") from error
