"""The command check."""

from __future__ import annotations

import os
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any, cast

import click

from hpctrain.cli.options import (
    TrainingOptions,
    agree_to_cost,
    common,
    print_json,
    print_message,
    print_text,
    training_options,
)
from hpctrain.cli.terminal.row_counter import RowCounter
from hpctrain.errors import HpctrainError

if TYPE_CHECKING:
    from collections.abc import Mapping

    from hpctrain.data.check.report import Findings, Size
    from hpctrain.data.check.scan import Preflight
    from hpctrain.data.duplicates.search import Leakage
    from hpctrain.launch.prepare import Prepared
    from hpctrain.project import Project
    from hpctrain.runs.manifest import Manifest


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
    from hpctrain.data.check.report import find_all
    from hpctrain.data.check.scan import Preflight
    from hpctrain.project import find_project

    project = find_project(project_file)
    changes = {key: value for key, value in options.changes().items() if key != "site"}
    config = project.config(changes)
    preflight = Preflight(
        config.training.cutoff,
        generations=config.data.generations,
        up_to=options.generation,
        given_tests=config.data.test_source is not None,
    )
    prepared, trouble = _prepare(project, options, preflight)
    found = find_all(
        preflight,
        silence=config.data.silence,
        references=config.training.reference_energies,
        skip_bad=options.skip_bad,
        leakage=cast("Leakage", prepared.manifest["dataset"]["leakage"]) if prepared else None,
        size=_size(prepared) if prepared else None,
    )
    found.data["training"] = _cost(prepared, found.data) if prepared else None
    if html_file is not None:
        _write_page(html_file, found, preflight, config.project)
    if as_json:
        print_json("check", _facts(prepared, found, trouble))
    else:
        _print_check(prepared, found)
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
    project: Project, options: TrainingOptions, preflight: Preflight
) -> tuple[Prepared | None, HpctrainError | None]:
    """Prepare what submit would submit, and show each row to ``preflight``.

    Return it, or what stands in its way; HpctrainError if not even the rows could be read.
    """
    from hpctrain.launch.submit import dry_run

    with RowCounter("reading") as counter:
        try:
            _, _, prepared = dry_run(
                project,
                options.site,
                **options.arguments(),
                agree=partial(agree_to_cost, sure=True),
                progress=counter,
                scan=preflight.add,
                look_for="near",
            )
        except HpctrainError as error:
            # What was found in the rows is printed first; without rows there is only the error.
            if not preflight.rows:
                raise
            return None, error
    return prepared, None


def _print_check(prepared: Prepared | None, found: Findings) -> None:
    from hpctrain.cli.terminal.findings import findings
    from hpctrain.cli.terminal.tables import manifest
    from hpctrain.data.check.facts import summary

    if prepared is not None:
        print_text(manifest(prepared.manifest))
        print_text()
    print_text(summary(found.data))
    print_text()
    if prepared is not None or found.findings:
        print_text(findings(found))
    if prepared is None:
        return
    for warning in (found.data["training"] or {}).get("shortfalls", []):
        print_message(f"warning: {warning}")
    for note in prepared.notes:
        print_message(f"note: {note}")
    if found.stops:
        print_text(
            "next: fix each finding marked 'stop', or accept it: list its name in data.silence"
        )
    else:
        print_text(f"next: hpctrain submit --site {prepared.site.name}")


def _facts(
    prepared: Prepared | None, found: Findings, trouble: HpctrainError | None
) -> dict[str, Any]:
    """Return what was found, as --json prints it."""
    manifest: Mapping[str, Any] = prepared.manifest if prepared else {}
    return {
        "ok": trouble is None and not found.stops,
        "error": trouble and {"error": trouble.message, "hint": trouble.hint},
        "site": prepared.site.name if prepared else None,
        "dataset": manifest.get("dataset"),
        "evaluator": manifest.get("evaluator"),
        "reference_energies": manifest.get("reference_energies"),
        "generation": manifest.get("generation"),
        "notes": prepared.notes if prepared else [],
        "findings": [finding.facts() for finding in found.findings],
        "data": found.data,
    }


def _functions(manifest: Manifest) -> int:
    """Return the functions per element; with ``auto`` the most that the job may choose."""
    from hpctrain.engines.pacemaker.faults import functions_of

    wanted = manifest["settings"]["training"]["b_basis_size"]
    if isinstance(wanted, int):
        return wanted
    return functions_of(manifest["input"]) or 0


def _size(prepared: Prepared) -> Size | None:
    """Return how large the potential is; None if it is not known, or chosen by the data."""
    from hpctrain.data.check.report import Size
    from hpctrain.engines.pacemaker.cost import expected_parameters, functions_within
    from hpctrain.engines.pacemaker.faults import SHAPE

    if prepared.manifest["settings"]["training"]["b_basis_size"] == "auto":
        return None
    potential, dataset = prepared.manifest["input"].get("potential"), prepared.manifest["dataset"]
    functions = potential.get("functions") if isinstance(potential, dict) else None
    if not isinstance(functions, dict):
        return None
    shape = {kind: orders for kind, orders in functions.items() if kind in SHAPE}
    cap, elements = functions.get("number_of_functions_per_element"), len(dataset["elements"])
    if shape != SHAPE or not isinstance(cap, int):
        return None
    return Size(
        functions=cap,
        parameters=expected_parameters(cap, elements),
        structures=dataset["train"]["structures"],
        atoms=dataset["train"]["atoms"],
        smaller=lambda most: functions_within(most, elements),
    )


def _cost(prepared: Prepared, data: dict[str, Any]) -> dict[str, Any] | None:
    """Estimate what the training takes on the site; None on GPUs, where nothing was measured."""
    from hpctrain.engines.pacemaker.cost import Task, estimate
    from hpctrain.launch.enough import shortfalls

    profile, manifest = prepared.profile, prepared.manifest
    if profile.gpus or data["neighbours_per_atom"] is None:
        return None
    training, train = manifest["settings"]["training"], manifest["dataset"]["train"]
    cores = profile.cores
    if cores is None:
        cores = (os.cpu_count() or 1) if prepared.scheduler.is_this_machine else 1
    expected = estimate(
        Task(
            structures=train["structures"],
            atoms=train["atoms"],
            neighbours=data["neighbours_per_atom"],
            elements=len(manifest["dataset"]["elements"]),
            functions=_functions(prepared.manifest),
            batch_size=training["batch_size"],
            iterations=training["max_iter"],
            evaluator=manifest["evaluator"],
            # Not the setting: without one the input names what suits the number of parameters.
            optimizer=manifest["input"]["fit"]["optimizer"],
            cores=cores,
        )
    )
    return {**expected, "shortfalls": shortfalls(expected, profile)}


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
