"""A potential's card: all that is needed to trust it, to make it again, and to use it.

And of a verification (docs/verification.md) what a card keeps.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any, TypedDict, TypeGuard, cast

from hpctrain import __version__
from hpctrain.engines.pacemaker.usage import usage
from hpctrain.errors import HpctrainError
from hpctrain.files import read_json
from hpctrain.runs.history import Accepted, History
from hpctrain.runs.manifest import DatasetFacts, ParentFacts, RowIds, SiteFacts, read_rows
from hpctrain.runs.result import (
    ActiveSet,
    Best,
    CheckFacts,
    Environment,
    FileFacts,
    Result,
    Verification,
    read_environment,
)
from hpctrain.runs.run import Run
from hpctrain.runs.state.curves import Curves
from hpctrain.text import Metrics

# The files of a potential, by suffix; the .asi where there is one.
SUFFIXES = ("yace", "yaml", "asi")
VERIFICATION = "verification.json"
VERIFICATION_SCHEMA = "hpctrain.verification/1"


class CardFile(FileFacts):
    """A file of the archive."""

    path: str


class CardMetrics(TypedDict):
    """The errors of a potential by set, and its iterations."""

    train: Metrics | None
    test: Metrics | None
    archived_file_on_test: Metrics
    iterations: int | None


class CardDataset(DatasetFacts, total=False):
    """The data of a potential, with the row ids of both sides."""

    rows: RowIds | None


class CardParent(ParentFacts, total=False):
    """A potential that the training went on from, and how much of the basis was its."""

    parent_functions: int
    functions: int
    parameters: int


class _NewerOfRun(TypedDict, total=False):
    seams: list[int]
    environment: Environment


class CardRun(_NewerOfRun):
    """The run that made a potential."""

    run_id: str
    created: str
    site: SiteFacts
    job_ids: list[str]
    attempts: int
    started: float
    ended: float
    seconds: dict[str, float]


class CardVerification(TypedDict, total=False):
    """What a card keeps of a verification; ``accepted`` is set where a failed one was accepted."""

    verdict: str
    checks: list[CheckFacts]
    accepted: Accepted | None


class _NewerOfCard(TypedDict, total=False):
    """What the cards of older versions lack."""

    parents: list[CardParent]
    active_set: ActiveSet | None
    best: Best | None
    stopped: str | None
    warnings: list[str]
    verification: CardVerification
    not_verified: str
    use: Any  # lines in older cards


class Card(_NewerOfCard):
    """A potential's card, as it is archived."""

    schema: str
    name: str
    generation: int
    archived: str
    files: dict[str, CardFile]
    elements: list[str]
    units: dict[str, str]
    reference_energies: dict[str, float]  # eV
    shift: float  # eV/atom
    metrics: CardMetrics
    dataset: CardDataset
    settings: dict[str, Any]
    evaluator: str
    input: dict[str, Any]
    run: CardRun
    versions: dict[str, str]
    collected_by: dict[str, str]


def read_card(path: Path) -> Card | None:
    """Read a card; None if it is not there, or damaged."""
    return cast("Card | None", read_json(path))


def make_card(
    run: Run,
    history: History,
    result: Result,
    name: str,
    so_far: Curves,
    archived: str,
) -> Card:
    """Put the card together, but for its verification.

    ``archived`` is the time; ``so_far`` are the whole learning curves.
    """
    manifest = run.manifest
    potential = result["potential"]
    files = result["files"]
    environment = read_environment(run.attempt(result["attempt"]) / "environment.json") or {}
    return {
        "schema": "hpctrain.potential/1",
        "name": name,
        "generation": manifest["generation"],
        "archived": archived,
        "parents": _parents(run),
        "files": {
            suffix: {"path": f"{name}.{suffix}", **files[f"output_potential.{suffix}"]}
            for suffix in SUFFIXES
            if f"output_potential.{suffix}" in files
        },
        "active_set": result.get("active_set"),
        "elements": manifest["dataset"]["elements"],
        "units": {"energy": "eV", "length": "Å", "force": "eV/Å"},
        "reference_energies": potential["reference_energies"],
        "shift": potential["shift"],
        "metrics": {
            "train": potential["train"],
            "test": potential["test"],
            "archived_file_on_test": potential["yace"],
            "iterations": so_far.iteration,
        },
        "best": result.get("best"),
        "stopped": result.get("stopped"),
        "warnings": result.get("warnings") or [],
        "dataset": {**manifest["dataset"], "rows": read_rows(run.folder / "rows.json")},
        "settings": manifest["settings"],
        "evaluator": manifest["evaluator"],
        "input": manifest["input"],
        "run": {
            "run_id": run.run_id,
            "created": manifest["created"],
            "site": manifest["site"],
            "job_ids": _job_ids(run, history),
            "attempts": len(run.attempts()),
            "seams": so_far.seams,
            "started": result["started"],
            "ended": result["ended"],
            "seconds": result["seconds"],
            "environment": environment,
        },
        "versions": {**manifest["versions"], **environment.get("packages", {})},
        "collected_by": {"hpctrain": __version__},
        "use": usage(name, manifest["dataset"]["elements"], "output_potential.asi" in files),
    }


def rows_of(card: Card) -> RowIds:
    """Return the row ids of a card; HpctrainError if it does not name them."""
    rows = card["dataset"].get("rows")
    if rows is None:
        raise HpctrainError(f"the card of {card['name']} does not name the rows of its data")
    return rows


def _parents(run: Run) -> list[CardParent]:
    """List the potentials that the training went on from, and how much of the basis was theirs."""
    starts = [read_json(run.attempt(n) / "start.json") for n in run.attempts()]
    counts = cast("CardParent", next((start for start in reversed(starts) if start), {}))
    return [{**parent, **counts} for parent in run.manifest.get("parents", [])]


def _job_ids(run: Run, history: History) -> list[str]:
    """List the jobs that trained, in order; a requeued job counts once."""
    claims = {number: (run.claim(number) or {}).get("job_id") for number in run.attempts()}
    job_ids = [claims[number] or history.job_ids.get(number) for number in sorted(claims)]
    return list(dict.fromkeys(str(job_id) for job_id in job_ids if job_id))


def verification_summary(content: Verification, accepted: Accepted | None) -> CardVerification:
    """Reduce a verification to what a card keeps: verdicts and numbers, without points of plots."""
    return {
        "verdict": content["verdict"],
        "checks": [
            {
                "name": check["name"],
                "title": check["title"],
                "verdict": check["verdict"],
                "value": check["value"],
                "unit": check["unit"],
                "seen": check["seen"],
            }
            for check in content["checks"]
        ],
        "accepted": accepted,
    }


def is_verification(content: Mapping[str, Any] | None) -> TypeGuard[Verification]:
    """Say whether this is a verification that this version can read."""
    return (
        content is not None
        and content.get("schema") == VERIFICATION_SCHEMA
        and content.get("verdict") in ("pass", "warn", "fail")
        and bool(content.get("checks"))
        and all(CheckFacts.__required_keys__ <= set(check) for check in content["checks"])
    )


def failed_checks(content: Verification) -> list[str]:
    """List the checks that failed, each with what was seen."""
    return [
        f"{check['name']} ({check['seen']})"
        for check in content["checks"]
        if check["verdict"] == "fail"
    ]
