"""What a job leaves in its attempt's folder: result.json, verification.json and files beside them.

Of a result every key may be missing: a job that failed, or was of an older version, says less.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any, Literal, TypedDict, cast

from hpctrain.files import read_json
from hpctrain.text import Metrics


class FileFacts(TypedDict):
    """A file as it was when the job had made and loaded it."""

    sha256: str
    bytes: int


class Evaluation(TypedDict, total=False):
    """evaluation.json: the errors of a potential; ``yace`` are those of the file to archive."""

    reference_energies: dict[str, float]  # eV
    shift: float  # eV/atom
    train: Metrics | None
    test: Metrics | None
    yace: Metrics


class Best(TypedDict):
    """The iteration with the least validation loss, and its errors beside those of the last."""

    iteration: int
    of: int
    by: str
    best: Metrics | None
    last: Metrics | None


class Continues(TypedDict, total=False):
    """The attempt that follows; ``job_id`` is None while its job is not known."""

    mode: str
    attempt: int
    job_id: str | None


class ActiveSet(TypedDict, total=False):
    """Whether there is an active set, and why not."""

    made: bool
    why: str | None


class VerificationStep(TypedDict, total=False):
    """What came of the checks: their verdict if there is one, the problem if any."""

    verdict: str | None
    problem: str | None


class Environment(TypedDict, total=False):
    """environment.json: where a job ran, and with what."""

    host: str
    platform: str
    python: str
    executable: str
    packages: dict[str, str]
    cores: int
    gpus: list[str]
    trainer_gpus: list[str] | None
    warnings: list[str]
    variables: dict[str, str]


class Result(TypedDict, total=False):
    """result.json: how an attempt ended."""

    schema: str
    attempt: int
    state: Literal["completed", "failed", "timeout", "terminated"]
    reason: str
    signal: str | None
    started: float
    ended: float
    seconds: dict[str, float]
    iterations: int
    continues: Continues
    best: Best
    stopped: str
    warnings: list[str]
    gives_way_to: int
    begun: bool
    potential: Evaluation
    files: dict[str, FileFacts]
    active_set: ActiveSet
    verification: VerificationStep


class CheckFacts(TypedDict):
    """A check in numbers and words: what a card keeps of it."""

    name: str
    title: str
    verdict: str
    value: float | None
    unit: str | None
    seen: str


class Check(CheckFacts):
    """A check, with what a page draws of it."""

    limits: dict[str, float] | None
    data: dict[str, Any]


class Verification(TypedDict):
    """verification.json: docs/verification.md."""

    schema: str
    verdict: str
    checks: list[Check]
    seconds: float


def read_result(path: Path) -> Result | None:
    """Read a result.json; None if it is not there, or damaged."""
    return cast("Result | None", read_json(path))


def read_environment(path: Path) -> Environment | None:
    """Read an environment.json; None if it is not there, or damaged."""
    return cast("Environment | None", read_json(path))


def read_evaluation(path: Path) -> Evaluation | None:
    """Read an evaluation.json; None if it is not there, or damaged."""
    return cast("Evaluation | None", read_json(path))
