"""Pacemaker, as the login node knows it: the Protocol, answered by the modules beside this one."""

from __future__ import annotations

import importlib.util
from collections.abc import Collection, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, cast, get_args

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
from hpctrain.engines.pacemaker import stand
from hpctrain.engines.pacemaker.by_hand import PacemakerByHand
from hpctrain.errors import HpctrainError

if TYPE_CHECKING:
    from hpctrain.engines.pacemaker.settings import PacemakerTraining
    from hpctrain.engines.training import TrainingConfig

# The modules beside this one are imported where they are used: looking at runs needs few of them.


class PacemakerEngine:
    """Fits an Atomic Cluster Expansion."""

    name = "pacemaker"
    title = "Pacemaker"
    version_of = "python-ace"
    artefacts = (
        Artefact("yace", "output_potential.yace", "the potential, for LAMMPS and ASE"),
        Artefact(
            "yaml", "output_potential.yaml",
            "the same as Pacemaker wrote it, for γ and further training",
        ),
        Artefact(
            "asi", "output_potential.asi", "its active set, for γ", needed=False,
        ),
    )  # fmt: skip
    parent = "yaml"
    takes_published = False  # what it goes on from has to fit the input that a card tells
    grading = Grading("yaml", "asi", "pace_activeset -d fitting_data_info.pckl.gzip {potential}")
    method = Method("atomic cluster expansion", "an ACE", "pyace", "ML-PACE")
    by_hand = PacemakerByHand()
    key_names = ("ladder_step", "fit_cycle", "iteration_in_step")
    logs = ("log.txt", "pacemaker.out", "convert.out", "pace_yaml2yace.out", "evaluate.out")
    modules = ("pyace", "pandas")

    @property
    def settings(self) -> type[TrainingConfig]:
        """Return Pacemaker's keys in hpctrain.yaml."""
        from hpctrain.engines.pacemaker.settings import PacemakerTraining

        return PacemakerTraining

    def choose_evaluator(
        self, training: TrainingConfig, of_site: str | None, *, own: bool
    ) -> tuple[str, list[str]]:
        """Return the evaluator asked for, else the site's, else that of hpctrain's environment."""
        from hpctrain.engines.pacemaker.settings import Evaluator

        wanted = cast("PacemakerTraining", training).evaluator
        if wanted is not None:
            return wanted, []
        if of_site is not None and of_site not in get_args(Evaluator):
            raise HpctrainError(
                f"trainer.evaluator of the site is {of_site}, and Pacemaker has none of that name",
                f"it has: {', '.join(get_args(Evaluator))}",
            )
        if of_site is not None:
            return of_site, []
        if own and importlib.util.find_spec("tensorpotential") is None:
            return "pyace", ["evaluator pyace: tensorpotential is not installed with hpctrain"]
        return "tensorpot", []

    def takes_mixed_pbc(self, evaluator: str) -> bool:
        """Say whether structures may be periodic in some directions only."""
        return evaluator != "tensorpot"

    def takes_stress(self, training: TrainingConfig) -> bool:
        """Say that stresses are not trained on."""
        return False

    def input(
        self, training: TrainingConfig, evaluator: str, facts: DataFacts, parent: Parent | None
    ) -> Input:
        """Return the values of input.yaml; HpctrainError where it would train wrongly."""
        from hpctrain.engines.pacemaker.input import make_input

        return make_input(cast("PacemakerTraining", training), evaluator, facts, parent)

    def read_parent(self, path: Path) -> Json:
        """Read nothing: the card tells the input that it was trained with."""
        return {}

    def growing_files(self, mapping: Mapping[str, Any]) -> GrowingFiles:
        """Return the tables, and the log."""
        return stand.FILES

    def stand(self, states: Mapping[str, Json]) -> Stand:
        """Return how far a start is."""
        return stand.stand(states)

    def curves(self, read: Mapping[str, Reader]) -> Both:
        """Return both curves of a start."""
        return stand.curves(read)

    def summary(self, training: Mapping[str, Any], mapping: Json) -> list[str]:
        """Say how many functions there are, and the share of the forces."""
        from hpctrain.engines.pacemaker import faults

        functions = f"{training['b_basis_size']} functions per element"
        if training["b_basis_size"] == "auto":
            functions = (
                f"up to {faults.functions_of(mapping)} functions per element, as many as the data "
                "bear"
            )
        # Inputs that were written by hand need not tell it.
        kappa = ((mapping.get("fit") or {}).get("loss") or {}).get("kappa")
        return [functions] if kappa is None else [functions, f"κ = {kappa}"]

    def size(self, training: Mapping[str, Any], mapping: Json, elements: int) -> Size | None:
        """Return the size by the number of functions, for the shape that hpctrain writes."""
        from hpctrain.engines.pacemaker import cost, faults

        functions = faults.functions_of(mapping)
        if training["b_basis_size"] == "auto" or functions is None:
            return None
        if not faults.has_our_shape(mapping):
            return None
        return Size(
            f"{functions} functions per element",
            cost.expected_parameters(functions, elements),
            lambda most: f"b_basis_size: {cost.functions_within(most, elements)}",
        )

    def cost(
        self, task: Task, training: Mapping[str, Any], evaluator: str, mapping: Json
    ) -> Json | None:
        """Estimate time and memory on cores."""
        from hpctrain.engines.pacemaker import cost, faults

        wanted = training["b_basis_size"]
        return cost.estimate(
            task,
            functions=wanted if isinstance(wanted, int) else faults.functions_of(mapping) or 0,
            batch_size=training["batch_size"],
            iterations=training["max_iter"],
            evaluator=evaluator,
            # Not the setting: without one the input names what suits the number of parameters.
            optimizer=mapping["fit"]["optimizer"],
        )

    def as_trained(self, mapping: Json, result: Mapping[str, Any]) -> Json:
        """Return the input with the number of functions that the job has chosen."""
        from hpctrain.engines.pacemaker.input import with_size

        return with_size(mapping, result.get("basis_size"))

    def usage(self, stem: str, elements: Sequence[str], suffixes: Collection[str]) -> Json:
        """Say how to use a potential, and what to cite."""
        from hpctrain.engines.pacemaker import usage

        return usage.usage(stem, elements, "asi" in suffixes)

    def works(self, suffixes: Collection[str]) -> list[Json]:
        """Return the works on the method."""
        from hpctrain.engines.pacemaker import usage

        return usage.works("asi" in suffixes)

    def to_get_active_set(self, card: Mapping[str, Any]) -> str:
        """Say what to do about an active set that a potential lacks."""
        from hpctrain.engines.pacemaker import usage

        return usage.to_get_active_set(card)

    def propose(self, facts: LabelFacts) -> list[Proposed]:
        """Propose the number of functions, the batch and the evaluator."""
        from hpctrain.engines.pacemaker import size

        return [*size.propose(facts)]
