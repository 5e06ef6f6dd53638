"""What a trainer is on the login node: settings and text in, text and numbers out. Pure.

Each trainer has a folder here and one in ``job/``; no other room knows more of it than this.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol

if TYPE_CHECKING:
    from hpctrain.engines.by_hand import ByHand
    from hpctrain.engines.training import TrainingConfig

Json = dict[str, Any]
# Where the trainer itself stood, in its own numbers.
Key = tuple[int, ...]


@dataclass(frozen=True, slots=True)
class TrainingMetrics:
    """One point of a learning curve.

    ``epoch`` counts the iterations done so far in this start of the trainer; ``key`` is where the
    trainer itself stood. ``rmse_energy`` is in meV/atom, ``rmse_force`` in eV/Å per force
    component; ``loss`` is None where it is not known.
    """

    epoch: int
    rmse_energy: float
    rmse_force: float
    loss: float | None
    key: Key


# The training curve and the test curve of one start of the trainer.
Both = tuple[list[TrainingMetrics], list[TrainingMetrics]]


@dataclass(frozen=True, slots=True)
class Stand:
    """How far one start of the trainer is: its last points, its best, and its pace.

    ``best`` is the point of the test curve with the lowest loss, ``at_best`` that of the training
    curve at the same iteration; ``pace`` is in seconds per iteration.
    """

    train: TrainingMetrics | None = None
    test: TrainingMetrics | None = None
    best: TrainingMetrics | None = None
    at_best: TrainingMetrics | None = None
    pace: float | None = None


class Reader(Protocol):
    """What reads a file that grows, in pieces of any size.

    Its state is JSON, and all that is needed to read on: of the points, the last ones.
    """

    def feed(self, text: str) -> None: ...
    def state(self) -> Json: ...
    @classmethod
    def from_state(cls, state: Json) -> Reader: ...


class CurveReader(Reader, Protocol):
    """A reader of one learning curve, which can be asked for the point with a certain key."""

    @property
    def points(self) -> Sequence[TrainingMetrics]: ...
    def look_for(self, key: Key) -> None: ...


@dataclass(frozen=True)
class GrowingFiles:
    """The trainer's growing files, by their paths in an attempt's folder.

    ``train`` and ``test`` hold a curve each; ``others`` tell what these do not.
    """

    train: str
    test: str
    curves: type[CurveReader]
    others: Mapping[str, type[Reader]] = field(default_factory=dict)

    def reader_of(self, path: str) -> type[Reader]:
        """Return what reads a file."""
        return self.curves if path in (self.train, self.test) else self.others[path]

    @property
    def paths(self) -> tuple[str, ...]:
        """Return all of them, the curves first."""
        return (self.train, self.test, *self.others)


@dataclass(frozen=True)
class DataFacts:
    """The facts of the data that an input needs.

    ``isolated_atoms`` are the energies (eV) of isolated atoms by element; elements that occur only
    so are ``left_out``. ``independent_compositions`` of the training structures; None where they
    are not known.
    """

    elements: tuple[str, ...]
    isolated_atoms: Mapping[str, Sequence[float]] = field(default_factory=dict)
    left_out: Collection[str] = ()
    independent_compositions: int | None = None


@dataclass(frozen=True)
class Parent:
    """The potential that a training goes on from; ``described`` is what its engine has read of it.

    ``card`` is None where it is not one of the archive.
    """

    name: str
    card: Mapping[str, Any] | None
    described: Json = field(default_factory=dict)


@dataclass(frozen=True)
class Input:
    """What a trainer is given.

    ``mapping`` is what it says, for manifest and card; ``values`` are those of its ``template``.
    ``job`` is for the trainer's side of the job. ``reference_energies`` in eV, or ``auto``.
    ``warnings`` go into the potential's card too.
    """

    mapping: Json
    template: str
    values: Json
    job: Json
    reference_energies: dict[str, float] | str
    notes: list[str]
    warnings: list[str]


@dataclass(frozen=True)
class Artefact:
    """A file of a finished potential: what it is called in the archive, and in an attempt.

    One that is not ``needed`` may be missing. A ``folder`` is archived as a whole.
    """

    suffix: str
    made_as: str
    words: str
    needed: bool = True
    folder: bool = False


@dataclass(frozen=True)
class Grading:
    """How extrapolation is graded: the suffixes of the files for it.

    ``command`` makes an active set, beside a potential's file, where one is missing.
    ``job/NAME/select`` chooses among candidates by it.
    """

    potential: str
    active_set: str
    command: str


@dataclass(frozen=True)
class Method:
    """What a trainer's potentials are, for sentences and citations.

    ``short`` stands before "interatomic potential", with its article; ``calculator`` is what
    computes with one in ASE; ``in_lammps`` names the package of LAMMPS. Where there is a file with
    a certain suffix, something else may compute: ``instead`` has both.
    """

    name: str
    short: str
    calculator: str
    in_lammps: str
    instead: tuple[str, str] | None = None

    def computes(self, suffixes: Collection[str]) -> str:
        """Return what computes with a potential that has files with these suffixes."""
        taken = self.instead is not None and self.instead[0] in suffixes
        return self.instead[1] if self.instead is not None and taken else self.calculator


@dataclass(frozen=True)
class LabelFacts:
    """What a proposal for new data goes by.

    ``labels`` are the energies and force components to train on, ``pairs`` those of neighbours in
    one structure, on average; ``mixed_pbc`` counts structures periodic in some directions only.
    """

    structures: int
    labels: int
    pairs: float
    elements: int
    mixed_pbc: int


@dataclass(frozen=True)
class Proposed:
    """A setting that fits the data, and why."""

    key: str
    value: Any
    reason: str


@dataclass(frozen=True)
class Task:
    """A training to estimate; ``neighbours`` are per atom, within the cutoff."""

    structures: int
    atoms: int
    neighbours: float
    elements: int
    cores: int


@dataclass(frozen=True)
class Size:
    """How large a potential is: in words, and about how many parameters.

    ``smaller`` returns the setting that has at most so many parameters.
    """

    words: str
    parameters: int
    smaller: Callable[[float], str]


class Engine(Protocol):
    """One trainer, as the login node knows it. ``training`` are its settings, as in run.json."""

    @property
    def name(self) -> str: ...
    @property
    def title(self) -> str:
        """Return its name for sentences."""

    @property
    def version_of(self) -> str:
        """Return the package whose version is the trainer's."""

    @property
    def modules(self) -> tuple[str, ...]:
        """Return what a Python needs to compute with a potential."""

    @property
    def settings(self) -> type[TrainingConfig]:
        """Return its keys in hpctrain.yaml."""

    @property
    def artefacts(self) -> tuple[Artefact, ...]:
        """Return the files of a potential; the first is the potential itself."""

    @property
    def parent(self) -> str:
        """Return the suffix of the artefact that a training goes on from."""

    @property
    def grading(self) -> Grading | None:
        """Return how extrapolation is graded; None where it cannot be."""

    @property
    def method(self) -> Method:
        """Return what its potentials are."""

    @property
    def by_hand(self) -> ByHand | None:
        """Return how a training made by hand is read; None where none can be adopted."""

    @property
    def key_names(self) -> tuple[str, ...]:
        """Return what the numbers of a point's key are called."""

    @property
    def logs(self) -> tuple[str, ...]:
        """Return what is printed, in an attempt's folder, the most telling first."""

    def choose_evaluator(
        self, training: TrainingConfig, of_site: str | None, *, own: bool
    ) -> tuple[str, list[str]]:
        """Return what computes energies and forces in the training, and notes about it.

        ``of_site`` is the profile's word; ``own``: it is trained in hpctrain's own environment.
        """

    def takes_mixed_pbc(self, evaluator: str) -> bool:
        """Say whether structures may be periodic in some directions only."""

    def takes_stress(self, training: TrainingConfig) -> bool:
        """Say whether stresses are trained on."""

    def input(
        self, training: TrainingConfig, evaluator: str, facts: DataFacts, parent: Parent | None
    ) -> Input:
        """Return what the trainer is given.

        HpctrainError where it would train wrongly, or cannot go on from the parent.
        """

    @property
    def takes_published(self) -> bool:
        """Say whether a training can go on from a potential without a card, given by its path."""

    def read_parent(self, path: Path) -> Json:
        """Read what of a potential the input has to follow, if its card does not tell it.

        HpctrainError where it is nothing to go on from.
        """

    def growing_files(self, mapping: Mapping[str, Any]) -> GrowingFiles:
        """Return the files that tell how far a training with this input is."""

    def stand(self, states: Mapping[str, Json]) -> Stand:
        """Return how far a start is, by the states of its files' readers; also if one is lost."""

    def curves(self, read: Mapping[str, Reader]) -> Both:
        """Return both curves of a start, from whatever of its files was read."""

    def summary(self, training: Mapping[str, Any], mapping: Json) -> list[str]:
        """Say in a few words what is trained: the size, the weights."""

    def size(self, training: Mapping[str, Any], mapping: Json, elements: int) -> Size | None:
        """Return how large the potential will be; None where that is not known."""

    def cost(
        self, task: Task, training: Mapping[str, Any], evaluator: str, mapping: Json
    ) -> Json | None:
        """Estimate what a training takes; None where nothing was measured."""

    def as_trained(self, mapping: Json, result: Mapping[str, Any]) -> Json:
        """Return the input with what the job has chosen, by what its result tells."""

    def usage(self, stem: str, elements: Sequence[str], suffixes: Collection[str]) -> Json:
        """Say how to use the files STEM.SUFFIX of a potential, and what to cite."""

    def works(self, suffixes: Collection[str]) -> list[Json]:
        """Return the works on the method, as CITATION.cff has references."""

    def to_get_active_set(self, card: Mapping[str, Any]) -> str:
        """Say what to do about an active set that a potential lacks, by its card."""

    def propose(self, facts: LabelFacts) -> list[Proposed]:
        """Propose settings of its own for new data."""
