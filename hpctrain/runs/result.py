"""What a job leaves in its attempt's folder: result.json, verification.json and files beside them.

Of a result every key may be missing: a job that failed, or was of an older version, says less. Only
the state is always there (:meth:`hpctrain.runs.run.Run.result`).
"""

from __future__ import annotations

from typing import Annotated, Any, Literal, TypedDict

from hpctrain.shapes import AttemptNumber, Count, Duration, Holds, JobId, Seconds, Sha256
from hpctrain.text import Metrics as Numbers


class _ErrorKeys(TypedDict):
    rmse_energy_mev_per_atom: float | None
    rmse_force_ev_per_a: float | None


Metrics = Annotated[Numbers, Holds(_ErrorKeys)]


class FileFacts(TypedDict):
    """A file as it was when the job had made and loaded it."""

    sha256: Sha256
    bytes: Count


class _Functions(TypedDict, total=False):
    functions: Count


class Basis(_Functions):
    """How large a potential is: fitted parameters, and the basis functions over all elements,
    where the trainer counts any."""

    parameters: Count


class Evaluation(TypedDict, total=False):
    """evaluation.json: the errors of a potential; ``file`` are those of the file to archive.

    ``yace`` is what Pacemaker's job calls it: read it by :func:`errors_of_file`.
    """

    reference_energies: dict[str, float] | None  # eV
    shift: float | None  # eV/atom
    basis: Basis | None
    train: Metrics | None
    test: Metrics | None
    file: Metrics
    yace: Metrics


def errors_of_file(evaluation: Evaluation) -> Metrics | None:
    """Return the errors of the file to archive, which was loaded for it; None if it was not."""
    return evaluation.get("file") or evaluation.get("yace")


class Best(TypedDict):
    """The iteration with the least validation loss, and its errors beside those of the last."""

    iteration: Count
    of: Count
    by: str
    best: Metrics | None
    last: Metrics | None


class Continues(TypedDict, total=False):
    """The attempt that follows; ``job_id`` is None while its job is not known."""

    mode: str
    attempt: AttemptNumber
    job_id: JobId | None


class ActiveSet(TypedDict, total=False):
    """Whether there is an active set, and why not."""

    made: bool
    why: str | None


class VerificationStep(TypedDict, total=False):
    """What came of the checks: their verdict if there is one, the problem if any."""

    verdict: str | None
    problem: str | None
    made: Count
    of: Count


class Environment(TypedDict, total=False):
    """environment.json: where a job ran, and with what."""

    host: str
    platform: str
    python: str
    executable: str
    packages: dict[str, str]
    cores: int
    cpu: str | None
    gpus: list[str]
    trainer_gpus: list[str] | None
    warnings: list[str]
    variables: dict[str, str]


class PairRepulsion(TypedDict):
    """Where the core repulsion of a pair of elements begins (Å), and why there."""

    r_in: float
    shortest: float | None  # in the data; None where they do not hold the pair


class Repulsion(TypedDict, total=False):
    """The core repulsion that was added after the fit; ``by`` names the trainer if it placed it."""

    pairs: dict[str, PairRepulsion]
    delta_in: float  # Å over which the potential changes to the repulsion
    structures: int  # labelled, which it is below
    by: str


class TriedSize(TypedDict):
    """Errors of the linear fit with so many functions per element, on what was left out."""

    functions: Count
    rmse_energy_ev_per_atom: float
    rmse_force_ev_per_a: float


class BasisSize(TypedDict, total=False):
    """What b_basis_size: auto has chosen, and from what; a ``problem`` if nothing was compared."""

    chosen: Count
    cap: Count
    structures: Count
    tried: list[TriedSize]
    problem: str | None
    optimizer: str | None


class OnEnd(TypedDict, total=False):
    """What came of the user's command at the end of the run."""

    problem: str | None


class Result(TypedDict, total=False):
    """result.json: how an attempt ended."""

    schema: str
    attempt: AttemptNumber
    state: Literal["completed", "failed", "timeout", "terminated"]
    reason: str
    signal: str | None
    started: Seconds
    ended: Seconds
    seconds: dict[str, Duration]
    iterations: Count
    continues: Continues | bool | None
    best: Best
    stopped: str
    repulsion: Repulsion
    basis_size: BasisSize
    warnings: list[str]
    gives_way_to: int
    begun: bool
    potential: Evaluation
    files: dict[str, FileFacts]
    active_set: ActiveSet
    verification: VerificationStep
    on_end: OnEnd


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


class _NewerOfVerification(TypedDict, total=False):
    """What those of older versions lack: how many checks were made, of how many."""

    made: Count
    of: Count


class Verification(_NewerOfVerification):
    """verification.json: docs/verification.md."""

    schema: str
    verdict: str
    checks: list[Check]
    seconds: float


class Claim(TypedDict, total=False):
    """claim.json: which job has begun an attempt."""

    host: str
    job_id: JobId | None
    pid: Count
    time: Seconds


class Heartbeat(TypedDict, total=False):
    """heartbeat.json: a sign of life, and what the job is doing."""

    beats: Count
    time: Seconds
    phase: str
    phase_began: Seconds


class NextJob(TypedDict, total=False):
    """next.json: the job of the next attempt, once it is submitted."""

    attempt: AttemptNumber
    job_id: JobId | None


class JobSettings(TypedDict, total=False):
    """job/settings.json, as far as it is read on the login node."""

    margin_s: Duration | None
    max_attempts: Count
    continuation: str
    submit_argv: dict[str, list[str]]


class Checkpoint(TypedDict, total=False):
    """resume/state.json: the checkpoint that an attempt goes on from."""

    total: Count


class StartCounts(TypedDict, total=False):
    """start.json: how much of the basis was the parent's."""

    parent_functions: Count
    functions: Count
    parameters: Count
