"""Learning curves, and what reads them from the files that a trainer writes. Pure."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Protocol

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
