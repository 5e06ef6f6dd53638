"""GRACE, as the login node knows it: the Protocol, answered by the modules beside this one."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, cast

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
from hpctrain.engines.grace import stand

if TYPE_CHECKING:
    from hpctrain.engines.grace.settings import GraceTraining
    from hpctrain.engines.training import TrainingConfig

# The modules beside this one are imported where they are used: looking at runs needs few of them.


class GraceEngine:
    """Fits a graph atomic cluster expansion, by gracemaker."""

    name = "grace"
    title = "GRACE"
    version_of = "tensorpotential"
    artefacts = (
        Artefact(
            "model", "output_potential.model",
            "the potential, for LAMMPS and ASE; with what further training goes on from",
            folder=True,
        ),
        Artefact(
            "yaml", "output_potential.yaml", "the same for LAMMPS and ASE without TensorFlow",
            needed=False,
        ),
        Artefact(
            "asi", "output_potential.asi", "its active set, for γ", needed=False,
        ),
    )  # fmt: skip
    parent = "model"
    takes_published = True
    grading = Grading("yaml", "asi", "pace_activeset -d DATA.pkl.gz {potential}")
    # The checks take the .yaml, in C++, where there is one.
    method = Method(
        "graph atomic cluster expansion", "a GRACE", "tensorpotential", "ML-PACE", ("yaml", "pyace")
    )
    by_hand = None
    key_names = ("epoch",)
    logs = ("gracemaker.out", "convert.out", "collect_potential.out", "evaluate.out")
    modules = ("tensorpotential", "pandas")

    @property
    def settings(self) -> type[TrainingConfig]:
        """Return GRACE's keys in hpctrain.yaml."""
        from hpctrain.engines.grace.settings import GraceTraining

        return GraceTraining

    def choose_evaluator(
        self,
        training: TrainingConfig,
        of_site: str | None,
        *,
        own: bool,
    ) -> tuple[str, list[str]]:
        """Return the only one: GRACE is trained by tensorpotential."""
        return "tensorpotential", []

    def takes_mixed_pbc(self, evaluator: str) -> bool:
        """Say that structures may be periodic in some directions only."""
        return True

    def takes_stress(self, training: TrainingConfig) -> bool:
        """Say whether stresses are trained on: where they have a weight."""
        return cast("GraceTraining", training).stress_weight > 0

    def input(
        self,
        training: TrainingConfig,
        evaluator: str,
        facts: DataFacts,
        parent: Parent | None,
    ) -> Input:
        """Return the values of input.yaml; HpctrainError where it would train wrongly."""
        from hpctrain.engines.grace.input import make_input

        return make_input(cast("GraceTraining", training), facts, parent)

    def read_parent(self, path: Path) -> Json:
        """Read the model.yaml of a potential to go on from; HpctrainError where it is none."""
        from hpctrain.engines.grace.parent import read_folder

        return read_folder(path)

    def growing_files(self, mapping: Mapping[str, Any]) -> GrowingFiles:
        """Return the tables, and the log."""
        return stand.growing_files(mapping)

    def stand(self, states: Mapping[str, Json]) -> Stand:
        """Return how far a start is."""
        return stand.stand(states)

    def curves(self, read: Mapping[str, Reader]) -> Both:
        """Return both curves of a start."""
        return stand.curves(read)

    def summary(self, training: Mapping[str, Any], mapping: Json) -> list[str]:
        """Say which preset it is, and the weights."""
        weights = " : ".join(
            f"{training[f'{label}_weight']:g}" for label in ("energy", "force", "stress")
        )
        size = "functions of the parent" if _follows(mapping) else training["size"]
        return [f"{training['preset']}, {size}", f"weights {weights} (energy : force : stress)"]

    def size(self, training: Mapping[str, Any], mapping: Json, elements: int) -> Size | None:
        """Return None: gracemaker counts the parameters when it builds the model."""
        return None

    def cost(
        self,
        task: Task,
        training: Mapping[str, Any],
        evaluator: str,
        mapping: Json,
    ) -> Json | None:
        """Estimate time and memory on cores, of the sizes that were measured."""
        from hpctrain.engines.grace import cost

        if _follows(mapping):
            return None
        return cost.estimate(task, training["preset"], training["size"], training["max_iter"])

    def as_trained(self, mapping: Json, result: Mapping[str, Any]) -> Json:
        """Return the input: the job chooses nothing."""
        return mapping

    def usage(self, stem: str, elements: Sequence[str], suffixes: Collection[str]) -> Json:
        """Say how to use a potential, and what to cite."""
        from hpctrain.engines.grace import usage

        return usage.usage(stem, elements, suffixes)

    def works(self, suffixes: Collection[str]) -> list[Json]:
        """Return the works on the method."""
        from hpctrain.engines.grace import usage

        return usage.works(suffixes)

    def to_get_active_set(self, card: Mapping[str, Any]) -> str:
        """Say which of its potentials have an active set."""
        return "only the preset FS has one: hpctrain submit --set training.preset=fs"

    def propose(self, facts: LabelFacts) -> list[Proposed]:
        """Propose nothing: the defaults are for any data."""
        return []


def _follows(mapping: Json) -> bool:
    """Say whether the functions are those of a potential that it goes on from (parent.follow)."""
    potential = mapping.get("potential", {})
    return "preset" in potential and "kwargs" not in potential
