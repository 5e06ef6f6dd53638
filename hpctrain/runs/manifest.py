"""What run.json says: the manifest of a run, written once, at its submission.

Keys that manifests of older versions may lack stand in classes of their own.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any, Literal, TypedDict, cast

from hpctrain.files import read_json

Side = Literal["train", "test"]
SIDES: tuple[Side, Side] = ("train", "test")


class SideFacts(TypedDict):
    """One side of the split, as a file."""

    path: str
    structures: int
    atoms: int
    sha256: str


class SkippedRows(TypedDict):
    """Rows that were left out for one reason."""

    reason: str
    count: int
    ids: list[str]


class _DatasetFacts(TypedDict):
    fingerprint: str
    rows_fingerprint: str
    train: SideFacts
    test: SideFacts
    skipped: list[SkippedRows]
    elements: list[str]
    isolated_atoms: dict[str, list[float]]  # eV
    config_types: dict[str, int]
    generations: dict[str, int]


class DatasetFacts(_DatasetFacts, total=False):
    """What was exported; ``key`` is what the export depends on, None where that is not known."""

    leakage: dict[str, Any]
    key: str | None


class _Marks(TypedDict, total=False):
    marks: dict[str, str]


class RowIds(_Marks):
    """rows.json: the row ids of each side, and marks of what the rows were."""

    train: list[str]
    test: list[str]


class _Target(TypedDict, total=False):
    target: str | None


class SiteFacts(_Target):
    """Where the run went; ``profile`` has the keys of its target in it."""

    name: str
    files: list[str]
    profile: dict[str, Any]


class ParentFacts(TypedDict):
    """A potential that the training goes on from."""

    name: str
    sha256: str
    seen_in_test: int


class _Parents(TypedDict, total=False):
    parents: list[ParentFacts]


class Manifest(_Parents):
    """A run as it was asked for; ``settings`` are nested like hpctrain.yaml."""

    schema: str
    run_id: str
    project: str
    created: str
    generation: int
    site: SiteFacts
    settings: dict[str, Any]
    evaluator: str
    dataset: DatasetFacts
    reference_energies: dict[str, float] | str  # eV, or "auto"
    input: dict[str, Any]
    versions: dict[str, str]
    files: dict[str, str]


def read_manifest(path: Path) -> Manifest | None:
    """Read a run.json; None if it is not there, or damaged."""
    return cast("Manifest | None", read_json(path))


def read_rows(path: Path) -> RowIds | None:
    """Read a rows.json; None if it is not there, or damaged."""
    return cast("RowIds | None", read_json(path))
