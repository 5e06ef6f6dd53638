"""A potential's card: all that is needed to trust it, to make it again, and to use it."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any, TypedDict, cast

from hpctrain import __version__
from hpctrain.engines import DEFAULT, NAMES, engine_of
from hpctrain.engines.base import Engine
from hpctrain.errors import HpctrainError
from hpctrain.records import LARGE, damaged, read_record
from hpctrain.runs.history import Accepted, History
from hpctrain.runs.manifest import (
    DatasetFacts,
    Manifest,
    ParentFacts,
    RowIds,
    Settings,
    SiteFacts,
    read_rows,
)
from hpctrain.runs.result import (
    ActiveSet,
    Basis,
    BasisSize,
    Best,
    CheckFacts,
    Environment,
    Evaluation,
    FileFacts,
    Metrics,
    Repulsion,
    Result,
    StartCounts,
    errors_of_file,
)
from hpctrain.runs.run import Run
from hpctrain.runs.spent import Spent, spent
from hpctrain.runs.state.curves import Curves
from hpctrain.shapes import (
    Count,
    Duration,
    FileName,
    JobId,
    PotentialName,
    RunName,
    Seconds,
    Time,
    between,
    misfit,
)


class CardFile(FileFacts):
    """A file of the archive, or a folder: then its sum is that of the sums of its files."""

    path: FileName


class CardMetrics(TypedDict):
    """The errors of a potential by set, and its iterations."""

    train: Metrics | None
    test: Metrics | None
    archived_file_on_test: Metrics
    iterations: Count | None


class CardDataset(DatasetFacts, total=False):
    """The data of a potential, with the row ids of both sides."""

    rows: RowIds | None


class CardParent(ParentFacts, total=False):
    """A potential that the training went on from, and how much of the basis was its."""

    parent_functions: Count
    functions: Count
    parameters: Count


class _NewerOfRun(TypedDict, total=False):
    spent: Spent
    seams: list[Count]
    environment: Environment
    name: RunName | None


class CardRun(_NewerOfRun):
    """The run that made a potential."""

    run_id: FileName
    created: Time
    site: SiteFacts
    job_ids: list[JobId]
    attempts: Count
    started: Seconds
    ended: Seconds
    seconds: dict[str, Duration]


class CardVerification(TypedDict, total=False):
    """What a card keeps of a verification; ``accepted`` is set where a failed one was accepted."""

    verdict: str
    made: Count
    of: Count
    checks: list[CheckFacts]
    accepted: Accepted | None


class _NewerOfCard(TypedDict, total=False):
    """What the cards of older versions lack."""

    engine: str
    main: str  # the suffix of the potential itself
    origin: str  # "adopted": trained by hand
    unknown: list[str]
    parents: list[CardParent]
    active_set: ActiveSet | None
    best: Best | None
    stopped: str | None
    repulsion: Repulsion | None
    basis_size: BasisSize | None
    basis: Basis | None
    warnings: list[str]
    verification: CardVerification
    not_verified: str
    use: Any  # lines in older cards


class Card(_NewerOfCard):
    """A potential's card, as it is archived."""

    schema: str
    name: PotentialName
    generation: Annotated[int, between(0, 999_999)]
    archived: Time
    files: dict[str, CardFile]
    elements: list[str]
    units: dict[str, str]
    reference_energies: dict[str, float] | None  # eV; None where they are not known
    shift: float | None  # eV/atom
    metrics: CardMetrics
    dataset: CardDataset
    settings: Settings
    evaluator: str
    input: dict[str, Any]
    run: CardRun
    versions: dict[str, str]
    collected_by: dict[str, str]


class _FinishedEvaluation(TypedDict):
    reference_energies: dict[str, float] | None
    shift: float | None
    train: Metrics | None
    test: Metrics | None


class _Finished(TypedDict):
    """What a card takes from the result of a training that is complete."""

    attempt: int
    started: float
    ended: float
    seconds: dict[str, float]
    potential: _FinishedEvaluation


def read_card(path: Path) -> Card | None:
    """Read a card; None if it is not there, BadFile if it is damaged."""
    card = read_record(path, Card, LARGE)
    if card is None:
        return None
    if card.get("engine", DEFAULT) not in NAMES:
        raise damaged(path, f"this version does not know its trainer, {card['engine']}")
    if "main" in card and card["main"] not in card["files"]:
        raise damaged(path, f"its files have none with the suffix {card['main']}")
    return card


