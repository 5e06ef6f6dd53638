"""What a trainer is told, and what it tells, in records. Pure."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from hpctrain.engines.curves import Json


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
