"""What run.json says: the manifest of a run, written once, at its submission.

Keys that manifests of older versions may lack stand in classes of their own.
"""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any, Literal, TypedDict

from hpctrain.errors import HpctrainError
from hpctrain.records import LARGE, read_record
from hpctrain.shapes import (
    Count,
    FileName,
    Holds,
    RunName,
    SchedulerName,
    Sha256,
    between,
)

Side = Literal["train", "test"]
SIDES: tuple[Side, Side] = ("train", "test")
# Bytes of a run.json: it names the rows that were left out.
_MOST = 64 << 20


class SideFacts(TypedDict):
    """One side of the split, as a file."""

    path: FileName
    structures: Count
    atoms: Count
    sha256: Sha256


class SkippedRows(TypedDict):
    """Rows that were left out for one reason."""

    reason: str
    count: Count
    ids: list[str]


class _DatasetFacts(TypedDict):
    fingerprint: str | None
    rows_fingerprint: str | None
    train: SideFacts | None
    test: SideFacts | None
    skipped: list[SkippedRows]
    elements: list[str]
    isolated_atoms: dict[str, list[float]]  # eV
    config_types: dict[str, int]
    generations: dict[str, int]


class DatasetFacts(_DatasetFacts, total=False):
    """What was exported; ``key`` is what the export depends on, None where that is not known.

    Fingerprints and sides are None where an adopted training does not tell them.
    """

    leakage: dict[str, Any]
    elements_left_out: list[str]  # they occur only as isolated atoms
    independent_compositions: int | None  # of the training structures
    notes: list[str]
    select: str  # data.select, or what was chosen
    key: str | None


class _Marks(TypedDict, total=False):
    marks: dict[str, str]


class RowIds(_Marks):
    """rows.json: the row ids of each side, and marks of what the rows were."""

    train: list[str]
    test: list[str]


class _Target(TypedDict, total=False):
    target: str | None


class _ProfileOptions(TypedDict, total=False):
    extra_directives: list[str] | None
    continuation: str | None
    max_attempts: Annotated[int, between(0, 9999)] | None


class _ProfileKeys(_ProfileOptions):
    scheduler: SchedulerName | Literal["none"]
    output: FileName


class SiteFacts(_Target):
    """Where the run went; ``profile`` has the keys of its target in it."""

    name: str
    files: list[str]
    profile: Annotated[dict[str, Any], Holds(_ProfileKeys)]


class ParentFacts(TypedDict):
    """A potential that the training goes on from.

    One that is not of the archive is called by its folder; what it was trained on is unknown.
    """

    name: FileName
    sha256: Sha256
    seen_in_test: Count | None


class _Parents(TypedDict, total=False):
    parents: list[ParentFacts]


class _KeysOfTrainers(TypedDict, total=False):
    """Keys that some trainers have, and that are read."""

    b_basis_size: int | str
    seed: int | None


class _TrainingKeys(_KeysOfTrainers):
    engine: str
    cutoff: float | None
    max_iter: Annotated[int, between(1, 1e12)] | None


class _DataKeys(TypedDict):
    source: str | list[str]


class _SettingsKeys(TypedDict):
    data: Annotated[dict[str, Any], Holds(_DataKeys)]
    training: Annotated[dict[str, Any], Holds(_TrainingKeys)]


Settings = Annotated[dict[str, Any], Holds(_SettingsKeys)]


class _LossKeys(TypedDict, total=False):
    kappa: float | str


class _FitKeys(TypedDict, total=False):
    loss: Annotated[dict[str, Any], Holds(_LossKeys)]


class _InputKeys(TypedDict, total=False):
    fit: Annotated[dict[str, Any], Holds(_FitKeys)]


class FindingFacts(TypedDict):
    """A finding of check, as ``--json`` has it, too."""

    name: str
    severity: Literal["stop", "warn"]
    silenced: bool
    title: str
    count: Count
    ids: list[str]
    seen: str
    todo: str
    without: str | None


class _NewerOfCheck(TypedDict, total=False):
    neighbours_per_atom: Annotated[float, between(0, 1e9)] | None  # within the cutoff


class CheckRecord(_NewerOfCheck):
    """What check found in the data, and what that depends on besides them.

    ``atoms`` of all rows; ``telling_atoms``: those whose force does not vanish. With them the
    finding about the potential's size, which is not among ``findings``, is made anew.
    """

    findings: list[FindingFacts]
    references: dict[str, float] | str
    atoms: Count
    telling_atoms: Count


class _NewerOfManifest(_Parents, total=False):
    warnings: list[str]  # what the potential's card has to warn of
    name: RunName | None  # given by the user
    trial: bool  # never to be archived
    origin: str  # "adopted": trained by hand
    unknown: list[str]  # what nobody can tell of an adopted one, or of its parent
    check: CheckRecord  # missing where it was skipped


class Manifest(_NewerOfManifest):
    """A run as it was asked for; ``settings`` are nested like hpctrain.yaml."""

    schema: str
    run_id: str
    project: str
    created: str
    generation: Annotated[int, between(0, 999_999)]
    site: SiteFacts
    settings: Settings
    evaluator: str
    dataset: DatasetFacts
    reference_energies: dict[str, float] | str  # eV, or "auto"
    input: Annotated[dict[str, Any], Holds(_InputKeys)]
    versions: dict[str, str]
    files: dict[str, str]


def read_manifest(path: Path) -> Manifest | None:
    """Read a run.json; None if it is not there, BadFile if it is damaged."""
    return read_record(path, Manifest, _MOST)


def read_rows(path: Path) -> RowIds | None:
    """Read a rows.json; None if it is not there, BadFile if it is damaged."""
    return read_record(path, RowIds, LARGE)


def known_side(dataset: DatasetFacts, side: Side) -> SideFacts:
    """Return the facts of one side of the split; HpctrainError where they are not known."""
    facts = dataset[side]
    if facts is None:
        raise HpctrainError(
            f"the {side} set is not known: the training was made by hand, and adopted without it"
        )
    return facts
