"""A training that was made by hand, as its trainer reads it: text in, facts out. Pure."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, NamedTuple, Protocol

UNKNOWN = "unknown"


@dataclass(frozen=True)
class LogFacts:
    """What a log says: by its beginning, and by its end.

    ``seconds`` from its first entry to its last, None where they have no time. ``done``: the last
    fit has come to its end. ``several``: more than one fit was made, and the best was kept.
    """

    versions: dict[str, str] = field(default_factory=dict)
    host: str | None = None
    cutoff: float | None = None
    seconds: float | None = None
    done: bool = False
    several: bool = False


class Labels(NamedTuple):
    """Names of the labels in the trainer's own tables, as in data.labels.

    ``unknown`` is what is not known of the data with them.
    """

    names: dict[str, str]
    unknown: list[str]


class ByHand(Protocol):
    """The files of a folder that was trained in by hand, and what they say.

    ``given`` is the input's mapping. Settings that it does not tell are None or UNKNOWN.
    """

    @property
    def input(self) -> str: ...
    @property
    def log(self) -> str: ...
    @property
    def growing(self) -> Sequence[str]:
        """Return the files that grow while it trains, the log first."""

    @property
    def last(self) -> str:
        """Return the suffix of the artefact that is there when the training is over.

        Its head tells the reference energies.
        """

    @property
    def to_make(self) -> Mapping[str, str]:
        """Return the commands that make other artefacts from it, by suffix."""

    @property
    def data(self) -> Mapping[str, str]:
        """Return the tables of what was trained and tested on: ``train`` and ``test``."""

    @property
    def labels(self) -> Sequence[Labels]:
        """Return how the labels of these tables may be called, in the order to try."""

    def log_facts(self, head: str, tail: str) -> LogFacts:
        """Read the first and the last part of a log, which may overlap."""

    def training_settings(self, given: Mapping[str, Any], log: LogFacts) -> dict[str, Any]:
        """Return the settings that input and log tell."""

    def unknown(self, given: Mapping[str, Any], log: LogFacts) -> list[str]:
        """List which settings are not known, in words."""

    def evaluator(self, given: Mapping[str, Any]) -> str:
        """Return what computed energies and forces."""

    def elements(self, given: Mapping[str, Any]) -> list[str]:
        """Return the elements that the input names, if any."""

    def has_test_set(self, given: Mapping[str, Any]) -> bool:
        """Say whether the input asks for a test set."""

    def reference_energies(self, head: str) -> tuple[dict[str, float] | None, float | None]:
        """Read reference energies (eV) and shift (eV/atom) in the head of the last artefact."""
