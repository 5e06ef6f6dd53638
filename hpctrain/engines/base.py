"""What a trainer is on the login node: settings and text in, text and numbers out. Pure.

Each trainer has a folder here and one in ``job/``; no other room knows more of it than this.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol

from hpctrain.engines.curves import Both, GrowingFiles, Json, Reader, Stand
from hpctrain.engines.facts import (
    Artefact,
    DataFacts,
    Grading,
    Input,
    LabelFacts,
    Method,
    Parent,
    Proposed,
    Size,
    Task,
)

if TYPE_CHECKING:
    from hpctrain.engines.by_hand import ByHand
    from hpctrain.engines.training import TrainingConfig


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