def engine_of_card(card: Card) -> Engine:
    """Return the trainer of a potential; cards of before there were several do not name it."""
    return engine_of(card.get("engine", DEFAULT))


def main_suffix(card: Card) -> str:
    """Return the suffix of the potential itself, among its files."""
    return card.get("main") or engine_of_card(card).artefacts[0].suffix


def main_file(card: Card) -> CardFile:
    """Return the file that is the potential itself."""
    return card["files"][main_suffix(card)]


def refuse_unfinished(path: Path, result: Result) -> None:
    """Raise BadFile if a result lacks what a card takes from it."""
    problem = misfit(result, _Finished)
    if problem is not None:
        raise damaged(path, problem.strip().removeprefix("."))


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
    engine = engine_of(run.engine)
    archived_files: dict[str, CardFile] = {
        artefact.suffix: {
            "path": f"{name}.{artefact.suffix}",
            "sha256": known["sha256"],
            "bytes": known["bytes"],
        }
        for artefact in engine.artefacts
        if (known := files.get(artefact.made_as)) is not None
    }
    there = run.attempt(result["attempt"]) / "environment.json"
    environment = run.try_read(there, Environment) or {}
    return {
        "schema": "hpctrain.potential/1",
        "name": name,
        "engine": engine.name,
        "main": next(iter(archived_files)),
        "generation": manifest["generation"],
        "archived": archived,
        "origin": manifest.get("origin", "hpctrain"),
        "unknown": _unknown(manifest, potential),
        "parents": _parents(run),
        "files": archived_files,
        "active_set": result.get("active_set"),
        "elements": manifest["dataset"]["elements"],
        "units": {"energy": "eV", "length": "Å", "force": "eV/Å"},
        "reference_energies": potential["reference_energies"],
        "shift": potential["shift"],
        "metrics": {
            "train": potential["train"],
            "test": potential["test"],
            "archived_file_on_test": cast("Metrics", errors_of_file(potential)),
            "iterations": so_far.iteration,
        },
        "best": result.get("best"),
        "stopped": result.get("stopped"),
        "repulsion": result.get("repulsion"),
        "basis_size": result.get("basis_size"),
        "basis": potential.get("basis"),
        "warnings": [*(result.get("warnings") or []), *(manifest.get("warnings") or [])],
        "dataset": {**manifest["dataset"], "rows": read_rows(run.folder / "rows.json")},
        "settings": manifest["settings"],
        "evaluator": manifest["evaluator"],
        "input": engine.as_trained(manifest["input"], result),
        "run": {
            "run_id": run.run_id,
            "name": manifest.get("name"),
            "created": manifest["created"],
            "site": manifest["site"],
            "job_ids": _job_ids(run, history),
            "attempts": len(run.attempts()),
            "seams": so_far.seams,
            "started": result["started"],
            "ended": result["ended"],
            "seconds": result["seconds"],
            "spent": spent(run),
            "environment": environment,
        },
        "versions": {**manifest["versions"], **environment.get("packages", {})},
        "collected_by": {"hpctrain": __version__},
        "use": engine.usage(name, manifest["dataset"]["elements"], archived_files),
    }


def _unknown(manifest: Manifest, potential: Evaluation) -> list[str]:
    """List what is not known of a training that was made by hand."""
    unknown = list(manifest.get("unknown", []))
    if potential["reference_energies"] is None:
        unknown.append("the reference energies: the potential's metadata name none")
    return unknown


def rows_of(card: Card) -> RowIds:
    """Return the row ids of a card; HpctrainError if it does not name them."""
    rows = card["dataset"].get("rows")
    if rows is None:
        raise HpctrainError(f"the card of {card['name']} does not name the rows of its data")
    return rows


def _parents(run: Run) -> list[CardParent]:
    """List the potentials that the training went on from, and how much of the basis was theirs."""
    starts = [run.try_read(run.attempt(n) / "start.json", StartCounts) for n in run.attempts()]
    known = next((start for start in reversed(starts) if start), StartCounts())
    counts = {key: count for key, count in known.items() if key in StartCounts.__annotations__}
    return [cast("CardParent", {**parent, **counts}) for parent in run.manifest.get("parents", [])]


def _job_ids(run: Run, history: History) -> list[str]:
    """List the jobs that trained, in order; a requeued job counts once."""
    claims = {number: (run.claim(number) or {}).get("job_id") for number in run.attempts()}
    job_ids = [claims[number] or history.job_ids.get(number) for number in sorted(claims)]
    return list(dict.fromkeys(str(job_id) for job_id in job_ids if job_id))
